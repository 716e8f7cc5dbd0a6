"""The curves that can be compared: measured here or published, found by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.axis import MS_SSIM, MS_SSIM_Y, PSNR, PSNR_Y
from bench.analysis.bd import Curve
from bench.errors import UsageError, hint, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from bench.analysis.export import Export
    from bench.analysis.study import Study


@dataclass(frozen=True, slots=True)
class Subject:
    """A curve to compare, on every axis that it has.

    `images` holds, by axis, the curve of each image as (rate_bpp, values averaged for the axis), each of shape
    (images, points); a published curve has none. `learned`: measured with weights.
    """

    name: str
    title: str
    curves: Mapping[str, Curve]
    images: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=dict)
    learned: bool = False


def measured_subject(study: Study, name: str) -> Subject:
    """The current curve of a study that goes by `name`.

    Raises:
        UsageError: the study has no such curve with a complete point.
    """
    if name not in set(study.curves["name"]):
        raise _not_measured(study, name, study.curves["name"])
    points = study.points[study.points["name"] == name]
    cells = study.cells[study.cells["name"] == name]
    curves, images = {}, {}
    for axis in study.axes:
        usable = points[points[axis.column].notna()]
        curves[axis.name] = Curve.of(usable["bpp"], axis.quality(usable[axis.column]))
        images[axis.name] = (_matrix(cells, usable, "bpp"), _matrix(cells, usable, axis.column))
    return Subject(name, str(points["title"].iloc[0]), curves, images, learned=points["weights"].iloc[0] != "")


def _not_measured(study: Study, name: str, known: Iterable[str]) -> UsageError:
    """Why a study has no curve of a name."""
    short = study.incomplete[study.incomplete["name"] == name]
    if len(short):
        return UsageError(
            f"{name} has {short['have'].max()} of {short['need'].max()} pictures at most; a curve takes all"
        )
    base, _, qualities = name.rpartition("@")
    if base and qualities.replace(",", "").replace(".", "").isdigit():
        return UsageError(f"{name}: a curve is all qualities; write {base}")
    return UsageError(f"{name} is not measured on {study.dataset}{hint(name, known)}")


def _matrix(cells: pd.DataFrame, points: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """One column of the cells as an array of shape (images, points), for the points given."""
    table = cells.pivot_table(index="image", columns="quality", values=column, aggfunc="first")
    return table[points["quality"]].to_numpy(dtype=np.float64)


def published_names(published: pd.DataFrame) -> pd.Series:
    """What the curve of each published point goes by."""
    names: pd.Series = published["source"] + "/" + published["method"]
    return names


def published_subject(published: pd.DataFrame, name: str) -> Subject:
    """The published curve "source/method" of a frame of published points of one data set.

    Raises:
        UsageError: there is no such curve.
    """
    names = published_names(published)
    points = published[names == name]
    if points.empty:
        raise unknown("published curve", name, names.unique())
    curves = {}
    for axis in (PSNR, PSNR_Y, MS_SSIM, MS_SSIM_Y):
        for metric, converted in axis.published:
            rows = points[points["metric"] == metric]
            if len(rows) and axis.name not in curves:
                quality = axis.quality(rows["value"]) if converted else rows["value"]
                curves[axis.name] = Curve.of(rows["rate_bpp"], quality)
    return Subject(name, str(points["title"].iloc[0]), curves)


def published_of(study: Study, export: Export) -> pd.DataFrame:
    """The published points that are comparable with a study: of the same data set, and all of it."""
    if study.is_subset:
        return export.published.iloc[:0]
    return export.published[export.published["dataset"] == study.dataset]


def find(study: Study, export: Export, name: str) -> Subject:
    """The subject that a name means, among a study's curves and the published curves comparable with it.

    Raises:
        UsageError: there is none, or it is a published curve of other pictures.
    """
    measured = set(study.curves["name"])
    if name in measured:
        return measured_subject(study, name)
    here = published_of(study, export)
    if name in set(published_names(here)):
        return published_subject(here, name)
    elsewhere = export.published.loc[published_names(export.published) == name, "dataset"].unique()
    if study.dataset in elsewhere:
        raise UsageError(f"{name} is of all {study.whole} pictures, not of {study.extent}; leave --images out")
    if len(elsewhere):
        raise UsageError(f"{name} is of {' and '.join(elsewhere)}, not of {study.dataset}")
    raise _not_measured(study, name, {*measured, *published_names(here)})


def all_subjects(study: Study, export: Export) -> list[Subject]:
    """Every measured curve of a study, then the published ones of the same pictures that are marked as drawn."""
    published = published_of(study, export)
    drawn = published[published["drawn"] == 1]
    measured = [measured_subject(study, str(name)) for name in study.curves["name"]]
    names = dict.fromkeys(published_names(drawn))
    return [*measured, *(published_subject(drawn, name) for name in names)]
