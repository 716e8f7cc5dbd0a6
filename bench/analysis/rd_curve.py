"""RD curves, measured or published, and their lookup by name."""

from __future__ import annotations

import fnmatch
import glob
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.analysis.axis import PUBLISHED_AXES
from bench.analysis.bd import Curve
from bench.analysis.timing import qualities_text
from bench.codecs.registry import ALIASES
from bench.codecs.synonyms import codec_hint, unknown_codec
from bench.results.published import full_name, published_names
from bench.system.errors import UsageError
from bench.system.wording import listed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from bench.analysis.axis import Axis
    from bench.analysis.dataset_results import DatasetResults
    from bench.results.frames import Export


@dataclass(frozen=True, slots=True)
class RdCurve:
    """An RD curve on all of its axes.

    `images` holds, by axis, the curve of each image as (rate_bpp, values averaged for the axis), each of shape
    (images, points), with one row per name in `pictures`; a published curve has none. `left_out` gives, by axis, the
    points that are left out, with the reasons. `learned` means measured with weights. `qualities` are those of the
    points, by axis.
    """

    name: str
    title: str
    curves: Mapping[str, Curve]
    images: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=dict)
    learned: bool = False
    pictures: tuple[str, ...] = ()
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    qualities: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


MOST_BPP = 240.0
"""Maximum rate of a point on a curve: ten times the bits per pixel of an uncoded RGB picture."""


def measured_curve(results: DatasetResults, name: str, only: Sequence[float] = ()) -> RdCurve:
    """Measured curve of this name, optionally only its points at the qualities `only`.

    Raises:
        UsageError: there is no such curve with a complete point, or no complete point of a quality.
    """
    if name not in set(results.curves["name"]):
        raise _not_measured(results, name, results.curves["name"])
    points = results.points[results.points["name"] == name]
    title = str(points["title"].iloc[0])
    base, known = name, points["quality"]
    if only:
        for quality in only:
            if quality not in set(known):
                raise UsageError(f"{name}@{quality:g} is not measured; qualities: {qualities_text(known)}")
        points = points[points["quality"].isin(only)]
        suffix = ",".join(f"{quality:g}" for quality in only)
        name, title = f"{name}@{suffix}", f"{title} @{suffix}"
    rows = results.measurements[results.measurements["name"] == base].set_index(["image", "quality"])
    rows = rows.reindex(pd.MultiIndex.from_product([results.images, points["quality"]]))  # NaN without a measurement
    curves, images, left_out, qualities = {}, {}, {}, {}
    for axis in results.axes:
        reasons = _unusable(results, rows, points, axis)
        usable = ~points["quality"].isin(reasons).to_numpy()
        shown = points[usable]
        rates, values = shown["bpp"], axis.quality(shown[axis.column])
        curves[axis.name] = curve = Curve.of(rates, values)
        quality_of = dict(zip(zip(rates, values, strict=True), shown["quality"], strict=True))
        qualities[axis.name] = tuple(quality_of[point] for point in zip(curve.rate_bpp, curve.quality, strict=True))
        images[axis.name] = (_grid(rows["bpp"], results)[:, usable], _grid(rows[axis.column], results)[:, usable])
        left_out[axis.name] = tuple(
            f"{base}@{','.join(f'{quality:g}' for quality in reasons if reasons[quality] == reason)} left out: {reason}"
            for reason in dict.fromkeys(reasons.values())
        )
    learned = points["weights"].iloc[0] != ""
    return RdCurve(name, title, curves, images, learned, results.images, left_out, qualities)


def curves_at_shared_qualities(results: DatasetResults, *names: str) -> list[RdCurve]:
    """Measured curves at the qualities that all of them have; whole curves if they share none."""
    own = {name: results.points.loc[results.points["name"] == name, "quality"].tolist() for name in names}
    shared = sorted(set.intersection(*map(set, own.values())))
    return [measured_curve(results, name, () if shared == sorted(own[name]) else shared) for name in names]


def _grid(column: pd.Series, results: DatasetResults) -> NDArray[np.float64]:
    """A column of the measurements of one curve, sorted by image and point, as an array of shape (images, points)."""
    return column.to_numpy(dtype=np.float64).reshape(len(results.images), -1)


