"""Base class of all learned models: analysis, entropy model, synthesis."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, NoReturn, NotRequired, TypedDict, cast

import torch
from compressai.models import CompressionModel
from torch import Tensor, nn

from bench.learned.models.entropy import Bottleneck

if TYPE_CHECKING:
    from bench.learned.models.config import ModelConfig
    from bench.learned.models.quantization import Quantization

Likelihoods = dict[str, Tensor]
"""Likelihood of each coded element, for "y" and, if the model has it, "z"."""


class Output(TypedDict):
    """Output of forward(), as in CompressAI. A rectifier adds the latents of the feature term."""

    x_hat: Tensor
    likelihoods: Likelihoods
    y: NotRequired[Tensor]
    rectified: NotRequired[Tensor]


class LearnedModel(CompressionModel, abc.ABC):  # type: ignore[misc]
    """A transform codec with a learned entropy model.

    .. code-block:: none

                 +-----+  y   +---------+  y_hat  +-----+
           x --->| g_a |----->| entropy |-------->| g_s |---> x_hat
                 +-----+      +----+----+         +-----+
                                   |
                                   +---> likelihoods of y and z: their -log2 summed is the rate in bits

    x is (B, 3, H, W) in [0, 1], H and W multiples of `downsampling_factor`; y is (B, M, H/16, W/16).
    """

    config: ModelConfig
    g_a: nn.Module
    g_s: nn.Module

    def forward(self, x: Tensor, mode: Quantization | None = None) -> Output:
        """Return reconstruction and likelihoods. The mode defaults to noise in training and rounding in evaluation."""
        y_hat, likelihoods = self.entropy(self.g_a(x), mode)
        return {"x_hat": self.g_s(y_hat), "likelihoods": likelihoods}

    @abc.abstractmethod
    def entropy(self, y: Tensor, mode: Quantization | None = None) -> tuple[Tensor, Likelihoods]:
        """Return quantised latents and likelihoods of latents `y`, which may come from a cache instead of g_a."""

    def aux_loss(self) -> Tensor:
        """Return the loss of the bottleneck's quantiles against tails and median of its density, or 0 without one.

        It trains only the quantiles, which bound the integer tables and centre the rounding of z.
        """
        losses = [part.loss() for part in self.modules() if isinstance(part, Bottleneck)]
        return torch.stack(losses).sum() if losses else torch.zeros((), device=next(self.parameters()).device)

    def compress(self, *_: object) -> NoReturn:
        """Not implemented: CompressAI's coder does not support all options and would code some models wrongly."""
        raise NotImplementedError("a model only computes probabilities; bench.learned.coding writes and reads files")

    decompress = compress

    def _mode(self, mode: Quantization | None) -> Quantization:
        return mode or ("noise" if self.training else "round")


def split_parameters(params: Tensor, *, mean: bool) -> tuple[Tensor, Tensor | None]:
    """Split a network's output into scales (first half) and means, or return it as scales, without means."""
    if not mean:
        return params, None
    scales, means = params.chunk(2, 1)
    return scales, means


def last_conv(part: nn.Module, out_channels: int) -> None:
    """Replace the last convolution of a sub-network by one with another number of outputs."""
    layers = cast("nn.Sequential", part)
    old = cast("nn.Conv2d", layers[-1])
    layers[-1] = nn.Conv2d(
        old.in_channels, out_channels, kernel_size=old.kernel_size[0], padding=cast("tuple[int, int]", old.padding)
    )
