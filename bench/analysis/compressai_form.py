"""Measured curves in the format of CompressAI's result files, which `bench.results.interchange` writes."""

from __future__ import annotations

import itertools
import json
import math
from typing import TYPE_CHECKING, Any

from bench.analysis.timing import by_quality, task_times
from bench.system.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from bench.analysis.dataset_results import DatasetResults
    from bench.results.frames import Export

_COMPRESSAI_NAMES = {
    "bpp": "bpp",
    "psnr_db": "psnr-rgb",
    "psnr_y_db": "psnr-y",
    "psnr_u_db": "psnr-u",
    "psnr_v_db": "psnr-v",
    "ms_ssim": "ms-ssim-rgb",
}
"""Columns of points and their names in CompressAI's files. CompressAI weights "psnr-yuv" 4:1:1, bench 6:1:1."""


def compressai_curves(results: DatasetResults, export: Export) -> list[dict[str, Any]]:
    """Content of one file per measured curve. Times are included if all points were timed in one setting.

    Points of rate 0 or of infinite quality are left out; `meta.left_out` is their number.

    Raises:
        UsageError: no codec is measured on the whole image set.
    """
    if results.points.empty:
        raise UsageError(f"nothing to export: no codec is measured on all of {results.label}")
    times = by_quality(task_times(results, export))
    return [_curve(results, times, str(name)) for name in results.curves["name"]]


def _curve(results: DatasetResults, times: pd.DataFrame, name: str) -> dict[str, Any]:
    points = results.points[results.points["name"] == name].sort_values("bpp")
    lists = {
        theirs: points[ours].tolist()
        for ours, theirs in _COMPRESSAI_NAMES.items()
        if ours in points and points[ours].notna().all()
    }
    usable = [values[0] > 0 and all(map(math.isfinite, values)) for values in zip(*lists.values(), strict=True)]
    lists |= _times(results, times[times["name"] == name], points["quality"].tolist())
    lists = {key: list(itertools.compress(values, usable)) for key, values in lists.items()}
    first = points.iloc[0]
    return {
        "name": name,
        "description": f"{first['title']}, {first['backend_version']}".removesuffix(", "),
        "meta": {
            "source": "bench",
            "type": "image",
            "dataset": results.dataset,
            "settings": json.loads(first["settings"] or "{}"),
            "left_out": usable.count(False),
        },
        "results": lists,
    }


def _times(results: DatasetResults, times: pd.DataFrame, qualities: list[float]) -> dict[str, list[float]]:
    settings = times[["machine", "threads", "device"]].drop_duplicates()
    seconds = {}
    for key, stage in (("encoding_time", "encode"), ("decoding_time", "decode")):
        complete = times[(times["stage"] == stage) & (times["images"] == len(results.images))]
        rows = complete.set_index("quality")["seconds"]
        if len(settings) == 1 and set(qualities) <= set(rows.index):
            seconds[key] = rows[qualities].tolist()
    return seconds
