"""RD points in the JSON form of CompressAI's results, out and in.

One file a codec: `name`, `description`, `meta`, and `results`, lists of equal length: `bpp`, `psnr-rgb`, `ms-ssim-rgb`
(linear) or `ms-ssim-db-rgb`, and `encoding_time` and `decoding_time` in seconds per picture.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.analysis import published
from bench.analysis.study import Study, only_dataset
from bench.analysis.subject import published_names
from bench.analysis.timing import by_quality, cell_times
from bench.datasets import dataset_names
from bench.errors import UsageError, unknown
from bench.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from bench.analysis.export import Export
    from bench.store import Store

_OUT = {
    "bpp": "bpp",
    "psnr_db": "psnr-rgb",
    "psnr_y_db": "psnr-y",
    "psnr_u_db": "psnr-u",
    "psnr_v_db": "psnr-v",
    "ms_ssim": "ms-ssim-rgb",
}
"""Columns of our points and their names in CompressAI's files. Its "psnr-yuv" is weighted 4:1:1, ours 6:1:1."""

_IN = {
    "psnr-rgb": "psnr_rgb",
    "psnr": "psnr_rgb",
    "psnr-y": "psnr_y",
    "ms-ssim-rgb": "ms_ssim_rgb",
    "ms-ssim": "ms_ssim_rgb",
    "ms-ssim-db-rgb": "ms_ssim_db_rgb",
}
"""CompressAI's names of metrics, the older short ones included, and ours for published points."""

_TIMES = {"encoding_time": "encode_s", "decoding_time": "decode_s"}


def export_compressai(export: Export, target: Path, *, dataset: str | None = None) -> list[Path]:
    """Write one JSON file a measured curve into the folder `target`; the files written.

    Times are included where every point was timed in one and the same setting.

    Raises:
        UsageError: the data set is unknown or must be named, or nothing on it is complete.
        OSError: the folder cannot be written.
    """
    study = Study.of(export, dataset or only_dataset(export))
    if study.points.empty:
        raise UsageError(f"no codec is measured on all of {study.title}; there is nothing to export")
    times = by_quality(cell_times(study, export))
    return [_write_curve(study, times, str(name), target) for name in study.curves["name"]]


def _write_curve(study: Study, times: pd.DataFrame, name: str, target: Path) -> Path:
    points = study.points[study.points["name"] == name].sort_values("bpp")
    results = {
        theirs: points[ours].tolist() for ours, theirs in _OUT.items() if ours in points and points[ours].notna().all()
    }
    finite = [all(map(math.isfinite, values)) for values in zip(*results.values(), strict=True)]
    results |= _times(study, times[times["name"] == name], points["quality"].tolist())
    results = {key: [v for v, keep in zip(values, finite, strict=True) if keep] for key, values in results.items()}
    first = points.iloc[0]
    content = {
        "name": name,
        "description": f"{first['title']}, {first['carrier_version']}".removesuffix(", "),
        "meta": {
            "source": "bench",
            "type": "image",
            "dataset": study.dataset,
            "settings": json.loads(first["settings"] or "{}"),
        },
        "results": results,
    }
    # A slash in a name would be a folder.
    path = target / f"{name.replace('/', '_')}.json"
    with atomic_write(path) as file:
        file.write((json.dumps(content, indent=2) + "\n").encode())
    return path


def _times(study: Study, times: pd.DataFrame, qualities: list[float]) -> dict[str, list[float]]:
    settings = times[["machine", "threads", "device"]].drop_duplicates()
    results = {}
    for key, stage in (("encoding_time", "encode"), ("decoding_time", "decode")):
        rows = times[(times["stage"] == stage) & (times["images"] == len(study.images))].set_index("quality")["seconds"]
        if len(settings) == 1 and set(qualities) <= set(rows.index):
            results[key] = rows[qualities].tolist()
    return results


DATASET = "kodak"
"""What CompressAI's own files are of, which do not say it."""


