"""RD curves imported by the user: names, storage and removal."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.images.datasets import dataset_names
from bench.results import published
from bench.results.fields import FIELDS
from bench.results.published import OWN, full_name, published_names
from bench.system.errors import UsageError, unknown
from bench.system.wording import count, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.results.store import Store

METRIC_NAMES = {name: metric for metric, names in published.METRICS.items() for name in names}
"""Name of a metric in a file to its name in `bench.results.published`."""

SHORT_NAMES = ", ".join(names[0] for names in published.METRICS.values())
"""The shortest name of each metric, for messages."""

_MS_SSIM_METRICS = ("ms_ssim_rgb", "ms_ssim_db_rgb")
_MS_SSIM_TOLERANCE = 0.01

DEFAULT_DATASET = "kodak"
"""Default image set of imported points."""

UNCOMPRESSED_BPP = 24.0
"""Rate of uncompressed RGB with 8 bits per sample; a higher rate may be in another unit."""

LOWEST_PSNR_DB = 10.0
"""A curve whose PSNR is nowhere higher may be in another unit: a grey picture has about as much."""

WITHOUT_PICTURES = "No pictures of this set are here; its curves were imported."
"""Note on an image set that is known only by name."""


@dataclass(frozen=True, slots=True)
class CurveMetadata:
    """Properties of a curve from its file or from options; empty if unknown.

    `name` is "METHOD" or "SOURCE/METHOD"; `source` is a description or URL of the source of the points.
    """

    dataset: str = ""
    name: str = ""
    source: str = ""
    title: str = ""
    note: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class ImportedCurve:
    """The points of one file, as in `bench.results.published`, and remarks for the user."""

    points: pd.DataFrame
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name "source/method"."""
        return str(published_names(self.points).iloc[0])


