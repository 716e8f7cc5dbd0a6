"""Hyper-synthesis, context model and entropy parameters in integers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from bench.learned.coding.fixed_point.arithmetic import Products, ReadyRescaling, Rescaling, spread, windows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Layer:
    """A linear layer and the rescaling of its sums. All tensors are integers."""

    weight: Tensor
    """int8, (outputs, inputs, kernel, kernel); of the context (outputs, taps, M), taps in raster order."""
    bias: Tensor
    """int32, (outputs)"""
    rescaling: Rescaling
    spread: int
    """2 if the outputs are pixels of 2x2 blocks, channel by channel; else 1."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of the last layer, and the tables for their distributions. All tensors are integers."""

    grids: Tensor
    """Units of each output per 1: powers of 2."""
    low: Tensor
    high: Tensor
    """Upper limit of each output, in its units."""
    lookups: Mapping[str, Tensor]
    """Tables by name: "scale_bounds" of a Gaussian; those of `integer_mixture.lookups`."""


@dataclass(frozen=True, slots=True)
class Network:
    """The network in a weights file of a fixed-point codec.

    z and y are the coded values in units of 1/`grid`: symbols times `grid`, plus a median or mean.
    """

    grid: int
    """Units of the latents per 1."""
    medians: Tensor
    """Of z, in units of the grid, (N)."""
    z_entry: Rescaling
    y_entry: Rescaling
    """From units of the grid to 8 bits."""
    hyper: tuple[Layer, ...]
    """From z to the sums of the first entropy layer, in its units."""
    context: Layer
    """From the causal neighbours of a position to the same sums; the activation follows."""
    entropy: tuple[Layer, ...]
    """The further entropy layers; the outputs of the last one are the parameters, in units of `output_grids`."""
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
        """The outputs of the last layer."""
        last = self.entropy[-1].rescaling
        return Outputs(self.output_grids, last.low, last.high, self.lookups)


class Evaluator:
    """A network ready for evaluation. It keeps no state between pictures; tensors are floats with integer values."""

    def __init__(self, network: Network) -> None:
        self._medians = network.medians.double()
        self._grid = network.grid
        self._z_entry, self.y_entry = network.z_entry.ready(), network.y_entry.ready()
        self._hyper = _ready(network.z_entry, network.hyper)
        self._context, *self._entropy = _ready(network.y_entry, (network.context, *network.entropy))

    @property
    def dtype(self) -> torch.dtype:
        """Type of the neighbours in `__call__`."""
        return self._context.products.matrix.dtype

    def prepare(self, symbols: Tensor) -> Tensor:
        """Part of the first entropy layer from z and biases: (positions, hidden), from symbols (N, h/4, w/4)."""
        values = self._z_entry(symbols.permute(1, 2, 0).double() * self._grid + self._medians)
        for layer in self._hyper:
            values = layer.convolved(values)
        return values.flatten(0, 1).add_(self._context.products.bias)

    def __call__(self, neighbours: Tensor, prepared: Tensor) -> Tensor:
        """The entropy parameters (n, outputs) of positions, from their neighbours (n, taps M) in 8 bits."""
        values = self._context.rescaling(self._context.products(neighbours).add_(prepared))
        for layer in self._entropy:
            values = layer.rescaling(layer.products(values).add_(layer.products.bias))
        return values


@dataclass(frozen=True, slots=True)
class _Ready:
    products: Products
    rescaling: ReadyRescaling
    kernel: int
    spread: int

    def convolved(self, values: Tensor) -> Tensor:
        """(h, w, inputs) to (spread h, spread w, outputs / spread^2)."""
        height, width, _ = values.shape
        flat = torch.empty(height * width, len(self.products.bias), dtype=torch.float64)
        start = 0
        for strip in windows(values.to(self.products.matrix.dtype), self.kernel):
            flat[start : start + len(strip)] = self.rescaling(self.products(strip).add_(self.products.bias))
            start += len(strip)
        return spread(flat.view(height, width, -1), self.spread)


def _ready(entry: Rescaling, layers: tuple[Layer, ...]) -> list[_Ready]:
    """Consecutive layers; the first one's inputs are those of an entry."""
    ready = []
    for before, layer in zip((entry, *(layer.rescaling for layer in layers[:-1])), layers, strict=True):
        input_limit = int(torch.maximum(before.low.abs(), before.high.abs()).max())
        products = Products.of(layer.weight, layer.bias, input_limit)
        ready.append(_Ready(products, layer.rescaling.ready(), layer.weight.shape[-1], layer.spread))
    return ready
