"""JPEG XL: its settings, read from the codestream's headers (ISO/IEC 18181-1, annex D and F)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines.jpegxl import JpegXl
from bench.images.picture import Picture
from bench.system.errors import DecodeError

if TYPE_CHECKING:
    from bench.codecs.codec import Scalar

RATIOS = {1: (1, 1), 2: (6, 5), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


class Bits:
    """Reads bits, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self.value = int.from_bytes(data, "little")
        self.read = 0

    def u(self, count: int) -> int:
        field = (self.value >> self.read) & ((1 << count) - 1)
        self.read += count
        return field

    def one_of(self, *choices: tuple[int, int]) -> int:
        """A U32: two bits choose an offset and a number of bits."""
        offset, count = choices[self.u(2)]
        return offset + self.u(count)


@dataclass(frozen=True)
class Header:
    width: int
    height: int
    bits: int
    xyb: bool
    modular: bool


def header_of(data: bytes) -> Header:
    """What the headers of a codestream without extra channels or a profile say."""
    assert data[:2] == b"\xff\x0a"
    bits = Bits(data[2:66])
    width, height = size(bits)
    depth, xyb = metadata(bits)
    bits.read += -bits.read % 8
    modular = False
    if not bits.u(1):  # the frame's header is not all default
        bits.u(2)
        modular = bits.u(1) == 1
    return Header(width, height, depth, xyb, modular)


def size(bits: Bits) -> tuple[int, int]:
    small = bits.u(1)

    def side() -> int:
        return 8 * (1 + bits.u(5)) if small else bits.one_of((1, 9), (1, 13), (1, 18), (1, 30))

    height = side()
    ratio = bits.u(3)
    if not ratio:
        return side(), height
    across, down = RATIOS[ratio]
    return height * across // down, height


def metadata(bits: Bits) -> tuple[int, bool]:
    """Bits a sample and whether the colour space is XYB."""
    depth, xyb = 8, True
    if not bits.u(1):
        assert not bits.u(1)  # no orientation, preview or animation
        assert not bits.u(1)  # integers
        depth = bits.one_of((8, 0), (10, 0), (12, 0), (1, 6))
        bits.u(1)
        assert bits.one_of((0, 0), (1, 0), (2, 4), (1, 12)) == 0  # extra channels
        xyb = bits.u(1) == 1
        if not bits.u(1):
            pytest.skip("this test does not read colour encodings")
        if not bits.u(1):  # extensions
            raise AssertionError
    bits.u(1)  # default transform
    return depth, xyb


def changed(**settings: Scalar) -> type[JpegXl]:
    return type("Changed", (JpegXl,), {"settings": {**JpegXl.settings, **settings}})


@pytest.mark.parametrize("distance", [0.05, 0.5, 2, 9, 15])
@pytest.mark.parametrize(("width", "height"), [(128, 96), (96, 96), (91, 77)])
def test_the_codestream_is_lossy_xyb_of_eight_bits(width: int, height: int, distance: float, photo: Picture) -> None:
    picture = Picture(np.ascontiguousarray(photo.pixels[:height, :width]))
    header = header_of(JpegXl(distance).encode(picture))
    assert header == Header(width, height, bits=8, xyb=True, modular=False)


def test_the_reader_of_this_test_sees_other_settings(photo: Picture) -> None:
    assert header_of(changed(modular=1)(2).encode(photo)).modular


@pytest.mark.parametrize(("setting", "value"), [("effort", 3), ("xyb", 0), ("modular", 1)])
def test_each_setting_decides_the_bytes(setting: str, value: int, photo: Picture) -> None:
    codec = changed(**{setting: value})
    data = codec(2).encode(photo)
    assert data != JpegXl(2).encode(photo)
    assert codec(2).decode(data).pixels.shape == photo.pixels.shape


def test_every_setting_is_tried_above() -> None:
    assert set(JpegXl.settings) == {"effort", "xyb", "modular"}


def test_the_effort_is_libjxls_default(photo: Picture) -> None:
    default = type("Default", (JpegXl,), {"settings": {}})
    assert default(2).encode(photo) == JpegXl(2).encode(photo)


def test_chroma_keeps_its_resolution() -> None:
    """Columns of red and blue, one pixel wide: with half chroma they would be one purple."""
    columns = np.where(np.arange(64)[None, :, None] % 2, [255, 0, 0], [0, 0, 255]).astype(np.uint8)
    picture = Picture(np.repeat(columns, 64, axis=0))
    decoded = JpegXl(0.5).decode(JpegXl(0.5).encode(picture)).pixels.astype(float)
    assert decoded[:, 1::2, 0].mean() - decoded[:, 0::2, 0].mean() > 200


def test_another_build_of_the_decoder_gives_the_same_picture(photo: Picture) -> None:
    imagecodecs = pytest.importorskip("imagecodecs", reason="pip install imagecodecs for a second decoder of JPEG XL")
    for distance in (0.5, 2, 9):
        data = JpegXl(distance).encode(photo)
        theirs = imagecodecs.jpegxl_decode(data)
        assert np.abs(theirs.astype(int) - JpegXl(distance).decode(data).pixels).max() <= 1


def test_what_is_no_codestream_is_refused_at_once() -> None:
    for data in (b"", b"\xff", b"\xff\xd8\xff\xe0", b"\0\0\0\x0cJXL \r\n\x87\n"):
        with pytest.raises(DecodeError, match="not a JPEG XL codestream"):
            JpegXl(2).decode(data)


def test_the_version_names_ffmpeg() -> None:
    assert JpegXl(2).backend_version.startswith("libjxl of ffmpeg ")
