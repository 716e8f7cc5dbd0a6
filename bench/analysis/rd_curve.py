"""The curves that can be compared: measured here or published, found by name."""

from __future__ import annotations

import fnmatch
import glob
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.axis import MS_SSIM, MS_SSIM_Y, PSNR, PSNR_Y
from bench.analysis.bd import Curve
from bench.codecs.synonyms import codec_hint, unknown_codec
from bench.results.published import full_name, published_names
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from bench.analysis.axis import Axis
    from bench.analysis.dataset_results import DatasetResults
    from bench.results.frames import Export


@dataclass(frozen=True, slots=True)
class RdCurve:
    """A curve to compare, on every axis that it has.

    `images` holds, by axis, the curve of each image as (rate_bpp, values averaged for the axis), each of shape
    (images, points), its rows those of `pictures`; a published curve has none. `left_out` says, by axis, which points
    take no part and why. `learned`: measured with weights.
    """

    name: str
    title: str
    curves: Mapping[str, Curve]
    images: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=dict)
    learned: bool = False
    pictures: tuple[str, ...] = ()
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


MOST_BPP = 240.0
"""Bits a pixel: ten times what an RGB picture takes uncoded. No curve goes through a file that is larger."""


def measured_curve(results: DatasetResults, name: str) -> RdCurve:
    """The current curve that goes by `name`.

    Raises:
        UsageError: there is no such curve with a complete point.
    """
    if name not in set(results.curves["name"]):
        raise _not_measured(results, name, results.curves["name"])
    points = results.points[results.points["name"] == name]
    measurements = results.measurements[results.measurements["name"] == name]
    curves, images, left_out = {}, {}, {}
    for axis in results.axes:
        reasons = _unusable(results, points, measurements, axis)
        usable = points[~points["quality"].isin(reasons)]
        curves[axis.name] = Curve.of(usable["bpp"], axis.quality(usable[axis.column]))
        images[axis.name] = (
            _matrix(results, measurements, usable, "bpp"),
            _matrix(results, measurements, usable, axis.column),
        )
        left_out[axis.name] = tuple(
            f"{name}@{','.join(f'{quality:g}' for quality in reasons if reasons[quality] == reason)} left out: {reason}"
            for reason in dict.fromkeys(reasons.values())
        )
    return RdCurve(
        name,
        str(points["title"].iloc[0]),
        curves,
        images,
        learned=points["weights"].iloc[0] != "",
        pictures=results.images,
        left_out=left_out,
    )


def _unusable(
    results: DatasetResults, points: pd.DataFrame, measurements: pd.DataFrame, axis: Axis
) -> dict[float, str]:
    """The qualities whose points no curve over an axis can go through, each with the reason and where it lies."""
    values = measurements[axis.column]
    undefined = measurements["key"].isin(results.undefined_keys(axis))
    means = points.set_index("quality")[axis.column]
    infinite = measurements["quality"].map(dict(zip(means.index, np.isposinf(axis.quality(means)), strict=True)))
    reasons: dict[float, str] = {}
    for fault, where in {
        "an empty file of": measurements["num_bytes"] == 0,
        f"more than {MOST_BPP:g} bits a pixel for": measurements["bpp"] > MOST_BPP,
        f"{axis.title} is not defined on": undefined,
        f"{axis.title} is not measured on": values.isna() & ~undefined,
        f"{axis.title} is infinite (lossless) on": infinite.astype(bool) & np.isposinf(axis.quality(values)),
    }.items():
        faulty = measurements[where]
        for quality in faulty["quality"].unique():
            reasons.setdefault(quality, f"{fault} {listed(faulty.loc[faulty['quality'] == quality, 'image'])}")
    return dict(sorted(reasons.items()))


def listed(names: Iterable[str]) -> str:
    """Names as text, the first few where there are many: "dill", "beetroot, carrot, dill and 5 more"."""
    found = list(names)
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return ", ".join(found[:LISTED]) + more


LISTED = 3
"""Pictures that a note names."""


def _not_measured(results: DatasetResults, name: str, known: Iterable[str]) -> UsageError:
    """Why there is no curve of a name."""
    names = results.incomplete["name"]
    short = results.incomplete[(names == name) | names.str.startswith(f"{name}@")]
    if len(short):
        return UsageError(
            f"{name} has {short['have'].max()} of {short['need'].max()} pictures at most; a curve takes all"
        )
    base, _, qualities = name.rpartition("@")
    if base and qualities.replace(",", "").replace(".", "").isdigit():
        return UsageError(f"{name}: a curve is all qualities; write {base}")
    return UsageError(f"{name} is not measured on {results.dataset}{codec_hint(name, known)}")


