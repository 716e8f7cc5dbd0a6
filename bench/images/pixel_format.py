"""Pixel formats of clips (8-bit 4:2:0 in several orders, and grey), and their names in the file names of raw clips.

Samples are only reordered. Grey clips get a chroma of 128, the value of grey in both ranges, so that luma is exact and
results for chroma are meaningless.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from bench.images.picture import Yuv420
from bench.system.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Layout: TypeAlias = Literal["yuv420p", "yv12", "nv12", "nv21", "gray"]
"""Order of the samples of a frame: Y, U, V; Y, V, U; Y and pairs of U and V; Y and pairs of V and U; Y alone."""

Levels: TypeAlias = Literal["full", "limited"]
"""Black and white: 0 and 255, or 16 and 235."""

NAMES: dict[str, Layout] = {
    **dict.fromkeys(("yuv420p", "yuvj420p", "i420", "iyuv"), "yuv420p"),
    "yv12": "yv12",
    "nv12": "nv12",
    "nv21": "nv21",
    **dict.fromkeys(("gray", "grey", "gray8", "grey8", "y8", "y800", "yuv400", "yuv400p", "i400"), "gray"),
}
"""Name of a pixel format, as in ffmpeg or as a FourCC, to its layout."""

_FULL_RANGE = {"yuvj420p"}

SIZE_IN_NAME = re.compile(r"(?<!\d)(\d{1,5})x(\d{1,5})(?!\d)")

_OTHERS = re.compile(
    r"""(?<![0-9a-z])(
    (9|1[0246])[ _-]?(b(its?|p[cp])?|le|be)
    | ( (yuv[aj]?|i)?4(22|44|40|11|10)p? | yuva420p | (yuv)?420p(?=9|1\d) | i[024](?=10) | gbra?p )
      (f?\d+(msb)?)?(le|be)?
    | 4(:2:2|:4:4|:4:0|:1:1|:1:0|_2_2|_4_4|-2-2|-4-4)
    | ( nv1[56] | nv2[04] | nv42 | nv61 | p[024]1[0246] | (uyvy|yuyv|yvyu|vyuy)(422)? | yuy2 | hdyc | uyyvyy411 | uyva
      | y[24]1[0246] | v[234]10 | v[34]08 | v30x | xv(30|36|48) | vyu444 | v?ayuv(64)? | vuy[ax] ) (le|be)?
    | yv16 | yv24 | y4[12]b | y[24]11 | yuv9 | yvu9 | iyu[12] | imc[1-4]
    | [0ax2]*(rgb|bgr)[0ax]?(4_byte|f?\d+)?(le|be)? | gr[ae]yf?(?!8)\d+(le|be)?
    | y1[06] | ya(8|f?16|f?32)(le|be)? | xyz12(le|be)? | pal8 | mono[bw] | bayer_\w+
    )(?![0-9a-z])""",
    re.IGNORECASE | re.VERBOSE,
)
"""Names of formats with more bits, other subsampling, or other colours than 8-bit 4:2:0: those of ffmpeg, FourCCs, and
spellings in names of test sequences."""

_RANGE = re.compile(r"(?<![a-z])(full|pc|limited|video|tv)[ _-]?range(?![a-z])", re.IGNORECASE)
"""Range in the name of a clip, as in "Campfire_3840x2160_30fps_videoRange"."""


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """Format of a frame in a file."""

    size: tuple[int, int]  # width and height, pixels
    layout: Layout = "yuv420p"
    full_range: bool = False

    @property
    def is_grey(self) -> bool:
        """Whether the frame has no chroma."""
        return self.layout == "gray"

    @property
    def num_bytes(self) -> int:
        """Number of bytes of a frame."""
        return self._luma if self.is_grey else self._luma + 2 * self._chroma

    def __str__(self) -> str:
        """Format for messages and titles, without size and range."""
        if self.is_grey:
            return "8-bit grey"
        return "8-bit 4:2:0" if self.layout == "yuv420p" else f"8-bit 4:2:0 ({self.layout})"

    def picture(self, samples: bytes) -> Yuv420:
        """Create a picture from the samples of a frame.

        Raises:
            ValueError: the number of bytes is not `num_bytes`.
        """
        width, height = self.size
        if len(samples) != self.num_bytes:
            raise ValueError(f"{width}x{height} in {self} takes {self.num_bytes} bytes, not {len(samples)}")
        luma, chroma = samples[: self._luma], samples[self._luma :]
        halves = chroma[: self._chroma], chroma[self._chroma :]
        pairs = chroma[0::2], chroma[1::2]
        u, v = {
            "yuv420p": halves,
            "yv12": halves[::-1],
            "nv12": pairs,
            "nv21": pairs[::-1],
            "gray": (b"\x80" * self._chroma,) * 2,
        }[self.layout]
        return Yuv420.of_bytes(luma + u + v, width, height, full_range=self.full_range)

    @property
    def _luma(self) -> int:
        return self.size[0] * self.size[1]

    @property
    def _chroma(self) -> int:
        """Samples of one plane of chroma."""
        return -(-self.size[0] // 2) * -(-self.size[1] // 2)


def of_raw(path: Path, given: str | None, levels: Levels | None) -> tuple[Layout, bool]:
    """Determine the layout of a raw clip, and whether its range is full.

    They are taken from the options, else from the clip's name; the default is yuv420p in limited range.

    Raises:
        UsageError: a format other than 8-bit 4:2:0 or grey is given or named, or an option contradicts the name.
    """
    named = _named(path)
    if given is not None and given.lower() not in NAMES:
        if _OTHERS.fullmatch(given):
            raise UsageError(f"--pixel-format {given}: {_only(path)}")
        raise unknown("pixel format", given, NAMES)
    stated = {NAMES[name] for name in named}
    if len(stated) > 1:
        stated.discard("gray")  # usually describes the content of the clip
    chosen: Layout = NAMES[given.lower()] if given else next(iter(stated), "yuv420p")
    if stated - {"gray"} and chosen not in stated:
        raise UsageError(f"{path}: its name says {named[0]}; omit --pixel-format {given}, or rename it")
    if given is None and len(stated) > 1:
        raise UsageError(f"{path}: its name says {' and '.join(named)}; write --pixel-format NAME")
    return chosen, _is_full_range(path, (*named, (given or "").lower()), levels)


def _is_full_range(path: Path, formats: Iterable[str], levels: Levels | None) -> bool:
    """Whether a clip has full range, by its pixel formats, its name, or the option."""
    full: dict[str, bool] = {name: True for name in formats if name in _FULL_RANGE}
    for found in _RANGE.finditer(path.stem):
        full[found[0]] = found[1].lower() in {"full", "pc"}
    if len({*full.values()}) > 1:
        raise UsageError(f"{path}: {' and '.join(full)} contradict each other; rename it")
    for name, is_full in full.items():
        if levels and is_full != (levels == "full"):
            what = "full" if is_full else "limited"
            raise UsageError(f"{path}: {name} has {what} range; omit --range {levels}")
    return any(full.values()) or levels == "full"


def _named(path: Path) -> list[str]:
    """Find the pixel formats in a clip's name."""
    stem = SIZE_IN_NAME.sub("", path.stem)
    if other := _OTHERS.search(stem):
        raise UsageError(f"{path}: its name says {other[0]}; {_only(path)}")
    return [word for word in re.findall(r"[0-9a-z]+", stem.lower()) if word in NAMES]


def _only(path: Path) -> str:
    return (
        "only 8-bit 4:2:0 and grey are read; convert it: ffmpeg -f rawvideo -pixel_format FORMAT -video_size WxH "
        f"-i {path.name} -pix_fmt yuv420p {path.stem}.y4m"
    )