def content_of(path: Path) -> tuple[bytes, str]:
    """Read a file; return its bytes and their SHA-256.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    return data, hashlib.sha256(data).hexdigest()


def stacked_points(
    rates: Sequence[Any], values: Iterable[tuple[str, Sequence[Any]]], times: Mapping[str, Sequence[Any]]
) -> pd.DataFrame:
    """One row per metric and point with a value; `values` are (metric, values) pairs, `times` are by column."""
    columns = {"rate_bpp": rates, **{name: times.get(name, [None] * len(rates)) for name in ("encode_s", "decode_s")}}
    frames = [pd.DataFrame({**columns, "value": own, "metric": metric}, dtype=object) for metric, own in values]
    numbers = dict.fromkeys((*columns, "value"), "float64")
    points = pd.concat(frames, ignore_index=True).astype(numbers | {"metric": "str"})
    return points.dropna(subset="value").drop_duplicates()


def imported_curve(
    path: Path, digest: str, points: pd.DataFrame, metadata: CurveMetadata, remarks: Sequence[str] = ()
) -> ImportedCurve:
    """Create the curve of a file with this hash; `points` has metric, rate_bpp, value, encode_s and decode_s.

    The default name is that of the file with a hash of its content, as in "result-1a2b3c4d/result", so that another
    file of the same name gives another curve.

    Raises:
        UsageError: a name or value is not valid.
    """
    where = "--as" if metadata.name else str(path)
    stem = path.stem.encode(errors="replace").decode()  # a file name may not be UTF-8
    source, method = _split_name(metadata.name) if metadata.name else (f"{stem}-{digest[:8]}", metadata.title or stem)
    is_address = re.match("https?://", metadata.source) is not None
    curve = {
        "source": _text(where, "source", source, "the name"),
        "method": _text(where, "method", method, "the name"),
        "title": _text(where, "title", method if metadata.name else metadata.title or stem, "the name"),
        "dataset": _text(path, "dataset", metadata.dataset or DEFAULT_DATASET, "the name of the image set"),
        "note": "; ".join(filter(None, ("" if is_address else metadata.source, metadata.note))),
        "url": metadata.source if is_address else metadata.url,
    }
    _require_one_ms_ssim(path, points)
    rows = points.assign(**curve, drawn=1, encoder="")
    # An RD curve keeps the best of several points at the same rate.
    best = rows.sort_values("value", ascending=False, kind="stable").drop_duplicates(["metric", "rate_bpp"])
    found = list(remarks)
    if not metadata.dataset:
        found.append(f"the file names no image set: {DEFAULT_DATASET} is assumed; use --dataset NAME for another")
    if left_out := len(rows) - len(best):
        found.append(f"{left_out} left out: another point at the same rate is at least as good")
    found += _suspicious(best)
    return ImportedCurve(published.validated(best, str(path)), tuple(found))


def _suspicious(points: pd.DataFrame) -> Iterator[str]:
    """Notes on points that are probably mistakes, or that comparisons leave out."""
    highest = float(points["rate_bpp"].max())
    if highest > UNCOMPRESSED_BPP:
        yield f"the highest rate, {highest:g}, is above {UNCOMPRESSED_BPP:g} bits per pixel: check its unit"
    highest_db = float(points.loc[points["metric"].str.startswith("psnr"), "value"].max())
    if highest_db < LOWEST_PSNR_DB:
        yield f"the highest PSNR, {highest_db:g}, is below {LOWEST_PSNR_DB:g} dB: check its unit"
    upwards = points.sort_values("rate_bpp")
    best_so_far = upwards.groupby("metric")["value"].cummax()
    if dominated := int((best_so_far.groupby(upwards["metric"]).diff() == 0).sum()):
        yield f"{dominated} with a higher rate but no higher quality than another; comparisons leave them out"


def _require_one_ms_ssim(path: Path, points: pd.DataFrame) -> None:
    """Check that MS-SSIM and MS-SSIM in dB agree if a file has both; means of decibels differ slightly."""
    plain, decibels = (
        dict(points.loc[points["metric"] == metric, ["rate_bpp", "value"]].to_numpy()) for metric in _MS_SSIM_METRICS
    )
    for rate in sorted(plain.keys() & decibels.keys()):
        meant = 1 - 10 ** (-decibels[rate] / 10)
        if abs(plain[rate] - meant) > _MS_SSIM_TOLERANCE:
            raise UsageError(
                f"{path}: at {rate} bpp, MS-SSIM is {plain[rate]:g}, but in dB it is {decibels[rate]:g}, which equals "
                f"{meant:.4f}; remove one of them"
            )


def _split_name(name: str) -> tuple[str, str]:
    """Split a name chosen by the user into source and method."""
    source, _, method = name.rpartition("/") if "/" in name else (OWN, "/", name)
    if source in published.sources():
        raise UsageError(f"--as {name}: {source} is a source that comes with bench; choose another name before the /")
    return source, method


def _text(where: Path | str, field: str, value: object, called: str) -> str:
    try:
        return str(FIELDS[field].parse(value))
    except ValueError as error:
        raise UsageError(f"{where}: {called} {error}") from None


def add_curve(store: Store, curve: ImportedCurve) -> str:
    """Store an imported curve, and the name of its image set if unknown; return a message for the user.

    The message warns of an image set without pictures and other curves, because its name may be misspelt.

    Raises:
        UsageError: another curve with this name exists.
    """
    rows = [{str(column): value for column, value in row.items()} for row in curve.points.to_dict("records")]
    dataset, source, method = (rows[0][column] for column in ("dataset", "source", "method"))
    with store.transaction():
        query = "SELECT metric, rate_bpp, value FROM imported WHERE dataset = ? AND source = ? AND method = ?"
        there = store.rows(query, (dataset, source, method))
        if there and set(there) != {(row["metric"], row["rate_bpp"], row["value"]) for row in rows}:
            raise UsageError(
                f"{curve.name} exists on {dataset} with other points; remove it with "
                f"`bench import --remove {curve.name}`, or choose another name with --as"
            )
        known = {*store.datasets(), *dataset_names(), *published.load()["dataset"]}
        name_alone = {"dataset": dataset, "title": dataset, "note": WITHOUT_PICTURES}
        store.describe("datasets", [name_alone], replace=False)
        store.describe("imported", rows, replace=False)
    points = len({row["rate_bpp"] for row in rows})
    line = f"{curve.name}: {count(points, 'point')} on {dataset}{' (already stored)' if there else ''}"
    new = f"\nnote: {dataset} is a new image set, known by its name alone; known: {listed(sorted(known))}"
    return line if dataset in known else line + new


def remove_curve(store: Store, name: str, dataset: str = "") -> str:
    """Delete an imported curve, and its image set if nothing else refers to it; return a message for the user.

    Raises:
        UsageError: there is no such curve, or it exists on several image sets.
    """
    curves = store.rows(
        "SELECT dataset, source, method, COUNT(DISTINCT rate_bpp) FROM imported GROUP BY dataset, source, method"
    )
    names = {f"{source}/{method}" for _, source, method, _ in curves}
    meant = full_name(names, name)
    if meant not in names and meant in set(published_names(published.load())):
        raise UsageError(f"{name} comes with bench; only imported curves can be removed")
    found = [one for one in curves if f"{one[1]}/{one[2]}" == meant and dataset in {"", one[0]}]
    if not found:
        raise unknown("imported curve", f"{name}{' on ' + dataset if dataset else ''}", names)
    if len(found) > 1:
        sets = ", ".join(str(one[0]) for one in found)
        raise UsageError(f"{meant} is imported on {sets}; choose one with --dataset")
    ((of, source, method, points),) = found
    with store.transaction():
        store.forget("imported", dataset=of, source=source, method=method)
        query = """SELECT 1 FROM datasets WHERE dataset = ? AND note = ?
            AND dataset NOT IN (SELECT dataset FROM images) AND dataset NOT IN (SELECT dataset FROM imported)"""
        if store.rows(query, (of, WITHOUT_PICTURES)):
            store.forget("datasets", dataset=of)
    return f"removed {meant}: {count(points, 'point')} on {of}"
