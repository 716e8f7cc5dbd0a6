"""Exact integer arithmetic on tensors of floats.

A float32 holds every integer up to 2^24, a float64 up to 2^53. A sum of products is exact in them, in whatever order
it is taken, with fused multiply-adds or without, if the sum of the magnitudes of all products keeps below that. Each
layer's weights say how large its sums can be; the narrowest type that holds them is taken, because it is the quickest.
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
"""Sums are below 2^SUM_BITS: then sum * multiplier + 2^(shift-1) is below 2^53, and `Rescaling` exact in float64."""

ACTIVATION_LEVELS = 256
WEIGHT_LIMIT = 127

_STRIP = 1 << 23
"""Elements of the windows that are held at a time."""


@dataclass(frozen=True, slots=True)
class Rescaling:
    """From sums to steps of something else: (sum * multiplier + 2^(shift-1)) >> shift, then clamped.

    All tensors are integers, one a channel.
    """

    multiplier: Tensor
    leak: Tensor
    """The multiplier of sums below 0; that of the others, if there is no rectifier."""
    shift: Tensor
    """1 to MAX_SHIFT."""
    low: Tensor
    high: Tensor

    def ready(self) -> ReadyRescaling:
        """As floats, to work with."""
        unit = torch.ldexp(torch.ones((), dtype=torch.float64), -self.shift.double())
        numbers = (self.multiplier * unit, self.leak * unit, self.low.double(), self.high.double())
        return ReadyRescaling(*numbers, has_leak=not torch.equal(self.multiplier, self.leak))


@dataclass(frozen=True, slots=True)
class ReadyRescaling:
    """A `Rescaling` in float64, where each of its steps is exact: floor(sum * factor + 1/2)."""

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
    """A matrix of integers, in the narrowest type of floats that holds the sums."""

    matrix: Tensor
    """(inputs, outputs)"""
    bias: Tensor
    """(outputs), float64"""

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor, input_limit: int) -> Products:
        """From integers (outputs, ...) and (outputs), for inputs of a magnitude of at most `input_limit`.

        Raises:
            ValueError: the sums could exceed 2^SUM_BITS.
        """
        matrix = weight.flatten(1).t().double()
        largest = int(matrix.abs().sum(0).max()) * input_limit
        if largest + int(bias.abs().max()) >= 1 << SUM_BITS:
            raise ValueError("the sums of a layer are beyond all bounds")
        dtype = torch.float32 if largest <= 1 << 24 else torch.float64
        return cls(matrix.to(dtype).contiguous(), bias.double())

    def __call__(self, inputs: Tensor) -> Tensor:
        """Sums (n, outputs) in float64 of inputs (n, inputs), to which the bias is still to be added."""
        return torch.mm(inputs.to(self.matrix.dtype), self.matrix).double()


def windows(values: Tensor, kernel: int) -> Iterator[Tensor]:
    """What a convolution with zeros around sees of values (h, w, c): strips of (positions, c kernel kernel)."""
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
