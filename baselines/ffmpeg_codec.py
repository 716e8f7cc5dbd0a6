"""The backend "ffmpeg": the static binary of the imageio-ffmpeg package, which has x265, vvenc and libjxl inside.

The binary is a program of its own, under the GPL; nothing is linked. It runs with one thread, so that workers do not
get into each other's way and bytes do not depend on the machine.
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

    from bench.images.picture import AnyPicture, Picture

RESULT = "result"
"""Name of the file that a command line writes."""

_ADDRESS = re.compile(r"\[[^]]* @ 0x[0-9a-f]+\] ?")
"""What ffmpeg puts before a message: in each process another address."""

DECODING_LIMIT_S = 60.0
"""The largest picture takes about half of this."""

MAX_PIXELS = 2**25
"""Larger pictures (8192 x 4096) are neither coded nor decoded: a damaged file may claim them at no cost, and decoding
one takes 2 GB and many seconds."""

_QUIET = ("-hide_banner", "-nostdin", "-loglevel", "error")


_STRICT = ("-xerror", "-err_detect", "explode", "-max_pixels", str(MAX_PIXELS), "-threads", "1")
"""Decoder options: no picture from damaged bytes where ffmpeg notices, and none of an absurd size."""


class FfmpegCodec(Codec):
    """A codec that ffmpeg carries."""

    backends: ClassVar[tuple[str, ...]] = ("ffmpeg",)

    @classmethod
    def missing(cls, backend: str | None = None, **options: str) -> str | None:
        """Say that ffmpeg is missing and how to get it, or None."""
        del backend, options
        return ffmpeg.missing()

    def check_size(self, picture: AnyPicture) -> None:
        """Refuse a picture that `decode` would refuse.

        Raises:
            CodecError: it has more than `MAX_PIXELS`.
        """
        if picture.width * picture.height > MAX_PIXELS:
            size = f"{picture.width} x {picture.height}"
            raise CodecError(f"{self.title} codes at most {MAX_PIXELS} pixels here; this picture is {size}")


def run(arguments: Sequence[str], files: Mapping[str, bytes], *, time_limit_s: float | None = None) -> bytes:
    """Run ffmpeg in a folder that holds `files` only, and return the file that it writes: `RESULT`.

    Raises:
        CodecError: ffmpeg refuses, hangs or crashes.
    """
    try:
        return external.run(
            [ffmpeg.program(), *_QUIET, *arguments, "-y", RESULT], files, RESULT, time_limit_s=time_limit_s
        )
    except CodecError as error:
        raise CodecError(_ADDRESS.sub("", str(error))) from error


def decode(arguments: Sequence[str], files: Mapping[str, bytes], num_bytes: int) -> bytes:
    """Run ffmpeg as `run` does, for raw samples: `num_bytes` of them.

    Raises:
        DecodeError: ffmpeg refuses the file, hangs or crashes, or writes another number of bytes.
    """
    samples = _run_strictly(arguments, files, DECODING_LIMIT_S)
    if len(samples) != num_bytes:
        raise DecodeError(f"damaged file: it decodes to {len(samples)} bytes of samples instead of {num_bytes}")
    return samples


def decode_picture(demuxer: str, decoder: str, data: bytes, *, time_limit_s: float) -> Picture:
    """Decode a file to 8-bit RGB.

    Raises:
        DecodeError: ffmpeg refuses the file, hangs or crashes.
    """
    source = ("-f", demuxer, "-c:v", decoder, "-i", "coded")
    output = ("-frames:v", "1", "-c:v", "ppm", "-pix_fmt", "rgb24", "-f", "image2pipe")
    return pillow.decode(_run_strictly([*source, *output], {"coded": data}, time_limit_s), external.PPM)


def _run_strictly(arguments: Sequence[str], files: Mapping[str, bytes], time_limit_s: float) -> bytes:
    try:
        return run([*_STRICT, *arguments], files, time_limit_s=time_limit_s)
    except CodecError as error:
        raise DecodeError(str(error)) from error


@functools.cache
def version(encoder: str, pattern: str, name: str) -> str:
    """An encoder's own version and ffmpeg's, as in "x265 4.3 (ffmpeg n9.0.2)".

    `pattern` finds the encoder's version in what ffmpeg prints while it encodes a black picture.
    """
    black = ("-f", "lavfi", "-i", "color=black:size=64x64", "-frames:v", "1")
    command = [ffmpeg.program(), "-hide_banner", "-nostdin", *black, "-c:v", encoder, "-f", "null", "-"]
    done = run_tool(command, timeout_s=external.TIME_LIMIT_S)
    match = re.search(pattern, done.stderr.decode(errors="replace"))
    return f"{name} {match[1] if match else 'of unknown version'} ({ffmpeg.version()})"
