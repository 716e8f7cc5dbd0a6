"""The ffmpeg binary of the package imageio-ffmpeg: conversion to YUV 4:2:0, JPEG XL decoding, and metrics."""

from __future__ import annotations

import functools
import importlib.util
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.images.picture import Yuv420
from bench.system.errors import BenchError, MissingError
from bench.system.tools import run_tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bench.images.picture import Picture

TO_YUV420 = (
    "scale=in_range=full:out_range=limited:out_color_matrix=bt601:sws_dither=none"
    ":flags=lanczos+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
)
"""Filter for the conversion of 8-bit RGB: BT.601, limited range, Lanczos-filtered chroma centred between luma samples.

With these flags ffmpeg 4.2, 7.0 and 9.0 give identical samples. In full range they do not: in 9.0 chroma is half a
level lower."""

_TIME_LIMIT_S = 60.0

_COMPARING_LIMIT_S = 600.0
"""Time limit of a comparison of two pictures of any size."""

_PAM = re.compile(rb"P7\nWIDTH (\d+)\nHEIGHT (\d+)\nDEPTH (\d+)\nMAXVAL (\d+)\nTUPLTYPE \w+\nENDHDR\n")

ADDRESS = re.compile(r"\[[^]]* @ 0x[0-9a-f]+\] ?")
"""Prefix of ffmpeg's messages, with an address that differs between processes."""


def missing() -> str | None:
    """Return what is missing to run ffmpeg, and how to get it; None if nothing is missing."""
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
        RuntimeError: the package has no binary for this platform.
    """
    import imageio_ffmpeg  # noqa: PLC0415

    return str(imageio_ffmpeg.get_ffmpeg_exe())


@functools.cache
def version() -> str:
    """The version of ffmpeg: "ffmpeg n9.0.2"."""
    done = subprocess.run([program(), "-version"], capture_output=True, text=True, timeout=_TIME_LIMIT_S, check=False)
    match = re.match(r"ffmpeg version (\S+)", done.stdout)
    return f"ffmpeg {match[1]}" if match else "ffmpeg of unknown version"


def missing_filter(name: str) -> str | None:
    """Return what is missing to run ffmpeg with a filter, and how to get it; None if nothing is missing."""
    if reason := missing():
        return reason
    if name in _filters():
        return None
    return f"{version()} has no filter {name}; install an ffmpeg that has it and set IMAGEIO_FFMPEG_EXE to its path"


@functools.cache
def _filters() -> frozenset[str]:
    command = [program(), "-hide_banner", "-filters"]
    listed = run_tool(command, timeout_s=_TIME_LIMIT_S).stdout.decode(errors="replace")
    return frozenset(re.findall(r"^ \S+ +(\w+) +\S+->\S+", listed, re.MULTILINE))


def compare_luma(first: NDArray[Any], second: NDArray[Any], filter_: str, *, frames: int = 1) -> str:
    """Run a comparison filter of ffmpeg on two luma planes (8 bits, or 10 bits in uint16), and return its file `log`.

    Each plane becomes a video of `frames` equal frames at 25 frames per second, with constant chroma.

    Raises:
        MissingError: there is no ffmpeg.
        BenchError: ffmpeg fails.
    """
    (height, width), is_deep = first.shape, first.dtype == np.uint16
    flat = np.full(2 * -(-height // 2) * -(-width // 2), 512 if is_deep else 128, first.dtype)
    form = ("-pix_fmt", "yuv420p10le" if is_deep else "yuv420p", "-video_size", f"{width}x{height}")
    source = ("-f", "rawvideo", "-framerate", "25", *form, "-i")
    arguments = ["-filter_threads", "1", *source, "first", *source, "second", "-lavfi", filter_, "-f", "null", "-"]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for name, plane in (("first", first), ("second", second)):
            frame = plane.tobytes() + flat.tobytes()
            Path(folder, name).write_bytes(frame * frames)
        done = _run(arguments, None, _COMPARING_LIMIT_S, folder)
        if done.returncode:
            raise BenchError(f"{version()} fails with filter {filter_}: {_message(done) or done.returncode}")
        return Path(folder, "log").read_text(encoding="utf-8")


def decode_jpeg_xl(data: bytes, max_pixels: int) -> NDArray[np.uint8]:
    """Decode a JPEG XL file to samples: (height, width) if it is grey, else (height, width, channels).

    Raises:
        MissingError: there is no ffmpeg.
        ValueError: the file is damaged, has too many pixels or more than 8 bits, or contains several pictures.
    """
    limit_s = jpeg_xl_limit_s(data)
    strict = ("-xerror", "-err_detect", "explode", "-max_pixels", str(max_pixels))
    source = (*strict, "-f", "jpegxl_pipe", "-c:v", "libjxl", "-i", "pipe:0")
    try:
        done = _run([*source, "-frames:v", "2", "-c:v", "pam", "-f", "image2pipe", "pipe:1"], data, limit_s)
    except subprocess.TimeoutExpired:
        raise ValueError(f"ffmpeg did not finish within {limit_s:.0f} s; the file may be damaged") from None
    header = _PAM.match(done.stdout)
    if done.returncode or not header:
        raise ValueError(_message(done) or "ffmpeg found no picture in it")
    width, height, channels, highest = map(int, header.groups())
    if highest > 255:
        raise ValueError("it has more than 8 bits per sample; convert it to 8 bits first")
    samples = np.frombuffer(done.stdout, np.uint8, offset=header.end())
    if samples.size != width * height * channels:
        raise ValueError("it contains several pictures; save one of them as a separate file")
    return samples.reshape((height, width) if channels == 1 else (height, width, channels))


def jpeg_xl_limit_s(data: bytes) -> float:
    """Time limit for decoding a JPEG XL file in seconds, because ffmpeg does not end if bytes follow the picture.

    It is ten times the time that a slow machine needs.
    """
    return 3 + len(data) / 100_000


def to_yuv420(picture: Picture) -> Yuv420:
    """Convert a picture with the filter `TO_YUV420`.

    A last odd row or column is repeated first; otherwise ffmpeg would stretch chroma and shift it against luma.

    Raises:
        MissingError: there is no ffmpeg, or it is too old for these flags.
    """
    even = picture.padded(picture.width + picture.width % 2, picture.height + picture.height % 2)
    width, height = even.width, even.height
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{width}x{height}", "-i", "pipe:0")
    target = ("-vf", TO_YUV420, "-pix_fmt", "yuv420p", "-f", "rawvideo", "pipe:1")
    done = _run([*source, *target], even.pixels.tobytes(), _TIME_LIMIT_S)
    if done.returncode:
        raise MissingError(f"{version()} cannot convert to YUV 4:2:0: {_message(done)}")
    return Yuv420.of_bytes(done.stdout, width, height, full_range=False).cropped(picture.width, picture.height)


def _run(
    arguments: Sequence[str], data: bytes | None, limit_s: float, folder: str | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run ffmpeg in a folder, with `data` on its standard input."""
    if reason := missing():
        raise MissingError(reason)
    command = [program(), "-hide_banner", "-nostdin", "-loglevel", "error", "-threads", "1", *arguments]
    return run_tool(command, timeout_s=limit_s, data=data, folder=folder)


def _message(done: subprocess.CompletedProcess[bytes]) -> str:
    text = " ".join(done.stderr.decode(errors="replace").split())
    return ADDRESS.sub("", text)[:300]
