"""All results on one image set: current curves, complete RD points, and their means."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from bench.analysis.axis import SIMILARITIES, Axis, measured_axes, of_mean_errors, published_axes, with_decibels
from bench.analysis.family import Family, families, rank
from bench.images.selection import selected
from bench.metrics.rate import bits_per_pixel
from bench.system.errors import UsageError, unknown
from bench.system.wording import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.results.frames import Export

_SERIES = ["codec", "backend", "weights", "settings"]
"""Columns that identify a curve up to its version; only one version is reported.

Versions are those of a library or binary, and of the codec's code. Different settings are different curves: measuring a
codec with another precision keeps the results of the first.
"""

_CURVE = ["name", "codec", "title", "backend", "backend_version", "revision", "weights", "settings", "curve"]

_PART = re.compile(r"(?<=.)-\d+of\d+-[0-9a-f]{8}$")
"""End of the name of a part of an image set."""

_SIZE = re.compile(r", \d+( of \d+)? (pictures?|frames?)( of \d+x\d+)?$")
"""Suffix of the title of an image set with its number of images."""


@dataclass(frozen=True)
class DatasetResults:
    """All results on one image set, or on a stated part of it.

    `current` has one row per quality of a current curve, complete or not; `curves` one per current curve;
    `measurements` one per complete point and image, with rate and decibels; `points` their means; `incomplete` the
    qualities with missing images; `stale` the older versions of curves, which are not used. `undefined` is that of the
    export; `hashes` are the SHA-256 of the images.
    """

    dataset: str
    title: str
    note: str
    images: tuple[str, ...]
    whole: int  # number of images of the complete set
    axes: tuple[Axis, ...]
    current: pd.DataFrame
    curves: pd.DataFrame
    measurements: pd.DataFrame
    points: pd.DataFrame
    incomplete: pd.DataFrame
    stale: pd.DataFrame
    undefined: Mapping[str, frozenset[str]]
    hashes: frozenset[str]

    @property
    def is_subset(self) -> bool:
        """Whether some images of the set were deliberately left out."""
        return len(self.images) < self.whole

    @functools.cached_property
    def families(self) -> tuple[Family, ...]:
        """Families of the curves, learned ones first."""
        return families(self.curves)

    @functools.cached_property
    def leading(self) -> frozenset[str]:
        """Representative curves of the families, for overview figures: other settings of a codec would overlap."""
        return frozenset(name for family in self.families for name in family.leading)

    @property
    def extent(self) -> str:
        """Number of pictures: "24 pictures" or "6 of 24 pictures"."""
        if self.is_subset:
            return f"{len(self.images)} of {self.whole} pictures"
        return count(self.whole, "picture")

    @property
    def label(self) -> str:
        """Label of the set: its name, its title, and the number of pictures."""
        title, sizes = _SIZE.subn("", self.title)
        return f"{self.dataset}: {self.title if sizes and not self.is_subset else f'{title}, {self.extent}'}"

    @property
    def measured(self) -> frozenset[tuple[str, float]]:
        """Curve and quality of the complete points."""
        return frozenset(zip(self.points["curve"], self.points["quality"], strict=True))

    @classmethod
    def of(cls, export: Export, dataset: str, images: Sequence[str] = ()) -> Self:
        """Create from an export, for an image set or those of its images whose names match one of the globs `images`.

        Raises:
            UsageError: there is no such image set, or a glob matches no image.
        """
        known = export.datasets.set_index("dataset")
        if dataset not in known.index:
            if known.empty:
                raise UsageError(f"nothing is measured on {dataset} yet; start with `bench run`")
            raise unknown("dataset", dataset, known.index)
        members = export.images[export.images["dataset"] == dataset].sort_values("image", kind="stable")
        chosen = members[members["image"].isin(selected(list(members["image"]), images, dataset))]
        rows = _with_names(export).drop(columns=["dataset", "image"])
        rows = rows.drop_duplicates("key").merge(chosen[["image", "image_sha256"]], on="image_sha256")
        rows = _with_settings(_in_order(_of_one_training(rows)))
        counts = _attributes(rows).merge(_counted(rows, ["curve", "quality", "weights_sha256"]), on="curve")
        current, stale = _current(counts, needed=len(chosen))
        complete = current[current["have"] == len(chosen)]
        short = current[current["have"] < len(chosen)].reset_index(drop=True)
        # Metrics of other kinds of pictures have no values on this set.
        metrics = [metric for metric in export.metric_columns if rows[metric].notna().any()]
        axes = measured_axes(metrics, export.metrics)
        published = export.published[export.published["dataset"] == dataset]
        rows = rows.drop(columns=set(export.metric_columns) - set(metrics))
        rows = rows.merge(complete[["curve", "quality"]], on=["curve", "quality"])
        bpp = bits_per_pixel(rows["num_bytes"], rows["width"], rows["height"])
        measurements = with_decibels(rows.assign(bpp=bpp))
        return cls(
            dataset=dataset,
            title=str(known.loc[dataset, "title"]),
            note=str(known.loc[dataset, "note"]),
            images=tuple(chosen["image"]),
            whole=_size_of_whole(export, dataset, members),
            axes=axes if len(members) else published_axes(published["metric"]),
            current=current,
            curves=complete[_CURVE].drop_duplicates("name", ignore_index=True),
            measurements=measurements,
            points=_points(measurements, axes, metrics),
            incomplete=short[["name", "curve", "codec", "title", "quality", "have"]].assign(need=len(chosen)),
            stale=stale,
            undefined=export.undefined,
            hashes=frozenset(chosen["image_sha256"]),
        )

    def undefined_keys(self, axis: Axis) -> frozenset[str]:
        """Keys of measurements whose pictures an axis is not defined for, such as MS-SSIM for small ones."""
        return frozenset().union(*(self.undefined.get(metric, frozenset()) for metric in axis.metrics))

    def undefined_points(self, axis: Axis) -> frozenset[tuple[str, float]]:
        """(name, quality) of points without a mean, because the axis is not defined for some picture."""
        rows = self.measurements[self.measurements["key"].isin(self.undefined_keys(axis))]
        return frozenset(zip(rows["name"], rows["quality"], strict=True))


def measured_datasets(export: Export) -> list[str]:
    """Data sets of an export with measurements, in the order of datasets.csv."""
    measured = set(
        export.images.loc[export.images["image_sha256"].isin(export.measurements["image_sha256"]), "dataset"]
    )
    return [name for name in export.datasets["dataset"] if name in measured]


def reported_datasets(export: Export) -> list[str]:
    """Data sets shown in a report: those with measurements, and those with imported curves only."""
    alone = set(export.published["dataset"]) - set(export.images["dataset"])
    shown = {*measured_datasets(export), *alone}
    return [name for name in export.datasets["dataset"] if name in shown]


def name_of_whole(dataset: str) -> str:
    """Name of the whole image set if a set is a part of one, else its own; see `bench.images.datasets.Dataset.part`."""
    return _PART.sub("", dataset)


def _size_of_whole(export: Export, dataset: str, members: pd.DataFrame) -> int:
    """Number of images of a set, or of the whole set if it is a part of one."""
    if (name := name_of_whole(dataset)) != dataset:
        whole = export.images.loc[export.images["dataset"] == name, "image_sha256"]
        if set(members["image_sha256"]) < set(whole):
            return len(whole)
    return len(members)


def _with_names(export: Export) -> pd.DataFrame:
    """Add the start of the run, the codec's title and the name of the curve to measurements.

    The name is the codec's, with backend and weights if the codec alone is ambiguous. The title always includes the
    weights, because the performance depends on them. Settings are added by `_with_settings`.
    """
    rows = export.measurements.merge(export.runs[["run_id", "started"]], on="run_id", how="left")
    rows = rows.merge(export.codecs[["codec", "title", "default_backend"]], on="codec", how="left")
    rows = rows.fillna({"started": "", "title": rows["codec"], "default_backend": rows["backend"]})
    weights = (rows.groupby("codec")["weights"].transform("nunique") > 1) & rows["weights"].ne("")
    backend = rows["backend"].ne(rows["default_backend"])
    suffix = np.where(backend, "@" + rows["backend"], "") + np.where(weights, "@" + rows["weights"], "")
    spoken = np.where(backend, " (" + rows["backend"] + ")", "") + np.where(
        rows["weights"].ne(""), " [" + rows["weights"] + "]", ""
    )
    return rows.assign(name=rows["codec"] + suffix, title=rows["title"] + spoken)


def _with_settings(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the settings in which curves of the same name differ to names and titles; rows are of one image set."""
    names, titles = rows["name"].copy(), rows["title"].copy()
    for name, group in rows.groupby("name", sort=False):
        found = {text: json.loads(text or "{}") for text in group["settings"].unique()}
        if len(found) == 1:
            continue
        keys = sorted(
            key for key in set().union(*found.values()) if len({str(one.get(key)) for one in found.values()}) > 1
        )
        shown = {text: ",".join(f"{key}={one[key]}" for key in keys if key in one) for text, one in found.items()}
        names[group.index] = [f"{name}@{shown[text]}" if shown[text] else str(name) for text in group["settings"]]
        pairs = zip(group["title"], group["settings"], strict=True)
        titles[group.index] = [f"{title} ({shown[text]})" if shown[text] else title for title, text in pairs]
    return rows.assign(name=names, title=titles)


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Sort rows in the common order of curves.

    Learned codecs come first, because the others serve as references. Of several settings of a codec, the one with the
    most measurements comes first.
    """
    order = {codec: place for place, codec in enumerate(sorted(rows["codec"].unique(), key=rank))}
    measured = rows.groupby(["name", "settings"])["key"].transform("size")
    by = {
        "conventional": rows["weights"] == "",
        "place": rows["codec"].map(order),
        "name": rows["name"],
        "measured": -measured,
        "settings": rows["settings"],
        "quality": rows["quality"],
    }
    ordered = pd.DataFrame(by).sort_values(list(by), kind="stable")
    return rows.loc[ordered.index].reset_index(drop=True)


def _of_one_training(rows: pd.DataFrame) -> pd.DataFrame:
    """Remove rows of weights that were replaced by others of the same name and quality.

    The weights measured on the most images are current; of several such weights, those measured last.
    """
    point = ["curve", "quality"]
    found = _counted(rows, [*point, "weights_sha256"])
    current = found.sort_values(["have", "latest"], kind="stable").groupby(point, sort=False).tail(1)
    return rows.merge(current[[*point, "weights_sha256"]], on=[*point, "weights_sha256"])


def _counted(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Number of measurements in each group of rows (`have`), and the latest start of their runs (`latest`)."""
    started = _ordered(rows, "started").groupby(by, sort=False, dropna=False)["started"]
    return pd.DataFrame({"have": started.size(), "latest": started.max().astype("str")}).reset_index()


