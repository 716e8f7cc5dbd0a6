"""Seed variance: the spread of trainings that differ only in their seeds. Smaller differences may be noise."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from bench.results.extras import EXPERIMENTS

SETTING = ["codec", "quality", "lambda", "metric", "stage", "start_sha256", "steps", "dataset"]
"""Columns that are equal for trainings that differ only in the seed: codec, loss, budget and initial weights."""

VALUES = ["bpp", "psnr_db", "ms_ssim"]

COLUMNS = list(EXPERIMENTS["training_spread"])
"""Columns of the file of observations, which has one row per training and picture.

`stage` is the stage trained with the seed. `steps` and `seconds` are those of this stage only; `start_sha256` is the
hash of its initial weights, "" if it was trained from scratch.
"""

TABLE = (*SETTING, "seeds", "pictures", "bpp", "psnr_db", "rate_spread_percent", "psnr_spread_db")
"""Columns of `table`."""


def table(observed: pd.DataFrame) -> pd.DataFrame:
    """One row per setting: means over seeds and pictures, and the spread of the seeds' means.

    `rate_spread_percent` is the range of the seeds' mean rates relative to their mean, `psnr_spread_db` the range of
    their mean PSNRs. Both are NaN with one seed.
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
