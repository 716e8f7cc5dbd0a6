"""What the files of an export's folder `experiments` say: alpha searches and trained variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

FLAT_DB = 0.005
"""Differences in decibels that are not larger than this are none: training noise."""

SEARCH = ("model", "quality", "metric", "synthesis", "distance", "seed")
"""What tells one search of alpha from another."""

MEANS = ("rate_bpp", "psnr_db", "ms_ssim", "rd_loss", "error_reduction_percent")
"""What trials of variants may have measured on each picture."""


def unimodal(searches: pd.DataFrame) -> list[bool | None]:
    """Whether quality over alpha rises to one optimum and falls after it, for each search of three alphas or more.

    None where the range of alphas has no optimum inside it: quality only rises, only falls, or stays.
    """
    return [
        _has_one_peak(group.sort_values("alpha")["psnr_db"].to_numpy(dtype=float))
        for _, group in searches.groupby([name for name in SEARCH if name in searches], sort=False)
        if len(group) >= 3
    ]


def _has_one_peak(values: NDArray[np.float64]) -> bool | None:
    turns = _rises_and_falls(values)
    return turns == [1, -1] if len(turns) > 1 else None


def _rises_and_falls(values: NDArray[np.float64]) -> list[int]:
    """The rises (1) and falls (-1) by more than `FLAT_DB`, however slow, each from the extremum before it."""
    turns: list[int] = []
    low = high = values[0]
    for value in values[1:]:
        low, high = min(low, value), max(high, value)
        if value - low > FLAT_DB and turns[-1:] != [1]:
            turns.append(1)
            high = value
        elif high - value > FLAT_DB and turns[-1:] != [-1]:
            turns.append(-1)
            low = value
    return turns


def variant_means(trials: pd.DataFrame) -> pd.DataFrame:
    """Means over the pictures of each model, quality, metric and variant; the number of pictures is `images`."""
    setting = [column for column in ("model", "quality", "metric", "variant") if column in trials]
    numbers = [column for column in MEANS if column in trials]
    groups = trials.groupby(setting, sort=False)
    return groups[numbers].mean().assign(images=groups["image"].nunique()).reset_index()


def best_variants(trials: pd.DataFrame, variant: str) -> list[bool]:
    """Whether a variant is the best on the mean over the pictures, for each model and quality that has it.

    The best has the lowest loss that codecs are trained for where that was measured, because rates may differ; else
    the highest PSNR.
    """
    wins = []
    means = variant_means(trials)
    for _, group in means.groupby([c for c in ("model", "quality", "metric") if c in means], sort=False):
        cost = group.set_index("variant")["rd_loss"] if "rd_loss" in group else -group.set_index("variant")["psnr_db"]
        if variant in cost.index and len(cost) > 1:
            wins.append(bool(cost.idxmin() == variant))
    return wins
