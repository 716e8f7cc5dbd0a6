"""CompressAI's entropy models, in float32 under autocast, with the modes of `quantization`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import scipy.stats
import torch
from compressai.entropy_models import EntropyBottleneck, GaussianConditional
from torch import Tensor

from bench.learned.models.quantization import Quantizer

if TYPE_CHECKING:
    from bench.learned.models.quantization import Quantization

PRECISION = 16
"""Frequencies of an integer CDF sum to 2^PRECISION; each is at least 1."""


class Bottleneck(Quantizer, EntropyBottleneck):  # type: ignore[misc]
    """CompressAI's entropy bottleneck: a learned factorized density for each channel (Ballé et al. 2018, appendix 6.1).

    The values equal CompressAI's. All computation is in float32, and reordering dimensions does not synchronize with
    the GPU.
    """

    def forward(self, x: Tensor, mode: Quantization | None = None) -> tuple[Tensor, Tensor]:
        """Return the quantised `x` (B, C, ...) and the likelihood of each element, in float32."""
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
        # Likelihoods are differences of nearly equal numbers, for which bfloat16 is too coarse.
        with torch.autocast(inputs.device.type, enabled=False):
            return cast("Tensor", super()._logits_cumulative(inputs, stop_gradient))


class Gaussian(Quantizer, GaussianConditional):  # type: ignore[misc]
    """Conditional distribution of y: a Gaussian with given mean and scale, integrated over unit intervals.

    Subclasses have other shapes. The scale is always the standard deviation, so that the same table of scales and the
    same lower bound (0.11) apply.
    """

    def __init__(self) -> None:
        super().__init__(None)

    def forward(
        self, inputs: Tensor, scales: Tensor, means: Tensor | None = None, mode: Quantization | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the quantised `inputs` and the likelihood of each element, in float32; all are (B, M, H, W)."""
        mode = mode or ("noise" if self.training else "round")
        inputs, scales, means = inputs.float(), scales.float(), None if means is None else means.float()
        y_hat, coded = self.quantized(inputs, mode, means)
        return y_hat, self.likelihood_lower_bound(self._likelihood(coded, scales, means))


class Laplacian(Gaussian):
    """A Laplacian of unit variance instead of the Gaussian."""

    def _standardized_cumulative(self, inputs: Tensor) -> Tensor:
        # 0.5 exp(-|t|) on both sides: the exponent is never positive, so that neither branch overflows.
        tail = 0.5 * torch.exp(-math.sqrt(2) * inputs.abs())
        return torch.where(inputs < 0, tail, 1 - tail)

    @staticmethod
    def _standardized_quantile(quantile: float) -> float:
        return float(scipy.stats.laplace.ppf(quantile, scale=1 / math.sqrt(2)))


class Logistic(Gaussian):
    """A logistic distribution of unit variance instead of the Gaussian."""

    def _standardized_cumulative(self, inputs: Tensor) -> Tensor:
        return torch.sigmoid(math.pi / math.sqrt(3) * inputs)

    @staticmethod
    def _standardized_quantile(quantile: float) -> float:
        return float(scipy.stats.logistic.ppf(quantile, scale=math.sqrt(3) / math.pi))


CONDITIONALS: dict[str, type[Gaussian]] = {"gaussian": Gaussian, "laplacian": Laplacian, "logistic": Logistic}
