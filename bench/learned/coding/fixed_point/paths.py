"""The entropy path of a joint model in integers: the same tables as in floats, but other scales and means."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from bench.learned.coding.fixed_point.network import Evaluator
from bench.learned.coding.paths import HYPER_STRIDE, Channels, EntropyPath, Latents, Size, as_picture, in_order
from bench.learned.coding.tables import MAX_SYMBOL, Port, Tables
from bench.learned.coding.wavefront import wavefront

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.learned.coding.fixed_point.network import Network
    from bench.learned.models import LearnedModel

SCALE_GRID = 1024
"""Units of scales in 1."""


def output_grids(channels: int, grid: int) -> Tensor:
    """Units in 1 of the last layer's outputs: scales, then means."""
    return torch.tensor([SCALE_GRID, grid]).repeat_interleave(channels)


def scale_bounds(model: LearnedModel) -> Tensor:
    """The scales of a model's tables, in units of the grid; the last table has no bound."""
    return (cast("Tensor", model.gaussian_conditional.scale_table)[:-1].double() * SCALE_GRID).floor().int()


class FixedPointPath(EntropyPath):
    """z, then y in wavefronts; see `bench.learned.coding.paths`.

    What is float here is the encoder's: y, z and their distance from the means. A decoder sees integers alone, and
    divides by the grid in the end, which is exact.
    """

    def __init__(self, model: LearnedModel, network: Network) -> None:
        self._z = Channels(model)
        self._analysis = cast("torch.nn.Module", model.h_a)
        self.y_tables = Tables.of(model.gaussian_conditional)
        self._bounds = network.scale_bounds
        self._evaluator = Evaluator(network)
        self._kernel, self._grid, self._channels = network.kernel, network.grid, model.config.M

    def code(self, port: Port, y: Tensor | None, size: Size) -> Latents:
        """See `EntropyPath`."""
        z = None if y is None else self._analysis(y)
        symbols = self._z.code_symbols(port, z, (size[0] // HYPER_STRIDE, size[1] // HYPER_STRIDE))
        values, told = self._wavefronts(port, y, self._evaluator.prepare(symbols), size)
        scales, means = told.float().chunk(2, 1)
        return Latents(values.float() / self._grid, self._z.values(symbols), scales / SCALE_GRID, means / self._grid)

    def bits(self, latents: Latents) -> dict[str, Tensor]:
        """See `EntropyPath`."""
        scales, means = cast("Tensor", latents.scales), cast("Tensor", latents.means)
        symbols = (latents.y_hat - means).round().int().flatten().numpy()
        bits = self.y_tables.bits(self._indexes(scales * SCALE_GRID), symbols)
        return {
            "z": self._z.bits(cast("Tensor", latents.z_hat)),
            "y": torch.from_numpy(bits).view(latents.y_hat.shape),
        }

    def _wavefronts(self, port: Port, y: Tensor | None, prepared: Tensor, size: Size) -> tuple[Tensor, Tensor]:
        """All of y (1, M, h, w) in units of the grid, and the entropy parameters of all its elements (1, 2M, h, w)."""
        wave = wavefront(*size, self._kernel)
        prepared, wanted = prepared[wave.order], in_order(y, wave.order)
        entered = torch.zeros(wave.num_rows, self._channels, dtype=self._evaluator.dtype)
        values, told = [], []
        for step in wave.steps:
            neighbours = entered[wave.context[step].flatten()].view(step.stop - step.start, -1)
            told.append(self._evaluator(neighbours, prepared[step]))
            scales, means = told[-1].chunk(2, 1)
            symbols = None if wanted is None else _symbols(wanted[step], means / self._grid)
            coded = port.code(self.y_tables, self._indexes(scales), symbols)
            values.append(torch.from_numpy(coded).view(means.shape).double().mul_(self._grid).add_(means))
            entered[wave.rows[step]] = self._evaluator.y_entry(values[-1].clone()).to(entered.dtype)
        return as_picture(torch.cat(values), wave.order, size), as_picture(torch.cat(told), wave.order, size)

    def _indexes(self, scales: Tensor) -> NDArray[np.uint8]:
        """The tables of scales in units of their grid."""
        return torch.bucketize(scales.int().flatten(), self._bounds, out_int32=True).numpy().astype(np.uint8)


def _symbols(y: Tensor, means: Tensor) -> NDArray[np.int32]:
    centred: NDArray[np.int32] = (y - means).round_().clamp_(-MAX_SYMBOL, MAX_SYMBOL).int().flatten().numpy()
    return centred
