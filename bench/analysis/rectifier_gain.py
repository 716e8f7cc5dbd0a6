"""The quantization rectifier (Luo and Chen 2023) against its baselines, in pairs: quality, rate, error, time.

A pair is a codec and the same codec with a modifier ("joint" and "joint+qr"), with weights of the same name and equal
settings, at the same quality on the same picture. Of pairs in several settings, the first in the results counts. With
"+ft" instead of "+qr", the control is compared: the decoder trained for as many more steps, without a rectifier.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.analysis import batch
from bench.analysis.axis import ratio_to_db
from bench.analysis.timing import qualities_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.analysis.batch import Array
    from bench.analysis.dataset_results import DatasetResults

CONTROL = "+ft"

MODIFIERS = ("+qr", CONTROL)

_TASK = ["weights", "quality", "image"]

PAIRS = (
    "model", "modifier", "weights", "quality", "image", "num_bytes", "bytes_added", "psnr_db", "psnr_gain_db",
    "ms_ssim", "ms_ssim_base", "latent_error_quantized", "latent_error_rectified", "error_reduction_percent",
)  # fmt: skip

MEANS = tuple(
    f"{name}{end}_{'percent' if name == 'error_reduction' else 'db'}"
    for name in ("psnr_gain", "psnr_beyond_ft", "ms_ssim_gain", "ms_ssim_beyond_ft", "error_reduction")
    for end in ("", "_low", "_high")
)
"""Means over pictures, each with the ends of its interval. A gain beyond +ft is a modifier's gain minus that of the
control on the same pictures at the same qualities."""

ERROR_REDUCTION = ("error_reduction_percent", "error_reduction_low_percent", "error_reduction_high_percent")

GAINS = (
    "model", "modifier", "weights", "quality", "images", "equal_files", "latent_error_quantized",
    "latent_error_rectified", *MEANS,
)  # fmt: skip

SUMMARY = ("model", "modifier", "weights", "qualities", "psnr_gain_largest_db", "ms_ssim_gain_largest_db", *MEANS)

TIMES = (
    "model", "modifier", "weights", "machine", "threads", "device", "stage", "qualities", "tasks", "base_s", "with_s",
    "ratio", "ratio_low", "ratio_high",
)  # fmt: skip


def pairs(results: DatasetResults) -> pd.DataFrame:
    """One row per pair: changes in bytes and PSNR by the modifier; columns of `PAIRS`, NaN if not measured."""
    measurements = results.measurements
    # Add empty columns for metrics that were not measured.
    wanted = ["ms_ssim", "psnr_db", "latent_error_quantized", "latent_error_rectified"]
    measurements = measurements.assign(**{name: float("nan") for name in wanted if name not in measurements})
    rows = _paired(measurements[["codec", "settings", *_TASK, "num_bytes", *wanted]], MODIFIERS, _TASK)
    rows["bytes_added"] = rows["num_bytes"] - rows["num_bytes_base"]
    rows["psnr_gain_db"] = rows["psnr_db"] - rows["psnr_db_base"]
    left = rows["latent_error_rectified"] / rows["latent_error_quantized"]
    rows["error_reduction_percent"] = (1 - left) * 100
    return rows[list(PAIRS)]


def _paired(rows: pd.DataFrame, modifiers: Sequence[str], task: Sequence[str]) -> pd.DataFrame:
    """Join rows of codecs with a modifier to rows of the same task without it (suffix "_base")."""
    found = []
    base, on = rows.rename(columns={"codec": "model"}), ["model", *task]
    for modifier in modifiers:
        with_it = rows[rows["codec"].str.endswith(modifier)]
        with_it = with_it.assign(model=with_it["codec"].str.removesuffix(modifier), modifier=modifier)
        found.append(with_it.merge(base, on=[*on, "settings"], suffixes=("", "_base")).drop_duplicates(on))
    return pd.concat(found, ignore_index=True)


def gains(paired: pd.DataFrame) -> pd.DataFrame:
    """Mean gains over pictures, with one row per model, modifier, weights and quality; columns of `GAINS`.

    The gain in MS-SSIM is the difference between the decibels of the mean values, as elsewhere. The error of a picture
    is ||y_hat - y||, the Euclidean distance of the decoded latents from the encoder's; its reduction is the paper's
    100 (1 - ||rectified - y|| / ||y_hat - y||) percent. The intervals (95 %) are paired bootstraps over pictures: they
    cover the choice of pictures, not the variance between trainings.
    """
    rows = [
        {
            "quality": group["quality"].iloc[0],
            "images": group["image"].nunique(),
            "equal_files": (group["bytes_added"] == 0).mean(),
            **group[["latent_error_quantized", "latent_error_rectified"]].mean(),
            **labels,
        }
        for group, labels in _groups(paired, ["model", "modifier", "weights", "quality"])
    ]
    return pd.DataFrame(rows, columns=list(GAINS))


def summary(paired: pd.DataFrame, gained: pd.DataFrame) -> pd.DataFrame:
    """Mean and largest gains over qualities, with one row per model, modifier and weights; columns of `SUMMARY`."""
    of_quality = gained.set_index(["model", "modifier", "weights"])
    rows = []
    for group, labels in _groups(paired, ["model", "modifier", "weights"]):
        largest = of_quality.loc[[(labels["model"], labels["modifier"], labels["weights"])]].max()
        found = {f"{metric}_gain_largest_db": largest[f"{metric}_gain_db"] for metric in ("psnr", "ms_ssim")}
        rows.append(labels | found | {"qualities": group["quality"].nunique()})
    return pd.DataFrame(rows, columns=list(SUMMARY))


def _groups(paired: pd.DataFrame, names: list[str]) -> Iterator[tuple[pd.DataFrame, dict[str, Any]]]:
    """Group pairs by columns; yield each group, and a row with these columns and `MEANS`."""
    control = [name for name in names if name != "modifier"]
    for key, group in paired.groupby(names, sort=False):
        same = (paired[control] == group[control].iloc[0]).all(axis=1) & (paired["modifier"] == CONTROL)
        # The gain of the control beyond itself is not defined.
        other = paired[same & (group["modifier"].iloc[0] != CONTROL)]
        yield group, dict(zip(names, key, strict=True)) | _means(group, other)


def _means(group: pd.DataFrame, control: pd.DataFrame) -> dict[str, float]:
    own, other = _by_picture(group), _by_picture(control)
    found = (
        _over_pictures(_unchanged, own["psnr_gain_db"]),
        _over_pictures(np.subtract, own["psnr_db"], other["psnr_db"]),
        _over_pictures(_decibels_more, own["ms_ssim"], own["ms_ssim_base"]),
        _over_pictures(_decibels_more, own["ms_ssim"], other["ms_ssim"]),
        _over_pictures(_unchanged, own["error_reduction_percent"]),
    )
    return dict(zip(MEANS, itertools.chain(*found), strict=True))


_AVERAGED = ["psnr_gain_db", "psnr_db", "ms_ssim", "ms_ssim_base", "error_reduction_percent"]


def _by_picture(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Frames of the averaged values, by column, with one row per picture and one column per quality."""
    means = rows.groupby(["image", "quality"])[_AVERAGED].mean()
    return {column: means[column].unstack("quality") for column in _AVERAGED}  # noqa: PD010  # keeps missing values


