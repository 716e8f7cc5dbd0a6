"""Numbers of variable length, against the examples of the specifications and by round trip."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.bpg.bits import BitReader, BitWriter, ByteReader, ue7
from bench.system.errors import DecodeError


@pytest.mark.parametrize(("encoded", "value"), [("08", 8), ("841e", 542), ("acbe17", 728855)])
def test_ue7_is_as_in_the_examples_of_the_bpg_specification(encoded: str, value: int) -> None:
    assert ue7(value) == bytes.fromhex(encoded)
    assert ByteReader(bytes.fromhex(encoded)).ue7() == value


@pytest.mark.parametrize(("value", "code"), [(0, "1"), (1, "010"), (2, "011"), (3, "00100"), (8, "0001001")])
def test_ue_is_as_in_table_9_2_of_h265(value: int, code: str) -> None:
    written = BitWriter().ue(value).to_bytes(stop_bit=False)
    assert f"{int.from_bytes(written, 'big'):0{8 * len(written)}b}".startswith(code)
    assert BitReader(written).ue() == value


@given(st.lists(st.integers(0, 2**31 - 2), max_size=20))
def test_written_numbers_are_read_again(values: list[int]) -> None:
    reader = BitReader(BitWriter().ue(*values).to_bytes(stop_bit=True))
    assert [reader.ue() for _ in values] == values
    assert reader.flag()


@given(st.integers(0, 2**32 - 1))
def test_ue7_is_read_again(value: int) -> None:
    reader = ByteReader(ue7(value) + b"rest")
    assert reader.ue7() == value
    assert reader.rest() == b"rest"


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "cut off"), (b"\x84", "cut off"), (b"\x80\x01", "shortest form"), (b"\xff" * 5 + b"\x7f", "too long")],
)
def test_a_damaged_ue7_is_told(data: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        ByteReader(data).ue7()


@pytest.mark.parametrize(
    ("data", "message"), [(b"", "ends in the middle"), (bytes(5), "too long"), (b"\x01", "middle")]
)
def test_a_damaged_ue_is_told(data: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        BitReader(data).ue()