def _ordered(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Convert texts to ordered categories, whose maximum in groups is found without a Python call per group."""
    return rows.assign(**{column: pd.Categorical(rows[column], ordered=True)})


def _attributes(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns `_CURVE` of each curve, which all its rows have in common."""
    return rows[_CURVE].drop_duplicates("curve")


def _current(counts: pd.DataFrame, *, needed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Select the points of current curves; also return the stale curves.

    Of several versions of a curve, the one measured last is current, except that a version without complete points does
    not replace an older one with complete points.
    """
    groups = _ordered(counts, "latest").assign(complete=counts["have"] == needed).groupby("curve", sort=False)
    found = {
        "latest": groups["latest"].max().astype("str"),
        "points": groups.size(),
        "complete": groups["complete"].sum(),
    }
    curves = _attributes(counts).merge(pd.DataFrame(found), on="curve")
    ranked = curves.assign(usable=curves["complete"] > 0).sort_values(["usable", "latest", "curve"], kind="stable")
    chosen = set(ranked.groupby(_SERIES, sort=False)["curve"].last())
    stale = curves[~curves["curve"].isin(chosen)].reset_index(drop=True)
    return counts[counts["curve"].isin(chosen)].reset_index(drop=True), stale


def _points(measurements: pd.DataFrame, axes: Sequence[Axis], metrics: Sequence[str]) -> pd.DataFrame:
    """One row per point: means over images, and the other common averages under their own names.

    A metric that is not defined for all images has no mean.
    """
    rows = measurements.assign(pixels=measurements["width"] * measurements["height"])
    groups = rows.groupby(["curve", "quality"], sort=False)
    decibels = {f"{metric}_db": f"mean_of_{metric}_db" for metric in SIMILARITIES if metric in metrics}
    columns = list(dict.fromkeys(["bpp", *(axis.column for axis in axes), *metrics, *decibels]))
    images, sums = groups.size(), groups[["num_bytes", "pixels", *columns]].sum(min_count=1)
    means = sums[columns].div(images, axis=0).where(groups[columns].count().eq(images, axis=0))
    points = means.rename(columns=decibels)
    points["images"], points["num_bytes"] = images, sums["num_bytes"]
    points["mean_bytes"] = sums["num_bytes"] / images
    points["bpp_of_all_pixels"] = 8 * sums["num_bytes"] / sums["pixels"]
    for axis in axes:
        if axis.name != axis.column:
            points[axis.name] = axis.quality(points[axis.column])
    points = points.assign(**of_mean_errors(points)).reset_index()
    return _attributes(rows).merge(points, on="curve")