def _unchanged(mean: Array) -> Array:
    return mean


def _decibels_more(mean: Array, other: Array) -> Array:
    return np.asarray(ratio_to_db(mean) - ratio_to_db(other))


def _over_pictures(of: Callable[..., Array], *frames: pd.DataFrame) -> tuple[float, float, float]:
    """Apply `of` to the means over common pictures; return its mean over qualities and its 95 % bootstrap interval.

    The interval is NaN for fewer than `batch.FEWEST_IMAGES` pictures; everything is NaN if a value is missing.
    """
    pictures, qualities = (
        functools.reduce(pd.Index.intersection, axes)
        for axes in ([frame.index for frame in frames], [frame.columns for frame in frames])
    )
    if pictures.empty or qualities.empty:
        return math.nan, math.nan, math.nan
    values = [frame.loc[pictures, qualities].to_numpy(dtype=float) for frame in frames]
    mean = float(np.mean(of(*(value.mean(axis=0) for value in values))))
    ends = batch.interval_over_images(
        len(pictures), lambda weights: of(*(weights @ value for value in values)).mean(axis=1)
    )
    return mean, *ends


def time_ratios(times: pd.DataFrame, curves: pd.DataFrame, modifiers: Sequence[str] = MODIFIERS) -> pd.DataFrame:
    """Ratios of times with and without a modifier: one row per model, modifier, setting and stage; columns of `TIMES`.

    `times` are those of `bench.analysis.timing.task_times`, `curves` those of the results; a modifier is any suffix of
    a codec's name. `ratio` is the median of the ratios of all pairs (qualities and pictures), `ratio_low` and
    `ratio_high` are the lowest and the highest ratio; `qualities` are those timed on both sides, and `tasks` is the
    number of pairs.
    """
    rows = times.merge(curves[["name", "codec", "weights", "settings"]], on="name")
    setting = ["machine", "threads", "device"]
    both = _paired(rows, modifiers, [*setting, *_TASK, "stage"])
    if both.empty:
        return pd.DataFrame(columns=TIMES)
    both["ratio"] = both["seconds"] / both["seconds_base"]
    groups = both.groupby(["model", "modifier", "weights", *setting, "stage"], sort=False)
    return groups.agg(
        qualities=("quality", qualities_text),
        tasks=("ratio", "size"),
        base_s=("seconds_base", "median"),
        with_s=("seconds", "median"),
        ratio=("ratio", "median"),
        ratio_low=("ratio", "min"),
        ratio_high=("ratio", "max"),
    ).reset_index()[list(TIMES)]
