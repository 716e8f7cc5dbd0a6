"""What all learned models have in common: analysis, entropy model, synthesis."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, NoReturn, NotRequired, TypedDict, cast

import torch
from compressai.models import CompressionModel
from torch import Tensor, nn

from bench.learned.models.entropy import Bottleneck, Quantization

if TYPE_CHECKING:
    from bench.learned.models.config import ModelConfig

Likelihoods = dict[str, Tensor]
"""For "y" and, where there is one, "z": the probability that the model gives to each coded element."""


class Output(TypedDict):
    """What forward() returns, as in CompressAI; with a rectifier, the latents of its feature term as well."""

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
        """The reconstruction and the likelihoods; without a mode, noise in training and rounding in evaluation."""
        y_hat, likelihoods = self.entropy(self.g_a(x), mode)
        return {"x_hat": self.g_s(y_hat), "likelihoods": likelihoods}

    @abc.abstractmethod
    def entropy(self, y: Tensor, mode: Quantization | None = None) -> tuple[Tensor, Likelihoods]:
        """The quantised latents and the likelihoods, of latents `y` that may come from a cache as well as from g_a."""

    def aux_loss(self) -> Tensor:
        """How far the bottleneck's quantiles are from the tails and the median of its density; 0 without a bottleneck.

        Only the quantiles learn from it. They bound the integer tables and centre the rounding of z.
        """
        losses = [part.loss() for part in self.modules() if isinstance(part, Bottleneck)]
        return torch.stack(losses).sum() if losses else torch.zeros((), device=next(self.parameters()).device)

    def compress(self, *_: object) -> NoReturn:
        """Not here: CompressAI's coder knows none of the options, and would code some of them wrongly."""
        raise NotImplementedError("bench.learned.coding writes and reads files; a model only gives probabilities")

    decompress = compress

    def _mode(self, mode: Quantization | None) -> Quantization:
        return mode or ("noise" if self.training else "round")


def split_parameters(params: Tensor, *, mean: bool) -> tuple[Tensor, Tensor | None]:
    """Scales and means out of a network's last layer, the scales in its first half; no means if it has scales only."""
    if not mean:
        return params, None
    scales, means = params.chunk(2, 1)
    return scales, means


def last_conv(part: nn.Module, out_channels: int) -> None:
    """Give a sub-network that ends in a convolution another number of outputs."""
    layers = cast("nn.Sequential", part)
    old = cast("nn.Conv2d", layers[-1])
    layers[-1] = nn.Conv2d(
        old.in_channels, out_channels, kernel_size=old.kernel_size[0], padding=cast("tuple[int, int]", old.padding)
    )
