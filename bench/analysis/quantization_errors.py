"""Quantisation errors of learned codecs: what rounding the latents costs, and file sizes against estimated bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bench.analysis.axis import with_decibels

if TYPE_CHECKING:
    from bench.analysis.dataset_results import DatasetResults

_PREFIX = "unquantized_"

TABLE = (
    "name", "quality", "axis", "axis_title", "quality_db", "unquantized_db", "lost_db",
    "rate_over_estimate_percent", "z_percent", "latent_error_quantized",
)  # fmt: skip
"""Columns of `quantization_table`."""

_NEEDED = ["coder_bits", "coder_bits_z", "estimated_bits", "latent_error_quantized"]


def quantization_table(results: DatasetResults) -> pd.DataFrame:
    """One row per learned codec and quality with unquantized errors of all pictures; means over the pictures.

    `quality_db` is the first PSNR of the image set, `unquantized_db` that of the same decoder on latents y without
    rounding, and `lost_db` the difference: the cost of quantisation, and the most that a latent rectifier can gain.
    `rate_over_estimate_percent` compares the size of the files with the estimated bits, which most papers report;
    `z_percent` is the share of the hyper-latents in the coder bits, NaN without hyper-latents.
    A value is also NaN if a picture lacks one of its diagnostics.
    """
    rows = results.measurements
    rows = rows.reindex(columns=rows.columns.union(_NEEDED, sort=False))
    unquantized = with_decibels(rows.filter(regex=f"^{_PREFIX}").rename(columns=lambda name: name[len(_PREFIX) :]))
    axis = next((axis for axis in results.axes if axis.column in unquantized.dropna(axis="columns", how="all")), None)
    if axis is None:
        return pd.DataFrame(columns=TABLE)
    rows = rows.assign(
        quality_db=rows[axis.column], unquantized_db=unquantized[axis.column], bits=8 * rows["num_bytes"]
    )
    groups = rows.dropna(subset=["unquantized_db"]).groupby(["name", "quality"], sort=False)
    averaged, pictures = ["quality_db", "unquantized_db", "latent_error_quantized"], len(results.images)
    table = groups[averaged].mean().where(groups[averaged].count() == pictures)
    sums = groups[["bits", "coder_bits", "coder_bits_z", "estimated_bits"]].sum(min_count=pictures)
    table["lost_db"] = table["unquantized_db"] - table["quality_db"]
    table["rate_over_estimate_percent"] = 100 * (sums["bits"] / sums["estimated_bits"] - 1)
    table["z_percent"] = 100 * sums["coder_bits_z"] / sums["coder_bits"]
    found = table[groups.size() == pictures].reset_index()
    return found.assign(axis=axis.name, axis_title=axis.title)[list(TABLE)]
