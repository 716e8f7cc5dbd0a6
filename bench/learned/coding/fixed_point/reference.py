"""The latents of a fixed-point file in plain NumPy: what a decoder on another machine, in another language, has to do.

Integers of 64 bits throughout, no torch, no float but the range coder's own; one position after the other in plain
loops over wavefronts. It is slow, and the referee of the quick one.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import safetensors

from bench.learned.coding.tables import Reader, Tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Wide = NDArray[np.int64]

HYPER_STRIDE = 4


@dataclass(frozen=True, slots=True)
class Reference:
    """A fixed-point weights file and the tables of the file that it goes with."""

    tensors: dict[str, NDArray[Any]]
    shape: dict[str, Any]
    """The header's entry "fixed_point"."""
    z_tables: Tables
    y_tables: Tables

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a file, and its bases beside it."""
        header, tensors = _read(path)
        base = _whole(path.parent / header["base"]["file"])
        fields = ("cdf", "cdf_length", "offset")
        z_tables, y_tables = (
            Tables.of_arrays(*(base[f"{part}.{field}"] for field in fields))
            for part in ("entropy_bottleneck", "gaussian_conditional")
        )
        return cls(tensors, header["fixed_point"], z_tables, y_tables)

    def decode(self, payload: bytes, size: tuple[int, int]) -> tuple[Wide, int]:
        """The latents (M, h, w) in units of the grid, and the CRC-32 of the symbols, of a payload."""
        reader = Reader(payload)
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

    def _wavefronts(self, reader: Reader, prepared: Wide) -> Wide:
        height, width, _ = prepared.shape
        _, taps, channels = self.tensors["context.weight"].shape
        radius = math.isqrt(2 * taps + 1) // 2
        y = np.zeros((height, width, channels), np.int64)
        entered = np.zeros((height + 2 * radius, width + 2 * radius, channels), np.int64)
        for places in _wavefronts(height, width, radius):
            seen = [entered[row : row + 2 * radius + 1, column : column + 2 * radius + 1] for row, column in places]
            neighbours = np.stack([window.reshape(-1, channels)[:taps].ravel() for window in seen])
            rows, columns = np.array(places).T
            scales, means = self._parameters(neighbours, prepared[rows, columns])
            indexes = np.searchsorted(self.tensors["scale_bounds"], scales.ravel(), side="left").astype(np.int32)
            symbols = reader.code(self.y_tables, indexes, None).reshape(means.shape)
            y[rows, columns] = symbols.astype(np.int64) * self.shape["grid"] + means
            entered[rows + radius, columns + radius] = self._rescaled("y_entry", y[rows, columns])
        return y.transpose(2, 0, 1)

    def _parameters(self, neighbours: Wide, prepared: Wide) -> tuple[Wide, Wide]:
        values = self._rescaled("context", neighbours @ self._matrix("context") + prepared)
        for number in range(self.shape["entropy_layers"]):
            name = f"entropy.{number}"
            values = self._rescaled(name, values @ self._matrix(name) + self.tensors[f"{name}.bias"])
        scales, means = np.split(values, 2, axis=1)
        return scales, means

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


def _wavefronts(height: int, width: int, radius: int) -> Iterator[list[tuple[int, int]]]:
    """The positions (row, column) of each step, in raster order."""
    for step in range(width + (radius + 1) * (height - 1)):
        places = [(row, step - (radius + 1) * row) for row in range(height)]
        if inside := [place for place in places if 0 <= place[1] < width]:
            yield inside


def _whole(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a file, upon those of the file that it is a part of."""
    header, arrays = _read(path)
    return {**_whole(path.parent / header["base"]["file"]), **arrays} if "base" in header else arrays


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    with safetensors.safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["bench"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
