"""PSNR ceiling of RGB codecs on YUV pictures: the PSNR of the conversion to RGB and back, without coding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bench.analysis.axis import with_decibels

if TYPE_CHECKING:
    from bench.analysis.axis import Axis
    from bench.analysis.dataset_results import DatasetResults

_PREFIX = "round_trip_"

COLUMNS = ("dataset", "axis", "axis_title", "ceiling_db")
"""Columns of `ceiling_table`."""


def round_trip_ceilings(results: DatasetResults) -> dict[Axis, float]:
    """Mean PSNR in dB after conversion to RGB and back alone, by axis.

    Empty if no codec needed the conversion, or if it is not recorded for all pictures.
    """
    columns = [column for column in results.measurements.columns if column.startswith(_PREFIX)]
    if not columns:
        return {}
    # Each codec that needs the round trip has the same errors for an image.
    rows = results.measurements.dropna(subset=columns).drop_duplicates("image")
    if len(rows) < len(results.images):
        return {}
    means = with_decibels(rows[columns].rename(columns=lambda name: name.removeprefix(_PREFIX))).mean()
    return {axis: float(means[axis.column]) for axis in results.axes if axis.column in means}


def ceiling_table(results: DatasetResults) -> pd.DataFrame:
    """Ceilings of an image set, with one row per axis."""
    found = [(results.dataset, axis.name, axis.title, value) for axis, value in round_trip_ceilings(results).items()]
    return pd.DataFrame(found, columns=COLUMNS)


def ceiling_note(results: DatasetResults) -> str:
    """Sentence on the ceilings for readers of the figures, or ""."""
    ceilings = round_trip_ceilings(results).items()
    found = [f"{value:.2f} dB ({axis.title.removeprefix('PSNR, ')})" for axis, value in ceilings]
    if not found:
        return ""
    return f"RGB codecs need a conversion of the planes to RGB and back, which limits the PSNR to {', '.join(found)}."
