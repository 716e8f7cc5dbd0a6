"""What a page on one image set says, computed before any of it is written: frames for the CSV files, and the plots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pandas as pd

from bench.analysis.axis import PSNR, PSNR_YUV
from bench.analysis.comparison import bd_table
from bench.analysis.dataset_results import DatasetResults
from bench.analysis.difference import per_image_rates, rate_differences
from bench.analysis.front import time_against_rate
from bench.analysis.rd_curve import RdCurve, all_curves, find, published_of
from bench.analysis.sets import all_results, measured_part
from bench.analysis.timing import summary, task_times
from bench.report.against import Against
from bench.report.rd_plot import rd_figures
from bench.report.style import Colours, Look, looks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.report.figure import Figure
    from bench.results.frames import Export

FIRST_ANCHORS = ("jpeg", "webp", "jpeg2000", "bpg-444", "vvc")
"""The codecs that BD-rates are taken against if nobody says otherwise; else the first one measured."""

FIRST_ANCHORS_ON_PLANES = ("jpeg", "bpg-420", "vvc", "joint-yuv")
"""The same where the pictures are planes: what takes them as they are."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a page shows of one image set. `tables` are the frames behind it, by the name of their CSV file."""

    export: Export
    results: DatasetResults
    rd_curves: Sequence[RdCurve]
    anchors: Sequence[RdCurve]
    looks: Mapping[str, Look]
    against: Against
    plots: Mapping[str, Sequence[Figure]]  # by kind: rd, difference, per_image, front
    chosen: Sequence[str]  # the curves that figures show at first
    tables: Mapping[str, pd.DataFrame]

    @classmethod
    def of(cls, export: Export, results: DatasetResults, colours: Colours, anchor_names: Sequence[str] = ()) -> Self:
        """Compute everything that a page on an image set shows, its families in these colours.

        Raises:
            UsageError: an anchor is not a measured curve.
        """
        rd_curves = all_curves(results, export)
        anchors = [find(results, export, name) for name in anchor_names or _default_anchors(results)]
        first = chosen_curves(results)
        drawn = [rd_curve for rd_curve in rd_curves if rd_curve.name in first or not results.images]
        how = looks(results.families, [rd_curve.name for rd_curve in rd_curves if not rd_curve.images], colours, first)
        tables = _stored_tables(export, results) | _compared(anchors, rd_curves, results)
        rates = tables["bd_rates"]
        comparable = rates[~rates["test"].isin(_of_fewer_qualities(results))] if len(rates) else rates
        tables["time_and_rate"] = time_against_rate(tables["timings_summary"], comparable)
        against = Against(tables, _titles(results, (*rd_curves, *anchors)), how)
        plots: dict[str, list[Figure]] = {"rd": rd_figures(results.axes, drawn, against.curves)}
        plots |= {"difference": [], "per_image": [], "front": []}
        if anchors and len(results.curves) > 1:
            name, axes = anchors[0].name, results.axes
            plots["difference"] = _drawn(against.difference(axis, name, first) for axis in axes)
            plots["per_image"] = _drawn(against.per_image(axis, name, first) for axis in axes)
            plots["front"] = [figure for axis in axes[:1] for figure in against.fronts(axis, name, first).values()]
        return cls(export, results, rd_curves, anchors, how, against, plots, first, tables)

    @property
    def anchor(self) -> RdCurve | None:
        """The curve that the static figures are drawn against."""
        return self.anchors[0] if self.anchors else None

    @property
    def all_plots(self) -> list[Figure]:
        """All plots, in the order of the page."""
        return [plot for plots in self.plots.values() for plot in plots]


def main_results(export: Export, dataset: str | None, images: Sequence[str]) -> DatasetResults:
    """The results on an image set, by default of the RGB one with the most complete points.

    Where only a part of the set was measured it is of that part.

    Raises:
        UsageError: nothing is measured, or the data set or an image is unknown.
    """
    if dataset is not None:
        return DatasetResults.of(export, dataset if images else measured_part(export, dataset), images)
    return first_of(all_results(export, images))


def first_of(found: Iterable[DatasetResults]) -> DatasetResults:
    """The one of some image sets that a report begins with: of RGB, and with the most complete points."""
    # A set of YUV pictures is for a page of its own wherever there is one of RGB.
    return max(found, key=lambda results: (PSNR in results.axes, len(results.points), len(results.images)))


MOST_CHOSEN = 8
FIRST_CONVENTIONAL = ("jpeg", "webp", "bpg-444", "vvc", "bpg-420", "avif", "jpeg2000", "jpegxl")


