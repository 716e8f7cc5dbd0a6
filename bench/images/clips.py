"""Frames of video clips: raw samples (.yuv) and YUV4MPEG2 (.y4m), 8 bits, 4:2:0 or grey, progressive."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.images.pixel_format import SIZE_IN_NAME, FrameFormat, Layout, Levels, of_raw
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from bench.images.picture import Yuv420

SUFFIXES = {".yuv", ".y4m"}

MAX_SIDE = 65_535

_Y4M_MAGIC = b"YUV4MPEG2"
_FRAME = b"FRAME"
_LONGEST_LINE = 1024  # bytes; headers of a stream have some 80, those of a frame 5

_Y4M_LAYOUTS: dict[str, Layout] = {
    **dict.fromkeys(("420", "420jpeg", "420mpeg2", "420paldv"), "yuv420p"),
    "mono": "gray",
}
"""Values of the parameter C for 8-bit 4:2:0 and grey. Those for 4:2:0 differ only in the position of chroma, which does
not matter for planes."""

_COLOUR_RANGE = "XCOLORRANGE="


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipOptions:
    """Options of a clip: the frames to read, and properties that are not in the file."""

    frames: str | None = None
    """Frames in the form of `frame_range`: "0:10"."""
    size: str | None = None
    """Size of raw frames: "352x288"."""
    pixel_format: str | None = None
    """Pixel format of raw frames; see `pixel_format.NAMES`."""
    levels: Levels | None = None
    """Range of samples, if the file does not state it."""

    @property
    def given(self) -> list[str]:
        """Command-line names of the options that are set."""
        options = {"--frames": self.frames, "--size": self.size}
        options |= {"--pixel-format": self.pixel_format, "--range": self.levels}
        return [name for name, value in options.items() if value]


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip, and the positions of its frames in the file."""

    path: Path
    form: FrameFormat
    offsets: tuple[int, ...]  # of the samples of each frame, bytes

    def read(self, index: int) -> Yuv420:
        """Read one frame.

        Raises:
            UsageError: the file cannot be read, or has been truncated.
        """
        return read_frame(self.path, self.offsets[index], self.form)


def open_clip(path: Path, options: ClipOptions | None = None) -> Clip:
    """Open a clip and find its frames.

    Raw samples have no header: size and pixel format are taken from the options or from the file's name
    ("news_352x288_nv12.yuv"). The range is limited unless an option or the name ("yuvj420p") says otherwise.

    Raises:
        UsageError: the file cannot be read, is truncated, or is not progressive 8-bit 4:2:0 or grey; its size is
            unknown; or an option contradicts its header or name.
    """
    options = options or ClipOptions()
    try:
        with path.open("rb") as file:
            length = path.stat().st_size
            if path.suffix.lower() == ".y4m":
                return _open_y4m(path, file, length, options)
            return _open_raw(path, length, options)
    except OSError as error:
        raise UsageError(f"cannot read clip {path}: {error.strerror}") from error


