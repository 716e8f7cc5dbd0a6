"""Exact integer arithmetic with tensors of floats.

float32 represents every integer up to 2^24, float64 up to 2^53. A sum of products is exact in any order, with or
without fused multiply-adds, if the sum of the magnitudes of all products is below that. The bound follows from each
layer's weights; the narrowest sufficient type is used, because it is the fastest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

if TYPE_CHECKING:
    from collections.abc import Iterator

MULTIPLIER_BITS = 15
MAX_SHIFT = 44
SUM_BITS = 37
"""Sums are below 2^SUM_BITS, so that sum * multiplier + 2^(shift-1) is below 2^53, and `Rescaling` exact in float64."""

ACTIVATION_LEVELS = 256
WEIGHT_LIMIT = 127

_STRIP = 1 << 23
"""Maximum number of elements of windows in memory."""


@dataclass(frozen=True, slots=True)
class Rescaling:
    """Rescaling of sums: (sum * multiplier + 2^(shift-1)) >> shift, then clamped.

    All tensors are integers, one per channel.
    """

    multiplier: Tensor
    leak: Tensor
    """Multiplier of negative sums; equal to the other one without an activation."""
    shift: Tensor
    """1 to MAX_SHIFT."""
    low: Tensor
    high: Tensor

    def ready(self) -> ReadyRescaling:
        """The rescaling in floats."""
        unit = torch.ldexp(torch.ones((), dtype=torch.float64), -self.shift.double())
        numbers = (self.multiplier * unit, self.leak * unit, self.low.double(), self.high.double())
        return ReadyRescaling(*numbers, has_leak=not torch.equal(self.multiplier, self.leak))


@dataclass(frozen=True, slots=True)
class ReadyRescaling:
    """A `Rescaling` in float64, in which each step is exact: floor(sum * factor + 1/2)."""

    factor: Tensor
    leak: Tensor
    low: Tensor
    high: Tensor
    has_leak: bool

    def __call__(self, sums: Tensor) -> Tensor:
        """Integers (..., channels) of sums (..., channels), both float64; the sums are overwritten."""
        scaled = torch.maximum(sums * self.factor, sums * self.leak) if self.has_leak else sums.mul_(self.factor)
        return scaled.add_(0.5).floor_().clamp_(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Products:
    """A matrix of integers in the narrowest type of floats that represents the sums."""

    matrix: Tensor
    """(inputs, outputs)"""
    bias: Tensor
    """(outputs), float64"""

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor, input_limit: int) -> Products:
        """From integer weights (outputs, ...) and biases (outputs), for inputs of at most `input_limit` in magnitude.

        Raises:
            ValueError: the sums could exceed 2^SUM_BITS.
        """
        matrix = weight.flatten(1).t().double()
        largest = int(matrix.abs().sum(0).max()) * input_limit
        if largest + int(bias.abs().max()) >= 1 << SUM_BITS:
            raise ValueError("the sums of a layer are out of range")
        dtype = torch.float32 if largest <= 1 << 24 else torch.float64
        return cls(matrix.to(dtype).contiguous(), bias.double())

    def __call__(self, inputs: Tensor) -> Tensor:
        """Sums (n, outputs) in float64 of inputs (n, inputs), without the bias."""
        return torch.mm(inputs.to(self.matrix.dtype), self.matrix).double()


def windows(values: Tensor, kernel: int) -> Iterator[Tensor]:
    """Windows of a zero-padded convolution over values (h, w, c), as strips of (positions, c kernel kernel)."""
    height, width, channels = values.shape
    around = kernel // 2
    padded = F.pad(values, (0, 0, around, around, around, around))
    rows = max(1, _STRIP // (width * channels * kernel * kernel))
    for top in range(0, height, rows):
        strip = padded[top : top + rows + 2 * around]
        seen = strip.unfold(0, kernel, 1).unfold(1, kernel, 1)  # (rows, w, c, kernel, kernel)
        yield seen.reshape(seen.shape[0] * width, -1)


def spread(values: Tensor, factor: int) -> Tensor:
    """(h, w, c factor factor) to (factor h, factor w, c), in the order of PyTorch's pixel shuffle."""
    height, width, channels = values.shape
    blocks = values.view(height, width, channels // factor**2, factor, factor)
    return blocks.permute(0, 3, 1, 4, 2).reshape(factor * height, factor * width, -1)
