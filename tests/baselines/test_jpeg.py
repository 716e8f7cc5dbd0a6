from __future__ import annotations

import io
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageFile

from baselines.jpeg import Jpeg, Jpeg444, JpegOptimised
from bench.images import ffmpeg
from bench.images.colour import to_yuv420
from bench.images.picture import Picture, Yuv420
from bench.system.errors import CodecError, DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BACKENDS = ["pillow", pytest.param("external", marks=pytest.mark.binaries)]
START_OF_FRAME = {0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive"}


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers of a JPEG file up to its first scan, with their contents (ITU-T T.81, B.1.1)."""
    position = 2
    while data[position + 1] != 0xDA:
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        yield data[position + 1], data[position + 4 : position + 2 + length]
        position += 2 + length


def frame(data: bytes) -> tuple[str, list[tuple[int, int]]]:
    """The process of a JPEG file and each component's sampling factors."""
    marker, content = next(segment for segment in segments(data) if segment[0] in START_OF_FRAME)
    factors = [content[7 + 3 * component] for component in range(content[5])]
    return START_OF_FRAME[marker], [(factor >> 4, factor & 15) for factor in factors]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("codec", "process", "luma"),
    [(Jpeg, "baseline", (2, 2)), (Jpeg444, "baseline", (1, 1)), (JpegOptimised, "progressive", (2, 2))],
)
def test_the_file_has_the_process_and_the_sampling_of_the_settings(
    codec: type[Jpeg], process: str, luma: tuple[int, int], backend: str, photo: Picture
) -> None:
    for quality in (5, 50, 95):
        assert frame(codec(quality, backend=backend).encode(photo)) == (process, [luma, (1, 1), (1, 1)])


@pytest.mark.parametrize("backend", BACKENDS)
def test_optimised_tables_save_bytes_and_change_no_pixel(backend: str, photo: Picture) -> None:
    plain, optimised = Jpeg(75, backend=backend), JpegOptimised(75, backend=backend)
    a, b = plain.encode(photo), optimised.encode(photo)
    assert len(b) < len(a)
    assert np.array_equal(plain.decode(a).pixels, optimised.decode(b).pixels)


def test_jpeg_is_what_compressai_calls_jpeg(photo: Picture) -> None:
    file = io.BytesIO()
    Image.fromarray(photo.pixels).save(file, format="jpeg", quality=40)
    assert Jpeg(40).encode(photo) == file.getvalue()


@pytest.mark.binaries
@pytest.mark.parametrize("codec", [Jpeg, Jpeg444, JpegOptimised])
@pytest.mark.parametrize("quality", [5, 50, 95])
def test_cjpeg_of_the_same_library_writes_the_bytes_of_pillow(codec: type[Jpeg], quality: int, photo: Picture) -> None:
    inside, outside = codec(quality), codec(quality, backend="external")
    if not inside.backend_version.startswith("libjpeg-turbo") or "libjpeg-turbo" not in outside.backend_version:
        pytest.skip(f"{inside.backend_version} and {outside.backend_version} need not agree")
    data = inside.encode(photo)
    assert outside.encode(photo) == data
    assert np.array_equal(outside.decode(data).pixels, inside.decode(data).pixels)