def _unusable(results: DatasetResults, rows: pd.DataFrame, points: pd.DataFrame, axis: Axis) -> dict[float, str]:
    """Qualities whose points are unusable on an axis, with the reason and the images affected."""
    values, bpp = _grid(rows[axis.column], results), _grid(rows["bpp"], results)
    undefined = rows["key"].isin(results.undefined_keys(axis)).to_numpy().reshape(values.shape)
    lossless = np.isposinf(axis.quality(points[axis.column]))
    reasons: dict[float, str] = {}
    for fault, where in {
        "an empty file of": _grid(rows["num_bytes"], results) == 0,
        f"more than {MOST_BPP:g} bits per pixel for": bpp > MOST_BPP,
        f"{axis.title} is not defined on": undefined,
        f"{axis.title} is not measured on": np.isnan(values) & ~undefined,
        f"{axis.title} is infinite (lossless) on": lossless & np.isposinf(axis.quality(values)),
    }.items():
        for place in np.flatnonzero(where.any(axis=0)):
            images = listed((results.images[row] for row in np.flatnonzero(where[:, place])), IN_NOTES)
            reasons.setdefault(float(points["quality"].iloc[place]), f"{fault} {images}")
    return dict(sorted(reasons.items()))


IN_NOTES = 3
"""Maximum number of names in a note below a table."""


def _not_measured(results: DatasetResults, name: str, known: Iterable[str]) -> UsageError:
    """Create the error for a name without a measured curve, with the reason."""
    names = results.incomplete["name"]
    short = results.incomplete[(names == name) | names.str.startswith(f"{name}@")]
    if len(short):
        return UsageError(
            f"{name} has at most {short['have'].max()} of {short['need'].max()} pictures; a curve needs all of them"
        )
    base, _, qualities = name.rpartition("@")
    if base and qualities.replace(",", "").replace(".", "").isdigit():
        return UsageError(f"{name}: a curve includes all qualities; use {base}")
    return UsageError(f"{name} is not measured on {results.dataset}{codec_hint(name, known)}")


def published_curve(published: pd.DataFrame, name: str) -> RdCurve:
    """The published curve "source/method" of a frame of published points of one image set.

    Raises:
        UsageError: there is no such curve.
    """
    names = published_names(published)
    points = published[names == name]
    if points.empty:
        raise unknown_codec("published curve", name, names.unique())
    curves = {}
    for axis in PUBLISHED_AXES:
        for metric, converted in axis.published:
            rows = points[points["metric"] == metric]
            if len(rows) and axis.name not in curves:
                quality = axis.quality(rows["value"]) if converted else rows["value"]
                curves[axis.name] = Curve.of(rows["rate_bpp"], quality)
    return RdCurve(name, str(points["title"].iloc[0]), curves)


def are_published(points: pd.DataFrame, *names: str, measured: Collection[str] = frozenset()) -> bool:
    """Whether all names and globs denote published curves, so that no measurements are needed.

    The name of a measured codec denotes that codec, even if the user has imported a curve of the same name.
    """
    known = set(published_names(points))
    return all(
        registered_name(name, measured).partition("@")[0] not in measured
        and (full_name(known, name) in known or ("/" in name and fnmatch.filter(known, name)))
        for name in names
    )


def incomplete_notes(results: DatasetResults, names: Collection[str]) -> list[str]:
    """Note of an image set, and one line per incomplete point or unused newer version of the given curves."""
    short = results.incomplete[results.incomplete["name"].isin(names)].to_dict("records")
    used = results.stale["name"].map(results.current.groupby("name")["latest"].max())
    newer = results.stale[results.stale["name"].isin(names) & (results.stale["latest"] > used)].to_dict("records")
    return [
        *([results.note] if results.note else []),
        *(f"{row['name']}@{row['quality']:g} is left out: {row['have']} of {row['need']} pictures" for row in short),
        *(f"{row['name']} is of an older version, because the last one has no complete point" for row in newer),
    ]


def published_of(results: DatasetResults, export: Export) -> pd.DataFrame:
    """Published points comparable with the results: those on the same, whole image set.

    A user may have imported points of a part, under the name of the part.
    """
    if len(results.images) < min(results.whole, int(export.images["dataset"].eq(results.dataset).sum())):
        return export.published.iloc[:0]
    return export.published[export.published["dataset"] == results.dataset]


