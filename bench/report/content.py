"""Content of a page on one image set: curves and tables."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import pandas as pd

from bench.analysis import headline
from bench.analysis.against_vtm import against_vtm
from bench.analysis.axis import PSNR
from bench.analysis.comparison import COLUMNS, bd_table
from bench.analysis.costs import cost_table, largest_models
from bench.analysis.dataset_results import DatasetResults
from bench.analysis.difference import per_image_rates, rate_differences
from bench.analysis.front import time_against_rate
from bench.analysis.rd_curve import RdCurve, all_curves, find, published_curve, published_of
from bench.analysis.sets import all_results, measured_part
from bench.analysis.timing import summary, task_times
from bench.analysis.trust import doubts_of, other_qualities
from bench.learned.weights import catalogue
from bench.report.figure import Curves
from bench.report.style import Colours, Look, looks
from bench.results.published import published_names, stated_costs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.analysis.axis import Axis
    from bench.results.extras import Extras
    from bench.results.frames import Export


@dataclass(frozen=True, slots=True)
class Content:
    """Results on one image set, prepared for a page.

    `titles` and `looks` belong to curves by name, and `tables` to CSV files by name. `subject` is the name of the main
    curve, and `chosen` are the names of the few curves that the first figure shows.
    """

    export: Export
    results: DatasetResults
    rd_curves: Sequence[RdCurve]
    anchors: Sequence[RdCurve]
    subject: str | None
    chosen: Sequence[str]
    titles: Mapping[str, str]
    tables: Mapping[str, pd.DataFrame]
    looks: Mapping[str, Look] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        export: Export,
        results: DatasetResults,
        extras: Extras,
        anchor_names: Sequence[str] = (),
    ) -> Self:
        """Compute the content of a page on an image set, without looks; see `coloured`.

        Raises:
            UsageError: an anchor is not a measured curve.
        """
        titles = short_titles(results)
        rd_curves = [_titled(rd_curve, titles) for rd_curve in all_curves(results, export)]
        names = anchor_names or headline.anchor_names(results, rd_curves)
        anchors = [_titled(find(results, export, name), titles) for name in names]
        tables = _stored_tables(export, results) | _compared(anchors, rd_curves, results)
        tables["timings_summary"]["title"] = tables["timings_summary"]["name"].map(titles)
        rates = tables["bd_rates"]
        comparable = rates[rates["doubt"].eq("") & ~rates["test"].isin(other_qualities(results))]
        tables["time_and_rate"] = time_against_rate(tables["timings_summary"], comparable)
        models = largest_models(extras.complexity, results.curves)
        models = models.assign(title=models["name"].map(titles))
        stated, of_stated = _of_stated(export, results, anchors)
        own = rates[~rates["test"].isin(other_qualities(results))]
        every = pd.concat([rows for rows in (own, of_stated) if len(rows)] or [own])
        tables["cost_and_rate"] = cost_table(models, stated, every)
        subject, chosen = _headline(results, rd_curves, anchors, rates)
        titles |= {one.name: one.title for one in (*rd_curves, *anchors)}
        return cls(export, results, rd_curves, anchors, subject, chosen, titles, tables)

    def coloured(self, colours: Colours) -> Self:
        """Copy with looks, in the given colours of families."""
        references = [rd_curve.name for rd_curve in self.rd_curves if not rd_curve.images]
        return dataclasses.replace(self, looks=looks(self.results.families, references, colours, self.chosen))

    @property
    def anchor(self) -> RdCurve | None:
        """Main anchor, that of the static figures; None without anchors."""
        return self.anchors[0] if self.anchors else None

    @property
    def curves(self) -> Curves:
        """Titles and looks of the curves, without marks for unreliable BD-rates."""
        return Curves(self.titles, self.looks)

    def curves_against(self, axis: Axis, anchor: str) -> Curves:
        """Titles and looks of the curves, and those with an unreliable BD-rate against an anchor."""
        rows = self.rows("bd_rates", axis, anchor)
        return Curves(self.titles, self.looks, frozenset(rows.loc[rows["doubt"].ne(""), "test"]))

    def rows(self, table: str, axis: Axis, anchor: str) -> pd.DataFrame:
        """Rows of a table on one axis and against one anchor."""
        rows = self.tables[table]
        return rows[(rows["axis"] == axis.name) & (rows["anchor"] == anchor)]


def main_results(export: Export, dataset: str | None, images: Sequence[str]) -> DatasetResults:
    """Results on an image set, by default the RGB set with the most complete points.

    If only a part of the set was measured, the results are those of the part.

    Raises:
        UsageError: nothing is measured, or the image set or an image is unknown.
    """
    if dataset is not None:
        return DatasetResults.of(export, dataset if images else measured_part(export, dataset), images)
    return first_of(all_results(export, images))


def first_of(found: Iterable[DatasetResults]) -> DatasetResults:
    """Main image set of a report: the RGB set with the most measurements, or the YUV set without any RGB set.

    Measurements are counted, not points, because all codecs are complete on any part of their pictures.
    """
    return max(found, key=lambda results: (PSNR in results.axes, len(results.points) * len(results.images)))


def short_titles(results: DatasetResults) -> dict[str, str]:
    """Titles of the measured curves; weights of the package are omitted if most learned curves use them."""
    curves = results.curves
    uses = Counter(weights for weights in curves["weights"] if weights).most_common(2)
    usual = uses[0][0] if uses and uses[0][1] > sum(count for _, count in uses[1:]) else ""
    if usual not in catalogue.COMPACTS:
        return dict(zip(curves["name"], curves["title"], strict=True))
    rows = zip(curves["name"], curves["title"], curves["weights"], strict=True)
    return {name: title.replace(f" [{weights}]", "") if weights == usual else title for name, title, weights in rows}


def _titled(rd_curve: RdCurve, titles: Mapping[str, str]) -> RdCurve:
    return dataclasses.replace(rd_curve, title=titles.get(rd_curve.name, rd_curve.title))


def _headline(
    results: DatasetResults, rd_curves: Sequence[RdCurve], anchors: Sequence[RdCurve], rates: pd.DataFrame
) -> tuple[str | None, list[str]]:
    """Names of the main curve of a page, and of the curves that its first figure shows, including the best one."""
    if not anchors or not results.axes:
        return None, [rd_curve.name for rd_curve in rd_curves][: headline.MOST]
    ranked, names = headline.ranking(rates, results.axes[0].name, anchors[0].name), [one.name for one in anchors]
    subject = headline.subject(results, rd_curves, ranked, names[0])
    best = headline.best(ranked, results.curves["name"], names[0])
    return subject, headline.few(results, rd_curves, names, [name for name in (subject, best) if name])


def _compared(
    anchors: Sequence[RdCurve], rd_curves: Sequence[RdCurve], results: DatasetResults
) -> dict[str, pd.DataFrame]:
    """Tables that compare all curves with all anchors; only measured curves have values per image."""
    found: dict[str, list[pd.DataFrame]] = {"bd_rates": [], "rate_differences": [], "per_image_bd_rates": []}
    for anchor in anchors:
        tests = [rd_curve for rd_curve in rd_curves if rd_curve.name != anchor.name]
        found["bd_rates"].append(bd_table(anchor, tests, results.axes))
        found["rate_differences"].append(rate_differences(anchor, tests, results.axes))
        found["per_image_bd_rates"].append(per_image_rates(anchor, tests, results.axes, results.images))
    tables = {name: _stacked(frames) for name, frames in found.items()}
    rates = tables["bd_rates"] if anchors else pd.DataFrame(columns=list(COLUMNS))
    return tables | {"bd_rates": rates.assign(doubt=doubts_of(rates, [*rd_curves, *anchors], results))}


def _of_stated(
    export: Export, results: DatasetResults, anchors: Sequence[RdCurve]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Stated costs of published curves on these pictures, and their BD-rates with the reasons for doubt."""
    points, stated = published_of(results, export), stated_costs()
    stated = stated[stated["curve"].isin(published_names(points))]
    curves = [published_curve(points, name) for name in stated["curve"]]
    rates = _stacked([bd_table(anchor, curves, results.axes) for anchor in anchors])
    if rates.empty:
        return stated, rates
    return stated, rates.assign(doubt=doubts_of(rates, [*curves, *anchors], results))


def _stacked(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0] if frames else pd.DataFrame()


def _stored_tables(export: Export, results: DatasetResults) -> dict[str, pd.DataFrame]:
    """Tables without comparisons of curves."""
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
        "published_against_vtm": against_vtm(published),
        "incomplete": results.incomplete,
        "failures": export.failures[export.failures["dataset"] == results.dataset],
        "stale": results.stale,
        "runs": export.runs[export.runs["run_id"].isin(used)].sort_values(["started", "run_id"], kind="stable"),
    }


def _marked(rows: pd.DataFrame, results: DatasetResults) -> pd.DataFrame:
    """Points or measurements with the text "nan" where a metric is not defined, as in exports."""
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
    """Sort times in the order of the codecs; the order of stages is kept."""
    order = {name: position for position, name in enumerate(results.curves["name"])}
    ranked = times.assign(rank=times["name"].map(order)).sort_values(["group", "rank"], kind="stable")
    return ranked.drop(columns="rank").reset_index(drop=True)
