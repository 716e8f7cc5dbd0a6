"""The budget of a reproduction: the pictures and qualities to measure for each codec (`budget.toml`)."""

from __future__ import annotations

import fnmatch
import functools
import importlib.resources
import tomllib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.codecs.codec import CodecSpec

UNSTATED_TASK_S = 1.0
"""Processor seconds per task of a codec that the budget does not list."""


@dataclass(frozen=True, slots=True)
class TimingPlan:
    """Pictures by image set, points, and number of repeats for which times are measured."""

    positions: tuple[float, ...]
    """Relative positions in the list of a codec's qualities, 0 to 1."""
    repeats: int
    pictures: Mapping[str, tuple[str, ...]]

    def share(self, spec: CodecSpec) -> CodecSpec:
        """Return a codec with the qualities to time."""
        last = len(spec.qualities) - 1
        return replace(
            spec, qualities=tuple(dict.fromkeys(spec.qualities[round(place * last)] for place in self.positions))
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """Pictures, codecs and qualities of a whole or quick reproduction, on RGB pictures or planes."""

    pictures: Mapping[str, tuple[str, ...]]
    """Pictures to measure by image set; all pictures of sets that are not listed."""
    timing: TimingPlan
    points: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Qualities by codec; all points of codecs that are not listed."""
    task_s: Mapping[str, float] = field(default_factory=dict)
    """Processor seconds per task by codec."""
    parts_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds for the decoded pictures and for the report."""
    codecs: tuple[str, ...] = ("*",)
    """Globs of the codecs to measure."""
    without: tuple[str, ...] = ()
    """Globs of the codecs to leave out."""

    @classmethod
    def stated(cls, *, quick: bool) -> Budget:
        """Load the budget for RGB pictures."""
        content = _content()
        codecs: Mapping[str, dict[str, Any]] = content["codecs"]
        extent = "quick" if quick else "whole"
        timing = content["timing"][extent]
        return cls(
            _tuples(content["pictures"]) if quick else {},
            TimingPlan(tuple(timing["positions"]), timing["repeats"], _tuples(timing["pictures"])),
            {name: tuple(share[extent]) for name, share in codecs.items() if extent in share},
            {name: share["task_s"] for name, share in codecs.items()},
            content["parts_s"][extent],
            without=tuple(content["planes"]["only_planes"]),
        )

    @classmethod
    def of_planes(cls, *, quick: bool) -> Budget:
        """Load the budget for planes of YUV 4:2:0, which has other codecs and points."""
        planes = _content()["planes"]
        points = _tuples(planes["quick" if quick else "whole"])
        return replace(cls.stated(quick=quick), points=points, codecs=tuple(planes["codecs"]), without=())

    def includes(self, codec: str) -> bool:
        """Whether a codec is measured."""
        return _matches(codec, self.codecs) and not _matches(codec, self.without)

    def share(self, spec: CodecSpec, *, fixed: bool) -> CodecSpec:
        """Return a codec with the qualities to measure; if `fixed`, only those of `spec` exist (learned codecs)."""
        points = self.points.get(spec.name, spec.qualities)
        found = tuple(point for point in points if point in spec.qualities) if fixed else points
        return replace(spec, qualities=found or spec.qualities)

    def timing_s(self, spec: CodecSpec, pictures: int) -> float:
        """Estimate the seconds for timing a codec on a number of pictures, including warm-ups."""
        return (self.timing.repeats + 1) * self.processor_s(self.timing.share(spec), pictures)

    def processor_s(self, spec: CodecSpec, pictures: int) -> float:
        """Estimate the processor seconds for measuring a codec on a number of pictures of Kodak's size."""
        return len(spec.qualities) * pictures * self.task_s.get(spec.name, UNSTATED_TASK_S)


def as_argument(spec: CodecSpec) -> str:
    """Format a codec with qualities in the notation of the command line."""
    return f"{spec.name}@{','.join(f'{quality:g}' for quality in spec.qualities)}"


def _matches(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)


def _tuples(lists: Mapping[str, list[Any]]) -> dict[str, tuple[Any, ...]]:
    return {name: tuple(entries) for name, entries in lists.items()}


@functools.cache
def _content() -> dict[str, Any]:
    text = importlib.resources.files(__package__).joinpath("budget.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
