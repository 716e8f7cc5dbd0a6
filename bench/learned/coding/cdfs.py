"""Range coding of symbols with integer CDFs: CDFs stored with the weights, and CDFs of Gaussian mixtures.

As in CompressAI's entropy models, there is a stored CDF for each channel, or for each of 64 scales: cumulative
frequencies out of 2^16 of consecutive integers, and of an escape. The range coder (the `constriction` package) codes
all symbols of one CDF in one call, so that no Python code runs per symbol.

Mixtures have too many distributions for stored CDFs. Each element has its own frequencies over a window of integers.
Windows have one of a few sizes, so that the elements of each size form one array and one call of the coder; values
outside the window are escaped. All computation is in integers; the frequencies come from the models.
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
    Whole = NDArray[np.float64]
    """Frequencies (elements, integers and the escape): integers from 1, each row adding up to 2^PRECISION."""
    Elements = NDArray[np.intp]

OTHER_ARITHMETIC = (
    "the file is complete, but decodes to other latents: "
    "the arithmetic of this processor or torch differs from the encoder's "
    "(codecs whose names end in -int decode everywhere)"
)

_TOO_SHORT = "the payload is too short for the size of the picture in the header"

_STATE_BITS = 64
"""Size of a decoder's state."""


@dataclass(frozen=True, slots=True, eq=False)
class Coding:
    """A call of the range coder: with one model, or with a family of models and a row of parameters for each symbol."""

    model: stream.model.Categorical
    rows: tuple[NDArray[np.float64], ...] = ()

    def encode(self, encoder: stream.queue.RangeEncoder, symbols: Integers) -> None:
        """Encode symbols."""
        encoder.encode(symbols, self.model, *self.rows)

    def decode(self, decoder: stream.queue.RangeDecoder, count: int) -> Integers:
        """Decode a number of symbols."""
        symbols: Integers = decoder.decode(self.model, *(self.rows or (count,)))
        return symbols


class Distributions(abc.ABC):
    """Distributions of symbols: consecutive integers followed by an escape. Elements refer to them by index."""

    first: Integers
    """Smallest integer of each distribution."""
    sizes: Integers
    """Number of integers of each distribution."""

    @abc.abstractmethod
    def groups(self, indexes: Indexes) -> tuple[NDArray[np.intp], Iterator[tuple[Coding, slice]]]:
        """Permutation that groups elements coded by the same call, and one slice per call."""

    @abc.abstractmethod
    def entry_bits(self, indexes: Indexes, entries: Integers) -> NDArray[np.float64]:
        """Information content of each entry of an element's distribution, in bits."""

    @property
    @abc.abstractmethod
    def least_bits(self) -> float:
        """Lower bound of the bits of an element."""

    def entries(self, indexes: Indexes, symbols: Integers) -> tuple[Integers, Integers, NDArray[np.bool_]]:
        """Position of each symbol in its distribution, the coded entry, and whether it is the escape."""
        places, sizes = symbols - self.first[indexes], self.sizes[indexes]
        escaped = (places < 0) | (places >= sizes)
        return places, np.where(escaped, sizes, places), escaped

    def bits(self, indexes: Indexes, symbols: Integers) -> NDArray[np.float64]:
        """Bits of each symbol, including escapes; a payload has less than 8 bytes more than their sum."""
        places, entries, escaped = self.entries(indexes, symbols)
        bits = self.entry_bits(indexes, entries)
        if escaped.any():
            bits[escaped] += math.log2(ESCAPE_BITS) + _widths(_fold(places[escaped], self.sizes[indexes][escaped]))
        return bits


@dataclass(frozen=True, slots=True, eq=False)
class Cdfs(Distributions):
    """The CDFs of one entropy model."""

    models: tuple[stream.model.Categorical, ...]
    """The distribution of each CDF: its integers in order, then the escape."""
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
        """Lower bound of the bits of an element, for each CDF."""
        return np.minimum.reduceat(self.costs_bits, self.starts)

    @classmethod
    def of(cls, entropy_model: EntropyModel) -> Self:
        """The CDFs in one of CompressAI's entropy models, as loaded from a weights file."""
        lengths = entropy_model.cdf_length.numpy()
        rows = zip(entropy_model.quantized_cdf.numpy(), lengths, strict=True)
        cumulative = np.concatenate([row[:length] for row, length in rows])
        return cls.of_arrays(cumulative, lengths, entropy_model.offset.numpy())

    @classmethod
    def of_arrays(cls, cumulative: Integers, lengths: Integers, first: Integers) -> Self:
        """CDFs from the arrays in a file: concatenated cumulative frequencies, lengths, and smallest integers."""
        rows = np.split(cumulative, np.cumsum(lengths)[:-1])
        frequencies = [np.diff(row).astype(np.float64) for row in rows]
        # Multiples of 2^-16 are exact as floats, also in the coder.
        models = tuple(stream.model.Categorical(table / (1 << PRECISION), perfect=False) for table in frequencies)
        costs_bits = -np.log2(np.concatenate(frequencies) / (1 << PRECISION))
        starts = np.cumsum(lengths - 1) - (lengths - 1)
        return cls(models, first, lengths - 2, costs_bits, starts)

    def groups(self, indexes: Indexes) -> tuple[NDArray[np.intp], Iterator[tuple[Coding, slice]]]:
        """See `Distributions`; the index of an element is that of its CDF."""
        order = np.argsort(indexes, kind="stable")
        counts = np.bincount(indexes, minlength=len(self.models))
        ends = np.cumsum(counts)
        used = np.flatnonzero(counts)
        return order, ((Coding(self.models[i]), slice(ends[i] - counts[i], ends[i])) for i in used)

    def entry_bits(self, indexes: Indexes, entries: Integers) -> NDArray[np.float64]:
        """See `Distributions`."""
        bits: NDArray[np.float64] = self.costs_bits[self.starts[indexes] + entries]
        return bits


