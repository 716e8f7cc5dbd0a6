"""Conventional codecs measured here against their published curves: differences and their reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.analysis.axis import PSNR
from bench.analysis.comparison import bd_rows
from bench.analysis.rd_curve import measured_curve, published_curve, published_of
from bench.results import published
from bench.results.published import published_names

if TYPE_CHECKING:
    from bench.analysis.dataset_results import DatasetResults
    from bench.results.frames import Export


def anchor_table(results: DatasetResults, export: Export) -> pd.DataFrame:
    """One row per measured codec and published curve that it reproduces: BD-rate over PSNR of RGB, BD-PSNR in dB.

    Codecs without a complete point and results on a subset of the pictures are left out. A negative BD-rate means that
    the measured codec needs fewer bits than the published points. `why` is the reason for the difference, `source` how
    it was found.
    """
    points = published_of(results, export)
    there = set(published_names(points))
    measured = set(results.curves["name"])
    pairs = [pair for pair in published.reproduced() if pair["codec"] in measured and pair["published"] in there]
    return pd.DataFrame([_row(results, points, pair) for pair in pairs])


def _row(results: DatasetResults, points: pd.DataFrame, pair: dict[str, str]) -> dict[str, Any]:
    ours, theirs = measured_curve(results, pair["codec"]), published_curve(points, pair["published"])
    points = points[published_names(points) == pair["published"]]
    delta = next(iter(bd_rows(theirs, ours, [PSNR])), {})
    return {
        "codec": pair["codec"],
        "title": ours.title,
        "published": pair["published"],
        "published_title": theirs.title,
        "encoder": points["encoder"].iloc[0],
        "bd_rate_percent": delta.get("bd_rate_pchip_percent"),
        "bd_psnr_db": delta.get("bd_quality_pchip"),
        "overlap_low_db": delta.get("overlap_low"),
        "overlap_high_db": delta.get("overlap_high"),
        "why": pair["why"],
        "source": pair["source"],
    }
