"""Reference implementation in NumPy that decodes the latents of a fixed-point file, as a model for other decoders.

Once the integers of a file have been read, it uses plain loops over wavefronts and 64-bit integers, without torch and,
except inside the range coder, without floats. It is slow; tests compare the fast implementation with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from bench.learned.coding.cdfs import REACHES, Cdfs, MixtureCdfs, RangeDecoder
from bench.learned.coding.fixed_point import weights
from bench.learned.models.entropy import PRECISION
from bench.learned.weights.stored_cdfs import table_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    Wide = NDArray[np.int64]

HYPER_STRIDE = 4

COMPONENTS = 3
MEAN_GRID, SCALE_GRID, SPREAD_GRID = 64, 1024, 8
WEIGHT_BITS, NORMAL_BITS, RECIPROCAL_BITS, POSITION_SHIFT = 14, 20, 32, 18
NORMAL_CENTRE = 5 * 1024
"""See `integer_mixture`; repeated to keep this module independent."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Decoder for a fixed-point weights file and the CDFs of its base."""

    tensors: dict[str, NDArray[Any]]
    shape: dict[str, Any]
    """The header's entry "fixed_point"."""
    z_tables: Cdfs
    y_tables: Cdfs | None
    """None if y is coded with mixtures."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a weights file and its bases."""
        found = weights.load_fixed_point(path)
        tensors = _arrays(weights.tensors(found.network))
        base = _arrays(table_tensors(found.base.model))
        z_tables = _tables(base, "entropy_bottleneck")
        y_tables = None if "normal" in tensors else _tables(base, "gaussian_conditional")
        return cls(tensors, weights.shape(found.network), z_tables, y_tables)

    def decode(self, payload: bytes, size: tuple[int, int]) -> tuple[Wide, int]:
        """Return the latents (M, h, w) of a payload, in units of the grid, and the CRC-32 of the symbols."""
        reader = RangeDecoder(payload)
        channels, height, width = len(self.tensors["medians"]), size[0] // HYPER_STRIDE, size[1] // HYPER_STRIDE
        indexes = np.repeat(np.arange(channels, dtype=np.int32), height * width)
        z = reader.code(self.z_tables, indexes, None).reshape(channels, height, width).transpose(1, 2, 0)
        prepared = self._prepare(z.astype(np.int64))
        return self._wavefronts(reader, prepared), reader.crc

    def _prepare(self, z: Wide) -> Wide:
        values = self._rescaled("z_entry", z * self.shape["grid"] + self.tensors["medians"])
        for number in range(self.shape["hyper_layers"]):
            values = self._convolved(f"hyper.{number}", values, self.shape["spread"][number])
        prepared: Wide = values + self.tensors["context.bias"]
        return prepared

    def _wavefronts(self, reader: RangeDecoder, prepared: Wide) -> Wide:
        height, width, _ = prepared.shape
        _, taps, channels = self.tensors["context.weight"].shape
        radius = math.isqrt(2 * taps + 1) // 2
        y = np.zeros((height, width, channels), np.int64)
        entered = np.zeros((height + 2 * radius, width + 2 * radius, channels), np.int64)
        for places in _wavefronts(height, width, radius):
            seen = [entered[row : row + 2 * radius + 1, column : column + 2 * radius + 1] for row, column in places]
            neighbours = np.stack([window.reshape(-1, channels)[:taps].ravel() for window in seen])
            rows, columns = np.array(places).T
            y[rows, columns] = self._elements(reader, self._parameters(neighbours, prepared[rows, columns]))
            entered[rows + radius, columns + radius] = self._rescaled("y_entry", y[rows, columns])
        return y.transpose(2, 0, 1)

    def _elements(self, reader: RangeDecoder, parameters: Wide) -> Wide:
        """Decode elements of y (positions, M), in units of the grid, given the network's outputs for them."""
        if self.y_tables is None:
            rows = integer_mixture(parameters, self.tensors)
            symbols = reader.code(rows, np.arange(len(rows.first), dtype=np.int32), None).reshape(len(parameters), -1)
            values: Wide = symbols.astype(np.int64) * self.shape["grid"]
            return values
        scales, means = np.split(parameters, 2, axis=1)
        indexes = np.searchsorted(self.tensors["scale_bounds"], scales.ravel(), side="left").astype(np.int32)
        symbols = reader.code(self.y_tables, indexes, None).reshape(means.shape)
        around: Wide = symbols.astype(np.int64) * self.shape["grid"] + means
        return around

    def _parameters(self, neighbours: Wide, prepared: Wide) -> Wide:
        values = self._rescaled("context", neighbours @ self._matrix("context") + prepared)
        for number in range(self.shape["entropy_layers"]):
            name = f"entropy.{number}"
            values = self._rescaled(name, values @ self._matrix(name) + self.tensors[f"{name}.bias"])
        return values

    def _convolved(self, name: str, values: Wide, spread: int) -> Wide:
        height, width, _ = values.shape
        kernel = self.tensors[f"{name}.weight"].shape[-1]
        around = kernel // 2
        padded = np.pad(values, ((around, around), (around, around), (0, 0)))
        taps = [
            padded[row : row + height, column : column + width] for row in range(kernel) for column in range(kernel)
        ]
        seen = np.stack(taps, axis=-1)
        sums = seen.reshape(height * width, -1) @ self._matrix(name) + self.tensors[f"{name}.bias"]
        blocks = self._rescaled(name, sums).reshape(height, width, -1, spread, spread)
        return blocks.transpose(0, 3, 1, 4, 2).reshape(height * spread, width * spread, -1)

    def _matrix(self, name: str) -> Wide:
        weight = self.tensors[f"{name}.weight"]
        matrix: Wide = weight.reshape(len(weight), -1).T.astype(np.int64)
        return matrix

    def _rescaled(self, name: str, sums: Wide) -> Wide:
        multiplier, leak, shift, low, high = (
            self.tensors[f"{name}.{field}"].astype(np.int64) for field in ("multiplier", "leak", "shift", "low", "high")
        )
        scaled = sums * np.where(sums < 0, leak, multiplier) + (np.int64(1) << (shift - 1))
        rescaled: Wide = np.clip(scaled >> shift, low, high)
        return rescaled


