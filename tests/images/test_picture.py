from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data
from PIL import Image

from bench.images.image_files import read_picture
from bench.images.picture import Picture, Yuv420
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def save(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


def png16(pixels: np.ndarray) -> bytes:
    """A PNG of 16 bits a sample, which Pillow cannot write: (h, w, 3) of uint16."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", ["png", "ppm", "bmp", "tiff", "webp"])
def test_rgb_is_read_as_it_is(suffix: str, photo: Picture, tmp_path: Path) -> None:
    path = save(Image.fromarray(photo.pixels), tmp_path / f"x.{suffix}", lossless=True)
    picture = read_picture(path)
    assert np.array_equal(picture.pixels, photo.pixels)
    assert picture.pixels.flags.c_contiguous
    assert (picture.width, picture.height) == (128, 96)


def test_grey_is_expanded(tmp_path: Path) -> None:
    grey = skimage.data.camera()[:20, :30]
    picture = read_picture(save(Image.fromarray(grey), tmp_path / "x.png"))
    assert np.array_equal(picture.pixels, np.dstack([grey] * 3))


def test_bilevel_is_expanded(tmp_path: Path) -> None:
    picture = read_picture(save(Image.new("1", (3, 2), 1), tmp_path / "x.png"))
    assert np.array_equal(picture.pixels, np.full((2, 3, 3), 255))


def test_a_palette_is_looked_up(photo: Picture, tmp_path: Path) -> None:
    palette = Image.fromarray(photo.pixels).quantize(16)
    picture = read_picture(save(palette, tmp_path / "x.png"))
    colours = np.array(palette.getpalette()).reshape(-1, 3)
    assert np.array_equal(picture.pixels, colours[np.asarray(palette)])


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_an_opaque_alpha_channel_is_dropped(mode: str, photo: Picture, tmp_path: Path) -> None:
    image = Image.fromarray(photo.pixels).convert(mode)
    picture = read_picture(save(image, tmp_path / "x.png"))
    assert np.array_equal(picture.pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_single_translucent_pixel_is_refused(mode: str, photo: Picture, tmp_path: Path) -> None:
    image = Image.fromarray(photo.pixels).convert(mode)
    alpha = Image.new("L", image.size, 255)
    alpha.putpixel((5, 7), 254)
    image.putalpha(alpha)
    with pytest.raises(UsageError, match=r"x\.png is translucent; flatten it"):
        read_picture(save(image, tmp_path / "x.png"))


def test_a_transparent_palette_entry_is_refused(photo: Picture, tmp_path: Path) -> None:
    image = Image.fromarray(photo.pixels).quantize(16)
    with pytest.raises(UsageError, match="translucent"):
        read_picture(save(image, tmp_path / "x.png", transparency=3))


def test_16_bit_grey_is_refused(tmp_path: Path) -> None:
    image = Image.fromarray(np.full((4, 5), 1000, np.uint16))
    with pytest.raises(UsageError, match=r"x\.png has more than 8 bits per sample"):
        read_picture(save(image, tmp_path / "x.png"))


@pytest.mark.parametrize("suffix", ["png", "ppm"])
def test_16_bit_rgb_is_refused(suffix: str, tmp_path: Path) -> None:
    pixels = np.full((4, 5, 3), 1000, np.uint16)
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(png16(pixels) if suffix == "png" else b"P6 5 4 65535\n" + pixels.astype(">u2").tobytes())
    with pytest.raises(UsageError, match=r"x\.\w+ has more than 8 bits per sample"):
        read_picture(path)


def test_floating_point_is_refused(tmp_path: Path) -> None:
    image = Image.fromarray(np.full((4, 5), 0.5, np.float32))
    with pytest.raises(UsageError, match=r"x\.tiff has more than 8 bits per sample"):
        read_picture(save(image, tmp_path / "x.tiff"))


def test_gamma_and_colour_profiles_are_ignored(photo: Picture, tmp_path: Path) -> None:
    plain = io.BytesIO()
    Image.fromarray(photo.pixels).save(plain, "PNG", icc_profile=b"a profile")
    data, end = plain.getvalue(), 33  # behind the signature and IHDR
    gamma = b"gAMA" + struct.pack(">I", 45455)
    chunk = struct.pack(">I", 4) + gamma + struct.pack(">I", zlib.crc32(gamma))
    path = tmp_path / "x.png"
    path.write_bytes(data[:end] + chunk + data[end:])
    with Image.open(path) as image:
        assert {"gamma", "icc_profile"} <= set(image.info)
    assert np.array_equal(read_picture(path).pixels, photo.pixels)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^cannot read image .*x\.png: No such file or directory$"):
        read_picture(tmp_path / "x.png")


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^cannot read image .*: Is a directory$"):
        read_picture(tmp_path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff"])
@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9])
def test_a_truncated_file_is_told_in_one_line(suffix: str, share: float, photo: Picture, tmp_path: Path) -> None:
    path = save(Image.fromarray(photo.pixels), tmp_path / f"x.{suffix}")
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(UsageError, match=r"^cannot read image .*x\.\w+: [^\n]+$"):
        read_picture(path)


def test_text_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_text("a picture says more")
    with pytest.raises(UsageError, match=r"^cannot read image .*x\.png: it is not an image that Pillow can read$"):
        read_picture(path)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 5), np.uint8),
        np.zeros((4, 5, 4), np.uint8),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((4, 5, 3), np.float32),
    ],
    ids=["grey", "four channels", "empty", "floating point"],
)
def test_what_is_not_8_bit_rgb_makes_no_picture(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"a picture is \(height, width, 3\) of uint8"):
        Picture(pixels)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 1), (6, 4), (7, 5)])
def test_planes_go_to_bytes_and_back(width: int, height: int) -> None:
    half = -(-height // 2), -(-width // 2)
    samples = np.random.default_rng(3).integers(0, 256, height * width + 2 * half[0] * half[1]).astype(np.uint8)
    picture = Yuv420.of_bytes(samples.tobytes(), width, height)
    assert (picture.width, picture.height) == (width, height)
    assert [plane.shape for plane in picture.planes] == [(height, width), half, half]
    assert picture.y[0, 0] == samples[0]
    assert picture.v[-1, -1] == samples[-1]
    assert picture.to_bytes() == samples.tobytes()


@pytest.mark.parametrize("count", [5 * 3 + 2 * 6 - 1, 5 * 3 + 2 * 6 + 1, 5 * 3 + 2 * 2])
def test_another_number_of_samples_makes_no_planes(count: int) -> None:
    with pytest.raises(ValueError, match=f"5x3 in 4:2:0 takes 27 bytes, not {count}"):
        Yuv420.of_bytes(bytes(count), 5, 3)


@pytest.mark.parametrize(
    ("y", "chroma"),
    [((4, 6), (2, 2)), ((5, 6), (2, 3)), ((4, 6), (4, 6)), ((0, 6), (0, 3)), ((4, 6, 1), (2, 3))],
)
def test_planes_of_other_sizes_make_no_picture(y: tuple[int, ...], chroma: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="planes of 4:2:0"):
        Yuv420(np.zeros(y, np.uint8), np.zeros(chroma, np.uint8), np.zeros(chroma, np.uint8))


def test_planes_of_more_than_8_bits_make_no_picture() -> None:
    half = np.zeros((2, 2), np.uint8)
    with pytest.raises(ValueError, match="of uint8"):
        Yuv420(np.zeros((4, 4), np.uint16), half, half)
