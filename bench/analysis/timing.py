"""Seconds per picture by codec and stage, compared only for equal machines, threads, devices and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from bench.analysis.dataset_results import DatasetResults
    from bench.results.frames import Export

_SETTING = ["machine", "threads", "device"]
"""Columns of a timing setting; times of different settings are never averaged."""

STAGE_ORDER = {"encode": 0, "decode": 1}
"""The whole times come first; stages of other names, which are parts of them, come last."""

_TASK = [*_SETTING, "name", "title", "quality", "image", "stage"]

_SUMMARY = [
    "group", *_SETTING, "name", "title", "stage", "images", "qualities", "repeats", "median_s", "low_s", "high_s",
    "megapixels_per_s",
]  # fmt: skip


def task_times(results: DatasetResults, export: Export) -> pd.DataFrame:
    """Median over repeats per picture and stage, for the current curves: `seconds`, `repeats`, `pixels`.

    Only the repeats of the latest run that timed the picture are used, because the state of the machine changes.
    """
    measurements = results.measurements[["key", "name", "title", "quality", "image", "width", "height"]]
    samples = export.timings.merge(measurements, on="key")
    # Run ids sort by time.
    latest = samples.groupby([*_SETTING, "key"], sort=False)["run_id"].transform("max")
    samples = samples[samples["run_id"] == latest].copy()
    samples["pixels"] = samples["width"] * samples["height"]
    found = samples.groupby(_TASK, sort=False).agg(
        seconds=("seconds", "median"), repeats=("seconds", "size"), pixels=("pixels", "first")
    )
    return found.reset_index()


def summary(times: pd.DataFrame) -> pd.DataFrame:
    """One row for each setting, set of pictures, codec and stage, over all pictures and qualities.

    `median_s`, and `low_s` to `high_s` (10th to 90th percentile) are seconds per picture; `megapixels_per_s` is the
    median of the pictures' speeds. Rows with equal `group` were timed in the same setting on the same pictures, and
    only those can be compared.
    """
    if times.empty:
        return pd.DataFrame(columns=_SUMMARY)
    # The names of the pictures as one text, to recognise codecs timed on the same pictures.
    sets = times.groupby([*_SETTING, "name"], sort=False)["image"].agg(lambda images: "\n".join(sorted(set(images))))
    times = times.merge(sets.rename("image_set").reset_index(), on=[*_SETTING, "name"])
    times["megapixels_per_s"] = times["pixels"] / times["seconds"] / 1e6
    groups = times.groupby([*_SETTING, "image_set", "name", "title", "stage"], sort=False)
    rows = groups.agg(
        images=("image", "nunique"),
        qualities=("quality", qualities_text),
        repeats=("repeats", "min"),
        median_s=("seconds", "median"),
        low_s=("seconds", lambda seconds: seconds.quantile(0.1)),
        high_s=("seconds", lambda seconds: seconds.quantile(0.9)),
        megapixels_per_s=("megapixels_per_s", "median"),
    ).reset_index()
    rows["group"] = rows.groupby([*_SETTING, "image_set"], sort=False).ngroup() + 1
    rows["order"] = rows["stage"].map(STAGE_ORDER)
    return rows.sort_values(["group", "order"], kind="stable", ignore_index=True)[_SUMMARY]


def qualities_text(qualities: pd.Series[float]) -> str:
    """Format the distinct qualities, as in "3, 5"."""
    return ", ".join(f"{quality:g}" for quality in sorted(set(qualities)))


def by_quality(times: pd.DataFrame) -> pd.DataFrame:
    """Mean over pictures of the seconds of each setting, codec, quality and stage."""
    groups = times.groupby([*_SETTING, "name", "quality", "stage"], sort=False)
    return groups.agg(seconds=("seconds", "mean"), images=("image", "nunique")).reset_index()
