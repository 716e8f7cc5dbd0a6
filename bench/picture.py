"""Pictures as codecs see them, read from files in one way, and the one place of colour conversion."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

BT709_LUMA = np.array([0.2126, 0.7152, 0.0722])
"""Weights of R, G and B in the luma of ITU-R BT.709, whose primaries are those of sRGB."""

_EIGHT_BIT_MODES = {"1", "L", "P", "RGB", "RGBA", "LA", "PA", "RGBX", "CMYK", "YCbCr"}


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An 8-bit RGB picture.

    `pixels` has shape (height, width, 3) and dtype uint8, is contiguous, and is not written to.
    """

    pixels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if len(shape) != 3 or shape[2] != 3 or 0 in shape or dtype != np.uint8:
            raise ValueError(f"a picture is (height, width, 3) of uint8, not {shape} of {dtype}")

    @property
    def width(self) -> int:
        """Columns."""
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        """Rows."""
        return self.pixels.shape[0]


def read_picture(path: Path) -> Picture:
    """Read an image file as 8-bit RGB.

    Grey and palette images are expanded, an alpha channel is dropped if it is opaque everywhere. Nothing else is
    changed: embedded gamma and colour profiles are ignored, as everybody in the field does with Kodak.

    Raises:
        UsageError: the file is missing, is no image, is damaged, has more than 8 bits, or is translucent.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read image {path}: {error.strerror}") from error
    return parse_picture(data, path)


def parse_picture(data: bytes, path: Path) -> Picture:
    """Read an image from the bytes of the file `path`; see `read_picture`."""
    # Pillow costs 50 ms to import, which `bench --help` need not pay.
    from PIL import Image  # noqa: PLC0415

    try:
        with Image.open(io.BytesIO(data)) as image:
            _refuse_deep(image, path)
            image.load()
            return Picture(np.array(_to_rgb(image, path)))
    except UsageError:
        raise
    except Exception as error:
        # Pillow's plug-ins raise nearly anything on damaged files: OSError, SyntaxError, ValueError, struct.error.
        raise UsageError(f"cannot read image {path}: {str(error) or type(error).__name__}") from error


def _refuse_deep(image: Image.Image, path: Path) -> None:
    # 16-bit RGB has mode RGB too: Pillow drops the low bytes, and only the raw mode or PPM's maximum tells.
    coded = [tile.args if isinstance(tile.args, tuple) else (tile.args,) for tile in getattr(image, "tile", ())]
    raw = [args[0] for args in coded if args and isinstance(args[0], str) and ";16" in args[0]]
    deep_ppm = image.format == "PPM" and any(args[1:] and int(args[1]) > 255 for args in coded)
    if raw or deep_ppm or image.mode not in _EIGHT_BIT_MODES:
        raise UsageError(f"image {path} has more than 8 bits a sample ({image.mode}); convert it to 8 bits first")


def _to_rgb(image: Image.Image, path: Path) -> Image.Image:
    if image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < 255:
        raise UsageError(f"image {path} is translucent; flatten it onto a background first")
    return image.convert("RGB")


def luma(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The luma plane Y of ITU-R BT.709 in full range, not rounded: (h, w, 3) to (h, w).

    This is what the published Y curves of tensorflow/compression fit best: for OpenJPEG, which we reproduce, within
    .026 dB at all rates, where rounded BT.601 luma is off by up to .42 dB.
    """
    plane: NDArray[np.float64] = pixels @ BT709_LUMA
    return plane
