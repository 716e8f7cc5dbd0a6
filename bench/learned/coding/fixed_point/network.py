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
    """A linear layer and what becomes of its sums. All tensors are integers."""

    weight: Tensor
    """int8, (outputs, inputs, kernel, kernel); of the context (outputs, taps, M), taps in raster order."""
    bias: Tensor
    """int32, (outputs)"""
    rescaling: Rescaling
    spread: int
    """2 if its outputs are pixels of 2x2 blocks, channel by channel; else 1."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the last layer's outputs are, and what makes distributions of them. All tensors are integers."""

    grids: Tensor
    """Units of each in 1: powers of 2."""
    low: Tensor
    high: Tensor
    """Limits of each, in its units."""
    lookups: Mapping[str, Tensor]
    """CDFs by name: "scale_bounds" of a Gaussian; those of `mixture.lookups`."""


@dataclass(frozen=True, slots=True)
class Network:
    """What a weights file of a fixed-point codec holds.

    z and y are what the file carries, in units of 1/`grid`: symbols times `grid`, and a median or mean on top.
    """

    grid: int
    """Units of the latents in 1."""
    medians: Tensor
    """Of z, in units of the grid, (N)."""
    z_entry: Rescaling
    y_entry: Rescaling
    """From units of the grid to 8 bits."""
    hyper: tuple[Layer, ...]
    """z to the sums of the first entropy layer, in its units."""
    context: Layer
    """The causal neighbours of a position to the same sums, which are then rectified."""
    entropy: tuple[Layer, ...]
    """The entropy layers that are left; the last one's outputs are the parameters, in units of `output_grids`."""
    output_grids: Tensor
    """Units of each output of the last layer in 1, (outputs): powers of 2."""
    lookups: Mapping[str, Tensor]
    """See `Outputs`."""

    @property
    def kernel(self) -> int:
        """Side of the context model's kernel, (kernel^2 - 1) / 2 of whose taps are causal."""
        return math.isqrt(2 * self.context.weight.shape[1] + 1)

    @property
    def outputs(self) -> Outputs:
        """Of the last layer."""
        last = self.entropy[-1].rescaling
        return Outputs(self.output_grids, last.low, last.high, self.lookups)


class Evaluator:
    """A network at work. It holds nothing of any picture; all tensors are floats that hold integers."""

    def __init__(self, network: Network) -> None:
        self._medians = network.medians.double()
        self._grid = network.grid
        self._z_entry, self.y_entry = network.z_entry.ready(), network.y_entry.ready()
        limit = _limit(network.z_entry)
        self._hyper = []
        for layer in network.hyper:
            self._hyper.append(_Ready.of(layer, limit))
            limit = _limit(layer.rescaling)
        self._context = _Ready.of(network.context, _limit(network.y_entry))
        limit = _limit(network.context.rescaling)
        self._entropy = []
        for layer in network.entropy:
            self._entropy.append(_Ready.of(layer, limit))
            limit = _limit(layer.rescaling)

    @property
    def dtype(self) -> torch.dtype:
        """Of the neighbours that `__call__` wants."""
        return self._context.products.matrix.dtype

    def prepare(self, symbols: Tensor) -> Tensor:
        """What z, and a bias, say to the first entropy layer: (positions, hidden), from symbols (N, h/4, w/4)."""
        values = self._z_entry(symbols.permute(1, 2, 0).double() * self._grid + self._medians)
        for layer in self._hyper:
            values = layer.convolved(values)
        return values.flatten(0, 1).add_(self._context.products.bias)

    def __call__(self, neighbours: Tensor, prepared: Tensor) -> Tensor:
        """The entropy parameters (n, outputs) of positions, from their neighbours (n, taps M), entered."""
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

    @classmethod
    def of(cls, layer: Layer, input_limit: int) -> _Ready:
        products = Products.of(layer.weight, layer.bias, input_limit)
        return cls(products, layer.rescaling.ready(), layer.weight.shape[-1], layer.spread)

    def convolved(self, values: Tensor) -> Tensor:
        """(h, w, inputs) to (spread h, spread w, outputs / spread^2)."""
        height, width, _ = values.shape
        strips = windows(values.to(self.products.matrix.dtype), self.kernel)
        flat = torch.cat([self.rescaling(self.products(strip).add_(self.products.bias)) for strip in strips])
        return spread(flat.view(height, width, -1), self.spread)


def _limit(rescaling: Rescaling) -> int:
    return int(torch.maximum(rescaling.low.abs(), rescaling.high.abs()).max())
