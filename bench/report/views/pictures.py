"""Decoded pictures side by side, for each image and target rate, with rate and PSNR of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.report.numbers import plain
from bench.report.views import script_json
from bench.report.views.table import records

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.content import Content

FOLDER = "pictures"

FIRST = ("joint", "attn", "cca")
"""The papers' codecs: which of them is shown at first, if there are any; else any learned one."""


def shown_pictures(pictures: pd.DataFrame, content: Content) -> pd.DataFrame:
    """The rows of pictures.csv that are of an image set, with the numbers of their files; originals have none."""
    results = content.results
    own = pictures[(pictures["dataset"] == results.dataset) & pictures["image"].isin(results.images)]
    own = own[own["sha256"].str.fullmatch("[0-9a-f]{64}")]  # it becomes a file's name
    columns = ["key", "name", "title", "codec", "weights", "quality", "width", "height", "bpp", "psnr_db"]
    known = results.measurements[[column for column in columns if column in results.measurements]]
    rows = own.merge(known, on="key", how="left")
    # A picture of an older version of a curve is none of this report.
    return rows[rows["key"].eq("") | rows["name"].notna()].reset_index(drop=True)


def picture_sets(shown: pd.DataFrame) -> list[dict[str, Any]]:
    """One entry an image, with its original and the entries of every target rate."""
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
            "original": _file(original["sha256"].iloc[0]),
            "targets": [
                {"rate": f"{rate:g}", "entries": [*map(_entry, records(group))], "pair": first_pair(group)}
                for rate, group in decoded.groupby("target_bpp", sort=True)
            ],
        }
        sets.append(found | {"crops": _crops(found)})
    return sets


def first_pair(rows: pd.DataFrame) -> tuple[str, str]:
    """The two curves that are compared at first: the papers' codec, and the conventional one nearest to it in rate.

    Without one or the other it is the first and the last.
    """
    learned, conventional = rows[rows["weights"] != ""], rows[rows["weights"] == ""]
    if learned.empty or conventional.empty:
        return str(rows["name"].iloc[0]), str(rows["name"].iloc[-1])
    known = [learned[learned["codec"] == codec] for codec in FIRST]
    left = next((found for found in known if len(found)), learned).iloc[0]
    nearest = np.abs(np.log(conventional["bpp"] / left["bpp"])).argmin()
    return str(left["name"]), str(conventional["name"].iloc[nearest])


def _crops(found: dict[str, Any]) -> dict[str, Any]:
    """What is shown without a viewer, and in print: the middle of the original and of the first pair."""
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
        "file": _file(row["sha256"]),
    }


def _file(digest: str) -> str:
    return f"{FOLDER}/{digest}.webp"


def pictures_json(sets: list[dict[str, Any]]) -> str:
    """The same for static/pictures.js."""
    return script_json([{name: value for name, value in found.items() if name != "crops"} for found in sets])
