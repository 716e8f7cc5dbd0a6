"""Conventional codecs against their published curves, and the ceilings of their colour conversions, as rows of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.report.numbers import plain, signed
from bench.report.views.rows import records

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


def anchor_rows(table: pd.DataFrame) -> list[dict[str, str]]:
    """The rows of bench.analysis.anchors.anchor_table as text."""
    return [
        {
            "title": row["title"],
            "published": row["published_title"],
            "encoder": row["encoder"],
            "rate": signed(row["bd_rate_percent"], 2),
            "quality": signed(row["bd_psnr_db"], 3),
            "overlap": f"{plain(row['overlap_low_db'], 1)} to {plain(row['overlap_high_db'], 1)}",
            "why": row["why"],
            "source": row["source"],
        }
        for row in records(table)
    ]


def ceilings(table: pd.DataFrame, titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """A codec's title and the PSNR of pictures that were converted and not coded."""
    return [{"codec": titles[row["codec"]], "psnr": plain(row["psnr_rgb_db"], 2)} for row in records(table)]
