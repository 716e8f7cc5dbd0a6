"""Range coding of symbols with integer CDFs: CDFs stored with the weights, and CDFs of Gaussian mixtures.

As in CompressAI's entropy models, each channel or each of 64 scales has a stored CDF: cumulative frequencies, out of
2^16, of consecutive integers and of an escape. The range coder (package `constriction`) codes all symbols of one CDF in
one call, so that no Python code runs per symbol.

Mixtures have too many distributions for stored CDFs. Instead, each element has its own frequencies over a window of
integers; values outside the window are escaped. Windows have one of a few sizes, so that all elements of a size form
one array and are coded in one call. All computation is in integers; the frequencies come from the models.
"""

from __future__ import annotations

import abc
import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from constriction import stream

from bench.learned.models.entropy import PRECISION
from bench.learned.models.quantization import ESCAPE_BITS
from bench.system.errors import CodecError, DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from compressai.entropy_models import EntropyModel
    from numpy.typing import NDArray

    Integers = NDArray[np.int32]
    Indexes = NDArray[np.uint8] | NDArray[np.int32]
    Frequencies = NDArray[np.float64]
    """(elements, integers and the escape); integers of at least 1, which sum to 2^PRECISION in each row."""
    Elements = NDArray[np.intp]
    Call = tuple[slice, stream.model.Categorical, tuple[NDArray[np.float64], ...]]
    """One call of the range coder: its elements, a model, and no parameters or a row of them for each element."""

OTHER_ARITHMETIC = (
    "the file is complete, but decodes to other latents: "
    "the arithmetic of this processor or torch differs from the encoder's "
    "(codecs whose names end in -int decode everywhere)"
)

_TOO_SHORT = "the payload is too short for the size of the picture in the header"

_STATE_BITS = 64
"""Size of the decoder's state."""


class Distributions(abc.ABC):
    """Distributions over consecutive integers and an escape. Elements refer to them by index."""

    first: Integers
    """Smallest integer of each distribution."""
    sizes: Integers
    """Number of integers of each distribution."""

    @abc.abstractmethod
    def calls(self, indexes: Indexes) -> tuple[Elements, Iterator[Call]]:
        """Return a permutation that groups the elements coded in one call, and the calls."""

    @abc.abstractmethod
    def entry_bits(self, indexes: Indexes, entries: Integers) -> NDArray[np.float64]:
        """Return the information content in bits of one entry of each element's distribution."""

    @property
    @abc.abstractmethod
    def least_bits(self) -> float:
        """Lower bound of the bits per element."""

    def entries(self, indexes: Indexes, symbols: Integers) -> tuple[Integers, Integers, NDArray[np.bool_]]:
        """Return each symbol's position in its distribution, the coded entry, and whether that is the escape."""
        places, sizes = symbols - self.first[indexes], self.sizes[indexes]
        escaped = (places < 0) | (places >= sizes)
        return places, np.where(escaped, sizes, places), escaped

    def bits(self, indexes: Indexes, symbols: Integers) -> NDArray[np.float64]:
        """Return the bits of each symbol, including escapes. A payload exceeds their sum by less than 8 bytes."""
        places, entries, escaped = self.entries(indexes, symbols)
        bits = self.entry_bits(indexes, entries)
        if escaped.any():
            bits[escaped] += math.log2(ESCAPE_BITS) + _widths(_fold(places[escaped], self.sizes[indexes][escaped]))
        return bits


