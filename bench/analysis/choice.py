"""Selection of the curves of a figure by names and globs: on one image set and one axis."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bench.analysis.axis import unknown_metric
from bench.analysis.rd_curve import are_published, find, incomplete_notes, matching
from bench.analysis.sets import fitting
from bench.results import published
from bench.results.frames import Export
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.axis import Axis
    from bench.analysis.dataset_results import DatasetResults
    from bench.analysis.rd_curve import RdCurve


@dataclass(frozen=True, slots=True)
class Choice:
    """Curves with points on an axis, in the requested order, with notes for the user."""

    export: Export
    results: DatasetResults
    axis: Axis
    rd_curves: tuple[RdCurve, ...]
    notes: tuple[str, ...]

    @property
    def leading(self) -> tuple[RdCurve, ...]:
        """Main curves of a figure: learned ones and those imported by the user."""
        known = published.sources()
        return tuple(
            rd_curve
            for rd_curve in self.rd_curves
            if (rd_curve.learned if rd_curve.images else rd_curve.name.rpartition("/")[0] not in known)
        )

    @property
    def points(self) -> pd.DataFrame:
        """Points of the curves: name, title, image set, rate in bits per pixel, and value on the axis."""
        frames = []
        for rd_curve in self.rd_curves:
            curve = rd_curve.curves[self.axis.name]
            columns = {"rate_bpp": curve.rate_bpp, self.axis.name: [self.axis.shown(value) for value in curve.quality]}
            frames.append(pd.DataFrame({"curve": rd_curve.name, "title": rd_curve.title, **columns}))
        found = pd.concat(frames, ignore_index=True)
        found.insert(2, "dataset", self.results.dataset)
        return found


def chosen(
    export: Export,
    patterns: Sequence[str],
    *,
    metric: str = "",
    dataset: str | None = None,
    images: Sequence[str] = (),
) -> Choice:
    """Find curves by globs, and by names as in `bench.analysis.comparison.compare_rows`.

    `metric` is the short name of an axis; the default is the first axis of the image set.

    Raises:
        UsageError: a name or glob has no curve on the image set, the set must be named, the metric is unknown, or a
            curve given by name has no points of it.
    """
    if are_published(export.published, *patterns, measured=set(export.measurements["codec"])) and not images:
        export = Export.of_published(export.published)
    results = fitting(export, patterns, dataset=dataset, images=images)
    names = dict.fromkeys(name for pattern in patterns for name in _names(results, export, pattern))
    rd_curves = {rd_curve.name: rd_curve for rd_curve in (find(results, export, name) for name in names)}
    axis = _axis(results, metric)
    notes: list[str] = []
    for name, rd_curve in list(rd_curves.items()):
        left_out = rd_curve.left_out.get(axis.name, ())
        if len(rd_curve.curves.get(axis.name, ())):
            notes += left_out
        elif name in patterns or len(rd_curves) == 1:
            raise UsageError(
                "; ".join([f"{name} has no points with {axis.short_name} on {results.dataset}", *left_out])
            )
        else:
            notes.append(f"{name} is left out: it has no points with {axis.short_name}")
            del rd_curves[name]
    notes += incomplete_notes(results, rd_curves)
    if not rd_curves:
        raise UsageError(f"no curve of {' '.join(patterns)} has points with {axis.short_name} on {results.dataset}")
    return Choice(export, results, axis, tuple(rd_curves.values()), tuple(notes))


def _names(results: DatasetResults, export: Export, pattern: str) -> list[str]:
    """Names matched by a glob; a plain name stands for itself."""
    if found := matching(results, export, pattern):
        return found
    if glob.has_magic(pattern):
        kind = "published" if "/" in pattern else "measured"
        raise UsageError(
            f"{pattern} matches no {kind} curve on {results.dataset}; `bench list published` lists the names"
        )
    return [pattern]


def _axis(results: DatasetResults, metric: str) -> Axis:
    axes = {axis.short_name: axis for axis in results.axes}
    if metric and metric not in axes:
        raise unknown_metric(metric, axes, "" if results.points.empty else results.dataset)
    if not axes:
        raise UsageError(f"no curve on {results.dataset} has a metric")
    return axes[metric] if metric else next(iter(axes.values()))
