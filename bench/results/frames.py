"""The results as data frames, from an export or a database: the input of the analysis and the report."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from bench.results.fields import FILES, current_columns, field_of
from bench.system.csv_files import unguarded_frame
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MEASUREMENT_COLUMNS = FILES["measurements"]
"""Columns of every measurement; metrics and diagnostics follow."""

_TABLES = tuple(table for table in FILES if table != "imported")
"""Tables that the analysis reads. `published` includes the imported curves."""

_OPTIONAL: Mapping[str, Mapping[str, str | float]] = {
    "published": {"drawn": 1, "encoder": "", "note": "", "url": ""},
}
"""Columns that may be missing, with their default values: imported curves are drawn."""


@dataclass(frozen=True, slots=True)
class Export:
    """The tables of the results, each with the columns of its CSV file."""

    measurements: pd.DataFrame
    images: pd.DataFrame
    datasets: pd.DataFrame
    codecs: pd.DataFrame
    metrics: pd.DataFrame
    timings: pd.DataFrame
    runs: pd.DataFrame
    failures: pd.DataFrame
    published: pd.DataFrame
    undefined: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """For each metric, the keys of the measurements for whose pictures it is not defined. `measurements` contains NaN
    for these, and also if a metric was not measured."""

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read all tables.

        Raises:
            UsageError: a file or column is missing, or a number is invalid.
        """
        tables = {table: _read(directory / f"{table}.csv", table) for table in _TABLES}
        try:
            return cls._of_texts(tables)
        except ValueError as error:
            raise UsageError(f"{directory / 'measurements.csv'}: {error}") from None

    @classmethod
    def of(cls, tables: Mapping[str, pd.DataFrame]) -> Self:
        """Create from the tables of a database (`bench.results.export.frames`), with the types of CSV tables.

        Raises:
            ValueError: a number is invalid.
        """
        return cls._of_texts({table: _typed(tables[table], table) for table in _TABLES})

    @classmethod
    def of_published(cls, points: pd.DataFrame) -> Self:
        """Create with published curves only; image sets are known only by name."""
        empty = {table: pd.DataFrame(columns=list(FILES[table]), dtype=object) for table in _TABLES}
        names = points["dataset"].unique()
        datasets = pd.DataFrame({"dataset": names, "title": names, "note": ""})
        return cls.of({**empty, "published": points, "datasets": datasets})

    @classmethod
    def _of_texts(cls, tables: dict[str, pd.DataFrame]) -> Self:
        """Convert metrics and diagnostics from text; "nan" means that one is not defined for a picture."""
        measurements, undefined = _numbers(tables.pop("measurements"))
        return cls(measurements, **tables, undefined=undefined)

    @property
    def metric_columns(self) -> list[str]:
        """The columns of `measurements` with distortions, as listed in `metrics`."""
        named = set(self.metrics["metric"])
        return [column for column in self.measurements.columns if column in named]

    @property
    def diagnostic_columns(self) -> list[str]:
        """The columns of `measurements` with diagnostics: all that are neither stored fields nor metrics."""
        known = {*MEASUREMENT_COLUMNS, *self.metric_columns}
        return [column for column in self.measurements.columns if column not in known]


def cells_of(column: pd.Series) -> list[object]:
    """The values of a column, with None for missing ones."""
    cells = column.to_numpy(dtype=object, copy=True)
    cells[pd.isna(cells)] = None
    values: list[object] = cells.tolist()
    return values


def _read(path: Path, table: str) -> pd.DataFrame:
    try:
        frame = unguarded_frame(pd.read_csv(path, dtype=object, keep_default_na=False))
    except FileNotFoundError:
        raise UsageError(f"{path.parent}: there is no {path.name}; write the folder with `bench export`") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not a CSV file: {error}") from None
    frame = frame.set_axis(current_columns([str(name) for name in frame]), axis=1)
    optional = _OPTIONAL.get(table, {})
    if missing := [column for column in FILES[table] if column not in frame and column not in optional]:
        raise UsageError(f"{path}: there is no column '{missing[0]}'; write the folder again with `bench export`")
    try:
        return _typed(frame.assign(**{name: value for name, value in optional.items() if name not in frame}), table)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None


def _typed(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Convert a table to the types of its fields: missing text is empty, missing numbers are NaN.

    Metrics and diagnostics are unchanged: "nan" means that they are not defined for a picture.
    """
    optional = _OPTIONAL.get(table, {})
    columns: dict[str, Any] = {str(name): frame[name] for name in frame}
    for column in FILES[table]:
        is_number = field_of(column).is_number
        missing = optional.get(column, math.nan if is_number else "")
        cells = frame[column].to_numpy(dtype=object)
        filled = np.where(pd.isna(cells) | (cells == ""), missing, cells)
        columns[column] = filled.astype("float64") if is_number else pd.array(filled, dtype="str")
    return pd.DataFrame(columns)


def _numbers(measurements: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, frozenset[str]]]:
    """Convert the columns of metrics and diagnostics to numbers; also return the keys where each is not defined."""
    numbers, undefined = {}, {}
    for column in (str(column) for column in measurements if column not in MEASUREMENT_COLUMNS):
        values = measurements[column].astype(object)
        numbers[column] = values.mask(values.isna() | (values == ""), "nan").astype("float64")
        if keys := frozenset(measurements.loc[values == "nan", "key"]):
            undefined[column] = keys
    return measurements.assign(**numbers), undefined
