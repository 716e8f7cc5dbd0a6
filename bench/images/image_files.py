"""Image files: which formats can be read here, and how each becomes 8-bit RGB, the same way everywhere.

Grey, palettes and few bits a sample are expanded, which is exact. What is not exact is said (`remarks`) or refused.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import warnings
from typing import TYPE_CHECKING

import numpy as np

from bench.images import ffmpeg
from bench.images.picture import Picture
from bench.system.errors import BenchError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from PIL import Image

MAX_PIXELS = 2 * (1 << 30) // 12
"""Larger pictures (178,956,970 pixels) are not read: reading one takes 2 GiB. It is Pillow's own limit, too."""

FIRST_ONLY = "only the first picture of the file is read"
FROM_CMYK = "CMYK is converted to RGB, without a colour profile"
FROM_YCBCR = "YCbCr is converted to RGB"

_EIGHT_BIT_MODES = {"1", "L", "P", "RGB", "RGBA", "LA", "PA", "RGBX", "CMYK", "YCbCr"}
_DEEP_MODES = ("I", "F")  # and what begins so
_RGB565 = "BGR;16"  # the one raw mode of Pillow with 16 bits a pixel, not a sample
_SUFFIXES = {
    *(".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"),
    *(".pbm", ".pgm", ".pnm", ".ppm"),
}
_AVIF_BRANDS = (b"ftypavif", b"ftypavis")
_AVIF_CONFIGURATION = b"av1C"
_AV1_HIGH_BITDEPTH = 0x40
_JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")  # a bare codestream; a container
_HEAD_BYTES = 16


@functools.cache
def suffixes() -> frozenset[str]:
    """The endings of files that can be read here: those of AVIF and JPEG XL where there is a decoder."""
    avif = {".avif"} if importlib.util.find_spec("pillow_avif") else set()
    jpeg_xl = {".jxl"} if ffmpeg.missing() is None else set()
    return frozenset(_SUFFIXES | avif | jpeg_xl)


def read_picture(path: Path) -> Picture:
    """Read an image file as 8-bit RGB.

    Grey and palette images are expanded, an alpha channel is dropped if it is opaque everywhere. Of several pictures in
    a file the first is read, and CMYK is converted; `remarks` says of which files. Nothing else is changed:
    embedded gamma and colour profiles are ignored, as everybody in the field does with Kodak.

    Raises:
        UsageError: the file is missing, is no image, is damaged or too large, has more than 8 bits or other colours, or
            is translucent.
        MissingError: there is no decoder of its format.
    """
    return parse_picture(read_file(path), path)


def read_file(path: Path) -> bytes:
    """The bytes of an image file.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read image {path}: {error.strerror}") from error


def parse_picture(data: bytes, path: Path) -> Picture:
    """Read an image from the bytes of the file `path`; see `read_picture`."""
    return Picture(np.array(read_rgb(data, path)))


def read_rgb(data: bytes, path: Path) -> Image.Image:
    """The picture in the bytes of the file `path`, as 8-bit RGB.

    Raises:
        UsageError: it is no image, is damaged or too large, has more than 8 bits, other colours, or is translucent.
        MissingError: there is no decoder of its format.
    """
    with _explained(path), _opened(io.BytesIO(data)) as image:
        _require_eight_bits(image, data, path)
        image.load()
        if image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < 255:
            raise UsageError(f"image {path} is translucent; flatten it onto a background first")
        return image.convert("RGB")


def remarks(path: Path) -> tuple[str, ...]:
    """What reading a file leaves out or changes, from its header: nothing of most, or of one that cannot be read."""
    if path.suffix.lower() == ".jxl":
        return ()  # those of several pictures are refused, and there are no others than RGB and grey
    try:
        with _explained(path), path.open("rb") as file, _opened(file) as image:
            found = {
                FIRST_ONLY: getattr(image, "n_frames", 1) > 1,
                FROM_CMYK: image.mode == "CMYK",
                FROM_YCBCR: image.mode == "YCbCr",
            }
    except BenchError:
        return ()
    return tuple(remark for remark, holds in found.items() if holds)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what is raised over an image file into one line that names it."""
    # Pillow costs 50 ms to import, which `bench --help` need not pay.
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            # The file is the user's own, and of a size that is read.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except BenchError:
        raise
    except UnidentifiedImageError:  # names the object that it was given
        raise UsageError(f"cannot read image {path}: it is not a picture that Pillow can read") from None
    except Image.DecompressionBombError:
        raise UsageError(
            f"image {path} is too large: at most {MAX_PIXELS} pixels are read; crop it or scale it down"
        ) from None
    except Exception as error:
        # Pillow's plug-ins raise nearly anything on damaged files: OSError, SyntaxError, ValueError, struct.error.
        raise UsageError(f"cannot read image {path}: {str(error) or type(error).__name__}") from error


def _opened(file: BinaryIO) -> Image.Image:
    """An image whose header has been read."""
    from PIL import Image  # noqa: PLC0415

    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if head.startswith(_JPEG_XL):
        return Image.fromarray(ffmpeg.decode_jpeg_xl(file.read(), MAX_PIXELS))
    if head[4:].startswith(_AVIF_BRANDS):
        # Pillow has a decoder of its own, too. Which of the two is registered depends on what was imported before,
        # and they do not give the same samples.
        from pillow_avif.AvifImagePlugin import AvifImageFile  # noqa: PLC0415

        image: Image.Image = AvifImageFile(file)
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        return image
    return Image.open(file)


def _require_eight_bits(image: Image.Image, data: bytes, path: Path) -> None:
    if _is_deep(image, data):
        raise UsageError(f"image {path} has more than 8 bits a sample ({image.mode}); convert it to 8 bits first")
    if image.mode not in _EIGHT_BIT_MODES:
        raise UsageError(f"image {path} holds {image.mode} colours, not RGB, grey or CMYK; convert it to RGB first")


def _is_deep(image: Image.Image, data: bytes) -> bool:
    if image.format == "AVIF":
        # The decoder gives 8 bits whatever the file has; its box av1C has a flag of 10 and 12 bits.
        _, found, configuration = data.partition(_AVIF_CONFIGURATION)
        return bool(found and configuration[2:3] and configuration[2] & _AV1_HIGH_BITDEPTH)
    # 16-bit RGB has mode RGB too: Pillow drops the low bytes, and only the raw mode or PPM's maximum tells.
    coded = [tile.args if isinstance(tile.args, tuple) else (tile.args,) for tile in getattr(image, "tile", ())]
    raw = [args[0] for args in coded if args and isinstance(args[0], str)]
    deep_raw = any(";16" in mode and mode != _RGB565 for mode in raw)
    deep_ppm = image.format == "PPM" and any(args[1:] and int(args[1]) > 255 for args in coded)
    return deep_raw or deep_ppm or image.mode.startswith(_DEEP_MODES)
