"""The results as a folder of CSV files: what the report is made from, and what travels between machines."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.analysis.export import MEASUREMENT_COLUMNS
from bench.errors import UsageError
from bench.files import atomic_write
from bench.measurement import Configuration, Failure, Measurement, RunInfo, Timing, is_column

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.analysis.export import Export
    from bench.store import Store

_QUERIES = {
    "images": "SELECT dataset, image, image_sha256 FROM images ORDER BY dataset, image",
    "datasets": "SELECT dataset, title, note FROM datasets ORDER BY dataset",
    "codecs": "SELECT codec, title, quality_meaning, default_carrier FROM codecs ORDER BY codec",
    "metrics": "SELECT metric, title, higher_is_better, version FROM metrics ORDER BY metric",
    "timings": """SELECT key, run_id, machine, threads, device, stage, repeat, seconds FROM timings
        ORDER BY key, run_id, machine, threads, device, stage, repeat""",
    "runs": "SELECT run_id, started, command, machine, provenance FROM runs ORDER BY run_id",
    "failures": """SELECT codec, quality, settings, carrier, carrier_version, revision, weights, weights_sha256,
        dataset, image, image_sha256, run_id, message
        FROM failures JOIN configurations USING (configuration_id) JOIN images USING (image_sha256)
        ORDER BY dataset, codec, carrier, quality, image, digest""",
    "imported": "SELECT * FROM imported ORDER BY dataset, source, method, metric, rate_bpp",
}

_MEASUREMENTS = """SELECT key, curve, codec, quality, settings, carrier, carrier_version, revision, weights,
    weights_sha256, dataset, image, image_sha256, width, height, num_bytes, bitstream_sha256, run_id
    FROM measurements JOIN configurations USING (configuration_id) JOIN images USING (image_sha256)
    ORDER BY dataset, codec, carrier, quality, image, key"""

_DISTORTIONS = """SELECT key, metric, value FROM distortions JOIN metrics USING (metric, version)"""

_DIAGNOSTICS = "SELECT key, name, value FROM diagnostics WHERE name NOT IN (SELECT metric FROM metrics)"

_CONFIGURATION = ("codec", "settings", "carrier", "carrier_version", "revision")


def frames(store: Store) -> dict[str, pd.DataFrame]:
    """The tables of an export: its file names without suffix, and what is in them.

    `measurements` has a row for each measurement and data set that its image is in, with a column for each metric
    and, after these, one for each number that a codec told of itself. A cell is "nan" where the metric is not defined,
    and empty where it was not measured. What a codec told under a name that has become a metric's is left out.
    `imported` holds the published curves that the user imported, `published` these and those that come with bench,
    `conversion_ceilings` what colour conversion alone leaves.
    """
    from bench.analysis import anchors, published  # noqa: PLC0415  # not needed to import CSV files

    tables = {name: _frame(store, query) for name, query in _QUERIES.items()}
    distortions = _wide(_frame(store, _DISTORTIONS), "metric")
    diagnostics = _wide(_frame(store, _DIAGNOSTICS), "name")
    measurements = _frame(store, _MEASUREMENTS).join(distortions, on="key").join(diagnostics, on="key")
    imported, curves = tables["imported"], published.load()
    return {
        "measurements": measurements,
        **tables,
        "published": curves if imported.empty else pd.concat([curves, imported], ignore_index=True),
        "conversion_ceilings": anchors.conversion_ceilings(),
    }


def export_csv(store: Store, directory: Path) -> None:
    """Write the results as CSV files: the same results give the same bytes.

    Raises:
        OSError: the folder cannot be written.
    """
    for name, frame in frames(store).items():
        with atomic_write(directory / f"{name}.csv") as file:
            frame.to_csv(file, index=False, lineterminator="\n")


def read_results(store: Store) -> Export:
    """The results as the analysis takes them."""
    from bench.analysis.export import Export  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        export_csv(store, Path(folder))
        return Export.read(Path(folder))


def import_csv(store: Store, directory: Path) -> tuple[int, int]:
    """Add the rows of an export to the results; the numbers of measurements that were new, and that were there.

    What is measured here already stays: the export gives what is lacking, failures and imported curves included. Values
    of a version of a metric that is not valid here are left out.

    A measurement whose key does not follow from its columns was edited, and the export is refused.

    Raises:
        UsageError: the folder is not an export, or a row is not valid; nothing of it is added.
        StoreError: the rows do not go together, or the database cannot be written; nothing of it is added either.
    """
    tables = {name: _read(directory, name) for name in ("measurements", *_QUERIES)}
    try:
        metrics = [row | {"higher_is_better": int(row["higher_is_better"])} for row in tables["metrics"]]
        versions = {row["metric"]: row["version"] for row in metrics}
        _check_names(versions)
        measurements = [_measurement(row, tuple(versions)) for row in tables["measurements"]]
        timings = [_timing(row) for row in tables["timings"]]
        failures = [_failure(row) for row in tables["failures"]]
        imported = [_imported(row) for row in tables["imported"]]
        runs = [RunInfo(**row | {"provenance": json.loads(row["provenance"])}) for row in tables["runs"]]
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{directory} is not a whole export of bench: {error}") from error
    keys = {measurement.key for measurement in measurements}
    with store.transaction():
        there = keys & {key for (key,) in store.rows("SELECT key FROM measurements")}
        for run in runs:
            store.add_run(run)
        for name in ("datasets", "images", "codecs"):
            store.describe(name, tables[name])
        # Our own version of a metric stays the valid one.
        known = dict(store.rows("SELECT metric, version FROM metrics"))
        store.describe("metrics", [row for row in metrics if row["metric"] not in known])
        valid = {name for name, version in versions.items() if known.get(name, version) == version}
        for measurement in measurements:
            values = {name: value for name, value in measurement.values.items() if name in valid}  # noqa: PD011  # ours
            store.supplement(replace(measurement, values=values), versions)
        store.add_timings(timings)
        for failure in failures:
            if failure.configuration.key(failure.image_sha256) not in there:
                store.add_failure(failure, replace=False)
        curves = set(store.rows("SELECT DISTINCT dataset, source, method FROM imported"))
        store.describe(
            "imported", [row for row in imported if (row["dataset"], row["source"], row["method"]) not in curves]
        )
    return len(keys - there), len(there)


def _frame(store: Store, query: str) -> pd.DataFrame:
    columns, rows = store.table(query)
    return pd.DataFrame(rows, columns=columns)


def _wide(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """One row a key and one column for each value of the column `name`; "nan" where there is a row without a number."""
    values = frame["value"].astype("float64").astype(object).where(frame["value"].notna(), "nan")
    return frame.assign(value=values).set_index(["key", name])["value"].unstack()  # noqa: PD010  # no mean


def _read(directory: Path, name: str) -> list[dict[str, Any]]:
    """The rows of a table, all as text: "NA" is a name like any other, and an empty cell an empty text."""
    path = directory / f"{name}.csv"
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")
    except FileNotFoundError:
        raise UsageError(f"{directory} is not an export of bench: it has no {name}.csv") from None
    except ValueError as error:
        raise UsageError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    return [{str(column): value for column, value in row.items()} for row in rows]


def _configuration(row: dict[str, Any]) -> Configuration:
    return Configuration(
        **{name: row[name] for name in _CONFIGURATION},
        quality=float(row["quality"]),
        weights=row["weights"] or None,
        weights_sha256=row["weights_sha256"] or None,
    )


def _measurement(row: dict[str, Any], metrics: tuple[str, ...]) -> Measurement:
    """A row of `measurements`; its columns that neither the schema nor the metrics name are diagnostics."""
    fixed = {*MEASUREMENT_COLUMNS, *metrics}
    measurement = Measurement(
        configuration=_configuration(row),
        image_sha256=row["image_sha256"],
        width=int(row["width"]),
        height=int(row["height"]),
        num_bytes=int(row["num_bytes"]),
        bitstream_sha256=row["bitstream_sha256"],
        values={name: float(row[name]) for name in metrics if row.get(name)},  # what is "nan" is stored as NULL
        run_id=row["run_id"],
        diagnostics={name: float(value) for name, value in row.items() if name not in fixed and value},
    )
    _check_names(measurement.diagnostics)
    if measurement.key != row["key"]:
        raise ValueError(f"the key of {row['codec']}@{row['quality']} on {row['image']} does not fit its columns")
    return measurement


def _check_names(names: Iterable[str]) -> None:
    """Refuse a metric or diagnostic whose name a column has."""
    if taken := next(filter(is_column, names), None):
        raise ValueError(f"'{taken}' is the name of another column, which no metric or diagnostic can have")


def _timing(row: dict[str, Any]) -> Timing:
    numbers = {"threads": int(row["threads"]), "repeat": int(row["repeat"]), "seconds": float(row["seconds"])}
    return Timing(**row | numbers)


def _failure(row: dict[str, Any]) -> Failure:
    return Failure(_configuration(row), row["image_sha256"], row["run_id"], row["message"])


def _imported(row: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: float(row[name]) for name in ("rate_bpp", "value")}
    times = {name: float(row[name]) if row[name] else None for name in ("encode_s", "decode_s")}
    return row | numbers | times | {"drawn": int(row["drawn"])}
