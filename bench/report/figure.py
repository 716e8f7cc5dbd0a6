"""Description of a figure as axes and series, from which matplotlib, plotly, pgfplots and CSV files are made."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from bench.report.style import Look

WIDTH_INCHES = 5.25
HEIGHT_INCHES = 3.8
"""Size of a figure in the page, in a font of 11.5 points: narrow, so that its text is legible on a phone."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Titles and looks of curves by name, and the curves with unreliable BD-rates."""

    titles: Mapping[str, str]
    looks: Mapping[str, Look]
    doubted: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FigureAxis:
    """One axis of a figure. Without `limits` it covers all series; `ticks` maps positions to labels.

    `descending`: lower is better, and the axis runs from high to low. `percent`: tick labels have a sign and a unit.
    `zero`: draw a line at zero. `whole`: ticks only at integers.
    """

    label: str
    log: bool = False
    limits: tuple[float, float] | None = None
    ticks: Mapping[float, str] | None = None
    descending: bool = False
    percent: bool = False
    zero: bool = False
    whole: bool = False

    @classmethod
    def of_rows(cls, names: Sequence[str]) -> FigureAxis:
        """Vertical axis with one row per name, the first on top."""
        return cls("", limits=(-0.6, len(names) - 0.4), ticks=dict(enumerate(names)), descending=True)


@dataclass(frozen=True, slots=True)
class Series:
    """Points `x`, `y` drawn as a line, as markers, or both; NaN interrupts a line.

    `name` is the name of the RD curve, or empty; `title` is the text in the legend or beside the point, or empty.
    Every `every`-th point has a marker. `notes` are shown when the pointer is over a point. `faded`: the data are
    unreliable.
    """

    name: str
    title: str
    look: Look
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    line: bool = True
    markers: bool = True
    every: int = 1
    notes: Sequence[str] = ()
    faded: bool = False

    @classmethod
    def of(cls, name: str, title: str, look: Look, points: tuple[ArrayLike, ArrayLike], **options: object) -> Series:
        """Create a series from arrays or lists of numbers."""
        x, y = (np.asarray(values, dtype=np.float64) for values in points)
        return cls(name, title, look, x, y, **options)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: two axes and the series on them.

    `names_at_points` puts the title of each series beside its point; the legend then shows the `key`, series without
    points that explain the markers. `headings` are texts above positions of the horizontal axis: position, text and
    role of the colour.
    """

    name: str  # of its files; unique within a page
    caption: str
    x: FigureAxis
    y: FigureAxis
    series: tuple[Series, ...]
    height_inches: float = HEIGHT_INCHES
    width_inches: float = WIDTH_INCHES
    names_at_points: bool = False
    key: tuple[Series, ...] = ()
    headings: Sequence[tuple[float, str, str]] = ()

    @property
    def legend(self) -> list[Series]:
        """Series listed in the legend."""
        return [*self.key] if self.names_at_points else [series for series in self.series if series.title]

    @property
    def table(self) -> pd.DataFrame:
        """Points of all series, for a CSV file."""
        frames = [
            pd.DataFrame({"curve": s.name, "title": s.title, "note": list(s.notes) or "", "x": s.x, "y": s.y})
            for s in self.series
            if s.name or s.title
        ]
        found = pd.concat(frames, ignore_index=True)
        found = found[found["x"].notna() & found["y"].notna()]
        found = found[[column for column in found if column in {"x", "y"} or found[column].ne("").any()]]
        return found.rename(columns={"x": self.x.label or "x", "y": self.y.label or "y"})


def slug(name: str) -> str:
    """Convert a name to letters, digits, underscores and hyphens, for files and ids; the results are distinct."""
    safe = re.sub(r"[^A-Za-z0-9_]", "-", name)
    return safe if safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def segments(
    ends: Iterable[tuple[float, float]], across: Iterable[tuple[float, float]]
) -> tuple[list[float], list[float]]:
    """Line segments as points separated by NaN: `ends` are coordinates along one axis, `across` along the other."""
    pairs = list(zip(ends, across, strict=True))
    return (
        [value for (low, high), _ in pairs for value in (low, high, np.nan)],
        [value for _, (low, high) in pairs for value in (low, high, np.nan)],
    )


def drawable(figures: Iterable[Figure | None]) -> list[Figure]:
    """The figures that are not None."""
    return [figure for figure in figures if figure is not None]
