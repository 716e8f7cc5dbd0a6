from __future__ import annotations

import dataclasses
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.learned.coding.container import MAX_PIXELS, FileContent, Identity, pack, unpack
from bench.learned.coding.tiles import WHOLE
from bench.learned.families import FILE_IDS, YUV420, parts_of
from bench.system.errors import CodecError, DecodeError

IDENTITY = Identity("joint", 3, "0123456789abcdef" * 4)
KODAK = FileContent(768, 512, 0xDEADBEEF, b"four" * 10)


def resealed(data: bytes, sides: int = 4) -> bytes:
    """Recompute the checksum of changed data; `sides` is the number of bytes of width and height."""
    start, rest = data[: 10 + sides], data[18 + sides :]
    latents = data[10 + sides : 14 + sides]
    return start + latents + zlib.crc32(start + latents + rest).to_bytes(4, "little") + rest


def test_the_header_of_a_kodak_picture_takes_22_bytes() -> None:
    assert len(pack(IDENTITY, KODAK)) - len(KODAK.payload) == 22


@given(
    st.sampled_from(sorted(FILE_IDS.values())),
    st.integers(0, 255),
    st.integers(1, 8000),
    st.integers(1, 8000),
    st.binary(max_size=40),
)
def test_what_is_packed_is_unpacked(family: str, quality: int, width: int, height: int, payload: bytes) -> None:
    identity = dataclasses.replace(IDENTITY, family=family, quality=quality)
    content = FileContent(width, height, 7, payload + bytes(-len(payload) % 4))
    if parts_of(family)[0] in YUV420:
        content = dataclasses.replace(content, full_range=bool(quality % 2), indicator=width % 4)
    assert unpack(pack(identity, content), identity) == content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "hyper"}, "a file of joint@3; this is hyper@3"),
        ({"quality": 4}, "a file of joint@3; this is joint@4"),
        ({"weights_sha256": "ff" * 32}, r"other weights of joint@3: 01234567…, not ffffffff…"),
    ],
)
def test_a_file_of_another_model_is_refused_by_name(change: dict[str, object], message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        unpack(pack(IDENTITY, KODAK), dataclasses.replace(IDENTITY, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("length", range(0, 60, 3))
def test_a_file_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(DecodeError):
        unpack(pack(IDENTITY, KODAK)[:length], IDENTITY)


def test_each_flipped_bit_is_found() -> None:
    data = pack(IDENTITY, KODAK)
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DecodeError):
            unpack(bytes(flipped), IDENTITY)


def test_another_version_is_named() -> None:
    data = bytearray(pack(IDENTITY, KODAK))
    data[3] = 9
    with pytest.raises(DecodeError, match="format version 9; this version of bench reads 1 and 2"):
        unpack(bytes(data), IDENTITY)


def test_a_family_of_a_later_version_is_named_by_its_number() -> None:
    data = bytearray(pack(IDENTITY, KODAK))
    data[4] = 77
    with pytest.raises(DecodeError, match="a file of number 77@3"):
        unpack(resealed(bytes(data)), IDENTITY)


def test_the_form_of_planes_is_a_byte_of_which_three_bits_mean_something() -> None:
    planar = dataclasses.replace(IDENTITY, family="cca")
    assert len(pack(planar, KODAK)) == len(pack(IDENTITY, KODAK)) + 1
    contents = [
        dataclasses.replace(KODAK, full_range=full_range, indicator=indicator)
        for full_range in (False, True)
        for indicator in range(4)
    ]
    files = [pack(planar, content) for content in contents]
    assert {file[14] for file in files} == set(range(8))
    assert [unpack(file, planar) for file in files] == contents


@pytest.mark.parametrize("byte", [8, 13, 255])
def test_planes_of_an_unknown_form_are_refused(byte: int) -> None:
    planar = dataclasses.replace(IDENTITY, family="cca")
    data = bytearray(pack(planar, KODAK))
    data[14] = byte
    with pytest.raises(DecodeError, match=f"unknown kind .{byte}."):
        unpack(resealed(bytes(data), sides=5), planar)


def test_half_a_word_is_refused() -> None:
    with pytest.raises(DecodeError, match="words of 4 bytes"):
        unpack(resealed(pack(IDENTITY, KODAK) + b"?"), IDENTITY)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (65_536, 1), (16_384, 8193)])
def test_impossible_sizes_are_refused_on_both_sides(size: tuple[int, int]) -> None:
    with pytest.raises(CodecError, match=f"a picture of {size[0]}x{size[1]}"):
        pack(IDENTITY, FileContent(*size, 0, b""))


def test_an_absurd_size_in_a_file_is_refused() -> None:
    assert MAX_PIXELS < 65_535 * 65_535
    content = FileContent(65_535, 1024, 0, b"")
    data = pack(IDENTITY, content)
    absurd = data[:13] + data[10:13] + data[15:]  # the height becomes the width
    with pytest.raises(DecodeError, match="a picture of 65535x65535"):
        unpack(resealed(absurd, sides=6), IDENTITY)


BIG = FileContent(12288, 8192, 0xDEADBEEF, b"four" * 3, side=2048)

BEFORE_TILES = {
    ("joint", 768, 512): "4c49430104030123456780068004efbeadde5659f6c7666f7572666f7572666f7572",
    ("cca", 6000, 4000): "4c494301080301234567f02ea01f05efbeadde030f1601666f7572666f7572666f7572",
}
"""Files written by versions without tiles, by family and size. The second is of a size that is now tiled."""


@pytest.mark.parametrize(("file", "data"), BEFORE_TILES.items())
def test_files_from_before_tiles_are_read_and_written_as_they_were(file: tuple[str, int, int], data: str) -> None:
    family, width, height = file
    identity = dataclasses.replace(IDENTITY, family=family)
    content = FileContent(width, height, 0xDEADBEEF, b"four" * 3, indicator=2 if family == "cca" else 0)
    assert unpack(bytes.fromhex(data), identity) == content
    assert content.side == WHOLE
    assert pack(identity, content).hex() == data


def test_tiles_cost_a_byte() -> None:
    whole = dataclasses.replace(BIG, side=WHOLE)
    assert len(pack(IDENTITY, BIG)) == len(pack(IDENTITY, whole)) + 1
    for family in ("joint", "cca"):
        identity = dataclasses.replace(IDENTITY, family=family)
        content = dataclasses.replace(BIG, full_range=False, indicator=1) if family == "cca" else BIG
        assert unpack(pack(identity, content), identity) == content


@pytest.mark.parametrize("side", [0, 64, 960, 2112, 255 * 64])
def test_tiles_that_would_take_too_much_are_refused_in_a_line(side: int) -> None:
    data = bytearray(pack(IDENTITY, BIG))
    data[14] = side // 64
    with pytest.raises(DecodeError, match=f"^tiles of {side}x{side} pixels; their sides are 1024 to 2048$"):
        unpack(resealed(bytes(data), sides=5), IDENTITY)


def test_134_megapixels_are_coded_in_tiles_and_67_without() -> None:
    for side, height in ((2048, 8192), (WHOLE, 4096)):
        largest = FileContent(16384, height, 0, b"", side=side)
        assert unpack(pack(IDENTITY, largest), IDENTITY) == largest
    with pytest.raises(DecodeError, match="a picture of 16384x4097: sides are 1 to 65535, at most 67108864 pixels"):
        unpack(pack(IDENTITY, FileContent(16384, 4097, 0, b"")), IDENTITY)
