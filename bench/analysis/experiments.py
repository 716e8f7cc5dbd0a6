"""What the files of an export's folder `experiments` say: alpha searches and trained variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

FLAT_DB = 0.005
"""Steps of PSNR that are smaller than this are no rise and no fall: training noise."""


def unimodal(searches: pd.DataFrame) -> list[bool]:
    """Whether quality over alpha rises to one optimum and falls after it, for each search of three alphas or more."""
    return [
        _has_one_peak(group.sort_values("alpha")["psnr_db"].to_numpy(dtype=float))
        for _, group in searches.groupby(["model", "quality", "metric"], sort=False)
        if len(group) >= 3
    ]


def _has_one_peak(values: NDArray[np.float64]) -> bool:
    steps = np.diff(values)
    signs = np.sign(steps[np.abs(steps) > FLAT_DB])
    return bool((np.diff(signs) <= 0).all())


def best_variants(trials: pd.DataFrame, variant: str) -> list[bool]:
    """Whether a variant has the highest mean PSNR over the pictures, for each model and quality that has it."""
    wins = []
    for _, group in trials.groupby(["model", "quality"], sort=False):
        means = group.groupby("variant")["psnr_db"].mean()
        if variant in means.index and len(means) > 1:
            wins.append(bool(means.idxmax() == variant))
    return wins
