"""Results of experiments in an export: alpha searches and trained variants."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from bench.analysis.axis import ratio_to_db
from bench.analysis.rectifier_gain import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

FLAT_DB = 0.015
"""Training noise in dB; smaller differences do not count. Means of decoders from three seeds differ by up to .0142 dB
(`reports/reference/experiments/rectifier_seeds.csv`)."""

NO_DIFFERENCE = "no difference beyond training noise"

CAPPED = "trainings reached the maximum number of epochs while their loss was still falling"

PATIENCE = 3
"""Epochs without a lower loss after which Luo and Chen end the training of an alpha."""

SEARCH = ("model", "quality", "metric", "synthesis", "distance", "seed")
"""Columns that identify a search of alpha."""

TRIAL = ("model", "quality", "metric", "variant")
"""Columns that are equal for trainings of a variant that differ only in their seeds."""

MEANS = ("rate_bpp", "psnr_db", "ms_ssim", "rd_loss", "error_reduction_percent")
"""Values that trials may have measured on each picture."""


def seeds(rows: pd.DataFrame, setting: Sequence[str]) -> int:
    """Smallest number of seeds among the variants of a setting; 0 if unknown."""
    if "seed" not in rows or rows.empty:
        return 0
    others = [name for name in setting if name in rows and name != "seed"]
    return int(rows.groupby(others)["seed"].nunique().min())


def unimodal(searches: pd.DataFrame) -> list[bool | str | None]:
    """Whether quality over alpha rises to one optimum and falls after it, for each search with at least three alphas.

    None if the optimum is not inside the range of alphas: quality only rises, only falls, or stays constant. `CAPPED`
    if the training of an alpha ended before its loss stopped falling, as far as the rows record it.
    """
    return [
        CAPPED if is_capped(group) else _has_one_peak(group.sort_values("alpha")["psnr_db"].to_numpy(dtype=float))
        for _, group in searches.groupby([name for name in SEARCH if name in searches], sort=False)
        if len(group) >= 3
    ]


def is_capped(search: pd.DataFrame, patience: int = PATIENCE) -> bool:
    """Whether the training of an alpha ended before `patience` epochs without a lower loss."""
    if not {"epochs", "best_epoch"} <= set(search):
        return False
    return bool((search["epochs"] - search["best_epoch"] < patience).any())


def _has_one_peak(values: NDArray[np.float64]) -> bool | None:
    """Whether values rise to one optimum and fall after it; None if they are monotonic.

    A rise (1) or fall (-1) is a change by more than `FLAT_DB` from the previous extremum, however slow.
    """
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
    return turns == [1, -1] if len(turns) > 1 else None


def variant_means(trials: pd.DataFrame) -> pd.DataFrame:
    """Means over pictures per model, quality, metric and variant; `images` is the number of pictures."""
    setting = [column for column in TRIAL if column in trials]
    numbers = [column for column in MEANS if column in trials]
    groups = trials.groupby(setting, sort=False)
    return groups[numbers].mean().assign(images=groups["image"].nunique()).reset_index()


def gains(trials: pd.DataFrame, modifier: str) -> pd.DataFrame:
    """Gain of a modifier ("+qr") in dB of MS-SSIM over its base and over +ft, with one row per model and quality.

    Only decoders trained for MS-SSIM count. As everywhere, decibels are computed from mean values over pictures.
    """
    found = []
    of_metric = trials[trials["metric"] == "ms-ssim"] if "metric" in trials else trials.head(0)
    for quality, group in of_metric.groupby("quality", sort=False):
        means = {str(name): float(ratio_to_db(rows.mean())) for name, rows in group.groupby("model")["ms_ssim"]}
        for name in (name for name in means if name.endswith(modifier)):
            base = name.removesuffix(modifier)
            row = {
                "model": base,
                "quality": quality,
                "ms_ssim_gain_db": means[name] - means.get(base, math.nan),
                "ms_ssim_beyond_ft_db": means[name] - means.get(f"{base}{CONTROL}", math.nan),
            }
            found.append(row)
    return pd.DataFrame(found)


def best_variants(trials: pd.DataFrame, variant: str) -> list[bool | str]:
    """Whether a variant has the best mean over pictures, for each model and quality with this variant.

    The best variant has the lowest training loss if that was measured, because rates may differ; otherwise the highest
    PSNR. With several seeds, the answer is true if all its trainings are better than all others, false if a training of
    another variant is better than all of its own, and otherwise `NO_DIFFERENCE`. If the trials have a column `encoder`,
    all must have started from encoders with the same training objective; otherwise the answer is a text on the
    difference.
    """
    wins: list[bool | str] = []
    cost = "rd_loss" if "rd_loss" in trials else "psnr_db"
    means = trials.assign(seed=trials.get("seed", 0), cost=trials.get(cost, math.nan))
    means["cost"] *= 1 if cost == "rd_loss" else -1
    setting = [name for name in ("model", "quality", "metric") if name in means]
    for _, group in means.groupby(setting, sort=False):
        costs = {str(name): rows.groupby("seed")["cost"].mean() for name, rows in group.groupby("variant")}
        own = costs.pop(variant, None)
        if own is not None and costs:
            wins.append(_unequal_encoders(group) or _is_lowest(own, costs.values()))
    return wins


def better_than_control(trials: pd.DataFrame, modifier: str) -> list[bool | str]:
    """Whether a modifier ("+qr") has a higher mean PSNR than its control +ft, for each model and quality with both.

    The files are equal, because both only decode. The answer is true if the trainings from all seeds are better than
    all of the control, false if all are worse, and otherwise `NO_DIFFERENCE`.
    """
    rows = trials.assign(seed=trials.get("seed", 0))
    groups = rows.groupby(["model", "quality"], sort=False)
    costs = {(str(model), quality): -of.groupby("seed")["psnr_db"].mean() for (model, quality), of in groups}
    pairs = [
        (own, costs[control])
        for (model, quality), own in costs.items()
        if model.endswith(modifier) and (control := (model.removesuffix(modifier) + CONTROL, quality)) in costs
    ]
    return [_is_lowest(own, [control]) for own, control in pairs]


def _is_lowest(own: pd.Series[float], others: Iterable[pd.Series[float]]) -> bool | str:
    listed = list(others)
    if all(own.max() < other.min() for other in listed):
        return True
    return False if any(other.max() <= own.min() for other in listed) else NO_DIFFERENCE


def _unequal_encoders(trials: pd.DataFrame) -> str:
    """Difference between the initial encoders of the variants, or ""; always "" without the column `encoder`."""
    if "encoder" not in trials:
        return ""
    encoders = trials.groupby("variant", sort=False)["encoder"].first().fillna("")
    if (encoders == "").any():
        return "the training objective of the initial encoders is unknown"
    if (encoders == encoders.iloc[0]).all():
        return ""
    listed = ", ".join(f"{encoder} in {variant}" for variant, encoder in encoders.items())
    return f"the variants did not start from equally trained encoders: {listed}"
