"""Clips of video as their frames: raw samples (.yuv) and YUV4MPEG2 (.y4m), 8 bits, 4:2:0, progressive."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.errors import UsageError
from bench.picture import Yuv420

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

SUFFIXES = {".yuv", ".y4m"}

MAX_SIDE = 65_535

_Y4M_MAGIC = b"YUV4MPEG2"
_FRAME = b"FRAME"
_LONGEST_LINE = 1024  # bytes; headers of a stream have some 80, those of a frame 5

_Y4M_420 = {"420", "420jpeg", "420mpeg2", "420paldv"}
"""Values of the parameter C for 8-bit 4:2:0. They differ in where chroma lies, which planes do not show."""

_SIZE_IN_NAME = re.compile(r"(?<!\d)(\d{1,5})x(\d{1,5})(?!\d)")
_OTHER_FORMAT_IN_NAME = re.compile(
    r"(?<![0-9a-z])(1[0246] ?-?bits?|p01[026](le)?|(yuv|i)?(4(22|44|40|11)p?|420p(?=1))(1[0246](le)?)?)(?![0-9a-z])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Clip:
    """Where the frames of a clip lie in its file."""

    path: Path
    size: tuple[int, int]  # width and height, pixels
    full_range: bool
    offsets: tuple[int, ...]  # of the samples of each frame, bytes

    def read(self, index: int) -> Yuv420:
        """One frame.

        Raises:
            UsageError: the file cannot be read, or has become shorter.
        """
        return read_frame(self.path, self.offsets[index], self.size, full_range=self.full_range)


def open_clip(path: Path, size: str | None = None) -> Clip:
    """Find the frames of a clip.

    Raw samples have no header: their size is given ("352x288"), or stands in the file's name ("news_352x288.yuv").

    Raises:
        UsageError: the file cannot be read, is cut off, or is not 8-bit progressive 4:2:0; or its size is not known,
            or given although a header says it, or given as another than its name says.
    """
    try:
        with path.open("rb") as file:
            length = path.stat().st_size
            if path.suffix.lower() == ".y4m":
                if size:
                    raise UsageError(f"{path}: its header says its size; leave out --size")
                return _open_y4m(path, file, length)
            return _open_raw(path, length, size)
    except OSError as error:
        raise UsageError(f"cannot read clip {path}: {error.strerror}") from error


def read_frame(path: Path, offset: int, size: tuple[int, int], *, full_range: bool) -> Yuv420:
    """The picture of `size` (width, height) whose samples start at a byte of a file.

    Raises:
        UsageError: the file cannot be read, or ends before the picture does.
    """
    width, height = size
    try:
        with path.open("rb") as file:
            file.seek(offset)
            samples = file.read(_frame_bytes(width, height))
    except OSError as error:
        raise UsageError(f"cannot read clip {path}: {error.strerror}") from error
    try:
        return Yuv420.of_bytes(samples, width, height, full_range=full_range)
    except ValueError as error:
        raise UsageError(f"{path} is cut off: {error}") from error


def frame_range(text: str, count: int) -> range:
    """Frames of a clip of `count`, as Python slices: "0:10" are the first ten, "0:100:10" every tenth, "5" is one.

    Raises:
        UsageError: it is no such range, it is empty, or it goes beyond the clip.
    """
    if not re.fullmatch(r"\d+|(\d*):(\d*)(:\d+)?", text):
        raise UsageError(f"--frames {text}: write FIRST:END or FIRST:END:STEP, END not included, as in 0:10")
    first, _, rest = text.partition(":")
    end, _, step = rest.partition(":")
    start = int(first or 0)
    stop = int(end or count) if ":" in text else start + 1
    if int(step or 1) < 1 or start >= stop:
        raise UsageError(f"--frames {text}: there is no frame in that range")
    if stop > count:
        raise UsageError(f"--frames {text}: the clip has {count} frames, 0 to {count - 1}")
    return range(start, stop, int(step or 1))


def _frame_bytes(width: int, height: int) -> int:
    return width * height + 2 * -(-width // 2) * -(-height // 2)


def _open_raw(path: Path, length: int, size: str | None) -> Clip:
    if other := _OTHER_FORMAT_IN_NAME.search(_SIZE_IN_NAME.sub("", path.stem)):
        raise UsageError(f"{path}: its name says {other[0]}; only 8-bit 4:2:0 is read")
    named = _SIZE_IN_NAME.search(path.stem)
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", size) if size else named
    if not found:
        what = f"--size {size} is no size" if size else f"{path} does not say its size in its name"
        raise UsageError(f"{what}; write --size WIDTHxHEIGHT, as in --size 352x288")
    width, height = _checked_size(path, int(found[1]), int(found[2]))
    if named and (width, height) != (int(named[1]), int(named[2])):
        raise UsageError(f"{path}: its name says {named[0]}; leave out --size {size}, or rename it")
    frame = _frame_bytes(width, height)
    if not length or length % frame:
        raise UsageError(
            f"{path} has {length} bytes, which is not a whole number of frames of {width}x{height} in 8-bit 4:2:0 "
            f"({frame} bytes each): it is cut off, or of another size or format"
        )
    return Clip(path, (width, height), full_range=False, offsets=tuple(range(0, length, frame)))


def _checked_size(path: Path, width: int, height: int) -> tuple[int, int]:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise UsageError(f"{path}: {width}x{height} is no size of a picture")
    return width, height


def _open_y4m(path: Path, file: BinaryIO, length: int) -> Clip:
    magic, *parameters = file.readline(_LONGEST_LINE).rstrip(b"\n").split(b" ")
    if magic != _Y4M_MAGIC:
        raise UsageError(f"{path} is not a YUV4MPEG2 file")
    words = [parameter.decode("ascii", errors="replace") for parameter in parameters if parameter]
    fields = {word[0]: word[1:] for word in words if word[0] != "X"}
    _refuse_other_formats(path, fields)
    try:
        width, height = _checked_size(path, int(fields["W"]), int(fields["H"]))
    except (KeyError, ValueError):
        raise UsageError(f"{path}: its header does not say width and height") from None
    offsets = tuple(_frames(path, file, length, _frame_bytes(width, height)))
    if not offsets:
        raise UsageError(f"{path} holds no frame")
    return Clip(path, (width, height), full_range="XCOLORRANGE=FULL" in words, offsets=offsets)


def _refuse_other_formats(path: Path, fields: dict[str, str]) -> None:
    chroma, interlacing = fields.get("C", "420"), fields.get("I", "?")
    if chroma not in _Y4M_420:
        raise UsageError(f"{path} holds C{chroma}; only 8-bit 4:2:0 is read ({', '.join(sorted(_Y4M_420))})")
    if interlacing not in {"p", "?"}:
        raise UsageError(f"{path} is interlaced (I{interlacing}); only progressive clips are read")


def _frames(path: Path, file: BinaryIO, length: int, frame_bytes: int) -> Iterator[int]:
    """Offsets of the samples of each frame; the file stands behind its header."""
    while line := file.readline(_LONGEST_LINE):
        offset = file.tell()
        if line.rstrip(b"\n").split(b" ")[0] != _FRAME or offset + frame_bytes > length:
            raise UsageError(f"{path} is cut off or damaged at byte {offset - len(line)}: no whole frame follows")
        yield offset
        file.seek(frame_bytes, 1)