def read_frame(path: Path, offset: int, form: FrameFormat) -> Yuv420:
    """Read the frame whose samples start at an offset in bytes.

    Raises:
        UsageError: the file cannot be read, or ends before the frame does.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            samples = file.read(form.num_bytes)
    except OSError as error:
        raise UsageError(f"cannot read clip {path}: {error.strerror}") from error
    try:
        return form.picture(samples)
    except ValueError as error:
        raise UsageError(f"{path} is cut off: {error}") from error


def frame_range(text: str, count: int) -> range:
    """Parse a range of frames in a clip of `count`, written like a slice: "0:10", "0:100:10"; "5" is one frame.

    Raises:
        UsageError: the range is invalid or empty, or exceeds the clip.
    """
    if not re.fullmatch(r"\d+|(\d*):(\d*)(:\d+)?", text):
        raise UsageError(f"--frames {text}: use FIRST:END or FIRST:END:STEP, END excluded, as in 0:10")
    first, _, rest = text.partition(":")
    end, _, step = rest.partition(":")
    start = int(first or 0)
    stop = int(end or count) if ":" in text else start + 1
    if int(step or 1) < 1 or start >= stop:
        raise UsageError(f"--frames {text}: there is no frame in that range")
    if stop > count:
        raise UsageError(f"--frames {text}: the clip has {count} frames, 0 to {count - 1}")
    return range(start, stop, int(step or 1))


def _open_raw(path: Path, length: int, options: ClipOptions) -> Clip:
    layout, full_range = of_raw(path, options.pixel_format, options.levels)
    form = FrameFormat(_raw_size(path, options.size), layout, full_range)
    width, height = form.size
    if layout == "gray" and not options.pixel_format and not length % FrameFormat(form.size).num_bytes:
        raise UsageError(
            f"{path}: its name says grey, but it could be frames of {width}x{height} in 8-bit 4:2:0 as well; write "
            "--pixel-format gray or --pixel-format yuv420p"
        )
    if not length or length % form.num_bytes:
        raise UsageError(
            f"{path} has {length} bytes, which is not a whole number of frames of {width}x{height} in {form} "
            f"({form.num_bytes} bytes each): it is cut off, or has another size or format (--size, --pixel-format)"
        )
    return Clip(path, form, offsets=tuple(range(0, length, form.num_bytes)))


def _raw_size(path: Path, size: str | None) -> tuple[int, int]:
    named = SIZE_IN_NAME.search(path.stem)
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", size) if size else named
    if not found:
        what = f"--size {size} is not a size" if size else f"the name of {path} does not contain its size"
        raise UsageError(f"{what}; write --size WIDTHxHEIGHT, as in --size 352x288")
    width, height = _checked_size(path, int(found[1]), int(found[2]))
    if named and (width, height) != (int(named[1]), int(named[2])):
        raise UsageError(f"{path}: its name says {named[0]}; omit --size {size}, or rename it")
    return width, height


def _checked_size(path: Path, width: int, height: int) -> tuple[int, int]:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise UsageError(f"{path}: {width}x{height} is not a valid picture size")
    return width, height


def _open_y4m(path: Path, file: BinaryIO, length: int, options: ClipOptions) -> Clip:
    magic, *parameters = file.readline(_LONGEST_LINE).rstrip(b"\n").split(b" ")
    if magic != _Y4M_MAGIC:
        raise UsageError(f"{path} is not a YUV4MPEG2 file")
    for option, what in ((options.size, "size"), (options.pixel_format, "pixel format")):
        if option:
            raise UsageError(f"{path}: its header states its {what}; omit --{what.replace(' ', '-')}")
    words = [parameter.decode("ascii", errors="replace") for parameter in parameters if parameter]
    fields = {word[0]: word[1:] for word in words if word[0] != "X"}
    layout, full_range = _y4m_layout(path, fields), _y4m_full_range(path, words, options.levels)
    try:
        size = _checked_size(path, int(fields["W"]), int(fields["H"]))
    except (KeyError, ValueError):
        raise UsageError(f"{path}: its header does not state width and height") from None
    form = FrameFormat(size, layout, full_range)
    offsets = tuple(_frames(path, file, length, form.num_bytes))
    if not offsets:
        raise UsageError(f"{path} has no frames")
    return Clip(path, form, offsets)


def _y4m_layout(path: Path, fields: dict[str, str]) -> Layout:
    chroma, interlacing = fields.get("C", "420"), fields.get("I", "?")
    if chroma not in _Y4M_LAYOUTS:
        raise UsageError(
            f"{path} has C{chroma}; only 8-bit 4:2:0 and grey are read "
            f"({', '.join(sorted(_Y4M_LAYOUTS))}); "
            f"convert it: ffmpeg -i {path.name} -pix_fmt yuv420p NEW.y4m"
        )
    if interlacing not in {"p", "?"}:
        raise UsageError(f"{path} is interlaced (I{interlacing}); only progressive clips are read")
    return _Y4M_LAYOUTS[chroma]


def _y4m_full_range(path: Path, words: list[str], levels: Levels | None) -> bool:
    ranges = [word[len(_COLOUR_RANGE) :].lower() for word in words if word.upper().startswith(_COLOUR_RANGE)]
    stated = [word for word in ranges if word in {"full", "limited"}]  # other values, such as UNKNOWN, state nothing
    if stated and levels:
        raise UsageError(f"{path}: its header states its range ({stated[0]}); omit --range {levels}")
    return "full" in stated or levels == "full"


def _frames(path: Path, file: BinaryIO, length: int, frame_bytes: int) -> Iterator[int]:
    """Yield the offset of the samples of each frame; the file is positioned after the stream header."""
    while line := file.readline(_LONGEST_LINE):
        offset = file.tell()
        if line.rstrip(b"\n").split(b" ")[0] != _FRAME or offset + frame_bytes > length:
            raise UsageError(f"{path} is cut off or damaged at byte {offset - len(line)}: no complete frame follows")
        yield offset
        file.seek(frame_bytes, 1)
