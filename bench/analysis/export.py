"""One export directory as frames: the only input of the analysis and of the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pandas as pd

from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TEXT: Mapping[str, tuple[str, ...]] = {
    "measurements": (
        "key",
        "curve",
        "codec",
        "settings",
        "carrier",
        "carrier_version",
        "revision",
        "weights",
        "weights_sha256",
        "dataset",
        "image",
        "image_sha256",
        "bitstream_sha256",
        "run_id",
    ),
    "images": ("dataset", "image", "image_sha256"),
    "datasets": ("dataset", "title", "note"),
    "codecs": ("codec", "title", "quality_meaning", "default_carrier"),
    "metrics": ("metric", "title"),
    "timings": ("key", "run_id", "machine", "device", "stage"),
    "runs": ("run_id", "started", "command", "machine", "provenance"),
    "failures": ("codec", "carrier", "dataset", "image", "run_id", "message"),
    "published": ("dataset", "source", "method", "title", "metric"),
}
"""Columns of text, by file. An empty cell is an empty string, and "NA" is a name like any other."""

_NUMBERS: Mapping[str, tuple[str, ...]] = {
    "measurements": ("quality", "width", "height", "num_bytes"),
    "images": (),
    "datasets": (),
    "codecs": (),
    "metrics": ("higher_is_better",),
    "timings": ("threads", "repeat", "seconds"),
    "runs": (),
    "failures": ("quality",),
    "published": ("rate_bpp", "value", "encode_s", "decode_s"),
}
"""Columns of numbers, by file. An empty cell is NaN, as is "nan" for a metric that is not defined on a picture."""

MEASUREMENT_COLUMNS = (*_TEXT["measurements"], *_NUMBERS["measurements"])
"""What each measurement has; its metrics and what its codec told of itself follow."""

_OPTIONAL: Mapping[str, Mapping[str, str | float]] = {
    # A curve that somebody imported is one that they want to see.
    "published": {"drawn": 1, "encoder": "", "note": "", "url": ""},
}
"""Columns that may be absent, with the value that they then have."""


@dataclass(frozen=True, slots=True)
class Export:
    """The frames of one export directory, columns as their CSV files have them."""

    measurements: pd.DataFrame
    images: pd.DataFrame
    datasets: pd.DataFrame
    codecs: pd.DataFrame
    metrics: pd.DataFrame
    timings: pd.DataFrame
    runs: pd.DataFrame
    failures: pd.DataFrame
    published: pd.DataFrame

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read all tables.

        Raises:
            UsageError: a file or a column is missing, or a number is none.
        """
        return cls(**{table: _read(directory / f"{table}.csv", table) for table in _TEXT})

    @property
    def metric_columns(self) -> list[str]:
        """The columns of `measurements` that hold distortions: those that `metrics` names."""
        named = set(self.metrics["metric"])
        return [column for column in self.measurements.columns if column in named]

    @property
    def diagnostic_columns(self) -> list[str]:
        """The columns of `measurements` that hold what codecs told of themselves: those that are nothing else."""
        known = {*MEASUREMENT_COLUMNS, *self.metric_columns}
        return [column for column in self.measurements.columns if column not in known]


def _read(path: Path, table: str) -> pd.DataFrame:
    try:
        header = list(pd.read_csv(path, nrows=0).columns)
    except FileNotFoundError:
        raise UsageError(f"{path.parent}: there is no {path.name}; write the folder with `bench export`") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not a CSV file: {error}") from None
    missing = [column for column in (*_TEXT[table], *_NUMBERS[table]) if column not in header]
    if missing:
        raise UsageError(f"{path}: there is no column '{missing[0]}'; write the folder again with `bench export`")
    # The columns of measurements that nobody foresaw are metrics and diagnostics.
    numbers = [*_NUMBERS[table], *(_unforeseen(header, table) if table == "measurements" else ())]
    numbers += [column for column, value in _OPTIONAL.get(table, {}).items() if not isinstance(value, str)]
    text = {column: "str" for column in header if column not in numbers}
    try:
        frame = pd.read_csv(
            path,
            dtype=text | {column: "float64" for column in numbers if column in header},
            keep_default_na=False,
            na_values={column: ["", "nan"] for column in numbers},
            float_precision="round_trip",
        )
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    absent = {column: value for column, value in _OPTIONAL.get(table, {}).items() if column not in header}
    return frame.assign(**absent).fillna(dict(_OPTIONAL.get(table, {})))


def _unforeseen(header: list[str], table: str) -> list[str]:
    foreseen = {*_TEXT[table], *_NUMBERS[table], *_OPTIONAL.get(table, {})}
    return [column for column in header if column not in foreseen]