def import_compressai(path: Path, *, dataset: str | None = None) -> pd.DataFrame:
    """The points of a JSON file of CompressAI's form, as rows of published points whose source is the file's name.

    They are of the image set that the file names, as ours do; if it names none, of `dataset`, else of `DATASET`.

    Raises:
        UsageError: the file cannot be read, is not of this form, holds numbers that are none, or names another image
            set than `dataset`.
    """
    content = _parsed(path)
    name, results = content.get("name", path.stem), content.get("results")
    if not isinstance(name, str) or not isinstance(results, dict) or "bpp" not in results:
        raise UsageError(f"{path}: not a result file of CompressAI: there must be 'results' with a list 'bpp'")
    known = {key: values for key, values in results.items() if key in {"bpp", *_IN, *_TIMES}}
    for key, values in known.items():
        _check(path, key, values, len(results["bpp"]) if isinstance(results["bpp"], list) else 0)
    named = _meta(content, "dataset")
    if dataset and named not in {"", dataset}:
        raise UsageError(f"{path} is of {named} by its own words, not of {dataset}; leave --dataset out")
    metrics = {_IN[key]: values for key, values in known.items() if key in _IN}
    if not metrics:
        raise UsageError(f"{path}: 'results' has no metric; known: {', '.join(_IN)}")
    times = {ours: known.get(key, [None] * len(known["bpp"])) for key, ours in _TIMES.items()}
    frames = [
        pd.DataFrame({"rate_bpp": known["bpp"], "value": values, "metric": metric, **times}, dtype=object)
        for metric, values in metrics.items()
    ]
    numbers = dict.fromkeys(("rate_bpp", "value", "encode_s", "decode_s"), "float64")
    points = pd.concat(frames, ignore_index=True).astype(numbers | {"metric": "str"})
    described = {"encoder": "", "note": str(content.get("description") or ""), "url": _meta(content, "url")}
    points = points.assign(source=path.name, method=name, title=name, drawn=1, **described)
    points = points.assign(dataset=named or dataset or DATASET)
    return published.validated(points, str(path))


def add_points(store: Store, points: pd.DataFrame) -> str:
    """Store the points of a file, in place of those that a file of its name and with its curve brought; what was done.

    Raises:
        UsageError: the image set is neither one of bench's nor measured here.
    """
    curve = {str(column): points[column].iloc[0] for column in ("dataset", "source", "method")}
    known = {*dataset_names(), *(name for (name,) in store.rows("SELECT dataset FROM datasets"))}
    if curve["dataset"] not in known:
        raise unknown("image set", curve["dataset"], known)
    query = "SELECT count(*) FROM imported WHERE dataset = ? AND source = ? AND method = ?"
    with store.transaction():
        ((replaced,),) = store.rows(query, tuple(curve.values()))
        store.describe("imported", [{str(k): value for k, value in row.items()} for row in points.to_dict("records")])
    instead = f", in place of {replaced}" if replaced else ""
    return f"{published_names(points).iloc[0]}: {len(points)} points{instead}"


def _parsed(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # of JSON, or of its encoding
        raise UsageError(f"{path}: not a JSON file: {error}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path}: not a result file of CompressAI: there must be 'results' with a list 'bpp'")
    return content


def _check(path: Path, key: str, values: object, length: int) -> None:
    if not isinstance(values, list) or not values:
        raise UsageError(f"{path}: '{key}' must be a list of numbers")
    if len(values) != length:
        raise UsageError(f"{path}: '{key}' has {len(values)} values, but 'bpp' has {length}")
    for value in values:
        # Python's JSON reads NaN and Infinity, and integers that no float can hold.
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
            raise UsageError(f"{path}: '{key}' holds {json.dumps(value)[:40]}, which is not a finite number")


def _meta(content: dict[str, Any], key: str) -> str:
    meta = content.get("meta")
    return str(meta.get(key) or "") if isinstance(meta, dict) else ""
