"""Comparison of two curves by name: BD-rate with interval, values per image, and reasons for doubt."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.analysis import batch, bd, single_point
from bench.analysis.axis import PSNR, PUBLISHED_AXES, Axis, unknown_metric
from bench.analysis.bd import METHODS, Curve
from bench.analysis.rd_curve import (
    IN_NOTES,
    RdCurve,
    are_published,
    find,
    incomplete_notes,
    matching,
    published_curve,
    registered_name,
)
from bench.analysis.sets import fitting
from bench.codecs.synonyms import unknown_codec
from bench.results import published
from bench.results.published import full_name, published_names
from bench.system.errors import UsageError
from bench.system.wording import count, listed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from bench.results.frames import Export

FEWEST_IN_OVERLAP = 4
LOWEST_SHARE = 0.5  # of the shorter curve's range
WIDEST_SPREAD = 0.5  # percentage points between PCHIP and Akima
"""Thresholds: a BD-rate below one of the first two or above the third is reported as doubtful."""

DOUBT = "doubtful"
"""Prefix of such a note."""

ALL_OF_A_CURVE = 0.95
"""Share of a curve's range from which all of its points count as inside, because ends never coincide exactly."""

CUBIC_REMARK = 1.0  # percentage points between PCHIP and the single cubic

COLUMNS = (
    "axis", "axis_title", "anchor", "anchor_title", "test", "test_title",
    *(f"bd_rate_{method}_percent" for method in METHODS), "interval_low_percent", "interval_high_percent",
    *(f"bd_quality_{method}" for method in METHODS), "overlap_low", "overlap_high", "overlap_share", "anchor_points",
    "test_points", "anchor_points_in_overlap", "test_points_in_overlap", "per_image_count", "per_image_mean_percent",
    "per_image_lowest_percent", "per_image_highest_percent", "notes",
)  # fmt: skip
"""Columns of `bd_table`."""


def bd_rows(anchor: RdCurve, test: RdCurve, axes: Iterable[Axis]) -> list[dict[str, Any]]:
    """Compare two RD curves on their common axes, with one row per axis; missing values are None."""
    return [_bd_row(anchor, test, axis) for axis in axes if axis.name in anchor.curves and axis.name in test.curves]


def _bd_row(anchor: RdCurve, test: RdCurve, axis: Axis) -> dict[str, Any]:
    curves = anchor.curves[axis.name], test.curves[axis.name]
    delta = bd.compare(*curves)
    interval, per_image = _over_images(anchor, test, axis) if not delta.reason else (None, np.array([]))
    usable = per_image[np.isfinite(per_image)]
    low, high = interval or (None, None)
    return {
        "axis": axis.name,
        "axis_title": axis.label,
        "anchor": anchor.name,
        "anchor_title": anchor.title,
        "test": test.name,
        "test_title": test.title,
        **{f"bd_rate_{method}_percent": delta.rate_percent[method] for method in METHODS},
        "interval_low_percent": low,
        "interval_high_percent": high,
        **{f"bd_quality_{method}": delta.quality[method] for method in METHODS},
        "overlap_low": min(map(axis.shown, delta.overlap)) if delta.overlap else None,
        "overlap_high": max(map(axis.shown, delta.overlap)) if delta.overlap else None,
        "overlap_share": delta.overlap_share,
        "anchor_points": len(curves[0]),
        "test_points": len(curves[1]),
        "anchor_points_in_overlap": delta.points_in_overlap[0],
        "test_points_in_overlap": delta.points_in_overlap[1],
        "per_image_count": len(usable),
        "per_image_mean_percent": float(usable.mean()) if len(usable) else None,
        "per_image_lowest_percent": float(usable.min()) if len(usable) else None,
        "per_image_highest_percent": float(usable.max()) if len(usable) else None,
        "notes": "; ".join([*_notes(curves, delta), *_left_out(anchor, test, axis, per_image)]),
    }


def _over_images(anchor: RdCurve, test: RdCurve, axis: Axis) -> tuple[tuple[float, float] | None, NDArray[np.float64]]:
    """Bootstrap interval over images, and BD-rate of each image; empty for published curves."""
    if axis.name not in anchor.images or axis.name not in test.images:
        return None, np.array([])
    interval = batch.interval(anchor.images[axis.name], test.images[axis.name], to_axis=axis.quality)
    own = [(rate, axis.quality(value)) for rate, value in (anchor.images[axis.name], test.images[axis.name])]
    return interval, batch.bd_rates(own[0], own[1])


def _left_out(anchor: RdCurve, test: RdCurve, axis: Axis, per_image: NDArray[np.float64]) -> Iterator[str]:
    """Notes on points left out, and on pictures without a BD-rate."""
    for rd_curve in (anchor, test):
        yield from rd_curve.left_out.get(axis.name, ())
    if without := [name for name, rate in zip(test.pictures, per_image, strict=False) if not np.isfinite(rate)]:
        yield f"no per-picture BD-rate on {listed(without, IN_NOTES)}"


