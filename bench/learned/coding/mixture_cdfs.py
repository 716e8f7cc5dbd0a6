"""A distribution for each element: integer frequencies over a window of integers, and an escape.

For models with too many distributions for stored CDFs. Windows have one of a few sizes, so that the elements of each
size form one array and one call of the coder. Values outside the window are escaped. All computation is in integers;
the frequencies come from the models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from constriction import stream

from bench.learned.coding.cdfs import Cdfs, Coding, Distributions
from bench.learned.models.entropy import PRECISION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from bench.learned.coding.cdfs import Indexes, Integers

    Whole = NDArray[np.float64]
    """Frequencies (elements, integers and the escape): integers from 1, each row adding up to 2^PRECISION."""
    Elements = NDArray[np.intp]

REACHES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256)
"""Possible half-widths of a window."""

OUTSIDE = 1e-4
"""Maximum probability outside the window, up to the largest half-width."""

SUREST = Cdfs.of_arrays(
    np.array([0, 1, (1 << PRECISION) - 2, (1 << PRECISION) - 1, 1 << PRECISION]), np.array([5]), np.array([-1])
)
"""The CDF with the least bits per element, which bounds the number of elements in a payload."""

_ROWS = stream.model.Categorical(perfect=False)


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Elements with windows of equal size."""

    elements: Elements
    """Their indices."""
    frequencies: Whole


@dataclass(frozen=True, slots=True, eq=False)
class MixtureCdfs(Distributions):
    """Distributions of elements, each of which is coded once, in any order."""

    first: Integers
    """Smallest integer of each element's window."""
    sizes: Integers
    """Number of integers of each window."""
    parts: tuple[Group, ...]

    @classmethod
    def of(cls, centres: Integers, reaches: Elements, frequencies: Callable[[Elements, int], Whole]) -> Self:
        """Distributions from windows and frequencies.

        Args:
            centres: centre of each element's window.
            reaches: half-width of each element's window, as an index of `REACHES`.
            frequencies: function of elements and a half-width to their frequencies, over the integers from their
                centres minus to their centres plus it.
        """
        parts = []
        for index, count in enumerate(np.bincount(reaches)):
            if count:
                elements = np.flatnonzero(reaches == index)
                parts.append(Group(elements, frequencies(elements, REACHES[index])))
        reach = np.array(REACHES, np.int32)[reaches]
        return cls(centres - reach, 2 * reach + 1, tuple(parts))

    def groups(self, indexes: Indexes) -> tuple[Elements, Iterator[tuple[Coding, slice]]]:
        """See `Distributions`."""
        order = self._places(indexes)[np.concatenate([part.elements for part in self.parts])]
        ends = np.cumsum([len(part.elements) for part in self.parts])
        codings = (Coding(_ROWS, (part.frequencies / (1 << PRECISION),)) for part in self.parts)
        return order, zip(codings, map(slice, (0, *ends[:-1]), ends), strict=True)

    def entry_bits(self, indexes: Indexes, entries: Integers) -> NDArray[np.float64]:
        """See `Distributions`."""
        places, bits = self._places(indexes), np.empty(len(entries))
        for part in self.parts:
            where, rows = places[part.elements], np.arange(len(part.elements))
            bits[where] = PRECISION - np.log2(part.frequencies[rows, entries[where]])
        return bits

    @property
    def least_bits(self) -> float:
        """See `Distributions`."""
        return SUREST.least_bits

    def _places(self, indexes: Indexes) -> Elements:
        """Position of each element among the indexes."""
        if len(indexes) != len(self.first):
            raise ValueError(f"{len(indexes)} indexes of {len(self.first)} elements, each of which is coded once")
        places = np.empty(len(indexes), np.intp)
        places[indexes] = np.arange(len(indexes))
        return places
