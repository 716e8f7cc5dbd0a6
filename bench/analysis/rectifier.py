"""The quantization rectifier (Luo and Chen 2023) against its baselines, in pairs: quality, rate, error, time.

A pair is a codec and the same with a modifier ("joint" and "joint+qr"), with weights of the same name, at the same
quality on the same picture. With "+ft" in the place of "+qr" the control is compared: the decoder trained as much more,
without a rectifier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.analysis.axis import ratio_to_db
from bench.analysis.batch import resample_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.study import Study

MODIFIERS = ("+qr", "+ft")

_CELL = ["weights", "quality", "image"]

PAIRS = (
    "model",
    "modifier",
    "weights",
    "quality",
    "image",
    "num_bytes",
    "bytes_added",
    "psnr_db",
    "psnr_gain_db",
    "ms_ssim",
    "ms_ssim_base",
    "latent_error_quantized",
    "latent_error_rectified",
)

GAINS = (
    "model",
    "modifier",
    "weights",
    "quality",
    "images",
    "equal_files",
    "psnr_gain_db",
    "ms_ssim_gain_db",
    "latent_error_quantized",
    "latent_error_rectified",
    "error_reduction_percent",
    "error_reduction_low_percent",
    "error_reduction_high_percent",
)

TIMES = ("model", "modifier", "weights", "machine", "threads", "device", "stage", "cells", "base_s", "with_s", "ratio")


def pairs(study: Study) -> pd.DataFrame:
    """One row a pair: what the modifier adds in bytes and in PSNR; columns of `PAIRS`, NaN where not measured."""
    cells = study.cells
    # A metric that nobody measured is a column without values here.
    wanted = ["ms_ssim", "psnr_db", "latent_error_quantized", "latent_error_rectified"]
    cells = cells.assign(**{name: float("nan") for name in wanted if name not in cells})
    columns = ["codec", *_CELL, "num_bytes", *wanted]
    found = []
    for modifier in MODIFIERS:
        with_it = cells.loc[cells["codec"].str.endswith(modifier), columns]
        with_it = with_it.assign(model=with_it["codec"].str.removesuffix(modifier), modifier=modifier)
        base = cells[columns].rename(columns={"codec": "model"})
        found.append(with_it.merge(base, on=["model", *_CELL], suffixes=("", "_base")))
    rows = pd.concat(found, ignore_index=True)
    rows["bytes_added"] = rows["num_bytes"] - rows["num_bytes_base"]
    rows["psnr_gain_db"] = rows["psnr_db"] - rows["psnr_db_base"]
    return rows[list(PAIRS)]


def gains(paired: pd.DataFrame) -> pd.DataFrame:
    """One row a model, modifier and quality: means over the pictures; columns of `GAINS`.

    The gain in MS-SSIM is between the decibels of the mean values, as everywhere. The error of a picture is
    ||y_hat - y||, the Euclidean distance of the decoded latents from the encoder's; its reduction is the paper's
    100 (1 - ||rectified - y|| / ||y_hat - y||) percent. The interval (95 %) of its mean is a bootstrap over pictures:
    it says how far they scatter, not what another training would give.
    """
    if paired.empty:
        return pd.DataFrame(columns=GAINS)
    reduction = (1 - paired["latent_error_rectified"] / paired["latent_error_quantized"]) * 100
    rows = paired.assign(equal_files=paired["bytes_added"] == 0, error_reduction_percent=reduction)
    groups = rows.groupby(["model", "modifier", "weights", "quality"], sort=False)
    means = groups.agg(
        images=("image", "nunique"),
        equal_files=("equal_files", "mean"),
        psnr_gain_db=("psnr_gain_db", "mean"),
        ms_ssim=("ms_ssim", "mean"),
        ms_ssim_base=("ms_ssim_base", "mean"),
        latent_error_quantized=("latent_error_quantized", "mean"),
        latent_error_rectified=("latent_error_rectified", "mean"),
        error_reduction_percent=("error_reduction_percent", "mean"),
        error_reduction_low_percent=("error_reduction_percent", lambda reductions: _end(reductions, 2.5)),
        error_reduction_high_percent=("error_reduction_percent", lambda reductions: _end(reductions, 97.5)),
    ).reset_index()
    means["ms_ssim_gain_db"] = ratio_to_db(means["ms_ssim"]) - ratio_to_db(means["ms_ssim_base"])
    return means[list(GAINS)]


def _end(values: pd.Series, percent: float) -> float:
    """A percentile of the mean over resampled pictures; NaN of a picture alone, or of values that are not there."""
    if len(values) < 2:
        return float("nan")
    return float(np.percentile(resample_weights(len(values)) @ values.to_numpy(dtype=float), percent))


def time_ratios(times: pd.DataFrame, curves: pd.DataFrame, modifiers: Sequence[str] = MODIFIERS) -> pd.DataFrame:
    """One row a model, modifier, setting and stage: times with the modifier over those without; columns of `TIMES`.

    `times` are those of `bench.analysis.timing.cell_times`, `curves` a study's; a modifier is any ending of a codec's
    name. `ratio` is the median over qualities and pictures of the ratio of each pair.
    """
    rows = times.merge(curves[["name", "codec", "weights"]], on="name")
    setting = ["machine", "threads", "device"]
    found = []
    for modifier in modifiers:
        with_it = rows[rows["codec"].str.endswith(modifier)]
        with_it = with_it.assign(model=with_it["codec"].str.removesuffix(modifier), modifier=modifier)
        on = ["model", *setting, *_CELL, "stage"]
        found.append(with_it.merge(rows.rename(columns={"codec": "model"}), on=on, suffixes=("", "_base")))
    both = pd.concat(found, ignore_index=True)
    if both.empty:
        return pd.DataFrame(columns=TIMES)
    both["ratio"] = both["seconds"] / both["seconds_base"]
    groups = both.groupby(["model", "modifier", "weights", *setting, "stage"], sort=False)
    return groups.agg(
        cells=("ratio", "size"),
        base_s=("seconds_base", "median"),
        with_s=("seconds", "median"),
        ratio=("ratio", "median"),
    ).reset_index()[list(TIMES)]
