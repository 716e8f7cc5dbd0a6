"""How much of the quantisation error a rectifier takes away: the paper's measure (Luo and Chen 2023, arXiv 2403.17236).

The error of a picture is ||y_hat - y||, the Euclidean distance of the decoded latents from the encoder's; the reduction
is 100 (1 - ||rectified - y|| / ||y_hat - y||) percent. Both distances come with the measurement (DIAGNOSTICS in
`bench.measurement`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.analysis.batch import resample_weights

if TYPE_CHECKING:
    from bench.analysis.export import Export

REDUCTIONS = (
    "codec",
    "weights",
    "quality",
    "dataset",
    "image",
    "latent_error_quantized",
    "latent_error_rectified",
    "reduction_percent",
)

SUMMARY = ("codec", "weights", "quality", "dataset", "images", "reduction_percent", "low_percent", "high_percent")


def reductions(export: Export) -> pd.DataFrame:
    """One row a picture that a rectifier worked on; columns of `REDUCTIONS`."""
    rows = export.measurements
    if "latent_error_rectified" not in rows:
        return pd.DataFrame(columns=REDUCTIONS)
    rows = rows[rows["latent_error_rectified"].notna()]
    ratio = rows["latent_error_rectified"] / rows["latent_error_quantized"]
    return rows.assign(reduction_percent=100 * (1 - ratio))[list(REDUCTIONS)].reset_index(drop=True)


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a codec, quality and data set: the mean of the pictures' reductions; columns of `SUMMARY`.

    The interval (95 %) is a bootstrap over the pictures: it says how far the pictures scatter, not what another
    training would give.
    """
    groups = rows.groupby(["codec", "weights", "quality", "dataset"], sort=True)
    return pd.DataFrame([(*name, *_mean(group["reduction_percent"])) for name, group in groups], columns=SUMMARY)


def _mean(values: pd.Series) -> tuple[int, float, float, float]:
    if len(values) < 2:
        return len(values), float(values.mean()), float("nan"), float("nan")
    resampled = resample_weights(len(values)) @ values.to_numpy(dtype=float)
    low, high = np.percentile(resampled, [2.5, 97.5])
    return len(values), float(values.mean()), float(low), float(high)
