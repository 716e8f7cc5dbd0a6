"""Image files: supported formats, and conversion to 8-bit RGB.

Grey, palettes and low bit depths are expanded without loss. Lossy conversions are reported (`remarks`) or refused.
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
"""Maximum number of pixels of a picture (178,956,970, 2 GiB of memory); this is also Pillow's limit."""

FIRST_ONLY = "only the first picture of the file is read"
FROM_CMYK = "CMYK is converted to RGB, without a colour profile"
FROM_YCBCR = "YCbCr is converted to RGB"

_EIGHT_BIT_MODES = {"1", "L", "P", "RGB", "RGBA", "LA", "PA", "RGBX", "CMYK", "YCbCr"}
_DEEP_MODES = ("I", "F")  # and modes that begin with these
_RGB565 = "BGR;16"  # the only raw mode of Pillow with 16 bits per pixel, not per sample
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
    """Suffixes of the formats that can be read; AVIF and JPEG XL only if a decoder is installed."""
    avif = {".avif"} if importlib.util.find_spec("pillow_avif") else set()
    jpeg_xl = {".jxl"} if ffmpeg.missing() is None else set()
    return frozenset(_SUFFIXES | avif | jpeg_xl)


def read_picture(path: Path) -> Picture:
    """Read an image file as 8-bit RGB.

    Grey and palette images are expanded; an opaque alpha channel is dropped. If a file has several pictures, the first
    is read; CMYK is converted; see `remarks`. Embedded gamma and colour profiles are ignored, as is usual for Kodak.

    Raises:
        UsageError: the file is missing, not an image, damaged, too large or translucent, or has more than 8 bits or an
            unsupported colour space.
        MissingError: no decoder for its format is installed.
    """
    return parse_picture(read_file(path), path)


def read_file(path: Path) -> bytes:
    """Read the bytes of an image file.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read image {path}: {error.strerror}") from error


def parse_picture(data: bytes, path: Path) -> Picture:
    """Read an image from the bytes of the file `path`; see `read_picture`."""
    with _explained(path), _opened(io.BytesIO(data)) as image:
        if _is_deep(image, data):
            raise UsageError(f"image {path} has more than 8 bits per sample ({image.mode}); convert it to 8 bits first")
        if image.mode not in _EIGHT_BIT_MODES:
            colours = f"{image.mode} colours, not RGB, grey or CMYK"
            raise UsageError(f"image {path} has {colours}; convert it to RGB first")
        image.load()
        if image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < 255:
            raise UsageError(f"image {path} is translucent; flatten it onto a background first")
        return Picture(np.array(image.convert("RGB")))


def remarks(path: Path) -> tuple[str, ...]:
    """List what reading a file omits or converts, from its header; empty if the file cannot be read."""
    if path.suffix.lower() == ".jxl":
        return ()  # files with several pictures are refused; others are RGB or grey
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
    """Turn errors in an image file into one line with its name."""
    # Importing Pillow takes 50 ms, which would slow down `bench --help`.
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            # The size of the file has been checked.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except BenchError:
        raise
    except UnidentifiedImageError:  # its text has no file name
        raise UsageError(f"cannot read image {path}: it is not an image that Pillow can read") from None
    except Image.DecompressionBombError:
        raise UsageError(
            f"image {path} is too large: at most {MAX_PIXELS} pixels are read; crop it or scale it down"
        ) from None
    except Exception as error:
        # Pillow's plug-ins raise many types for damaged files: OSError, SyntaxError, ValueError, struct.error.
        raise UsageError(f"cannot read image {path}: {str(error) or type(error).__name__}") from error


def _opened(file: BinaryIO) -> Image.Image:
    """Open an image and read its header."""
    from PIL import Image  # noqa: PLC0415

    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if head.startswith(_JPEG_XL):
        return Image.fromarray(ffmpeg.decode_jpeg_xl(file.read(), MAX_PIXELS))
    if head[4:].startswith(_AVIF_BRANDS):
        # Pillow's own decoder gives other samples. The order of imports decides which one is registered.
        from pillow_avif.AvifImagePlugin import AvifImageFile  # noqa: PLC0415

        image: Image.Image = AvifImageFile(file)
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        return image
    return Image.open(file)


def _is_deep(image: Image.Image, data: bytes) -> bool:
    if image.format == "AVIF":
        # The decoder always gives 8 bits; the box av1C has a flag for 10 and 12 bits.
        _, found, configuration = data.partition(_AVIF_CONFIGURATION)
        return bool(found and configuration[2:3] and configuration[2] & _AV1_HIGH_BITDEPTH)
    # Pillow reads 16-bit RGB as RGB and drops the low bytes; the raw mode, or PPM's maximum, reveals the depth.
    coded = [tile.args if isinstance(tile.args, tuple) else (tile.args,) for tile in getattr(image, "tile", ())]
    raw = [args[0] for args in coded if args and isinstance(args[0], str)]
    deep_raw = any(";16" in mode and mode != _RGB565 for mode in raw)
    deep_ppm = image.format == "PPM" and any(args[1:] and int(args[1]) > 255 for args in coded)
    return deep_raw or deep_ppm or image.mode.startswith(_DEEP_MODES)
