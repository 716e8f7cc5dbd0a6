"""RD points in the JSON form of CompressAI's results, out and in.

One file a codec: `name`, `description`, `meta`, and `results`, lists of equal length: `bpp`, `psnr-rgb`, `ms-ssim-rgb`
(linear) or `ms-ssim-db-rgb`, and `encoding_time` and `decoding_time` in seconds per picture.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.results import published
from bench.results.fields import FIELDS
from bench.results.published import published_names
from bench.system.errors import UsageError
from bench.system.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from bench.results.store import Store

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


def write_compressai(contents: Iterable[Mapping[str, Any]], target: Path) -> list[Path]:
    """Write curves (`bench.analysis.compressai_form`) into the folder `target`, one JSON file each; the files written.

    Raises:
        OSError: the folder cannot be written.
    """
    written = []
    for content in contents:
        # A slash in a name would be a folder.
        path = target / f"{content['name'].replace('/', '_')}.json"
        with atomic_write(path) as file:
            file.write((json.dumps(content, indent=2) + "\n").encode())
        written.append(path)
    return written


ASSUMED = "kodak"
"""What CompressAI's own files are of, which do not say it."""

WITHOUT_PICTURES = "No pictures of this set are here; its curves were imported."
"""The note of an image set that is known by name alone."""


@dataclass(frozen=True, slots=True)
class ImportedCurve:
    """The points of one file, as `bench.results.published` has them, and what the user should know of them."""

    points: pd.DataFrame
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the curve goes by."""
        return str(published_names(self.points).iloc[0])


def import_compressai(path: Path, *, dataset: str | None = None) -> ImportedCurve:
    """Read a JSON file of CompressAI's form.

    The curve's source is the file's name and a hash of its content, as in "result-1a2b3c4d": another file of this name
    is another source. It is of the image set that the file names, as ours do, else of `dataset`, else of `ASSUMED`.

    Raises:
        UsageError: the file cannot be read, is not of this form, holds a value that is not valid, or names another
            image set than `dataset`.
    """
    content, digest = _parsed(path)
    stem = path.stem.encode(errors="replace").decode()  # a file's name need not be UTF-8
    name, results = content.get("name", stem), content.get("results")
    if not isinstance(results, dict) or not isinstance(results.get("bpp"), list):
        raise UsageError(f"{path}: not a result file of CompressAI: there must be 'results' with a list 'bpp'")
    known = {key: values for key, values in results.items() if key in {"bpp", *_IN, *_TIMES}}
    for key, values in known.items():
        _check(path, key, values, len(results["bpp"]))
    if not known.keys() & _IN.keys():
        raise UsageError(f"{path}: 'results' has no metric; known: {', '.join(_IN)}")
    named = _meta(content, "dataset")
    if dataset and named not in {"", dataset}:
        raise UsageError(f"{path} is of {named} by its own words, not of {dataset}; leave --dataset out")
    curve = {
        "source": f"{stem}-{digest[:8]}",
        "method": _text(path, "method", name, "'name'"),
        "title": name,
        "dataset": _text(path, "dataset", named or dataset or ASSUMED, "the name of the image set"),
        "note": " ".join(str(content.get("description") or "").split()),
        "url": _meta(content, "url"),
    }
    points = _points(known).assign(**curve, drawn=1, encoder="")
    # Qualities that give files of one size are points at one rate, of which an RD curve has the best.
    best = points.sort_values("value", ascending=False, kind="stable").drop_duplicates(["metric", "rate_bpp"])
    remarks = []
    if not (named or dataset):
        remarks.append(f"the file names no image set: {ASSUMED} is assumed, and --dataset NAME says otherwise")
    if left_out := len(points) - len(best):
        remarks.append(f"{left_out} left out: another point at the same rate is at least as good")
    return ImportedCurve(published.validated(best, str(path)), tuple(remarks))


def add_curve(store: Store, curve: ImportedCurve) -> str:
    """Store an imported curve unless it is there; an image set that is unknown is added as a name. What was done."""
    rows = [{str(column): value for column, value in row.items()} for row in curve.points.to_dict("records")]
    dataset, count = rows[0]["dataset"], len(rows)
    same = ("dataset", "source", "method")
    with store.transaction():
        is_there = tuple(rows[0][name] for name in same) in store.rows("SELECT dataset, source, method FROM imported")
        name_alone = {"dataset": dataset, "title": dataset, "note": WITHOUT_PICTURES}
        store.describe("datasets", [name_alone], replace=False)
        store.describe("imported", rows, replace=False)
    done = ", which were there" if is_there else ""
    return f"{curve.name}: {count} point{'' if count == 1 else 's'} on {dataset}{done}"


def _points(known: dict[str, list[Any]]) -> pd.DataFrame:
    """One row a metric and point, whose columns are checked numbers."""
    times = {ours: known.get(key, [None] * len(known["bpp"])) for key, ours in _TIMES.items()}
    frames = [
        pd.DataFrame({"rate_bpp": known["bpp"], "value": known[key], "metric": metric, **times}, dtype=object)
        for key, metric in _IN.items()
        if key in known
    ]
    numbers = dict.fromkeys(("rate_bpp", "value", *times), "float64")
    return pd.concat(frames, ignore_index=True).drop_duplicates().astype(numbers | {"metric": "str"})


def _parsed(path: Path) -> tuple[dict[str, Any], str]:
    """The content of a JSON file, and the hash of its bytes."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    try:
        content = json.loads(data.decode("utf-8"))
    except RecursionError:
        raise UsageError(f"{path}: not a result file of CompressAI: it is nested too deeply") from None
    except ValueError as error:  # of JSON, or of its encoding
        raise UsageError(f"{path}: not a JSON file: {error}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path}: not a result file of CompressAI: there must be 'results' with a list 'bpp'")
    return content, hashlib.sha256(data).hexdigest()


def _text(path: Path, field: str, value: object, called: str) -> str:
    try:
        return str(FIELDS[field].parse(value))
    except ValueError as error:
        raise UsageError(f"{path}: {called} {error}") from None


def _check(path: Path, key: str, values: object, length: int) -> None:
    if not isinstance(values, list) or not values:
        raise UsageError(f"{path}: '{key}' must be a list of numbers")
    if len(values) != length:
        raise UsageError(f"{path}: '{key}' has {len(values)} values, but 'bpp' has {length}")
    field = FIELDS[{"bpp": "rate_bpp", **_TIMES}.get(key, "value")]
    for value in values:
        try:
            field.parse([value] if isinstance(value, str) else value)  # a text that looks like a number is none here
        except ValueError as error:
            raise UsageError(f"{path}: in '{key}' each {error}") from None


def _meta(content: dict[str, Any], key: str) -> str:
    meta = content.get("meta")
    return str(meta.get(key) or "") if isinstance(meta, dict) else ""
