"""Tiled computation of transforms, with memory that does not grow with the picture.

An output of a convolutional network depends on inputs up to a finite distance, the network's reach. A tile is therefore
computed from its part of the input extended by the reach, and only the inner part of the result is kept. Latents and
pictures equal those computed without tiles up to rounding, and have no seams. The latents remain one tensor; entropy
coding is not tiled.

Channel attention multiplies by factors that depend on means over the whole picture. These are computed first; see
`GlobalMeans`.

The side of the tiles is a function of the picture's size. It is stored in the file, because the last bits of a decoded
picture depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Self

import torch
from torch.overrides import TorchFunctionMode

from bench.learned.coding.entropy_parameters import one_thread
from bench.learned.models.cca.blocks import channel_means
from bench.learned.models.config import LATENT_STRIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor

WHOLE = 0
"""Value of a side that means no tiling."""

WHOLE_PIXELS = 1 << 23
"""Pixels of the largest picture that is not tiled, a little more than 4K. With a kilobyte per pixel, as in the widest
published models, it needs 8 GiB."""

SIDE = 2048
"""Side of the tiles of larger pictures, in pixels."""

SIDE_UNIT = 64
"""Sides are multiples of this, in pixels."""

SIDES = range(1024, SIDE + 1, SIDE_UNIT)
"""Sides that a file may have: smaller tiles would need many times the computation, larger ones more memory."""

Slices = tuple[slice, slice]
"""Rows and columns."""


def side_of(width: int, height: int) -> int:
    """Return the side of the tiles of a picture, in pixels, or `WHOLE`."""
    return WHOLE if width * height <= WHOLE_PIXELS else SIDE


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile: the rows and columns of latents that it yields (kept), and those that it is computed from (seen)."""

    kept: Slices
    seen: Slices

    def kept_at(self, scale: int) -> Slices:
        """Return the kept part of a tensor that has `scale` samples per latent along each side."""
        return _scaled(self.kept, scale)

    def seen_at(self, scale: int) -> Slices:
        """Return the seen part of such a tensor."""
        return _scaled(self.seen, scale)

    def inner(self, scale: int) -> Slices:
        """Return the kept part of a result that was computed from the seen part."""
        rows, columns = (
            slice(kept.start - seen.start, kept.stop - seen.start)
            for kept, seen in zip(self.kept, self.seen, strict=True)
        )
        return _scaled((rows, columns), scale)


@dataclass(frozen=True, slots=True)
class Grid:
    """The tiles of latents of a given size."""

    size: tuple[int, int]
    """Height and width of the latents."""
    side: int
    """Side of a tile in pixels, or `WHOLE`."""
    reach: int
    """Number of latents around a tile that it depends on."""

    def __iter__(self) -> Iterator[Tile]:
        step = self.side // LATENT_STRIDE or max(self.size)
        for starts in product(*(range(0, length, step) for length in self.size)):
            kept = [slice(start, min(start + step, length)) for start, length in zip(starts, self.size, strict=True)]
            seen = [
                slice(max(each.start - self.reach, 0), min(each.stop + self.reach, length))
                for each, length in zip(kept, self.size, strict=True)
            ]
            yield Tile((kept[0], kept[1]), (seen[0], seen[1]))

    def compute(self, function: Callable[[Tile], None]) -> None:
        """Call a function for every tile. If it uses global means, these are computed in additional passes."""
        tiles = list(self)
        if len(tiles) == 1:
            function(tiles[0])
            return
        means = GlobalMeans(self.size)
        while not means.are_known:
            for tile in tiles:
                with means.of(tile):
                    function(tile)
            means.advance()


class GlobalMeans(TorchFunctionMode):
    """Mode that replaces the channel means of a tile by those over the whole picture.

    Each pass over the tiles uses the means of the previous pass and collects new ones. After the first pass, the means
    that depend on no others are correct; after the second, those that depend on them; and so on. When a pass collects
    the means that it used, these and its tiles are correct. A network without means needs one pass; those of cca, with
    four attentions in sequence, need five.

    Sums are computed in float64 on one thread, so that they do not depend on the number of threads.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self._num_latents = size[0] * size[1]
        self._known: list[Tensor] = []
        self._sums: list[Tensor] = []
        self._passes = 0
        self.are_known = False
        """Whether the last pass used the correct means."""

    def of(self, tile: Tile) -> Self:
        """Return this mode for a tile, with the means numbered in the order of the calls."""
        self._tile, self._calls = tile, 0
        return self

    def advance(self) -> None:
        """End a pass."""
        self._passes += 1
        are_equal = len(self._known) == len(self._sums) and all(map(torch.equal, self._known, self._sums))
        # NaN never compares equal, but no chain of dependent means is longer than their number.
        self.are_known = are_equal or self._passes > len(self._sums)
        self._known, self._sums = self._sums, []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - any result of the function
        """Call a function of PyTorch."""
        if func is not channel_means:
            return func(*args, **(kwargs or {}))
        (x,) = args
        number, self._calls = self._calls, self._calls + 1
        rows = self._tile.seen[0]
        scale = x.shape[2] // (rows.stop - rows.start)
        inner = x[..., *self._tile.inner(scale)]
        with one_thread():
            share = inner.sum((2, 3), keepdim=True, dtype=torch.float64) / (self._num_latents * scale**2)
        if number == len(self._sums):
            self._sums.append(torch.zeros_like(share))
        self._sums[number] += share
        return (self._known[number] if self._known else share).to(x.dtype)


def _scaled(slices: Slices, scale: int) -> Slices:
    rows, columns = (slice(each.start * scale, each.stop * scale) for each in slices)
    return rows, columns