class RangeCoder(abc.ABC):
    """A range coder in one direction. Latent codecs use this interface, so that both directions run the same code."""

    crc = 0
    """CRC-32 of all symbols so far."""

    def code(self, tables: Distributions, indexes: Indexes, symbols: Integers | None) -> Integers:
        """Code symbols, each with the distribution at its index; both arrays have one dimension.

        An encoder encodes and returns the symbols; a decoder gets None, and returns the decoded symbols.

        Raises:
            CodecError: a symbol is too large.
            DecodeError: the payload cannot be from an encoder with the same arithmetic.
        """
        passed = self._code(tables, indexes, symbols)
        self.crc = zlib.crc32(passed.astype("<i4", copy=False).data, self.crc)
        return passed

    @abc.abstractmethod
    def _code(self, tables: Distributions, indexes: Indexes, symbols: Integers | None) -> Integers: ...


class RangeEncoder(RangeCoder):
    """Encoder."""

    def __init__(self) -> None:
        self._encoder = stream.queue.RangeEncoder()

    def finish(self) -> bytes:
        """The payload."""
        payload: bytes = self._encoder.get_compressed().astype("<u4").tobytes()
        return payload

    def _code(self, tables: Distributions, indexes: Indexes, symbols: Integers | None) -> Integers:
        if symbols is None:
            raise ValueError("an encoder is given its symbols")
        order, groups = tables.groups(indexes)
        by_table = indexes[order]
        places, entries, escaped = tables.entries(by_table, symbols[order])
        for coding, part in groups:
            coding.encode(self._encoder, entries[part])
        if escaped.any():
            self._escape(_fold(places[escaped], tables.sizes[by_table][escaped]))
        return symbols

    def _escape(self, values: NDArray[np.int64]) -> None:
        """Code escaped values as Exp-Golomb codes with uniform bits: all values in two calls."""
        if values.max() >= (1 << ESCAPE_BITS) - 1:
            raise CodecError("the latents of this picture are out of range")
        widths = _widths(values)
        self._encoder.encode(widths, stream.model.Uniform(ESCAPE_BITS))
        wide = widths > 0
        if wide.any():
            ranges = np.left_shift(1, widths[wide], dtype=np.int32)
            self._encoder.encode((values[wide] + 1 - ranges).astype(np.int32), stream.model.Uniform(), ranges)


class RangeDecoder(RangeCoder):
    """Decoder."""

    def __init__(self, payload: bytes) -> None:
        self._num_bits = 8 * len(payload)
        self._bits_beyond = 0.0
        """Lower bound of the bits read after the end of the payload."""
        self._decoder = stream.queue.RangeDecoder(np.frombuffer(payload, "<u4").astype(np.uint32))

    def require_room(self, least_bits: float) -> None:
        """Refuse to decode more symbols than a payload of this length can contain, before allocating memory.

        Raises:
            DecodeError: symbols with at least this number of bits do not fit.
        """
        if least_bits > self._num_bits + _STATE_BITS:
            raise DecodeError(_TOO_SHORT)

    def _code(self, tables: Distributions, indexes: Indexes, symbols: Integers | None) -> Integers:
        if self._decoder.maybe_exhausted():
            # The rest is in the decoder's state. After the payload the decoder reads zeros, which are valid symbols.
            self._bits_beyond += len(indexes) * tables.least_bits
            if self._bits_beyond > _STATE_BITS:
                raise DecodeError(_TOO_SHORT)
        order, groups = tables.groups(indexes)
        by_table = indexes[order]
        places, sizes = np.empty(len(order), np.int32), tables.sizes[by_table]
        try:
            for coding, part in groups:
                places[part] = coding.decode(self._decoder, part.stop - part.start)
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
    """Map positions outside 0 ... sizes - 1 to 0, 1, 2 ...: even numbers above, odd numbers below."""
    wide = places.astype(np.int64)
    return np.where(wide < 0, -2 * wide - 1, 2 * (wide - sizes))


def _widths(values: NDArray[np.int64]) -> Integers:
    """Number of bits after the leading one of value + 1."""
    widths: Integers = np.frexp(values + 1)[1].astype(np.int32) - 1
    return widths


def _unfold(values: NDArray[np.int64], sizes: Integers) -> NDArray[np.int64]:
    return np.where(values % 2, -(values + 1) // 2, values // 2 + sizes)


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
            raise ValueError(f"{len(indexes)} indexes of {len(self.first)} elements; each must be coded once")
        places = np.empty(len(indexes), np.intp)
        places[indexes] = np.arange(len(indexes))
        return places
