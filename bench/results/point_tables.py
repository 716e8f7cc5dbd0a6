"""RD points in CSV or TSV tables, with one row per point, or per picture and setting as in Cool-Chic's result files.

Columns are recognised by name in any notation: "bpp", "Rate (bpp)" and "rate_bpp" are equivalent. A rate in bits per
pixel and a metric are required. PSNR is of RGB in dB unless the name contains "y"; MS-SSIM is linear unless the name
contains "db". Times are in seconds per picture.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pandas as pd

from bench.results.fields import FIELDS
from bench.results.imported import METRIC_NAMES, SHORT_NAMES, content_of, imported_curve, stacked_points
from bench.results.published import METRICS
from bench.system.csv_files import columns_of
from bench.system.errors import UsageError
from bench.system.wording import count, listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.results.imported import CurveMetadata, ImportedCurve

SUFFIXES = (".csv", ".tsv", ".txt")

_ROLES: Mapping[str, str] = {
    **dict.fromkeys(("bpp", "rate-bpp", "rate"), "rate_bpp"),
    **METRIC_NAMES,
    **dict.fromkeys(("encoding-time", "encode-s"), "encode_s"),
    **dict.fromkeys(("decoding-time", "decode-s"), "decode_s"),
    **dict.fromkeys(("seq-name", "seq", "image", "picture"), "picture"),
    **dict.fromkeys(("lmbda", "lambda", "quality", "qp"), "setting"),
    **dict.fromkeys(("dataset", "image-set"), "dataset"),
}
"""Name of a column to its meaning."""

_TEXTS = ("picture", "setting", "dataset")
_TIMES = ("encode_s", "decode_s")
_DECIBELS = "ms_ssim_db_rgb"

_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+")


def import_table(path: Path, metadata: CurveMetadata) -> ImportedCurve:
    """Read the points of a table; rows of single pictures are averaged over the pictures at each setting.

    Raises:
        UsageError: the file cannot be read, lacks a column, or has an invalid value.
    """
    columns, digest = _columns(path)
    roles = _roles(path, columns)
    rows = pd.DataFrame({role: _values(path, name, columns[name], role) for role, name in roles.items()})
    further = [name for name in columns if name not in roles.values()]
    if len(sets := sorted(set(rows.get("dataset", ())))) > 1:
        raise UsageError(f"{path}: the rows are of several image sets ({listed(sets)}); import a file of each")
    if sets and not metadata.dataset:
        metadata = dataclasses.replace(metadata, dataset=str(sets[0]))
    remarks = [f"columns left out (not among {SHORT_NAMES}): {listed(further)}"] if further else []
    if len(set(rows.get("picture", ()))) > 1:
        rows, pictures = _means(path, rows, roles)
        remarks.append(f"each point is the mean of {pictures} pictures at one '{roles['setting']}'")
        if _DECIBELS in roles:
            remarks.append(f"left out, because decibels of single pictures cannot be averaged: {roles[_DECIBELS]}")
    values = [(str(metric), list(rows[metric])) for metric in rows if metric in METRICS]
    if empty := int(rows[[metric for metric, _ in values]].isna().all(axis=1).sum()):
        remarks.append(f"{count(empty, 'row')} without a value of a metric left out")
    times = {role: list(rows[role]) for role in _TIMES if role in rows}
    found = stacked_points(list(rows["rate_bpp"]), values, times)
    if found.empty:
        raise UsageError(f"{path}: there are no points: no row has a value of a metric")
    return imported_curve(path, digest, found, metadata, remarks)


def _columns(path: Path) -> tuple[dict[str, list[str]], str]:
    """Read the columns of a file as text; also return the hash of its bytes."""
    data, digest = content_of(path)
    try:
        lines = data.decode("utf-8-sig").splitlines(keepends=True)  # spreadsheets write a byte order mark
        header = next((line for line in lines if line.strip()), "")
        columns = columns_of(lines, max(",;\t", key=header.count))
    except ValueError as error:
        what = "not a CSV file in UTF-8" if isinstance(error, UnicodeError) else error
        raise UsageError(f"{path}: {what}") from None
    if not any(columns.values()):
        raise UsageError(f"{path}: {'there is no row below the header' if columns else 'the file is empty'}")
    return columns, digest


def _roles(path: Path, names: Mapping[str, object]) -> dict[str, str]:
    """Find the columns to use, by their meaning."""
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-").replace("msssim", "ms-ssim")
        role = _ROLES.get(plain)
        if role in found:
            raise UsageError(f"{path}: the columns '{found[role]}' and '{name}' are both {role}; use only one of them")
        if role:
            found[role] = name
    if "rate_bpp" not in found:
        raise UsageError(f"{path}: there is no column 'bpp'; the columns are {listed(list(names))}")
    if not found.keys() & METRICS.keys():
        raise UsageError(f"{path}: there is no column of a metric; known: {SHORT_NAMES}")
    return found


def _values(path: Path, name: str, cells: Sequence[str], role: str) -> list[object]:
    """Convert the cells of a column to texts or numbers; None if a metric or time is empty."""
    if role in _TEXTS:
        return list(cells)
    field = FIELDS[role if role in {"rate_bpp", *_TIMES} else "value"]
    found: list[object] = []
    for number, cell in enumerate(cells, 1):
        try:
            found.append(field.parse(cell.strip()) if cell.strip() or role == "rate_bpp" else None)
        except ValueError as error:
            point = "; write decimals with a point" if _DECIMAL_COMMA.fullmatch(cell.strip()) else ""
            raise UsageError(f"{path}: row {number}: '{name}' {error}{point}") from None
    return found


def _means(path: Path, rows: pd.DataFrame, roles: Mapping[str, str]) -> tuple[pd.DataFrame, int]:
    """Average over the pictures at each setting; also return the number of pictures."""
    if "setting" not in rows:
        raise UsageError(
            f"{path}: the rows are of several pictures; a column 'lmbda' or 'quality' must say which belong to a point"
        )
    # MS-SSIM in dB must be computed from the mean MS-SSIM: the mean of decibels is another number.
    numbers = rows.drop(columns=[_DECIBELS, *_TEXTS], errors="ignore")
    if not set(numbers) & METRICS.keys():
        raise UsageError(f"{path}: decibels of single pictures cannot be averaged; give 'ms-ssim' from 0 to 1")
    wanted = rows["picture"].nunique()
    for setting, group in rows.groupby("setting", sort=False):
        if len(group) != wanted or group["picture"].nunique() != wanted:
            raise UsageError(
                f"{path}: '{roles['setting']}' {setting} has {count(len(group), 'row')} of "
                f"{count(group['picture'].nunique(), 'picture')}; each of all {wanted} pictures must appear once"
            )
    if numbers.isna().any(axis=None):
        empty = numbers.columns[numbers.isna().any()][0]
        raise UsageError(f"{path}: '{roles[empty]}' is empty in row {int(numbers[empty].isna().argmax()) + 1}")
    return numbers.astype("float64").groupby(rows["setting"], sort=False).mean().reset_index(drop=True), wanted
