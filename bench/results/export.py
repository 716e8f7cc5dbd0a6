"""Export of the results as a folder of CSV files, for reports and other machines, and import."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.results import published
from bench.results.database import REPAIR
from bench.results.fields import CONFIGURATION, FILES, current_columns, parse_column
from bench.results.frames import Export, cells_of
from bench.results.resume_key import Configuration
from bench.results.schema import Failure, Measurement, RunInfo, Timing, is_column, is_measured_name
from bench.results.store import Store
from bench.system.csv_files import SHOWN, read_csv, write_csv
from bench.system.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


_ROWS = {
    "measurements": """measurements JOIN configurations USING (configuration_id) JOIN images USING (image_sha256)
        ORDER BY dataset, codec, backend, quality, image, key""",
    "images": "images ORDER BY dataset, image",
    "datasets": "datasets ORDER BY dataset",
    "codecs": "codecs ORDER BY codec",
    "metrics": "metrics ORDER BY metric",
    "timings": "timings ORDER BY key, run_id, machine, threads, device, stage, repeat",
    "runs": "runs ORDER BY run_id",
    "failures": """failures JOIN configurations USING (configuration_id) JOIN images USING (image_sha256)
        ORDER BY dataset, codec, backend, quality, image, digest""",
    "imported": "imported ORDER BY dataset, source, method, metric, rate_bpp",
}
"""Source and order of the rows of each CSV file."""

_DISTORTIONS = "SELECT key, metric AS name, value FROM distortions JOIN metrics USING (metric, version)"

_DIAGNOSTICS = "SELECT key, name, value FROM diagnostics WHERE name NOT IN (SELECT metric FROM metrics)"


def frames(store: Store) -> dict[str, pd.DataFrame]:
    """The tables of an export, by file name without suffix.

    `measurements` has one row per measurement and image set, and after its own columns one column per metric and
    diagnostic. A cell is "nan" if the metric is not defined for the picture, and empty if it was not measured.
    Diagnostics with the name of a metric are left out. `imported` has the curves imported by the user, `published`
    these and the curves that come with bench, and `conversion_ceilings` the PSNR after colour conversion alone.
    """
    queries = {name: f"SELECT {', '.join(FILES[name])} FROM {rows}" for name, rows in _ROWS.items()}  # noqa: S608  # ours
    tables = {name: _frame(store, query) for name, query in queries.items()}
    measurements = tables["measurements"]
    measurements = measurements.join(_pivoted(_frame(store, _DISTORTIONS)), on="key")
    # Each metric has a column, so that `read_rows` can detect a missing one.
    measurements = measurements.assign(
        **dict.fromkeys(sorted(set(tables["metrics"]["metric"]) - set(measurements)), None)
    )
    measurements = measurements.join(_pivoted(_frame(store, _DIAGNOSTICS)), on="key")
    for name, frame in {**tables, "measurements": measurements}.items():
        _check_stored(store, name, frame)
    imported, curves = tables["imported"], published.load()
    return {
        **tables,
        "measurements": measurements,
        "published": curves if imported.empty else pd.concat([curves, imported], ignore_index=True),
        "conversion_ceilings": published.conversion_ceilings(),
    }


def export_csv(store: Store, directory: Path) -> None:
    """Write the results as CSV files; equal results give equal bytes.

    Raises:
        StoreError: the database is damaged.
        OSError: the folder cannot be written.
    """
    write_tables(frames(store), directory)


def write_tables(tables: Mapping[str, pd.DataFrame], directory: Path) -> None:
    """Write tables of `frames` as CSV files.

    Raises:
        UsageError: the folder is a file.
        OSError: the folder cannot be written.
    """
    for name, frame in tables.items():
        write_csv(frame, directory / f"{name}.csv")


def read_results(store: Store) -> Export:
    """Read the results as data frames for the analysis."""
    return Export.of(frames(store))


def read_database(path: Path) -> Export:
    """Read the results in a database file; see `read_results`.

    Raises:
        StoreError: there is no such database, it is not one of bench, or it is damaged.
    """
    with Store.open(path) as store:
        return read_results(store)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of an export, checked and converted to the types of their fields."""

    directory: Path
    tables: Mapping[str, list[dict[str, Any]]]
    measurements: Sequence[Measurement]
    versions: Mapping[str, str]
    """Version of each metric."""