@pytest.mark.parametrize("quality", [90, 94, 95, 100])
def test_noise_at_high_quality_fits_pillows_buffer(quality: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "MAXBLOCK", 65536)
    pixels = np.random.default_rng(0).integers(0, 2, (300, 300, 3)).astype(np.uint8) * 255
    assert len(JpegOptimised(quality).encode(Picture(pixels))) > 90_000


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_side_beyond_65500_pixels_is_refused(backend: str) -> None:
    with pytest.raises(CodecError, match=r"JPEG supports at most 65500 pixels per side; this picture is 65501 x 1$"):
        Jpeg(50, backend=backend).encode(Picture(np.zeros((1, 65501, 3), np.uint8)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_header_that_claims_gigapixels_is_refused_before_decoding(backend: str, photo: Picture) -> None:
    codec = Jpeg(50, backend=backend)
    data = codec.encode(photo)
    height_and_width = photo.height.to_bytes(2, "big") + photo.width.to_bytes(2, "big")
    assert data.count(height_and_width) == 1
    with pytest.raises(DecodeError, match="decompression bomb"):
        codec.decode(data.replace(height_and_width, b"\xff\xdc\xff\xdc"))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("form", ["PNG", "WEBP", "JPEG2000"])
def test_a_file_of_another_format_is_refused(backend: str, form: str, photo: Picture) -> None:
    file = io.BytesIO()
    Image.fromarray(photo.pixels).save(file, form)
    with pytest.raises(DecodeError, match="not a JPEG file"):
        Jpeg(50, backend=backend).decode(file.getvalue())


def test_a_grey_jpeg_is_none_of_ours() -> None:
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG")
    with pytest.raises(DecodeError, match="has L, not 8-bit RGB"):
        Jpeg(50).decode(file.getvalue())


@pytest.mark.parametrize("codec", [Jpeg, JpegOptimised])
@pytest.mark.parametrize("quality", [5, 50, 95])
def test_planes_are_those_that_another_decoder_finds(
    codec: type[Jpeg], quality: int, photo: Picture, tmp_path: Path
) -> None:
    """ffmpeg's decoder gives planes as they are; its transform rounds otherwise by a level."""
    planes = to_yuv420(Picture(np.ascontiguousarray(photo.pixels[:93, :121])))
    data = codec(quality).encode_yuv420(planes)
    (tmp_path / "x.jpg").write_bytes(data)
    command = [ffmpeg.program(), "-loglevel", "error", "-nostdin", "-idct", "int", "-f", "mjpeg", "-i", "x.jpg"]
    output = ["-f", "rawvideo", "-pix_fmt", "yuvj420p", "pipe:1"]
    done = subprocess.run([*command, *output], cwd=tmp_path, capture_output=True, check=True)
    theirs = Yuv420.of_bytes(done.stdout, 121, 93)
    for a, b in zip(codec(quality).decode_yuv420(data).planes, theirs.planes, strict=True):
        assert np.abs(a.astype(int) - b).max() <= 1


def test_planes_are_coded_as_they_are() -> None:
    """Blocks of one level survive quality 100 exactly, so nothing but the codec's rounding touches the planes."""
    generator = np.random.default_rng(4)
    y, u, v = (
        generator.integers(0, 256, (size, size)).astype(np.uint8).repeat(8, 0).repeat(8, 1) for size in (6, 3, 3)
    )
    codec = Jpeg(100)
    decoded = codec.decode_yuv420(codec.encode_yuv420(Yuv420(y, u, v)))
    for a, b in zip((y, u, v), decoded.planes, strict=True):
        assert np.array_equal(a, b)


def test_a_file_of_planes_is_an_ordinary_jpeg(photo: Picture) -> None:
    planes = to_yuv420(photo)
    data = Jpeg(75).encode_yuv420(planes)
    assert frame(data) == ("baseline", [(2, 2), (1, 1), (1, 1)])
    assert np.mean((Jpeg(75).decode(data).pixels.astype(float) - photo.pixels) ** 2) < 60


def test_planes_of_another_subsampling_are_refused(photo: Picture) -> None:
    with pytest.raises(DecodeError, match="has other planes than 4:2:0"):
        Jpeg(75).decode_yuv420(Jpeg444(75).encode(photo))


def test_planes_of_more_pixels_than_the_format_holds_are_refused() -> None:
    wide = np.zeros((1, 65501), np.uint8), np.zeros((1, 32751), np.uint8), np.zeros((1, 32751), np.uint8)
    with pytest.raises(CodecError, match="supports at most 65500 pixels per side"):
        Jpeg(50).encode_yuv420(Yuv420(*wide))
