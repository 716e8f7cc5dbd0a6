"""The pictures: for each image and target rate what there is to put side by side, with rate and PSNR of that file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bench.report.numbers import plain
from bench.report.views.rows import records

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.content import Content

FOLDER = "pictures"


def shown_pictures(pictures: pd.DataFrame, content: Content) -> pd.DataFrame:
    """The rows of pictures.csv that are of an image set, with the numbers of their files; originals have none."""
    results = content.results
    own = pictures[(pictures["dataset"] == results.dataset) & pictures["image"].isin(results.images)]
    own = own[own["sha256"].str.fullmatch("[0-9a-f]{64}")]  # it becomes a file's name
    columns = ["key", "name", "title", "quality", "width", "height", "bpp", "psnr_db"]
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
        sets.append(
            {
                "image": str(image),
                "width": int(sizes["width"]),
                "height": int(sizes["height"]),
                "original": _file(original["sha256"].iloc[0]),
                "targets": [_target(group) for _, group in decoded.groupby("target_bpp", sort=True)],
            }
        )
    return sets


def _target(rows: pd.DataFrame) -> dict[str, Any]:
    return {"rate": f"{rows['target_bpp'].iloc[0]:g}", "entries": [_entry(row) for row in records(rows)]}


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
    """The same for static/pictures.js, safe inside a script element."""
    return json.dumps(sets, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
