"""The backend "ffmpeg": the static binary of the imageio-ffmpeg package, which includes x265, vvenc and libjxl.

The binary is a separate program under the GPL; nothing is linked. It runs with one thread, so that workers do not
compete for cores and the bytes do not depend on the machine.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, ClassVar

from baselines import external, pillow
from bench.codecs.codec import Codec
from bench.images import ffmpeg
from bench.system.errors import CodecError, DecodeError
from bench.system.tools import run_tool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.images.picture import AnyPicture

RESULT = "result"
"""File name of the output in command lines."""

DECODING_LIMIT_S = 60.0
"""Time limit of decoding in seconds: about twice the time for a picture of `MAX_PIXELS`."""

MAX_PIXELS = 2**25
"""Maximum size of a picture that is coded or decoded (8192 x 4096): a damaged file can claim any size, and decoding
this one takes 2 GB and many seconds. Codecs that were tested with larger pictures have another limit."""

_QUIET = ("-hide_banner", "-nostdin", "-loglevel", "error")

_STRICT = ("-xerror", "-err_detect", "explode", "-threads", "1")
"""Decoder options that make ffmpeg reject damaged bytes, where it detects them."""


class FfmpegCodec(Codec):
    """Base class of codecs that run in ffmpeg."""

    backends: ClassVar[tuple[str, ...]] = ("ffmpeg",)

    max_pixels: ClassVar[int] = MAX_PIXELS
    """Maximum number of pixels of a picture."""

    max_side: ClassVar[int] = 2**31 - 1
    """Maximum width and height of the format."""

    @classmethod
    def missing(cls, backend: str | None = None, **options: str) -> str | None:
        """Return a message on how to get ffmpeg if it is missing, otherwise None."""
        del backend, options
        return ffmpeg.missing()

    def check_size(self, picture: AnyPicture) -> None:
        """Refuse a picture that `decode` would refuse.

        Raises:
            CodecError: it has more than `max_pixels`, or a side longer than `max_side`.
        """
        pillow.check_size(picture, self.title, self.max_side)
        check_size(picture, self.title, self.max_pixels)


def check_size(picture: AnyPicture, title: str, max_pixels: int) -> None:
    """Refuse a picture with more than `max_pixels`; `title` is the name of the codec in the message.

    Raises:
        CodecError: it has more pixels.
    """
    if picture.width * picture.height > max_pixels:
        size = f"{picture.width} x {picture.height}"
        raise CodecError(f"{title} supports at most {max_pixels} pixels here; this picture is {size}")


def run(arguments: Sequence[str], files: Mapping[str, bytes], *, limit_s: float | None = None) -> bytes:
    """Run ffmpeg in a folder with `files`, and return the content of its output file `RESULT`.

    Raises:
        CodecError: ffmpeg fails, hangs or crashes.
    """
    try:
        return external.run([ffmpeg.program(), *_QUIET, *arguments, "-y", RESULT], files, RESULT, time_limit_s=limit_s)
    except CodecError as error:
        raise CodecError(ffmpeg.ADDRESS.sub("", str(error))) from error


def time_limit_s(limit_s: float, num_pixels: int) -> float:
    """Scale the time limit for pictures of `MAX_PIXELS` to larger ones."""
    return limit_s * max(1, num_pixels / MAX_PIXELS)


def decode(
    arguments: Sequence[str], files: Mapping[str, bytes], num_bytes: int, *, max_pixels: int = MAX_PIXELS
) -> bytes:
    """Run ffmpeg as in `run_strictly`, for `num_bytes` of raw samples of a picture of at most `max_pixels`.

    Raises:
        DecodeError: ffmpeg rejects the file, hangs or crashes, or the number of bytes is wrong.
    """
    limit_s = time_limit_s(DECODING_LIMIT_S, max_pixels)
    samples = run_strictly(arguments, files, limit_s=limit_s, max_pixels=max_pixels)
    if len(samples) != num_bytes:
        raise DecodeError(f"damaged file: it decodes to {len(samples)} bytes of samples instead of {num_bytes}")
    return samples


def run_strictly(
    arguments: Sequence[str], files: Mapping[str, bytes], *, limit_s: float, max_pixels: int = MAX_PIXELS
) -> bytes:
    """Run ffmpeg as in `run`, and reject damaged files and pictures of more than `max_pixels`.

    Raises:
        DecodeError: ffmpeg rejects the file, hangs or crashes.
    """
    try:
        return run([*_STRICT, "-max_pixels", str(max_pixels), *arguments], files, limit_s=limit_s)
    except CodecError as error:
        raise DecodeError(str(error)) from error


@functools.cache
def version(encoder: str, pattern: str, name: str) -> str:
    """Versions of an encoder and of ffmpeg, as in "x265 4.3 (ffmpeg n9.0.2)".

    `pattern` matches the encoder's version in the log of ffmpeg when it encodes a black picture.
    """
    black = ("-f", "lavfi", "-i", "color=black:size=64x64", "-frames:v", "1")
    command = [ffmpeg.program(), "-hide_banner", "-nostdin", *black, "-c:v", encoder, "-f", "null", "-"]
    done = run_tool(command, timeout_s=external.TIME_LIMIT_S)
    match = re.search(pattern, done.stderr.decode(errors="replace"))
    return f"{name} {match[1] if match else 'of unknown version'} ({ffmpeg.version()})"
