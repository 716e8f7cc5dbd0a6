"""How much of each codec the whole reproduction measures, as `budget.toml` states it."""

from __future__ import annotations

import fnmatch
import functools
import importlib.resources
import tomllib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.codecs.codec import CodecSpec

UNSTATED_TASK_S = 1.0
"""Processor seconds that a task counts whose codec the budget does not name."""


@dataclass(frozen=True, slots=True)
class TimingPlan:
    """What is timed: these pictures of an image set (all of one that is not named), at these points, so many times."""

    ladder: tuple[float, ...]
    """Positions on a codec's list of qualities, 0 to 1."""
    repeats: int
    pictures: Mapping[str, tuple[str, ...]]

    def points(self, spec: CodecSpec) -> str:
        """A codec with the qualities that are timed, as on the command line."""
        last = len(spec.qualities) - 1
        return asked(spec.name, tuple(dict.fromkeys(spec.qualities[round(place * last)] for place in self.ladder)))


@dataclass(frozen=True, slots=True)
class Budget:
    """What a whole reproduction measures on RGB, or on planes; or a quick one."""

    pictures: Mapping[str, tuple[str, ...]]
    """Image set to the pictures that stand for it; all of one that is not named."""
    timing: TimingPlan
    points: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Codec to its qualities; all points of one that is not named."""
    task_s: Mapping[str, float] = field(default_factory=dict)
    codecs: tuple[str, ...] = ("*",)
    """Globs of the codecs that are measured."""
    without: tuple[str, ...] = ()
    """Globs of those among them that are not."""

    @classmethod
    def stated(cls, *, quick: bool) -> Budget:
        """The budget of RGB pictures that comes with the package."""
        content = _content()
        codecs: Mapping[str, dict[str, Any]] = content["codecs"]
        extent = "quick" if quick else "whole"
        timing = content["timing"][extent]
        return cls(
            _tuples(content["pictures"]) if quick else {},
            TimingPlan(tuple(timing["ladder"]), timing["repeats"], _tuples(timing["pictures"])),
            {name: tuple(share[extent]) for name, share in codecs.items() if extent in share},
            {name: share["task_s"] for name, share in codecs.items()},
            without=tuple(content["planes"]["alone"]),
        )

    @classmethod
    def of_planes(cls, *, quick: bool) -> Budget:
        """The same for planes of YUV 4:2:0: other codecs, other points."""
        planes = _content()["planes"]
        return replace(
            cls.stated(quick=quick), points=_tuples(planes["points"]), codecs=tuple(planes["codecs"]), without=()
        )

    def includes(self, codec: str) -> bool:
        """Whether a codec is measured."""
        wanted, unwanted = (
            any(fnmatch.fnmatchcase(codec, glob) for glob in globs) for globs in (self.codecs, self.without)
        )
        return wanted and not unwanted

    def share(self, spec: CodecSpec, *, fixed: bool) -> CodecSpec:
        """A codec with the qualities that are measured; `fixed`: it has only those in `spec`, as one with weights."""
        points = self.points.get(spec.name, spec.qualities)
        found = tuple(point for point in points if point in spec.qualities) if fixed else points
        return replace(spec, qualities=found or spec.qualities)

    def processor_s(self, spec: CodecSpec, pictures: int) -> float:
        """Processor seconds that a codec takes on so many pictures of Kodak's size."""
        return len(spec.qualities) * pictures * self.task_s.get(spec.name, UNSTATED_TASK_S)


def asked(name: str, qualities: tuple[float, ...]) -> str:
    """A codec and its qualities as on the command line."""
    return f"{name}@{','.join(f'{quality:g}' for quality in qualities)}"


def _tuples(lists: Mapping[str, list[Any]]) -> dict[str, tuple[Any, ...]]:
    return {name: tuple(entries) for name, entries in lists.items()}


@functools.cache
def _content() -> dict[str, Any]:
    text = importlib.resources.files(__package__).joinpath("budget.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
