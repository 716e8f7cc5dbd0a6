"""Decoded pictures for side-by-side comparison, by image and target rate, with the rate and PSNR of each file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.report.numbers import plain
from bench.report.views.table import records

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.content import Content

FIRST = ("joint", "attn", "cca")
"""The codecs of the papers in order of preference for the first pair; without them it has any learned codec."""


def shown_pictures(pictures: pd.DataFrame, content: Content) -> pd.DataFrame:
    """Rows of pictures.csv on an image set, joined with their measurements; originals have no measurement."""
    results = content.results
    own = pictures[(pictures["dataset"] == results.dataset) & pictures["image"].isin(results.images)]
    columns = ["key", "name", "title", "codec", "weights", "quality", "width", "height", "bpp", "psnr_db"]
    known = results.measurements[[column for column in columns if column in results.measurements]]
    rows = own.merge(known, on="key", how="left")
    # Pictures of older versions of a curve are not shown.
    return rows[rows["key"].eq("") | rows["name"].notna()].reset_index(drop=True)


def picture_sets(shown: pd.DataFrame) -> list[dict[str, Any]]:
    """One entry per image: its original, and the decoded pictures at each target rate."""
    sets = []
    for image, rows in shown.groupby("image", sort=True):
        original, decoded = rows[rows["key"] == ""], rows[rows["key"] != ""]
        if original.empty or decoded.empty:
            continue
        sizes = decoded.iloc[0]
        found = {
            "image": str(image),
            "width": int(sizes["width"]),
            "height": int(sizes["height"]),
            "original": picture_file(original["sha256"].iloc[0]),
            "targets": [
                {"rate": f"{rate:g}", "entries": [*map(_entry, records(group))], "pair": first_pair(group)}
                for rate, group in decoded.groupby("target_bpp", sort=True)
            ],
        }
        sets.append(found | {"crops": _crops(found)})
    return sets


def first_pair(rows: pd.DataFrame) -> tuple[str, str]:
    """The first pair of curves: a codec of the papers, and the conventional codec with the nearest rate.

    Without either, the pair is the first and the last curve.
    """
    learned, conventional = rows[rows["weights"] != ""], rows[rows["weights"] == ""]
    if learned.empty or conventional.empty:
        return str(rows["name"].iloc[0]), str(rows["name"].iloc[-1])
    known = [learned[learned["codec"] == codec] for codec in FIRST]
    left = next((found for found in known if len(found)), learned).iloc[0]
    nearest = np.abs(np.log(conventional["bpp"] / left["bpp"])).argmin()
    return str(left["name"]), str(conventional["name"].iloc[nearest])


def _crops(found: dict[str, Any]) -> dict[str, Any]:
    """Crops shown without JavaScript and in print: the centre of the original and of the first pair."""
    target = found["targets"][len(found["targets"]) // 2]
    entries = {entry["name"]: entry for entry in target["entries"]}
    original = {"title": "Original", "file": found["original"], "bpp": "", "psnr": ""}
    return {"rate": target["rate"], "entries": [original, *(entries[name] for name in dict.fromkeys(target["pair"]))]}


def _entry(row: dict[str, Any]) -> dict[str, str]:
    return {
        "name": row["name"],
        "title": row["title"],
        "quality": f"{row['quality']:g}",
        "bpp": plain(row["bpp"], 3),
        "psnr": plain(row.get("psnr_db"), 2),
        "file": picture_file(row["sha256"]),
    }


def picture_file(digest: str) -> str:
    """Path of a picture within the export and the report."""
    return f"pictures/{digest}.webp"