def _notes(curves: Sequence[Curve], delta: bd.Delta) -> list[str]:
    """Notes to consider before quoting the BD-rate."""
    notes = [delta.reason] if delta.reason else []
    for which, curve in zip(("anchor", "test curve"), curves, strict=True):
        if curve.dominated:
            notes.append(
                f"{which}: {curve.dominated} left out with a higher rate but no higher quality than another point"
            )
        if curve.lossless:
            notes.append(f"{which}: {curve.lossless} left out because some picture is lossless")
        if curve.empty:
            notes.append(f"{which}: {curve.empty} left out because the rate is zero")
    if delta.reason:
        return notes
    inside = min(_points_inside(*pair, delta) for pair in zip(curves, delta.points_in_overlap, strict=True))
    if inside < FEWEST_IN_OVERLAP:
        few = f"only {count(inside, 'point')}" if inside else "no point"
        notes.append(f"{DOUBT}: {few} of a curve in the overlap")
    # A small share of a long curve is no reason for doubt if it covers the whole short curve.
    shorter = min(float(np.ptp(curve.quality)) for curve in curves)
    share = (delta.overlap[1] - delta.overlap[0]) / shorter if delta.overlap else 0.0
    if share < LOWEST_SHARE:
        notes.append(f"{DOUBT}: the overlap is {100 * share:.0f} % of the shorter curve's range")
    pchip, akima, cubic = (delta.rate_percent[method] for method in METHODS)
    if pchip is not None and akima is not None and abs(pchip - akima) > WIDEST_SPREAD:
        notes.append(
            f"{DOUBT}: PCHIP and Akima differ by {abs(pchip - akima):.1f} percentage points, the curves are sparse"
        )
    if pchip is not None and cubic is not None and abs(pchip - cubic) > CUBIC_REMARK:
        notes.append(f"the single cubic differs by {abs(pchip - cubic):.1f} percentage points")
    return notes


def doubts(notes: str) -> list[str]:
    """Notes of a row that make its BD-rate doubtful, so that it gives no verdict on a claim."""
    return [note for note in notes.split("; ") if note.startswith(DOUBT)]


def _points_inside(curve: Curve, counted: int, delta: bd.Delta) -> int:
    low, high = delta.overlap or (0.0, 0.0)
    return len(curve) if high - low >= ALL_OF_A_CURVE * np.ptp(curve.quality) else counted