@dataclass(frozen=True, slots=True, eq=False)
class Cdfs(Distributions):
    """The CDFs of one entropy model."""

    models: tuple[stream.model.Categorical, ...]
    """Distribution of each CDF: its integers in order, then the escape."""
    first: Integers
    """Smallest integer of each CDF."""
    sizes: Integers
    """Number of integers of each CDF."""
    costs_bits: NDArray[np.float64]
    """Information content of each entry of all CDFs, the escape last in each."""
    starts: NDArray[np.intp]
    """Start of each CDF in `costs_bits`."""

    @property
    def least_bits(self) -> float:
        """See `Distributions`."""
        return float(self.costs_bits.min())

    @property
    def least_bits_of_each(self) -> NDArray[np.float64]:
        """Lower bound of the bits per element, for each CDF."""
        return np.minimum.reduceat(self.costs_bits, self.starts)

    @classmethod
    def of(cls, entropy_model: EntropyModel) -> Self:
        """Create from the CDFs in one of CompressAI's entropy models."""
        lengths = entropy_model.cdf_length.numpy()
        rows = zip(entropy_model.quantized_cdf.numpy(), lengths, strict=True)
        cumulative = np.concatenate([row[:length] for row, length in rows])
        return cls.of_arrays(cumulative, lengths, entropy_model.offset.numpy())

    @classmethod
    def of_arrays(cls, cumulative: Integers, lengths: Integers, first: Integers) -> Self:
        """Create from concatenated cumulative frequencies, the lengths of the CDFs, and their smallest integers."""
        rows = np.split(cumulative, np.cumsum(lengths)[:-1])
        frequencies = [np.diff(row).astype(np.float64) for row in rows]
        # Multiples of 2^-16 are exact as floats, also in the coder.
        models = tuple(stream.model.Categorical(table / (1 << PRECISION), perfect=False) for table in frequencies)
        costs_bits = -np.log2(np.concatenate(frequencies) / (1 << PRECISION))
        starts = np.cumsum(lengths - 1) - (lengths - 1)
        return cls(models, first, lengths - 2, costs_bits, starts)

    def calls(self, indexes: Indexes) -> tuple[Elements, Iterator[Call]]:
        """See `Distributions`. The index of an element is that of its CDF."""
        order = np.argsort(indexes, kind="stable")
        counts = np.bincount(indexes, minlength=len(self.models))
        ends = np.cumsum(counts)
        used = np.flatnonzero(counts)
        return order, ((slice(ends[i] - counts[i], ends[i]), self.models[i], ()) for i in used)

    def entry_bits(self, indexes: Indexes, entries: Integers) -> NDArray[np.float64]:
        """See `Distributions`."""
        bits: NDArray[np.float64] = self.costs_bits[self.starts[indexes] + entries]
        return bits


class RangeCoder(abc.ABC):
    """Interface of encoder and decoder, with which latent codecs run the same code in both directions."""

    crc = 0
    """CRC-32 of all symbols so far."""

    def code(self, tables: Distributions, indexes: Indexes, symbols: Integers | None) -> Integers:
        """Code one-dimensional symbols, each with the distribution at its index.

        An encoder encodes the symbols and returns them. A decoder takes None and returns the decoded symbols.

        Raises:
            CodecError: a symbol is too large.
            DecodeError: the payload cannot be from an encoder with the same arithmetic.
        """
        coded = self._code(tables, indexes, symbols)
        self.crc = zlib.crc32(coded.astype("<i4", copy=False).data, self.crc)
        return coded

    @abc.abstractmethod
    def _code(self, tables: Distributions, indexes: Indexes, symbols: Integers | None) -> Integers: ...


class RangeEncoder(RangeCoder):
    """Encodes symbols to a payload."""

    def __init__(self) -> None:
        self._encoder = stream.queue.RangeEncoder()

    def finish(self) -> bytes:
        """Return the payload."""
        payload: bytes = self._encoder.get_compressed().astype("<u4").tobytes()
        return payload

    def _code(self, tables: Distributions, indexes: Indexes, symbols: Integers | None) -> Integers:
        if symbols is None:
            raise ValueError("an encoder needs symbols")
        order, calls = tables.calls(indexes)
        by_table = indexes[order]
        places, entries, escaped = tables.entries(by_table, symbols[order])
        for part, model, rows in calls:
            self._encoder.encode(entries[part], model, *rows)
        if escaped.any():
            self._escape(_fold(places[escaped], tables.sizes[by_table][escaped]))
        return symbols

    def _escape(self, values: NDArray[np.int64]) -> None:
        """Encode escaped values as Exp-Golomb codes with uniform bits, in two calls for all of them."""
        if values.max() >= (1 << ESCAPE_BITS) - 1:
            raise CodecError("the latents of this picture are out of range")
        widths = _widths(values)
        self._encoder.encode(widths, stream.model.Uniform(ESCAPE_BITS))
        wide = widths > 0
        if wide.any():
            ranges = np.left_shift(1, widths[wide], dtype=np.int32)
            self._encoder.encode((values[wide] + 1 - ranges).astype(np.int32), stream.model.Uniform(), ranges)


