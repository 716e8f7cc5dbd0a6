from __future__ import annotations

import zlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench.learned.coding.strings import Strings, Value, pack, unpack
from bench.system.errors import CodecError, DecodeError

WEIGHTS = b"\x01\x02\x03\x04"

values: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.lists(values, max_size=3))
def test_what_is_packed_comes_back(arguments: list[Value]) -> None:
    strings = Strings(300, 7, arguments)
    try:
        data = pack(WEIGHTS, strings)
    except CodecError:
        return  # deeper than files go
    assert unpack(data, WEIGHTS) == strings


def test_a_shape_is_a_tuple_of_numbers() -> None:
    data = pack(WEIGHTS, Strings(64, 64, [[[b"y" * 100], [b"z" * 9]], torch.Size((1, 2))]))
    assert unpack(data, WEIGHTS).arguments == [[[b"y" * 100], [b"z" * 9]], (1, 2)]
    assert len(data) - 109 <= 40


def test_what_no_file_holds_is_named() -> None:
    with pytest.raises(CodecError, match="compress gave a Tensor; files can store numbers, text, bytes"):
        pack(WEIGHTS, Strings(1, 1, [torch.zeros(3)]))  # type: ignore[list-item]
    deep: Value = []
    for _ in range(20):
        deep = [deep]
    with pytest.raises(CodecError, match="more than 8 nested lists"):
        pack(WEIGHTS, Strings(1, 1, [deep]))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_that_would_not_be_read_is_not_written(sign: int) -> None:
    largest = [sign * ((1 << 35) - 1)]
    assert unpack(pack(WEIGHTS, Strings(1, 1, [*largest])), WEIGHTS).arguments == largest
    with pytest.raises(CodecError, match=f"compress gave the number {sign << 35}, which is too large for a file"):
        pack(WEIGHTS, Strings(1, 1, [sign << 35]))


def test_damage_and_other_weights_are_found() -> None:
    data = pack(WEIGHTS, Strings(300, 200, [[[b"string"]], (3, 4)]))
    for place in range(len(data)):
        damaged = bytes([*data[:place], data[place] ^ 0x55, *data[place + 1 :]])
        with pytest.raises(DecodeError):
            unpack(damaged, WEIGHTS)
        with pytest.raises(DecodeError):
            unpack(data[:place], WEIGHTS)
    with pytest.raises(DecodeError, match=r"written with other weights: 01020304…, not 05060708…"):
        unpack(data, b"\x05\x06\x07\x08")


@given(st.binary(max_size=40), st.binary(max_size=10))
def test_an_outline_that_means_nothing_is_refused(outline: bytes, contents: bytes) -> None:
    start = b"LIM\x01" + WEIGHTS + b"\x08\x08"
    deflated = zlib.compress(outline, 9)[2:-4]
    payload = bytes([len(deflated)]) + deflated + contents
    data = start + zlib.crc32(payload, zlib.crc32(start)).to_bytes(4, "little") + payload
    try:
        found = unpack(data, WEIGHTS)
    except DecodeError:
        return
    assert isinstance(found.arguments, list)


def test_a_file_of_an_accelerator_is_decoded_only_there() -> None:
    strings = Strings(300, 200, [[[b"string"]], (3, 4)])
    of_cpu, of_gpu = pack(WEIGHTS, strings), pack(WEIGHTS, strings, "NVIDIA H100")
    assert unpack(of_gpu, WEIGHTS, "NVIDIA H100") == strings
    assert len(of_gpu) == len(of_cpu) + 1 + len("NVIDIA H100")
    with pytest.raises(
        DecodeError, match=r"^written on NVIDIA H100, and a float model decodes only there; this is cpu"
    ):
        unpack(of_gpu, WEIGHTS)
    with pytest.raises(DecodeError, match=r"written on cpu, .* this is NVIDIA H100 .codecs whose names end in -int"):
        unpack(of_cpu, WEIGHTS, "NVIDIA H100")
    for place in range(len(of_gpu)):
        with pytest.raises(DecodeError):
            unpack(of_gpu[:place], WEIGHTS, "NVIDIA H100")


def test_another_version_is_named() -> None:
    data = bytearray(pack(WEIGHTS, Strings(3, 2, [])))
    data[3] = 9
    with pytest.raises(DecodeError, match="format version 9; this version of bench reads 1 and 2"):
        unpack(bytes(data), WEIGHTS)
