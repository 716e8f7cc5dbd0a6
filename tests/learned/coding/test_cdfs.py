from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.learned.coding.cdfs import Cdfs, RangeDecoder, RangeEncoder
from bench.learned.models.entropy import Gaussian
from bench.learned.models.quantization import MAX_SYMBOL
from bench.system.errors import CodecError, DecodeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCALES = (0.11, 1.0, 20.0)


@pytest.fixture(scope="module")
def tables() -> Cdfs:
    conditional = Gaussian()
    conditional.scale_table = torch.tensor(SCALES)
    conditional.update()
    return Cdfs.of(conditional)


def there_and_back(tables: Cdfs, pieces: list[tuple[NDArray[np.uint8], NDArray[np.int32]]]) -> int:
    """Write pieces, read them, and return the number of bytes."""
    writer = RangeEncoder()
    for indexes, symbols in pieces:
        writer.code(tables, indexes, symbols)
    payload = writer.finish()
    reader = RangeDecoder(payload)
    for indexes, symbols in pieces:
        assert np.array_equal(reader.code(tables, indexes, None), symbols)
    assert reader.crc == writer.crc
    return len(payload)


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.integers(0, len(SCALES) - 1),
                st.integers(-300, 300) | st.integers(-MAX_SYMBOL // 4, MAX_SYMBOL // 4),
            ),
            min_size=1,
        )
    )
)
def test_any_symbols_come_back_also_those_outside_the_tables(tables: Cdfs, pieces: list[list[tuple[int, int]]]) -> None:
    columns = [np.array(piece).T for piece in pieces]
    coded = [(column[0].astype(np.uint8), column[1].astype(np.int32)) for column in columns]
    num_bytes = there_and_back(tables, coded)
    bits = sum(tables.bits(*piece).sum() for piece in coded)
    # The coder has frequencies in 2^-24, and adds one to the share of each entry, which is 256 or more.
    spared_bits = np.log2(257 / 256) * sum(map(len, pieces))
    assert -spared_bits / 8 <= num_bytes - bits / 8 <= 8 + 1e-4 * bits / 8


def test_symbols_take_what_their_distribution_says(tables: Cdfs) -> None:
    generator = np.random.default_rng(1)
    indexes = generator.integers(1, 3, 20_000).astype(np.uint8)
    scales = np.array(SCALES)[indexes]
    symbols = np.round(generator.normal(0, scales)).astype(np.int32)
    entropy_bits = np.sum(
        0.5 * np.log2(2 * np.pi * np.e * (scales**2 + 1 / 12))
    )  # of a Gaussian with the same variance
    assert 8 * there_and_back(tables, [(indexes, symbols)]) == pytest.approx(entropy_bits, rel=0.005)


def test_an_escape_costs_four_bytes(tables: Cdfs) -> None:
    # 16 bits for the escape of the narrowest table, 4.6 for the length of 2000, 10 for its digits.
    bits = 16 + np.log2(24) + 10
    num_bytes = there_and_back(tables, [(np.zeros(100, np.uint8), np.full(100, -1000, np.int32))])
    assert num_bytes == pytest.approx(100 * bits / 8, abs=8)


@pytest.mark.parametrize("symbol", [MAX_SYMBOL, -MAX_SYMBOL, np.iinfo(np.int32).min])
def test_what_is_beyond_all_bounds_is_refused(tables: Cdfs, symbol: int) -> None:
    with pytest.raises(CodecError, match="out of range"):
        RangeEncoder().code(tables, np.zeros(1, np.uint8), np.array([symbol], np.int32))


def test_the_checksum_tells_symbols_apart(tables: Cdfs) -> None:
    checksums = set()
    for symbol in range(-5, 5):
        writer = RangeEncoder()
        writer.code(tables, np.ones(3, np.uint8), np.array([0, symbol, 0], np.int32))
        checksums.add(writer.crc)
    assert len(checksums) == 10


def test_the_likeliest_symbols_are_let_in_and_more_than_fit_are_not(tables: Cdfs) -> None:
    count = 4_000_000
    writer = RangeEncoder()
    writer.code(tables, np.zeros(count, np.uint8), np.zeros(count, np.int32))
    payload = writer.finish()
    RangeDecoder(payload).require_room(count * tables.least_bits)
    with pytest.raises(DecodeError, match="too short for the size of the picture"):
        RangeDecoder(payload).require_room(3 * count * tables.least_bits)


def test_what_is_read_behind_the_end_of_a_payload_is_refused(tables: Cdfs) -> None:
    generator, writer = np.random.default_rng(2), RangeEncoder()
    indexes, symbols = np.zeros(4000, np.uint8), generator.integers(-1, 2, 4000).astype(np.int32)
    for part in np.split(symbols, 40):
        writer.code(tables, indexes[:100], part)
    payload = writer.finish()
    reader = RangeDecoder(payload)
    assert np.array_equal(np.concatenate([reader.code(tables, indexes[:100], None) for _ in range(40)]), symbols)
    one_more = int(64 / tables.least_bits) + 1
    with pytest.raises(DecodeError, match="too short for the size of the picture"):
        reader.code(tables, np.zeros(one_more, np.uint8), None)


def test_the_least_of_each_table_is_what_its_likeliest_symbol_takes(tables: Cdfs) -> None:
    for index, least in enumerate(tables.least_bits_of_each):
        symbols = np.arange(tables.first[index] - 1, tables.first[index] + tables.sizes[index] + 1, dtype=np.int32)
        assert tables.bits(np.full(len(symbols), index, np.uint8), symbols).min() == least
    assert tables.least_bits == tables.least_bits_of_each.min()


@pytest.mark.parametrize("payload", [b"", bytes(8), b"\xff" * 8, b"\xff" * 40])
def test_what_no_encoder_writes_is_refused_or_read_as_something(tables: Cdfs, payload: bytes) -> None:
    try:
        symbols = RangeDecoder(payload).code(tables, np.zeros(50, np.uint8), None)
    except DecodeError:
        return
    assert symbols.shape == (50,)
