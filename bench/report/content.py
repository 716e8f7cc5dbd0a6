"""What the page says, computed before any of it is written: frames for the CSV files, and the plots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pandas as pd

from bench.analysis.comparison import bd_table
from bench.analysis.difference import per_image_rates, rate_differences
from bench.analysis.study import Study, measured_datasets
from bench.analysis.subject import Subject, all_subjects, find, published_of
from bench.analysis.timing import cell_times, summary
from bench.errors import UsageError
from bench.report.difference_plots import difference_plot, per_image_plot
from bench.report.rd_plot import rd_plot
from bench.report.style import Look, looks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.analysis.export import Export
    from bench.report.canvas import Plot

FIRST_ANCHORS = ("jpeg",)
"""The codec that BD-rates are taken against if nobody says otherwise; else the first one measured."""


@dataclass(frozen=True, slots=True)
class Content:
    """One report. `tables` are the frames behind the page, by the name of their CSV file."""

    export: Export
    study: Study
    subjects: Sequence[Subject]
    anchor: Subject | None
    looks: Mapping[str, Look]
    rd_plots: Sequence[Plot]
    difference_plots: Sequence[Plot]
    per_image_plots: Sequence[Plot]
    tables: Mapping[str, pd.DataFrame]

    @classmethod
    def of(cls, export: Export, study: Study, anchor_name: str | None) -> Self:
        """Compute everything that a report on a study shows.

        Raises:
            UsageError: the anchor is not a curve of the study.
        """
        subjects = all_subjects(study, export)
        anchor = _anchor(study, export, anchor_name)
        measured = [subject for subject in subjects if subject.images]
        tests = [subject for subject in measured if anchor is not None and subject.name != anchor.name]
        how = looks([s.name for s in measured], [s.name for s in subjects if not s.images])
        tables = _tables(export, study)
        tables["bd_rates"] = bd_table(anchor, subjects, study.axes) if anchor else pd.DataFrame()
        tables["rate_differences"] = rate_differences(anchor, tests, study.axes) if anchor else pd.DataFrame()
        tables["per_image_bd_rates"] = (
            per_image_rates(anchor, tests, study.axes, study.images) if anchor else pd.DataFrame()
        )
        titles = {subject.name: subject.title for subject in (*subjects, *([anchor] if anchor else []))}
        return cls(
            export=export,
            study=study,
            subjects=subjects,
            anchor=anchor,
            looks=how,
            rd_plots=_drawn(rd_plot(axis, subjects, how) for axis in study.axes),
            difference_plots=_drawn(
                difference_plot(axis, tables["rate_differences"], titles, how) for axis in study.axes if tests
            ),
            per_image_plots=_drawn(
                per_image_plot(axis, tables["per_image_bd_rates"], tables["bd_rates"], how)
                for axis in study.axes
                if tests
            ),
            tables=tables,
        )

    @property
    def plots(self) -> list[Plot]:
        """All plots, in the order of the page."""
        return [*self.rd_plots, *self.difference_plots, *self.per_image_plots]


def main_study(export: Export, dataset: str | None, images: Sequence[str]) -> Study:
    """The study of a data set, by default of the one with the most complete points.

    Raises:
        UsageError: nothing is measured, or the data set or an image is unknown.
    """
    if dataset is not None:
        return Study.of(export, dataset, images)
    names = measured_datasets(export)
    if not names:
        raise UsageError("nothing is measured yet; start with `bench run`")
    if len(names) == 1:
        return Study.of(export, names[0], images)
    studies = [Study.of(export, name) for name in names]
    best = max(studies, key=lambda study: (len(study.points), study.whole))
    return Study.of(export, best.dataset, images) if images else best


def _drawn(plots: Iterable[Plot | None]) -> list[Plot]:
    return [plot for plot in plots if plot is not None]


def _anchor(study: Study, export: Export, name: str | None) -> Subject | None:
    if name is not None:
        return find(study, export, name)
    names = list(study.curves["name"])
    if not names:
        return None
    return find(study, export, next((first for first in FIRST_ANCHORS if first in names), names[0]))


def _tables(export: Export, study: Study) -> dict[str, pd.DataFrame]:
    times = cell_times(study, export)
    used = {*study.cells["run_id"], *export.timings.loc[export.timings["key"].isin(study.cells["key"]), "run_id"]}
    published = published_of(study, export)
    values = [str(column) for column in study.cells if str(column).endswith("_db") or column in export.metric_columns]
    return {
        "points": study.points,
        "per_image": study.cells[["name", "quality", "image", "num_bytes", "bpp", *values]],
        "timings_summary": summary(times),
        "published": published[published["drawn"] == 1],
        "incomplete": study.incomplete,
        "failures": export.failures[export.failures["dataset"] == study.dataset],
        "stale": study.stale,
        "runs": export.runs[export.runs["run_id"].isin(used)].sort_values(["started", "run_id"], kind="stable"),
    }
