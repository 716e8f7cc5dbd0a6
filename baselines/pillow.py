"""The backend "pillow": Pillow with the libraries in its wheel."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import PIL
from PIL import Image, ImageFile, UnidentifiedImageError, features

from bench.images.picture import Picture
from bench.system.errors import CodecError, DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from bench.images.picture import AnyPicture


@dataclass(frozen=True, slots=True)
class Format:
    """A file format of Pillow.

    `libraries` maps features of Pillow to the names of libraries, the most specific first. The first one with a version
    is in use. Without the last feature, Pillow does not support the format.
    """

    name: str
    libraries: tuple[tuple[str, str], ...]


def missing(form: Format) -> str | None:
    """Return a message if this Pillow does not support a format, otherwise None."""
    if features.check(form.libraries[-1][0]):
        return None
    return f"this Pillow was built without {form.name}; install one with it: pip install --force-reinstall pillow"


@functools.cache
def version(form: Format) -> str:
    """Versions of the library of a format, and of Pillow: "libwebp 1.6.0 (Pillow 13.0.0)"."""
    found = ((library, features.version(feature)) for feature, library in form.libraries)
    library = next((f"{library} {number}" for library, number in found if number), "unknown library")
    return f"{library} (Pillow {PIL.__version__})"


def check_size(picture: AnyPicture, title: str, max_side: int) -> None:
    """Refuse a picture that is too large for a format.

    Raises:
        CodecError: a side has more than `max_side` pixels; `title` is the name of the codec in the message.
    """
    if max(picture.width, picture.height) > max_side:
        size = f"{picture.width} x {picture.height}"
        raise CodecError(f"{title} supports at most {max_side} pixels per side; this picture is {size}")


def encode(picture: Picture, form: Format, options: Mapping[str, object]) -> bytes:
    """Encode a picture with Pillow's `save` and these options.

    The file has no colour profile and no comment, because the image is created from an array.

    Raises:
        CodecError: the library fails.
    """
    return save(Image.fromarray(picture.pixels), form, options)


def save(image: Image.Image, form: Format, options: Mapping[str, object]) -> bytes:
    """Encode an image of three channels; see `encode`."""
    file = io.BytesIO()
    # Pillow's buffer for progressive files has one byte per pixel, which is too small for noise at high quality.
    ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, 3 * image.width * image.height)
    try:
        image.save(file, form.name, **options)
    except (OSError, ValueError) as error:
        raise CodecError(f"{form.name} through Pillow: {error}") from error
    return file.getvalue()


def decode(data: bytes, form: Format) -> Picture:
    """Decode a file with Pillow to 8-bit RGB.

    Raises:
        DecodeError: the bytes are damaged, of another format, or claim an excessive size.
    """
    with opened(data, form) as image:
        return Picture(samples(image, form))


def samples(image: Image.Image, form: Format) -> NDArray[np.uint8]:
    """Decode the samples of an opened file: (height, width, 3).

    Raises:
        DecodeError: the file is damaged, or has other channels.
    """
    try:
        # Pillow's plug-ins raise many types for damaged files: OSError, SyntaxError, ValueError, struct.error.
        image.load()
    except Exception as error:
        raise DecodeError(f"damaged {form.name} file: {str(error) or type(error).__name__}") from error
    if image.mode not in {"RGB", "YCbCr"}:
        raise DecodeError(f"{form.name} file has {image.mode}, not 8-bit RGB")
    return np.array(image)


def check_header(data: bytes, form: Format) -> None:
    """Refuse a file of another format or of an excessive size by its header, without decoding it.

    For a header that claims 65500 x 65500 pixels, a binary would take minutes and gigabytes.

    Raises:
        DecodeError: as for `decode`.
    """
    opened(data, form).close()


def opened(data: bytes, form: Format) -> Image.Image:
    """Open a file and read its header.

    Raises:
        DecodeError: the bytes are of another format, or claim an excessive size.
    """
    try:
        return Image.open(io.BytesIO(data), formats=[form.name])
    except UnidentifiedImageError:
        raise DecodeError(f"not a {form.name} file") from None
    except Exception as error:  # as above, and Pillow's guard against decompression bombs
        raise DecodeError(f"damaged {form.name} file: {str(error) or type(error).__name__}") from error
