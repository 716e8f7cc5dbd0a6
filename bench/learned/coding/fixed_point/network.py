"""Hyper-synthesis, context model and entropy parameters in integers, represented exactly by tensors of floats.

float32 represents every integer up to 2^24, float64 up to 2^53. A sum of products is exact in any order, with or
without fused multiply-adds, if the sum of the magnitudes of all products does not exceed that. The bound follows from a
layer's weights; the narrowest sufficient type is used, because it is the fastest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MULTIPLIER_BITS = 15
MAX_SHIFT = 44
SUM_BITS = 37
"""Sums are below 2^SUM_BITS, so that sum * multiplier + 2^(shift-1) is below 2^53, and `Rescaling` exact in float64."""

ACTIVATION_LEVELS = 256
WEIGHT_LIMIT = 127

_STRIP = 1 << 23
"""Approximate number of elements in a strip of windows; limits memory."""


@dataclass(frozen=True, slots=True)
class Rescaling:
    """Rescaling of sums: (sum * multiplier + 2^(shift-1)) >> shift, then clamped.

    All tensors are integers, one per channel.
    """

    multiplier: Tensor
    leak: Tensor
    """Multiplier of negative sums; equals `multiplier` if there is no activation."""
    shift: Tensor
    """1 to MAX_SHIFT."""
    low: Tensor
    high: Tensor

    def ready(self) -> ReadyRescaling:
        """Convert to floats."""
        unit = torch.ldexp(torch.ones((), dtype=torch.float64), -self.shift.double())
        return ReadyRescaling(self.multiplier * unit, self.leak * unit, self.low.double(), self.high.double())


@dataclass(frozen=True, slots=True)
class ReadyRescaling:
    """A `Rescaling` in float64, in which each step is exact: floor(sum * factor + 1/2)."""

    factor: Tensor
    leak: Tensor
    low: Tensor
    high: Tensor

    def __call__(self, sums: Tensor) -> Tensor:
        """Rescale float64 sums (..., channels)."""
        scaled = torch.maximum(sums * self.factor, sums * self.leak)
        return scaled.add_(0.5).floor_().clamp_(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Products:
    """A matrix of integers, in the narrowest float type that represents its sums of products."""

    matrix: Tensor
    """(inputs, outputs)"""
    bias: Tensor
    """(outputs), float64"""

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor, input_limit: int) -> Products:
        """Create from integer weights (outputs, ...) and biases (outputs), for inputs up to `input_limit` in magnitude.

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
        """Return the sums (n, outputs) in float64 for inputs (n, inputs), without the bias."""
        return torch.mm(inputs.to(self.matrix.dtype), self.matrix).double()