def read_rows(directory: Path) -> Rows:
    """Read the CSV files of an export.

    An export is refused if the key of a measurement does not match its columns.

    Raises:
        UsageError: the folder is not an export, or a row is not valid.
    """
    tables = {name: _read(directory / f"{name}.csv", name) for name in _ROWS}
    versions = {row["metric"]: row["version"] for row in tables["metrics"]}
    try:
        _check_names(versions)
        _check_metrics(tables, versions)
        _check_runs(tables)
        _check_images(tables)
        measurements = [_measurement(row, tuple(versions)) for row in tables["measurements"]]
    except ValueError as error:
        raise UsageError(f"{directory} is not a complete export of bench: {error}") from error
    return Rows(directory, tables, measurements, versions)


def import_csv(store: Store, rows: Rows) -> tuple[int, int]:
    """Add the rows of an export to the results; returns the numbers of new and of known measurements.

    Existing rows are kept; missing ones are added, including failures and imported curves. Values of a metric are left
    out if its version is not the current one.

    Raises:
        UsageError: an image set or imported curve has the name of one in the results but other content; nothing is
            added.
        StoreError: the rows are inconsistent, or the database cannot be written; nothing is added.
    """
    tables, measurements, versions = rows.tables, rows.measurements, rows.versions
    keys = {measurement.key for measurement in measurements}
    with store.transaction():
        there = keys & {key for (key,) in store.rows("SELECT key FROM measurements")}
        for row in tables["runs"]:
            store.add_run(RunInfo(**row | {"provenance": json.loads(row["provenance"])}))
        _describe(store, tables, rows.directory)
        # The version of a metric in this database stays valid.
        known = dict(store.rows("SELECT metric, version FROM metrics"))
        valid = {name for name, version in versions.items() if known[name] == version}
        for measurement in measurements:
            values = {name: value for name, value in measurement.values.items() if name in valid}  # noqa: PD011  # ours
            store.supplement(replace(measurement, values=values), versions)
        store.add_timings((Timing(**row) for row in tables["timings"]), replace=False)
        for row in tables["failures"]:
            failure = Failure(_configuration(row), row["image_sha256"], row["run_id"], row["message"])
            if failure.configuration.key(failure.image_sha256) not in there:
                store.add_failure(failure, replace=False)
    return len(keys - there), len(there)


def _describe(store: Store, tables: Mapping[str, list[dict[str, Any]]], directory: Path) -> None:
    """Add missing descriptions; an image set or curve with a known name must have the same content."""
    images = _grouped(store.rows("SELECT dataset, image, image_sha256 FROM images"))
    given = _grouped((row["dataset"], row["image"], row["image_sha256"]) for row in tables["images"])
    for dataset in given.keys() & images.keys():
        if given[dataset] != images[dataset]:
            raise UsageError(
                f"{directory}: its image set '{dataset}' differs from that here: "
                f"{len(given[dataset] & images[dataset])} of {len(images[dataset])} pictures are equal; "
                "import it into a separate database with --db"
            )
    stored = store.rows("SELECT dataset, source, method, metric, rate_bpp, value FROM imported")
    curves = _grouped(((dataset, f"{source}/{method}"), *point) for dataset, source, method, *point in stored)
    others = _grouped(
        ((row["dataset"], f"{row['source']}/{row['method']}"), row["metric"], row["rate_bpp"], row["value"])
        for row in tables["imported"]
    )
    for curve in sorted(others.keys() & curves.keys()):
        if others[curve] != curves[curve]:
            dataset, name = curve
            raise UsageError(
                f"{directory}: its curve {name} on {dataset} has other points than that here; remove one with "
                f"`bench import --remove {name}`, or import it into a separate database with --db"
            )
    # Sets without images belong to imported curves and are known by name only.
    for name in ("datasets", "images"):
        store.describe(name, [row for row in tables[name] if row["dataset"] not in images])
    for name in ("codecs", "metrics", "imported"):
        store.describe(name, tables[name], replace=False)


def _grouped(rows: Iterable[tuple[Any, ...]]) -> dict[Any, set[tuple[Any, ...]]]:
    """Group rows by their first column; each value is the set of the other columns."""
    found: dict[Any, set[tuple[Any, ...]]] = {}
    for key, *others in rows:
        found.setdefault(key, set()).add(tuple(others))
    return found


def _frame(store: Store, query: str) -> pd.DataFrame:
    columns, rows = store.table(query)
    return pd.DataFrame(rows, columns=columns, dtype=object).infer_objects()