def _matrix(
    results: DatasetResults, measurements: pd.DataFrame, points: pd.DataFrame, column: str
) -> NDArray[np.float64]:
    """One column of the measurements as an array of shape (images, points); NaN where there is none."""
    table = measurements.set_index(["image", "quality"])[column].unstack("quality")  # noqa: PD010  # no mean, no row dropped
    return table.reindex(index=list(results.images), columns=points["quality"]).to_numpy(dtype=np.float64)


def published_curve(published: pd.DataFrame, name: str) -> RdCurve:
    """The published curve "source/method" of a frame of published points of one data set.

    Raises:
        UsageError: there is no such curve.
    """
    names = published_names(published)
    points = published[names == name]
    if points.empty:
        raise unknown_codec("published curve", name, names.unique())
    curves = {}
    for axis in (PSNR, PSNR_Y, MS_SSIM, MS_SSIM_Y):
        for metric, converted in axis.published:
            rows = points[points["metric"] == metric]
            if len(rows) and axis.name not in curves:
                quality = axis.quality(rows["value"]) if converted else rows["value"]
                curves[axis.name] = Curve.of(rows["rate_bpp"], quality)
    return RdCurve(name, str(points["title"].iloc[0]), curves)


def published_of(results: DatasetResults, export: Export) -> pd.DataFrame:
    """The published points that are comparable with results: of the same data set, and all of it."""
    if results.is_subset:
        return export.published.iloc[:0]
    return export.published[export.published["dataset"] == results.dataset]


def find(results: DatasetResults, export: Export, name: str) -> RdCurve:
    """The RD curve that a name means, among measured curves and the published curves comparable with it.

    Raises:
        UsageError: there is none, or it is a published curve of other pictures.
    """
    measured = set(results.curves["name"])
    if (meant := _meant(name, results.curves["name"])) is not None:
        return measured_curve(results, meant)
    here = published_of(results, export)
    name = full_name(set(published_names(export.published)), name)
    if name in set(published_names(here)):
        return published_curve(here, name)
    elsewhere = export.published.loc[published_names(export.published) == name, "dataset"].unique()
    if results.dataset in elsewhere:
        raise UsageError(f"{name} is of all {results.whole} pictures, not of {results.extent}; leave --images out")
    if len(elsewhere):
        raise UsageError(f"{name} is of {' and '.join(elsewhere)}, not of {results.dataset}")
    raise _not_measured(results, name, {*measured, *published_names(here)})


def matching(results: DatasetResults, export: Export, pattern: str) -> list[str]:
    """The names that a glob matches: of published curves if it has a slash, otherwise of measured ones.

    Empty for what is no glob.
    """
    names = published_names(published_of(results, export)) if "/" in pattern else results.curves["name"]
    return fnmatch.filter(dict.fromkeys(names), pattern) if glob.has_magic(pattern) else []


def can_find(results: DatasetResults, export: Export, name: str) -> bool:
    """Whether `find` finds a curve, or `matching` one."""
    if matching(results, export, name):
        return True
    measured = any(f"{one}@".startswith(f"{name}@") for one in results.curves["name"])
    published = set(published_names(published_of(results, export)))
    return measured or full_name(published, name) in published


def _meant(name: str, known: Iterable[str]) -> str | None:
    """The one of some curves that a name means: that of the name, or the only one that goes on with backend or weights.

    Raises:
        UsageError: several go on so.
    """
    known = list(known)
    if name in known:
        return name
    longer = [one for one in known if one.startswith(f"{name}@")]
    if len(longer) > 1:
        raise UsageError(f"{name} is measured as {', '.join(longer)}; name one of them")
    return longer[0] if longer else None


def all_curves(results: DatasetResults, export: Export) -> list[RdCurve]:
    """Every measured curve, then the published ones of the same pictures that are marked as drawn."""
    published = published_of(results, export)
    drawn = published[published["drawn"] == 1]
    measured = [measured_curve(results, str(name)) for name in results.curves["name"]]
    names = dict.fromkeys(published_names(drawn))
    return [*measured, *(published_curve(drawn, name) for name in names)]
