"""Ablation of entropy models: rate of each variant against the paper's choice, with intervals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from bench.analysis import batch
from bench.results.extras import EXPERIMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE = "joint"
"""The variant that the others are compared with."""

SETTING = ["transforms", "transforms_sha256", "lambda", "steps", "dataset"]
"""Columns in which compared variants must agree."""

VARIANT = ["variant", "prior", "kernel", "distribution", "mean", "parameters"]

DIFFERENCE = ("difference_percent", "low_percent", "high_percent")
"""Keys of `difference`: a value and the ends of its interval."""

COLUMNS = list(EXPERIMENTS["ablation"])
"""Columns of the file of observations, which has one row per variant, seed and picture."""

TABLE = (*SETTING, *VARIANT, "seeds", "pictures", "bpp", "reference_bpp", "bpp_z", "spread_percent", *DIFFERENCE)
"""Columns of `table`."""


def table(rates: pd.DataFrame) -> pd.DataFrame:
    """One row per setting and variant: its mean rate, and the difference from `REFERENCE` in percent.

    `bpp` and `bpp_z` are means over pictures and seeds, `reference_bpp` is that of the reference over the same ones.
    `difference_percent` compares mean rates over the pictures and seeds that both have; its 95 % interval
    (`low_percent`, `high_percent`) is a bootstrap over pictures, and NaN for fewer than `batch.FEWEST_IMAGES`.
    `spread_percent` is the range of the mean rates of a variant's seeds relative to their mean, and NaN with one seed.
    Differences are NaN without the reference.
    """
    rates = rates.assign(bpp=rates["bpp_y"] + rates["bpp_z"])
    rows = []
    for group, same, apart in compared(rates, SETTING, "bpp", REFERENCE):
        mean = group.groupby("seed")["bpp"].mean()
        row = {
            **group.iloc[0][[*SETTING, *VARIANT]],
            "seeds": len(mean),
            "pictures": group["image"].nunique(),
            "bpp": group["bpp"].mean(),
            "reference_bpp": same["bpp"].mean(),
            "bpp_z": group["bpp_z"].mean(),
            "spread_percent": np.ptp(mean) / mean.mean() * 100 if len(mean) > 1 else math.nan,
            **apart,
        }
        rows.append(row)
    return pd.DataFrame(rows, columns=list(TABLE))


def compared(
    observed: pd.DataFrame, setting: list[str], column: str, reference: str
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]]:
    """Yield the rows of each variant in each setting, the reference's on equal pictures and seeds, and `difference`."""
    for _, rows in observed.groupby(setting, sort=False):
        theirs = rows[rows["variant"] == reference]
        for _, group in rows.groupby("variant", sort=False):
            same = theirs[theirs["image"].isin(group["image"]) & theirs["seed"].isin(group["seed"])]
            ours, others = by_picture(group, column), by_picture(theirs, column)
            seeds = ours.columns.intersection(others.columns)
            yield group, same, difference(ours[seeds], others[seeds])


def by_picture(group: pd.DataFrame, column: str) -> pd.DataFrame:
    """The values of a column, with one row per picture and one column per seed."""
    return group.pivot_table(index="image", columns="seed", values=column, aggfunc="first")


def difference(ours: pd.DataFrame, theirs: pd.DataFrame) -> dict[str, float]:
    """Relative difference of the means over all seeds and over the pictures that both have, in percent of `theirs`.

    Both are frames of `by_picture`. The interval is a bootstrap over pictures, and NaN for fewer than
    `batch.FEWEST_IMAGES`; all values are NaN without common pictures, or without seeds.
    """
    pictures = ours.index.intersection(theirs.index)
    if pictures.empty or ours.columns.empty or theirs.columns.empty:
        return dict.fromkeys(DIFFERENCE, math.nan)
    values = [cast("batch.Array", side.loc[pictures].mean(axis=1).to_numpy()) for side in (ours, theirs)]
    mean = values[0].mean() / values[1].mean() * 100 - 100

    def percent(weights: batch.Array) -> batch.Array:
        return cast("batch.Array", (weights @ values[0]) / (weights @ values[1]) * 100 - 100)

    ends = batch.interval_over_images(len(pictures), percent)
    return dict(zip(DIFFERENCE, (mean, *ends), strict=True))
