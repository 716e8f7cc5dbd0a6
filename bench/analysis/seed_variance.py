"""Seed variance: how far trainings that differ in their seeds are apart. Smaller differences are noise."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from bench.results.extras import EXPERIMENTS

SETTING = ["codec", "quality", "lambda", "metric", "stage", "start_sha256", "steps", "dataset"]
"""What trainings must have alike to differ in nothing but the seed: codec, loss, budget, and what they start from."""

VALUES = ["bpp", "psnr_db", "ms_ssim"]

COLUMNS = list(EXPERIMENTS["training_spread"])
"""Columns of the file of observations: a row a training and picture.

`stage` is what was trained from a seed, `steps` and `seconds` are of it alone, and `start_sha256` the weights that it
started from, "" if it started from nothing.
"""

TABLE = (*SETTING, "seeds", "pictures", "bpp", "psnr_db", "rate_spread_percent", "psnr_spread_db")
"""Columns of `table`."""


def table(observed: pd.DataFrame) -> pd.DataFrame:
    """One row a setting: the means over seeds and pictures, and how far apart the seeds' means are.

    `rate_spread_percent` is the distance between the smallest and the largest mean rate of the seeds, as a share of
    their mean, `psnr_spread_db` that between their mean PSNRs. Both are NaN with one seed.
    """
    rows = []
    for setting, group in observed.groupby(SETTING, sort=False):
        means = group.groupby("seed")[["bpp", "psnr_db"]].mean()
        apart = means.apply(np.ptp) if len(means) > 1 else means.iloc[0] * math.nan
        rows.append(
            {
                **dict(zip(SETTING, setting, strict=True)),
                "seeds": len(means),
                "pictures": group["image"].nunique(),
                "bpp": means["bpp"].mean(),
                "psnr_db": means["psnr_db"].mean(),
                "rate_spread_percent": apart["bpp"] / means["bpp"].mean() * 100,
                "psnr_spread_db": apart["psnr_db"],
            }
        )
    return pd.DataFrame(rows, columns=list(TABLE))
