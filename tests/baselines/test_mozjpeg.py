"""mozjpeg: its settings, read from the bytes that it writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines import ffmpeg_codec
from baselines.jpeg import Jpeg, JpegOptimised
from baselines.mozjpeg import MozJpeg
from bench.images.picture import Picture
from bench.system.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Iterator

reason = MozJpeg.missing()
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")

QUANTISERS, PROGRESSIVE, HUFFMAN, SCAN, END = 0xDB, 0xC2, 0xC4, 0xDA, 0xD9

# N. Robidoux's table, which mozjpeg's cjpeg takes by default (-quant-table 3), first row and last row.
ROBIDOUX = ([16, 16, 16, 18, 25, 37, 56, 85], [85, 75, 135, 156, 189, 238, 311, 418])

OTHER_VALUES = {
    "subsample_mode": "off",
    "interlace": False,
    "optimize_scans": False,
    "trellis_quant": False,
    "overshoot_deringing": False,
    "quant_table": 0,
}


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers of a JPEG file with their contents; what is coded is passed over (ITU-T T.81, B.1.1)."""
    position = 2
    while data[position + 1] != END:
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        yield data[position + 1], data[position + 4 : position + 2 + length]
        following = re.compile(rb"\xff[^\0\xd0-\xd7]").search(data, position + 2 + length)
        assert following
        position = following.start()


def zigzag() -> list[int]:
    """Where the numbers of a quantisation table stand: row by row index of each, in the order of the file."""
    cells = [(row, column) for row in range(8) for column in range(8)]
    ordered = sorted(cells, key=lambda cell: (sum(cell), cell[0] if sum(cell) % 2 else cell[1]))
    return [8 * row + column for row, column in ordered]


def test_it_is_a_progressive_file_of_420_without_metadata(photo: Picture) -> None:
    for quality in (5, 50, 95):
        parts = list(segments(MozJpeg(quality).encode(photo)))
        # Not even JFIF's own marker.
        assert {marker for marker, _ in parts} == {QUANTISERS, PROGRESSIVE, HUFFMAN, SCAN}
        (frame,) = (content for marker, content in parts if marker == PROGRESSIVE)
        assert frame[0] == 8  # bits
        assert [frame[6 + 3 * component + 1] for component in range(frame[5])] == [0x22, 0x11, 0x11]


def test_the_quantisers_are_robidouxs(photo: Picture) -> None:
    tables = [content[1:] for marker, content in segments(MozJpeg(50).encode(photo)) if marker == QUANTISERS]
    assert len(tables) == 2  # luma and chroma
    for table in tables:
        rows = [0] * 64
        for place, value in zip(zigzag(), table, strict=True):
            rows[place] = value
        assert rows[:8] == ROBIDOUX[0]
        assert rows[56:] == [min(value, 255) for value in ROBIDOUX[1]]


def test_the_scans_are_searched_for_each_picture(photographs: dict[str, Picture]) -> None:
    def scans(picture: Picture) -> list[bytes]:
        return [content for marker, content in segments(MozJpeg(75).encode(picture)) if marker == SCAN]

    found = {name: scans(picture) for name, picture in photographs.items()}
    assert len({tuple(script) for script in found.values()}) > 1
    usual = [content for marker, content in segments(JpegOptimised(75).encode(photographs["coffee"])) if marker == SCAN]
    assert found["coffee"] != usual


@pytest.mark.parametrize(("setting", "value"), OTHER_VALUES.items())
def test_each_setting_decides_the_bytes(setting: str, value: str | int, photo: Picture) -> None:
    # Overshoot has white or black beside an edge to start from.
    pixels = photo.pixels.copy()
    pixels[20:60, 30:70] = 255
    picture = Picture(pixels)
    changed = type("Changed", (MozJpeg,), {"settings": {**MozJpeg.settings, setting: value}})
    assert changed(50).encode(picture) != MozJpeg(50).encode(picture)


def test_every_setting_is_tried_above() -> None:
    assert set(OTHER_VALUES) == set(MozJpeg.settings)


def test_other_decoders_give_the_same_picture(photo: Picture) -> None:
    pyvips = pytest.importorskip("pyvips")
    data = MozJpeg(75).encode(photo)
    ours = MozJpeg(75).decode(data).pixels
    theirs = np.frombuffer(pyvips.Image.new_from_buffer(data, "").write_to_memory(), np.uint8).reshape(ours.shape)
    assert np.array_equal(ours, theirs)
    # ffmpeg's own decoder: its luma only, since it doubles chroma by another filter.
    planes = ffmpeg_codec.run(["-f", "mjpeg", "-i", "a.jpg", "-f", "rawvideo", "-pix_fmt", "gray"], {"a.jpg": data})
    grey = np.frombuffer(planes, np.uint8).reshape(ours.shape[:2])
    difference = grey - ours @ np.array([0.299, 0.587, 0.114])
    assert np.abs(difference).mean() < 0.5


def test_it_needs_less_rate_than_jpeg_at_equal_error(photographs: dict[str, Picture]) -> None:
    """On Kodak it is 18 % on average."""
    picture = photographs["coffee"]

    def log_size_and_mse(codec: type[Jpeg | MozJpeg], quality: float) -> tuple[float, float]:
        data = codec(quality).encode(picture)
        mse = np.mean((codec(quality).decode(data).pixels - picture.pixels.astype(float)) ** 2)
        return float(np.log(len(data))), float(mse)

    jpeg_log_size, jpeg_mse = log_size_and_mse(Jpeg, 75)
    log_sizes, errors = zip(*(log_size_and_mse(MozJpeg, quality) for quality in (88, 80, 72, 64)), strict=True)
    saved = np.interp(jpeg_mse, errors, log_sizes) - jpeg_log_size
    assert np.log(0.7) < saved < np.log(0.95)


def test_a_picture_is_coded_anew_each_time(photo: Picture) -> None:
    """libvips keeps results of operations, and a second encode would take no time."""
    import pyvips  # noqa: PLC0415

    MozJpeg(50).encode(photo)
    assert pyvips.cache_get_size() == 0


def test_a_side_beyond_what_jpeg_holds_is_refused() -> None:
    with pytest.raises(CodecError, match=r"supports at most 65500 pixels per side; this picture is 65501 x 1$"):
        MozJpeg(50).encode(Picture(np.zeros((1, 65501, 3), np.uint8)))


def test_the_version_names_libvips() -> None:
    assert re.fullmatch(r"mozjpeg of libvips \d+\.\d+\.\d+ \(pyvips \S+\)", MozJpeg(50).backend_version)
