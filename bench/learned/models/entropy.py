"""Entropy models: CompressAI's, in float32 under autocast, with the ways of quantising that training phases need."""

from __future__ import annotations

import math
from typing import Literal, cast, get_args

import scipy.stats
import torch
from compressai.entropy_models import EntropyBottleneck, GaussianConditional
from torch import Tensor

from bench.system.errors import unknown

Quantization = Literal["noise", "round", "mixed", "integer"]
"""How y becomes y_hat, and which values the likelihoods are of.

noise    y + U(-.5, .5) for both, one draw of it: CompressAI's training mode.
round    round(y - mean) + mean for both: CompressAI's evaluation mode, and what a file carries.
mixed    likelihoods of the noisy y, while g_s and the context model see the rounded one through a straight-through
         gradient (Minnen and Singh 2020, arXiv 2007.08739): training as in `noise`, but the decoder knows real latents.
integer  round(y) for both, whatever the mean: models of the entropy compared on equal latents.

Where a Gaussian's parameters depend on y_hat itself, the two are quantised one after the other: by two draws of noise,
and y_hat by round(y). See `autoregressive.Autoregressive`.
"""


MODES = get_args(Quantization)

PRECISION = 16
"""The frequencies of an integer table add up to 2^PRECISION; each is at least 1."""

ESCAPE_BITS = 24
"""Escaped values are below 2^ESCAPE_BITS - 1; the coder can draw evenly from no more."""

MAX_SYMBOL = 1 << ESCAPE_BITS
"""No escape holds a symbol of this magnitude. Those of real pictures are in the hundreds."""


def straight_through(values: Tensor, rounded: Tensor) -> Tensor:
    """The rounded values, with the gradient of the values before rounding."""
    return values + (rounded - values).detach()


class Quantizer:
    """The four ways of quantising, for classes that have CompressAI's `quantize`."""

    def quantized(self, y: Tensor, mode: Quantization, means: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`y_hat`, which goes on to the decoder, and the values whose likelihoods are counted.

        Raises:
            UsageError: there is no such mode.
        """
        if mode not in MODES:
            raise unknown("quantization", mode, MODES)
        if mode == "noise":
            noisy = self._quantize_as(y, "noise", None)
            return noisy, noisy
        rounded = self._quantize_as(y, "dequantize", None if mode == "integer" else means)
        if mode == "mixed":
            return straight_through(y, rounded), self._quantize_as(y, "noise", None)
        return rounded, rounded

    def _quantize_as(self, y: Tensor, mode: str, means: Tensor | None) -> Tensor:
        return cast("Tensor", self.quantize(y, mode, means))  # type: ignore[attr-defined]


class Bottleneck(Quantizer, EntropyBottleneck):  # type: ignore[misc]
    """CompressAI's entropy bottleneck: a learned factorized density for each channel (Balle et al. 2018, appendix 6.1).

    The values are CompressAI's. The rearrangement of dimensions does not wait for the GPU, and bf16 never enters.
    """

    def forward(self, x: Tensor, mode: Quantization | None = None) -> tuple[Tensor, Tensor]:
        """Quantised `x` (B, C, ...) and the likelihood of each element, in float32."""
        mode = mode or ("noise" if self.training else "round")
        by_channel = x.float().transpose(0, 1)
        values = by_channel.reshape(self.channels, 1, -1)
        x_hat, coded = self.quantized(values, mode, self._get_medians())
        likelihood = self.likelihood_lower_bound(self._likelihood(coded)[0])
        shape = by_channel.shape
        return (
            x_hat.reshape(shape).transpose(0, 1).contiguous(),
            likelihood.reshape(shape).transpose(0, 1).contiguous(),
        )

    def _logits_cumulative(self, inputs: Tensor, stop_gradient: bool) -> Tensor:
        # Likelihoods are differences of nearly equal numbers: matrix products in bf16 would leave nothing of them.
        with torch.autocast(inputs.device.type, enabled=False):
            return cast("Tensor", super()._logits_cumulative(inputs, stop_gradient))


class Gaussian(Quantizer, GaussianConditional):  # type: ignore[misc]
    """The conditional distribution of y: a Gaussian of given mean and scale, integrated over each unit interval.

    Subclasses change the shape. The scale is the standard deviation in all of them, so that one table of scales and
    one lower bound (0.11) mean the same for each.
    """

    def __init__(self) -> None:
        super().__init__(None)

    def forward(
        self, inputs: Tensor, scales: Tensor, means: Tensor | None = None, mode: Quantization | None = None
    ) -> tuple[Tensor, Tensor]:
        """Quantised `inputs` and the likelihood of each element, in float32; all tensors are (B, M, H, W)."""
        mode = mode or ("noise" if self.training else "round")
        inputs, scales, means = inputs.float(), scales.float(), None if means is None else means.float()
        y_hat, coded = self.quantized(inputs, mode, means)
        return y_hat, self.likelihood_lower_bound(self._likelihood(coded, scales, means))


class Laplacian(Gaussian):
    """A Laplacian of unit variance in the Gaussian's place."""

    def _standardized_cumulative(self, inputs: Tensor) -> Tensor:
        # 0.5 exp(-|t|) on either side; the exponent is never positive, so that neither branch overflows.
        tail = 0.5 * torch.exp(-math.sqrt(2) * inputs.abs())
        return torch.where(inputs < 0, tail, 1 - tail)

    @staticmethod
    def _standardized_quantile(quantile: float) -> float:
        return float(scipy.stats.laplace.ppf(quantile, scale=1 / math.sqrt(2)))


class Logistic(Gaussian):
    """A logistic distribution of unit variance in the Gaussian's place."""

    def _standardized_cumulative(self, inputs: Tensor) -> Tensor:
        return torch.sigmoid(math.pi / math.sqrt(3) * inputs)

    @staticmethod
    def _standardized_quantile(quantile: float) -> float:
        return float(scipy.stats.logistic.ppf(quantile, scale=math.sqrt(3) / math.pi))


CONDITIONALS: dict[str, type[Gaussian]] = {"gaussian": Gaussian, "laplacian": Laplacian, "logistic": Logistic}