def integer_mixture(parameters: Wide, tables: dict[str, NDArray[Any]]) -> MixtureCdfs:
    """Return the distributions of elements, in the order of positions, given outputs (positions, 3 K M).

    See `bench.learned.coding.fixed_point.integer_mixture`.
    """
    scales, means, logits = (
        part.reshape(len(parameters), COMPONENTS, -1).transpose(1, 0, 2).reshape(COMPONENTS, -1)
        for part in np.split(parameters, 3, axis=1)
    )
    exponential, normal = (tables[name].astype(np.int64) for name in ("exponential", "normal"))
    sums = exponential[np.minimum(logits.max(0) - logits, len(exponential) - 1)].cumsum(0)
    weights = np.diff((sums << WEIGHT_BITS) // sums[-1], axis=0, prepend=0)
    unit = MEAN_GRID << WEIGHT_BITS
    centres = ((weights * means).sum(0) + unit // 2) // unit
    spreads = np.searchsorted(tables["spreads"], weights, side="left")
    away = abs(means - centres * MEAN_GRID) * (SCALE_GRID * SPREAD_GRID // MEAN_GRID) + spreads * scales
    needed = np.where(spreads > 0, away, 0).max(0) - SCALE_GRID * SPREAD_GRID // 2
    bounds = np.array(REACHES[:-1]) * (SCALE_GRID * SPREAD_GRID)

    def frequencies(elements: NDArray[np.intp], reach: int) -> NDArray[np.float64]:
        edges = (centres[elements, None] + np.arange(-reach, reach + 2)) * MEAN_GRID - MEAN_GRID // 2
        below = np.zeros(edges.shape, np.int64)
        for scale, mean, weight in zip(scales[:, elements], means[:, elements], weights[:, elements], strict=True):
            reciprocals = (np.int64(1) << RECIPROCAL_BITS) // scale
            places = ((edges - mean[:, None]) * reciprocals[:, None] >> POSITION_SHIFT) + NORMAL_CENTRE
            below += weight[:, None] * normal[np.clip(places, 0, len(normal) - 1)]
        room = (1 << PRECISION) - edges.shape[1]
        inside = (np.diff(below, axis=1) * room >> WEIGHT_BITS + NORMAL_BITS) + 1
        escape = (1 << PRECISION) - inside.sum(1, keepdims=True)
        found: NDArray[np.float64] = np.concatenate((inside, escape), axis=1).astype(np.float64)
        return found

    return MixtureCdfs.of(centres.astype(np.int32), np.searchsorted(bounds, needed, side="left"), frequencies)


def _tables(base: dict[str, NDArray[Any]], part: str) -> Cdfs:
    return Cdfs.of_arrays(*(base[f"{part}.{field}"] for field in ("cdf", "cdf_length", "offset")))


def _wavefronts(height: int, width: int, radius: int) -> Iterator[list[tuple[int, int]]]:
    """Yield the positions (row, column) of each step, in raster order."""
    for step in range(width + (radius + 1) * (height - 1)):
        places = [(row, step - (radius + 1) * row) for row in range(height)]
        if inside := [place for place in places if 0 <= place[1] < width]:
            yield inside


def _arrays(tensors: dict[str, Tensor]) -> dict[str, NDArray[Any]]:
    return {name: tensor.numpy() for name, tensor in tensors.items()}