class RangeDecoder(RangeCoder):
    """Decodes the symbols of a payload."""

    def __init__(self, payload: bytes) -> None:
        self._num_bits = 8 * len(payload)
        self._bits_beyond = 0.0
        """Lower bound of the bits read after the end of the payload."""
        self._decoder = stream.queue.RangeDecoder(np.frombuffer(payload, "<u4").astype(np.uint32))

    def require_room(self, least_bits: float) -> None:
        """Check that symbols of at least this number of bits fit in the payload, before memory is allocated for them.

        Raises:
            DecodeError: they do not fit.
        """
        if least_bits > self._num_bits + _STATE_BITS:
            raise DecodeError(_TOO_SHORT)

    def _code(self, tables: Distributions, indexes: Indexes, symbols: Integers | None) -> Integers:
        if self._decoder.maybe_exhausted():
            # Only the decoder's state is left. Beyond the payload the decoder reads zeros, which are valid symbols.
            self._bits_beyond += len(indexes) * tables.least_bits
            if self._bits_beyond > _STATE_BITS:
                raise DecodeError(_TOO_SHORT)
        order, calls = tables.calls(indexes)
        by_table = indexes[order]
        places, sizes = np.empty(len(order), np.int32), tables.sizes[by_table]
        try:
            for part, model, rows in calls:
                places[part] = self._decoder.decode(model, *(rows or (part.stop - part.start,)))
            escaped = places == sizes
            if escaped.any():
                places[escaped] = _unfold(self._escapes(int(escaped.sum())), sizes[escaped])
        except AssertionError as error:
            raise DecodeError(OTHER_ARITHMETIC) from error
        symbols = np.empty_like(places)
        symbols[order] = places + tables.first[by_table]
        return symbols

    def _escapes(self, count: int) -> NDArray[np.int64]:
        widths = self._decoder.decode(stream.model.Uniform(ESCAPE_BITS), count)
        values: NDArray[np.int64] = np.left_shift(1, widths, dtype=np.int64) - 1
        wide = widths > 0
        if wide.any():
            values[wide] += self._decoder.decode(stream.model.Uniform(), np.left_shift(1, widths[wide], dtype=np.int32))
        return values


def _fold(places: Integers, sizes: Integers) -> NDArray[np.int64]:
    """Map positions outside 0 ... sizes - 1 to 0, 1, 2 ...: those above to even numbers, those below to odd ones."""
    wide = places.astype(np.int64)
    return np.where(wide < 0, -2 * wide - 1, 2 * (wide - sizes))


def _widths(values: NDArray[np.int64]) -> Integers:
    """Return the number of bits after the leading one of value + 1."""
    widths: Integers = np.frexp(values + 1)[1].astype(np.int32) - 1
    return widths


def _unfold(values: NDArray[np.int64], sizes: Integers) -> NDArray[np.int64]:
    """Invert `_fold`."""
    return np.where(values % 2, -(values + 1) // 2, values // 2 + sizes)


REACHES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256)
"""Possible half-widths of a window."""

OUTSIDE = 1e-4
"""Maximum probability outside the window, up to the largest half-width."""

FEWEST_BITS = Cdfs.of_arrays(
    np.array([0, 1, (1 << PRECISION) - 2, (1 << PRECISION) - 1, 1 << PRECISION]), np.array([5]), np.array([-1])
)
"""The CDF with the fewest bits per element, which bounds the number of elements in a payload."""

_ROWS = stream.model.Categorical(perfect=False)


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Elements with windows of equal size."""

    elements: Elements
    """Their indices."""
    frequencies: Frequencies


@dataclass(frozen=True, slots=True, eq=False)
class MixtureCdfs(Distributions):
    """A distribution for each element. Every element must be coded once, in any order."""

    first: Integers
    """Smallest integer of each element's window."""
    sizes: Integers
    """Number of integers of each window."""
    parts: tuple[Group, ...]

    @classmethod
    def of(cls, centres: Integers, reaches: Elements, frequencies: Callable[[Elements, int], Frequencies]) -> Self:
        """Create from windows and frequencies.

        Args:
            centres: centre of each element's window.
            reaches: half-width of each element's window, as an index of `REACHES`.
            frequencies: function of elements and a half-width r that returns their frequencies over the integers from
                centre - r to centre + r.
        """
        parts = []
        for index, count in enumerate(np.bincount(reaches)):
            if count:
                elements = np.flatnonzero(reaches == index)
                parts.append(Group(elements, frequencies(elements, REACHES[index])))
        reach = np.array(REACHES, np.int32)[reaches]
        return cls(centres - reach, 2 * reach + 1, tuple(parts))

    def calls(self, indexes: Indexes) -> tuple[Elements, Iterator[Call]]:
        """See `Distributions`."""
        order = self._places(indexes)[np.concatenate([part.elements for part in self.parts])]
        ends = np.cumsum([len(part.elements) for part in self.parts])
        slices = map(slice, (0, *ends[:-1]), ends)
        rows = (part.frequencies / (1 << PRECISION) for part in self.parts)
        return order, ((place, _ROWS, (each,)) for place, each in zip(slices, rows, strict=True))

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
        return FEWEST_BITS.least_bits

    def _places(self, indexes: Indexes) -> Elements:
        """Return the position of each element in the indexes."""
        if len(indexes) != len(self.first):
            raise ValueError(f"{len(indexes)} indexes for {len(self.first)} elements; each must be coded once")
        places = np.empty(len(indexes), np.intp)
        places[indexes] = np.arange(len(indexes))
        return places
