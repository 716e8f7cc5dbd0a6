"""The ffmpeg that the package imageio-ffmpeg brings along, and the one conversion of RGB to YUV 4:2:0 that it makes."""

from __future__ import annotations

import functools
import importlib.util
import re
import subprocess
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import MissingError
from bench.picture import Yuv420

if TYPE_CHECKING:
    from bench.picture import Picture

TO_YUV420 = (
    "scale=in_range=full:out_range=limited:out_color_matrix=bt601:sws_dither=none"
    ":flags=lanczos+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
)
"""The filter that converts 8-bit RGB: BT.601, limited range, chroma Lanczos-filtered and amid its four luma samples.

With these flags ffmpeg 4.2, 7.0 and 9.0 give the same samples. In full range they do not: 9.0 has chroma half a level
too low.
"""

_TIME_LIMIT_S = 60.0


def missing() -> str | None:
    """Say that the package is not there and how to get it, or None if it is."""
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        return "the package imageio-ffmpeg is not installed: pip install imageio-ffmpeg"
    try:
        program()
    except RuntimeError:
        return "imageio-ffmpeg has no ffmpeg for this platform; install one and set IMAGEIO_FFMPEG_EXE to its path"
    return None


@functools.cache
def program() -> str:
    """Path of the binary.

    Raises:
        RuntimeError: the package has none for this platform.
    """
    import imageio_ffmpeg  # noqa: PLC0415

    return str(imageio_ffmpeg.get_ffmpeg_exe())


@functools.cache
def version() -> str:
    """The version of ffmpeg: "ffmpeg n9.0.2"."""
    done = subprocess.run([program(), "-version"], capture_output=True, text=True, timeout=_TIME_LIMIT_S, check=False)
    match = re.match(r"ffmpeg version (\S+)", done.stdout)
    return f"ffmpeg {match[1]}" if match else "ffmpeg of unknown version"


def to_yuv420(picture: Picture) -> Yuv420:
    """Convert a picture by `TO_YUV420`.

    A last odd row or column is repeated first: ffmpeg would stretch chroma over it, and shift it against luma.

    Raises:
        MissingError: there is no ffmpeg, or it is too old for these flags.
    """
    if reason := missing():
        raise MissingError(reason)
    rows, columns = picture.height % 2, picture.width % 2
    pixels = np.pad(picture.pixels, ((0, rows), (0, columns), (0, 0)), mode="edge")
    height, width, _ = pixels.shape
    quiet = ("-hide_banner", "-nostdin", "-loglevel", "error", "-threads", "1")
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{width}x{height}", "-i", "pipe:0")
    target = ("-vf", TO_YUV420, "-pix_fmt", "yuv420p", "-f", "rawvideo", "pipe:1")
    command = [program(), *quiet, *source, *target]
    done = subprocess.run(command, input=pixels.tobytes(), capture_output=True, timeout=_TIME_LIMIT_S, check=False)
    if done.returncode:
        message = " ".join(done.stderr.decode(errors="replace").split())[:300]
        raise MissingError(f"{version()} does not convert to YUV 4:2:0: {message}")
    return Yuv420.of_bytes(done.stdout, width, height, full_range=False).cropped(picture.width, picture.height)
