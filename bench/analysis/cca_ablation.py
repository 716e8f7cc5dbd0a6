"""Ablation of cca at one lambda: the rate-distortion loss of each variant."""

from __future__ import annotations

import pandas as pd

from bench.analysis.ablation import compared
from bench.results.extras import EXPERIMENTS

REFERENCE = "igu"
"""Reference variant: the paper's guide and attention, without the filter."""

SETTING = ["quality", "lambda", "dataset"]
"""Columns in which compared variants must agree."""

VARIANT = ["variant", "guide", "attention", "acem", "parameters"]

VALUES = ["bpp", "psnr_yuv_db", "psnr_y_db", "psnr_u_db", "psnr_v_db", "ms_ssim_y", "loss"]

COLUMNS = list(EXPERIMENTS["cca_ablation"])
"""Columns of the file of observations, which has one row per variant, seed and picture.

`steps` and `seconds` are those of training the codec. The filter is trained afterwards, without changing the rest.
`loss` is R + lambda (6 MSE_Y + MSE_U + MSE_V) / 32, in bits per pixel of luma and squared 8-bit levels. A variant is
named by its `guide`, followed by "-no-attention" or "+acem".
"""

TABLE = (
    *SETTING, *VARIANT, "steps", "seeds", "pictures", *VALUES, "loss_difference_percent",
    "loss_difference_low_percent", "loss_difference_high_percent", "rate_equivalent_percent",
)  # fmt: skip
"""Columns of `table`."""


def variant_name(guide: str, *, attention: bool, acem: bool) -> str:
    """The name of a variant: "igu", "igu+acem", "bgu", "none", "none-no-attention"."""
    return guide + ("" if attention else "-no-attention") + ("+acem" if acem else "")


def table(observed: pd.DataFrame) -> pd.DataFrame:
    """One row per setting and variant: means over pictures and seeds, and the difference in loss from `REFERENCE`.

    `loss_difference_percent` compares mean losses over the same pictures and seeds; its 95 % interval is a bootstrap
    over pictures, and NaN for fewer than `batch.FEWEST_IMAGES`. `rate_equivalent_percent` is the same difference
    relative to the reference's rate: lambda is the slope at which these codecs trade rate for distortion, so that a
    small difference in loss approximates the difference in rate at equal distortion. Differences are NaN without the
    reference.
    """
    rows = []
    for group, same, apart in compared(observed, SETTING, "loss", REFERENCE):
        row = {
            **group.iloc[0][[*SETTING, *VARIANT]],
            "steps": group["steps"].mean(),
            "seeds": group["seed"].nunique(),
            "pictures": group["image"].nunique(),
            **group[VALUES].mean(),
            "loss_difference_percent": apart["difference_percent"],
            "loss_difference_low_percent": apart["low_percent"],
            "loss_difference_high_percent": apart["high_percent"],
            "rate_equivalent_percent": apart["difference_percent"] * same["loss"].mean() / same["bpp"].mean(),
        }
        rows.append(row)
    return pd.DataFrame(rows, columns=list(TABLE))