def chosen_curves(results: DatasetResults) -> list[str]:
    """At most eight curves: the learned codecs, the last of the ladder first, and the best known conventional ones."""
    leading = [family.leading[0] for family in results.families if family.learned][::-1]
    conventional = [name for name in FIRST_CONVENTIONAL if name in results.leading]
    conventional += [name for name in results.leading if name not in {*leading, *conventional}]
    most = max(MOST_CHOSEN // 2, MOST_CHOSEN - len(leading))
    chosen = {*leading[: MOST_CHOSEN - min(most, len(conventional))], *conventional[:most]}
    return [name for name in results.curves["name"] if name in chosen]


def _default_anchors(results: DatasetResults) -> list[str]:
    names = list(results.curves["name"])
    wanted = FIRST_ANCHORS_ON_PLANES if PSNR_YUV in results.axes else FIRST_ANCHORS
    return [name for name in wanted if name in names] or names[:1]


def _compared(
    anchors: Sequence[RdCurve], rd_curves: Sequence[RdCurve], results: DatasetResults
) -> dict[str, pd.DataFrame]:
    """Every curve against every anchor; only measured ones have pictures of their own."""
    found: dict[str, list[pd.DataFrame]] = {"bd_rates": [], "rate_differences": [], "per_image_bd_rates": []}
    for anchor in anchors:
        tests = [rd_curve for rd_curve in rd_curves if rd_curve.name != anchor.name]
        found["bd_rates"].append(bd_table(anchor, tests, results.axes))
        found["rate_differences"].append(rate_differences(anchor, tests, results.axes))
        found["per_image_bd_rates"].append(per_image_rates(anchor, tests, results.axes, results.images))
    return {name: _stacked(frames) for name, frames in found.items()}


def _stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0] if frames else pd.DataFrame()


def _drawn(figures: Iterable[Figure | None]) -> list[Figure]:
    return [figure for figure in figures if figure is not None]


def _of_fewer_qualities(results: DatasetResults) -> list[str]:
    """The learned curves of fewer qualities than another of their family: their BD-rates are over a part of its range.

    Conventional ones have so many qualities that their ranges hardly differ.
    """
    sizes = results.points.groupby("name").size()
    learned = [[name for name in family.names if name in sizes.index] for family in results.families if family.learned]
    return [name for names in learned for name in names if sizes[name] < sizes[names].max()]


def _titles(results: DatasetResults, rd_curves: Iterable[RdCurve]) -> dict[str, str]:
    """The titles of curves, without the weights of measured ones; of several that would be alike only the first."""
    known = {rd_curve.name: rd_curve.title for rd_curve in rd_curves}
    curves = results.curves
    for name, title, weights in zip(curves["name"], curves["title"], curves["weights"], strict=True):
        short = title.removesuffix(f" [{weights}]")
        known[name] = title if short in known.values() else short
    return known


def _stored_tables(export: Export, results: DatasetResults) -> dict[str, pd.DataFrame]:
    """The tables that do not compare."""
    times = task_times(results, export)
    used = {
        *results.measurements["run_id"],
        *export.timings.loc[export.timings["key"].isin(results.measurements["key"]), "run_id"],
    }
    published = published_of(results, export)
    values = [
        str(column) for column in results.measurements if str(column).endswith("_db") or column in export.metric_columns
    ]
    diagnostics = [column for column in export.diagnostic_columns if column in results.measurements]
    return {
        "points": _marked(results.points, results),
        "per_image": _marked(results.measurements, results)[
            ["name", "quality", "image", "num_bytes", "bpp", *values, *diagnostics]
        ],
        "timings_summary": _in_order(summary(times), results),
        "published": published[published["drawn"] == 1],
        "incomplete": results.incomplete,
        "failures": export.failures[export.failures["dataset"] == results.dataset],
        "stale": results.stale,
        "runs": export.runs[export.runs["run_id"].isin(used)].sort_values(["started", "run_id"], kind="stable"),
    }


def _marked(rows: pd.DataFrame, results: DatasetResults) -> pd.DataFrame:
    """Points or measurements with "nan" where a metric is not defined, as in exports."""
    marked = rows.astype(object)
    for axis in results.axes:
        if "key" in rows:
            undefined = rows["key"].isin(results.undefined_keys(axis))
        else:
            nowhere = results.undefined_points(axis)
            undefined = pd.Series(
                [pair in nowhere for pair in zip(rows["name"], rows["quality"], strict=True)], rows.index
            )
        columns = [column for column in {axis.column, axis.name, *axis.metrics} if column in rows]
        marked.loc[undefined, columns] = "nan"
    return marked


def _in_order(times: pd.DataFrame, results: DatasetResults) -> pd.DataFrame:
    """Times with the codecs in the order that they have everywhere; the stages of each stay as they are."""
    order = {name: position for position, name in enumerate(results.curves["name"])}
    ranked = times.assign(rank=times["name"].map(order)).sort_values(["group", "rank"], kind="stable")
    return ranked.drop(columns="rank").reset_index(drop=True)
