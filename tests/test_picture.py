from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data
from PIL import Image

from bench.errors import UsageError
from bench.picture import Picture, double, halve, luma, read_picture, to_rgb, to_ycbcr

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
    with pytest.raises(UsageError, match=r"x\.png has more than 8 bits a sample"):
        read_picture(save(image, tmp_path / "x.png"))


@pytest.mark.parametrize("suffix", ["png", "ppm"])
def test_16_bit_rgb_is_refused(suffix: str, tmp_path: Path) -> None:
    pixels = np.full((4, 5, 3), 1000, np.uint16)
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(png16(pixels) if suffix == "png" else b"P6 5 4 65535\n" + pixels.astype(">u2").tobytes())
    with pytest.raises(UsageError, match=r"x\.\w+ has more than 8 bits a sample"):
        read_picture(path)


def test_floating_point_is_refused(tmp_path: Path) -> None:
    image = Image.fromarray(np.full((4, 5), 0.5, np.float32))
    with pytest.raises(UsageError, match=r"x\.tiff has more than 8 bits a sample"):
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
    with pytest.raises(UsageError, match=r"cannot read image .*x\.png"):
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


def test_luma_of_grey_is_grey() -> None:
    grey = np.arange(256, dtype=np.uint8)
    assert luma(np.dstack([grey[None]] * 3))[0] == pytest.approx(grey)


def test_luma_of_the_primaries_is_that_of_bt709() -> None:
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert luma(primaries)[0] == pytest.approx([54.213, 182.376, 18.411])


def test_luma_is_scikit_images(photographs: dict[str, Picture]) -> None:
    pixels = photographs["coffee"].pixels
    # Its weights, .2125 .7154 .0721, are BT.709's in an older rounding.
    assert luma(pixels) == pytest.approx(255 * skimage.color.rgb2gray(pixels), abs=0.06)


def test_ycbcr_is_that_of_jfif() -> None:
    """Against Pillow, whose conversion is JFIF's in fixed point."""
    pixels = np.random.default_rng(5).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    theirs = np.moveaxis(np.asarray(Image.fromarray(pixels).convert("YCbCr")).astype(float), 2, 0)
    assert np.abs(to_ycbcr(pixels) - theirs).max() < 1.02  # Pillow cuts off instead of rounding, in 6 bits
    black_white = to_ycbcr(np.array([[[0, 0, 0], [255, 255, 255], [0, 0, 255], [255, 0, 0]]], np.uint8))
    expected = [[0, 255, 29.07, 76.245], [128, 128, 255.5, 84.97], [128, 128, 107.27, 255.5]]
    assert np.abs(black_white[:, 0] - expected).max() < 0.01


def test_rgb_is_what_was_converted() -> None:
    pixels = np.random.default_rng(6).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert np.array_equal(to_rgb(*to_ycbcr(pixels)).pixels, pixels)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (8, 8), (9, 15)])
def test_flat_chroma_survives_halving_and_doubling(shape: tuple[int, int]) -> None:
    plane = np.full(shape, 77, np.float32)
    half = halve(plane)
    assert half.shape == tuple(-(-size // 2) for size in shape)
    assert np.abs(double(half, *shape) - 77).max() < 1e-4


def test_halving_and_doubling_do_not_shift() -> None:
    """A ramp stays where it is, but for 1/32 pixel, the price of whole 64ths as taps."""
    ramp = np.broadcast_to(np.arange(64, dtype=np.float32), (64, 64))
    inside = np.s_[16:48, 16:48]
    assert np.abs(halve(ramp)[8:24, 8:24] - (2 * np.arange(8, 24) + 0.5)).max() < 1e-3
    assert np.abs(double(halve(ramp), 64, 64)[inside] - ramp[inside]).max() < 0.032
    assert np.abs(double(halve(ramp.T), 64, 64)[inside] - ramp.T[inside]).max() < 0.032