def _pivoted(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per key and one column per name; "nan" for a row without a number."""
    values = frame["value"].astype("float64").astype(object).where(frame["value"].notna(), "nan")
    return frame.assign(value=values).set_index(["key", "name"])["value"].unstack()  # noqa: PD010  # no mean


def _check_stored(store: Store, table: str, frame: pd.DataFrame) -> None:
    """Refuse invalid values of a damaged or edited database before a report uses them."""
    try:
        for name, column in frame.items():
            parse_column(str(name), cells_of(column))
    except ValueError as error:
        raise StoreError(f"{store.path}: it is damaged: {table}, {error}; {REPAIR}") from None


def _read(path: Path, name: str) -> list[dict[str, Any]]:
    """Read the rows of a table of an export, converted to the types of their fields."""
    found = read_csv(path)
    columns = dict(zip(current_columns(list(found)), found.values(), strict=True))
    for column in FILES[name]:
        if column not in columns:
            raise UsageError(f"{path}: there is no column '{column}'; write the folder again with `bench export`")
    # Further columns of measurements are metrics and diagnostics.
    further = [column for column in columns if column not in FILES[name]]
    strange = [one for one in further if name != "measurements" or not is_measured_name(one)]
    if strange:
        raise UsageError(
            f"{path}: there is a column {ascii(strange[0])[:SHOWN]}, which is none of {', '.join(FILES[name])}"
        )
    try:
        typed = {column: parse_column(column, values) for column, values in columns.items()}
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    return [dict(zip(typed, values, strict=True)) for values in zip(*typed.values(), strict=True)]


def _configuration(row: Mapping[str, Any]) -> Configuration:
    return Configuration(**{name: row[name] for name in CONFIGURATION})


def _measurement(row: Mapping[str, Any], metrics: tuple[str, ...]) -> Measurement:
    """Convert a row of `measurements`; columns that are neither in the schema nor metrics are diagnostics."""
    measured = {name: value for name, value in row.items() if name not in FILES["measurements"] and value is not None}
    measurement = Measurement(
        configuration=_configuration(row),
        image_sha256=row["image_sha256"],
        width=row["width"],
        height=row["height"],
        num_bytes=row["num_bytes"],
        bitstream_sha256=row["bitstream_sha256"],
        values={name: measured[name] for name in metrics if name in measured},  # "nan" is stored as NULL
        run_id=row["run_id"],
        diagnostics={name: value for name, value in measured.items() if name not in metrics},
    )
    _check_names(measurement.diagnostics)
    if measurement.key != row["key"]:
        raise ValueError(f"the key of {row['codec']}@{row['quality']} on {row['image']} does not match its columns")
    return measurement


def _check_names(names: Iterable[str]) -> None:
    """Refuse a metric or diagnostic with the name of another column."""
    if taken := next(filter(is_column, names), None):
        raise ValueError(f"'{taken}' is the name of another column, which no metric or diagnostic can have")


def _check_metrics(tables: Mapping[str, list[dict[str, Any]]], metrics: Iterable[str]) -> None:
    """Refuse measurements without the column of a metric that metrics.csv lists."""
    columns = tables["measurements"][0] if tables["measurements"] else None
    if columns is not None and (lost := next((name for name in metrics if name not in columns), None)):
        raise ValueError(f"measurements.csv has no column '{lost}', which metrics.csv lists")


def _check_runs(tables: Mapping[str, list[dict[str, Any]]]) -> None:
    """Refuse rows of runs that are not in runs.csv."""
    known = {row["run_id"] for row in tables["runs"]}
    for name in ("measurements", "timings", "failures"):
        for number, row in enumerate(tables[name], 1):
            if row["run_id"] not in known:
                raise ValueError(f"{name}.csv, row {number}: runs.csv has no run {ascii(row['run_id'])[:SHOWN]}")


def _check_images(tables: Mapping[str, list[dict[str, Any]]]) -> None:
    """Refuse rows of images that are not in images.csv, and images of sets that are not in datasets.csv."""
    column = ("dataset", "image", "image_sha256")
    sets = {row["dataset"] for row in tables["datasets"]}
    images = {tuple(row[name] for name in column) for row in tables["images"] if row["dataset"] in sets}
    for table in ("images", "measurements", "failures"):
        for row in tables[table]:
            if tuple(row[name] for name in column) not in images:
                lacking = "images.csv" if row["dataset"] in sets else "datasets.csv"
                raise ValueError(f"{table}.csv has {row['image']} of {row['dataset']}, which {lacking} lacks")