def bd_table(anchor: RdCurve, tests: Iterable[RdCurve], axes: Sequence[Axis]) -> pd.DataFrame:
    """BD-rates of curves against one anchor, with one row per curve and axis; see `bd_rows`."""
    rows = [row for test in tests if test.name != anchor.name for row in bd_rows(anchor, test, axes)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Result of `bench compare TEST ANCHOR`."""

    test: str
    anchor: str
    dataset: str  # name, title and extent
    rows: list[dict[str, Any]]
    notes: list[str]


def table(comparison: Comparison) -> pd.DataFrame:
    """Rows of the comparison with the columns of `bd_table`, and of `single_point` if one side is a single point."""
    further = single_point.COLUMNS if any(single_point.COLUMNS[0] in row for row in comparison.rows) else ()
    return pd.DataFrame(comparison.rows, columns=[*COLUMNS, *further])


def compare_rows(
    export: Export,
    test: str,
    anchor: str,
    *,
    dataset: str | None = None,
    images: Sequence[str] = (),
    metrics: Sequence[str] = (),
) -> Comparison:
    """Compare two curves by name on one image set, with one row per common metric (or those of `metrics`).

    `test` may be a glob, which gives rows for each match. A name is a codec's ("jpeg"), with backend or weights if
    there are several ("jpeg@external"), with qualities for some points only ("jpeg@50"), or "source/method" of a
    published curve. A negative BD-rate means that `test` needs fewer bits than `anchor`. If one of the two is a single
    point, rows also have the columns of `bench.analysis.single_point`.

    Raises:
        UsageError: a name or image set is unknown, the image set must be named, or nothing can be compared.
    """
    measured, known = set(export.measurements["codec"]), set(published_names(export.published))
    given = (registered_name(name, measured) for name in (test, anchor))
    test, anchor = (name if name.partition("@")[0] in measured else full_name(known, name) for name in given)
    if are_published(export.published, test, anchor, measured=measured):
        return compare_published(export.published, test, anchor, dataset=dataset, images=images, metrics=metrics)
    require_known(export.published, test, anchor, measured=measured)
    results = fitting(export, (test, anchor), dataset=dataset, images=images)
    against = find(results, export, anchor, points=True)
    # The name of a curve may look like a glob, if its weights were given by one.
    is_name = test in set(results.curves["name"])
    found = [test] if is_name else matching(results, export, test) or [test]
    tests = [find(results, export, name, points=True) for name in found if name != against.name]
    rows = _ranked_rows(against, tests, results.axes, metrics, results.dataset)
    notes = incomplete_notes(results, [rd_curve.name for rd_curve in (against, *tests)])
    title = tests[0].title if len(tests) == 1 else test
    if without := [one.name for one in (against, *tests) if not one.images]:
        notes.append(
            f"no interval: {listed(without, IN_NOTES)} {'has' if len(without) == 1 else 'have'} no values per picture"
        )
    elif few := batch.too_few(len(results.images)):
        notes.append(few)
    return Comparison(title, against.title, results.label, _with_stated(rows, results.dataset), notes)


def _ranked_rows(
    anchor: RdCurve, tests: Sequence[RdCurve], axes: Sequence[Axis], metrics: Sequence[str], dataset: str = ""
) -> list[dict[str, Any]]:
    """BD-rates of RD curves against an anchor, on all axes or those of `metrics`; best first on each axis.

    `dataset` is the image set on which metrics can be measured.
    """
    names = [axis.short_name for axis in axes]
    for metric in metrics:
        if metric not in names:
            raise unknown_metric(metric, names, dataset)
    wanted = {axis.name: axis for axis in axes if not metrics or axis.short_name in metrics}
    rows = [
        _with_point(row, anchor, test, wanted[row["axis"]])
        for test in tests
        for row in bd_rows(anchor, test, wanted.values())
    ]
    if not tests:
        raise UsageError(f"{anchor.name} cannot be compared with itself; name another curve")
    if not rows:
        raise UsageError(
            f"{listed((test.name for test in tests), IN_NOTES)} and {anchor.name} have no metric in common"
        )
    order = {name: place for place, name in enumerate(wanted)}
    columns = ("bd_rate_pchip_percent", "rate_at_equal_quality_percent")
    return sorted(
        rows,
        key=lambda row: (order[row["axis"]], *(((rate := row.get(name)) is None, rate or 0) for name in columns)),
    )


def _with_point(row: dict[str, Any], anchor: RdCurve, test: RdCurve, axis: Axis) -> dict[str, Any]:
    """Add the differences at the point to a row, if one of the two curves has a single point."""
    point = single_point.at_single_point(anchor, test, axis)
    if len(anchor.curves[axis.name]) == len(test.curves[axis.name]) == 1:
        row["notes"] += "; the test curve has one, too: compare a point with a curve"
    beyond = [
        what
        for what, column in (("quality", "rate_at_equal_quality_percent"), ("rate", "quality_at_equal_rate"))
        if point and point[column] is None
    ]
    if beyond:
        row["notes"] += f"; the point's {' and '.join(beyond)} {'is' if len(beyond) == 1 else 'are'} beyond the curve"
    return row | point


def _with_stated(rows: list[dict[str, Any]], dataset: str) -> list[dict[str, Any]]:
    """Add a note to rows (over PSNR) if the authors of the curve state its BD-rate."""
    stated = published.stated(dataset)
    for row in rows:
        if row["axis"] == PSNR.name and row["test"] in stated:
            percent, against = stated[row["test"]]
            row["notes"] = "; ".join(filter(None, (f"stated: {percent:+.2f} % against {against}", row["notes"])))
    return rows


def require_known(points: pd.DataFrame, *names: str, measured: Collection[str] = frozenset()) -> None:
    """Check that names with the form of published curves are known.

    Raises:
        UsageError: one is unknown.
    """
    for name in names:
        # Names of published curves contain slashes, and so do names of codecs whose weights are given by a path.
        if "/" in name and name.partition("@")[0] not in measured and not are_published(points, name):
            raise unknown_codec("published curve", name, set(published_names(points)))


def compare_published(
    points: pd.DataFrame,
    test: str,
    anchor: str,
    *,
    dataset: str | None = None,
    images: Sequence[str] = (),
    metrics: Sequence[str] = (),
) -> Comparison:
    """Compare published curves, without any measurements; see `compare_rows`.

    Raises:
        UsageError: the curves share no image set, it must be named, nothing can be compared, or `images` are given.
    """
    if images:
        raise UsageError("published curves cover whole image sets; omit --images")
    names = published_names(points)
    found = {
        str(candidate): fnmatch.filter(dict.fromkeys(names[rows.index]), test) or [test]
        for candidate, rows in points.groupby("dataset")
        if are_published(rows, test) and are_published(rows, anchor) and dataset in {None, candidate}
    }
    if len(found) != 1:
        problem = f"are both published on {', '.join(found)}; add --dataset" if found else "have no dataset in common"
        raise UsageError(f"{test} and {anchor} {problem}")
    [(where, tests)] = found.items()
    there = points[points["dataset"] == where]
    against = published_curve(there, anchor)
    curves = [published_curve(there, name) for name in tests if name != anchor]
    rows = _ranked_rows(against, curves, PUBLISHED_AXES, metrics)
    title = curves[0].title if len(curves) == 1 else test
    return Comparison(title, against.title, where, _with_stated(rows, where), ["from published points only"])