def find(results: DatasetResults, export: Export, name: str, *, points: bool = False) -> RdCurve:
    """Find an RD curve by name among the measured curves and the published curves comparable with them.

    With `points`, a name may also select points of a measured curve: "jpeg@50", "joint@zoo@3,5".

    Raises:
        UsageError: there is no such curve, or it is a published curve of other pictures.
    """
    measured = set(results.curves["name"])
    name = registered_name(name, measured)
    if (meant := _curve_called(name, results.curves["name"])) is not None:
        return measured_curve(results, meant)
    if points and (some := _points_called(name, results.curves["name"])):
        return measured_curve(results, *some)
    here = published_of(results, export)
    name = full_name(set(published_names(export.published)), name)
    if name in set(published_names(here)):
        return published_curve(here, name)
    elsewhere = export.published.loc[published_names(export.published) == name, "dataset"].unique()
    if results.dataset in elsewhere:
        raise UsageError(f"{name} covers all {results.whole} pictures, not {results.extent}; omit --images")
    if len(elsewhere):
        raise UsageError(f"{name} is published for {' and '.join(elsewhere)}, not for {results.dataset}")
    raise _not_measured(results, name, {*measured, *published_names(here)})


def matching(results: DatasetResults, export: Export, pattern: str) -> list[str]:
    """Names of curves matched by a glob: published ones if it contains a slash, otherwise measured ones.

    Empty if the pattern is not a glob.
    """
    names = published_names(published_of(results, export)) if "/" in pattern else results.curves["name"]
    return fnmatch.filter(dict.fromkeys(names), pattern) if glob.has_magic(pattern) else []


def can_find(results: DatasetResults, export: Export, name: str) -> bool:
    """Whether `find` or `matching` finds a curve."""
    if matching(results, export, name):
        return True
    name = registered_name(name, results.curves["name"])
    names = [name, name.rpartition("@")[0]] if _qualities(name) else [name]  # of a curve, or of its points
    measured = any(f"{one}@".startswith(f"{base}@") for one in results.curves["name"] for base in names)
    published = set(published_names(published_of(results, export)))
    return measured or full_name(published, name) in published


def registered_name(name: str, measured: Iterable[str]) -> str:
    """Name under which results are stored: joint@zoo for mbt2018@zoo, mine for my.py:Mine.

    A codec measured under CompressAI's name keeps that name.
    """
    _, is_file, name = name.rpartition(".py:")
    codec, at, settings = name.partition("@")
    codec = codec.lower() if is_file else codec
    known = any(one.partition("@")[0] == codec for one in measured)
    return f"{codec if known else ALIASES.get(codec, codec)}{at}{settings}"


def _curve_called(name: str, known: Iterable[str]) -> str | None:
    """Name of the curve meant: the name itself, or the only one that adds a backend or weights to it; None if none."""
    known = list(known)
    if name in known:
        return name
    longer = [one for one in known if one.startswith(f"{name}@")]
    if len(longer) > 1:
        raise UsageError(f"{name} is measured as {', '.join(longer)}; choose one of them")
    return longer[0] if longer else None


def _points_called(name: str, known: Iterable[str]) -> tuple[str, tuple[float, ...]] | None:
    """Curve and qualities selected by a name such as "jpeg@50", or None."""
    qualities = _qualities(name)
    meant = _curve_called(name.rpartition("@")[0], known) if qualities else None
    return (meant, qualities) if meant is not None else None


def _qualities(name: str) -> tuple[float, ...]:
    """Numbers after the last @ of a name; empty if it is something else."""
    base, _, text = name.rpartition("@")
    try:
        return tuple(dict.fromkeys(float(number) for number in text.split(","))) if base else ()
    except ValueError:
        return ()


def all_curves(results: DatasetResults, export: Export) -> list[RdCurve]:
    """All measured curves, then the published curves on the same pictures that are marked as drawn."""
    published = published_of(results, export)
    drawn = published[published["drawn"] == 1]
    measured = [measured_curve(results, str(name)) for name in results.curves["name"]]
    names = dict.fromkeys(published_names(drawn))
    return [*measured, *(published_curve(drawn, name) for name in names)]