def windows(values: Tensor, kernel: int) -> Iterator[Tensor]:
    """Yield the windows of a zero-padded convolution over values (h, w, c), in strips (positions, c kernel kernel)."""
    height, width, channels = values.shape
    around = kernel // 2
    padded = F.pad(values, (0, 0, around, around, around, around))
    rows = max(1, _STRIP // (width * channels * kernel * kernel))
    for top in range(0, height, rows):
        strip = padded[top : top + rows + 2 * around]
        seen = strip.unfold(0, kernel, 1).unfold(1, kernel, 1)  # (rows, w, c, kernel, kernel)
        yield seen.reshape(seen.shape[0] * width, -1)


def spread(values: Tensor, factor: int) -> Tensor:
    """Apply a pixel shuffle: (h, w, c factor factor) to (factor h, factor w, c)."""
    height, width, channels = values.shape
    blocks = values.view(height, width, channels // factor**2, factor, factor)
    return blocks.permute(0, 3, 1, 4, 2).reshape(factor * height, factor * width, -1)


@dataclass(frozen=True, slots=True)
class Layer:
    """A linear layer and the rescaling of its sums. All tensors are integers."""

    weight: Tensor
    """int8, (outputs, inputs, kernel, kernel); (outputs, taps, M) for the context, taps in raster order."""
    bias: Tensor
    """int32, (outputs)"""
    rescaling: Rescaling
    spread: int
    """Factor of the pixel shuffle that follows, or 1."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Outputs of the last layer, and the tables for their distributions. All tensors are integers."""

    grids: Tensor
    """Units of each output per 1: powers of 2."""
    low: Tensor
    high: Tensor
    """Limits of each output, in its units."""
    lookups: Mapping[str, Tensor]
    """Tables by name: "scale_bounds" for a single Gaussian, those of `integer_mixture.lookups` for a mixture."""


@dataclass(frozen=True, slots=True)
class Network:
    """The integer network in a weights file of a fixed-point codec.

    z and y are the decoded values in units of 1/`grid`: symbols times `grid`, plus a median or mean.
    """

    grid: int
    """Units of the latents per 1."""
    medians: Tensor
    """Medians of z in units of the grid, (N)."""
    z_entry: Rescaling
    y_entry: Rescaling
    """Rescaling from units of the grid to 8 bits."""
    hyper: tuple[Layer, ...]
    """Layers from z to the sums of the first entropy layer, in its units."""
    context: Layer
    """Layer from the causal neighbours of a position to the same sums, followed by the activation."""
    entropy: tuple[Layer, ...]
    """Further entropy layers. The outputs of the last one are the parameters, in units of `output_grids`."""
    output_grids: Tensor
    """Units of each output of the last layer per 1, (outputs): powers of 2."""
    lookups: Mapping[str, Tensor]
    """See `Outputs`."""

    @property
    def kernel(self) -> int:
        """Side of the context model's kernel, with (kernel^2 - 1) / 2 causal taps."""
        return math.isqrt(2 * self.context.weight.shape[1] + 1)

    @property
    def outputs(self) -> Outputs:
        """Description of the last layer's outputs."""
        last = self.entropy[-1].rescaling
        return Outputs(self.output_grids, last.low, last.high, self.lookups)


class Evaluator:
    """Evaluates a network with tensors of floats that have integer values. It keeps no state between pictures."""

    def __init__(self, network: Network) -> None:
        self._medians = network.medians.double()
        self._grid = network.grid
        self._z_entry, self.y_entry = network.z_entry.ready(), network.y_entry.ready()
        self._hyper = _ready_layers(network.z_entry, network.hyper)
        self._context, *self._entropy = _ready_layers(network.y_entry, (network.context, *network.entropy))

    @property
    def dtype(self) -> torch.dtype:
        """Type of the neighbours that `__call__` takes."""
        return self._context.products.matrix.dtype

    def prepare(self, symbols: Tensor) -> Tensor:
        """Return z's part of the first entropy layer plus bias, (positions, hidden), given symbols (N, h/4, w/4)."""
        values = self._z_entry(symbols.permute(1, 2, 0).double() * self._grid + self._medians)
        for layer in self._hyper:
            values = layer.convolved(values)
        return values.flatten(0, 1).add_(self._context.products.bias)

    def __call__(self, neighbours: Tensor, prepared: Tensor) -> Tensor:
        """Return the entropy parameters (n, outputs) of positions, given their neighbours (n, taps M) in 8 bits."""
        values = self._context.rescaling(self._context.products(neighbours).add_(prepared))
        for layer in self._entropy:
            values = layer.rescaling(layer.products(values).add_(layer.products.bias))
        return values


@dataclass(frozen=True, slots=True)
class _ReadyLayer:
    products: Products
    rescaling: ReadyRescaling
    kernel: int
    spread: int

    def convolved(self, values: Tensor) -> Tensor:
        """Apply the layer: (h, w, inputs) to (spread h, spread w, outputs / spread^2)."""
        height, width, _ = values.shape
        flat = torch.empty(height * width, len(self.products.bias), dtype=torch.float64)
        start = 0
        for strip in windows(values.to(self.products.matrix.dtype), self.kernel):
            flat[start : start + len(strip)] = self.rescaling(self.products(strip).add_(self.products.bias))
            start += len(strip)
        return spread(flat.view(height, width, -1), self.spread)


def _ready_layers(entry: Rescaling, layers: tuple[Layer, ...]) -> list[_ReadyLayer]:
    """Prepare consecutive layers, the first of which follows an entry."""
    ready = []
    for before, layer in zip((entry, *(layer.rescaling for layer in layers[:-1])), layers, strict=True):
        input_limit = int(torch.maximum(before.low.abs(), before.high.abs()).max())
        products = Products.of(layer.weight, layer.bias, input_limit)
        ready.append(_ReadyLayer(products, layer.rescaling.ready(), layer.weight.shape[-1], layer.spread))
    return ready
