"""The results database: one SQLite file, which survives killed processes and can be shared between runs.

Each row of a run is committed separately, so that a killed run loses only the tasks in progress. Several processes may
write concurrently; each waits for its turn.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any, Self

from bench.results.database import connected, explained
from bench.results.fields import FIELDS
from bench.results.resume_key import Configuration, canonical_json
from bench.system.csv_files import SHOWN
from bench.system.errors import StoreError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from bench.results.schema import Failure, Measurement, RunInfo, Timing

DESCRIPTION_KEYS = {
    "datasets": ("dataset",),
    "images": ("dataset",),
    "codecs": ("codec",),
    "metrics": ("metric",),
    "imported": ("dataset", "source", "method"),
}
"""Key columns of the tables of descriptions. Rows with equal keys, such as those of an image set or a curve, are
replaced together."""


class Store:
    """An open results database."""

    def __init__(self, path: Path, connection: sqlite3.Connection, close: Callable[[], None]) -> None:
        self.path = path
        self._connection = connection
        self._close = close
        self._configuration_ids: dict[Configuration, int] = {}

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> Self:
        """Open a results database, or create one; in a folder that cannot be written, it is opened read-only.

        Raises:
            StoreError: it is missing, is not a results database, is of another version of bench, or cannot be opened.
        """
        stack = contextlib.ExitStack()
        return cls(path, stack.enter_context(connected(path, create=create)), stack.close)

    def close(self) -> None:
        """Close the database. Added rows are already on disk."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all changes in the block, or none. A nested block is part of the outer one."""
        is_within = self._connection.in_transaction
        if is_within:
            yield
            return
        with explained(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._configuration_ids.clear()
                if self._connection.in_transaction:  # a full disk may have ended the transaction
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def attached(self, other: Store) -> Iterator[None]:
        """Attach another database in the block; statements refer to its tables as `theirs.TABLE`."""
        # Of a database in a folder that cannot be written, a copy is open.
        (file,) = (file for _, name, file in other.rows("PRAGMA database_list") if name == "main")
        with explained(other.path):
            self._connection.execute("ATTACH ? AS theirs", (file,))
        try:
            yield
        finally:
            self._connection.execute("DETACH theirs")

    def _insert(self, table: str, row: Mapping[str, object], *, on_conflict: str = "REPLACE") -> None:
        if strange := row.keys() - FIELDS.keys():
            raise StoreError(f"{self.path}: the results have no column {ascii(min(strange))[:SHOWN]}")
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        statement = f"INSERT OR {on_conflict} INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608  # our own names
        self._connection.execute(statement, tuple(row.values()))

    def add_run(self, run: RunInfo) -> None:
        """Record the provenance of a run; call this before adding any of its rows."""
        row = dataclasses.asdict(run) | {"provenance": canonical_json(dict(run.provenance))}
        with self.transaction():
            self._insert("runs", row, on_conflict="IGNORE")

    def describe(self, table: str, rows: Iterable[Mapping[str, object]], *, replace: bool = True) -> None:
        """Add descriptions that measurements refer to; they replace earlier ones, unless `replace` is false.

        `table` is one of datasets, images, codecs, metrics, imported; the rows have its columns (see schema.sql). All
        images of a set, and all points of an imported curve, must be given together: others are deleted.
        """
        rows, columns = tuple(rows), DESCRIPTION_KEYS[table]
        with self.transaction():
            known = set(self.rows(f"SELECT DISTINCT {', '.join(columns)} FROM {table}"))  # noqa: S608  # our own names
            given = {tuple(row[column] for column in columns) for row in rows}
            for key in given & known if replace else ():
                self.forget(table, **dict(zip(columns, key, strict=True)))
            for row in rows:
                if replace or tuple(row[column] for column in columns) not in known:
                    self._insert(table, row)

    def forget(self, table: str, **key: object) -> None:
        """Delete the rows that `describe` recorded for a key, such as an image set or an imported curve."""
        condition = " AND ".join(f"{column} = ?" for column in DESCRIPTION_KEYS[table])
        values = tuple(key[column] for column in DESCRIPTION_KEYS[table])
        with self.transaction():
            self._connection.execute(f"DELETE FROM {table} WHERE {condition}", values)  # noqa: S608  # our own names

    def _configuration_id(self, configuration: Configuration) -> int:
        known = self._configuration_ids.get(configuration)
        if known is None:
            digest = configuration.digest
            row = dataclasses.asdict(configuration) | {"digest": digest, "curve": configuration.curve}
            self._insert("configurations", row, on_conflict="IGNORE")
            query = "SELECT configuration_id FROM configurations WHERE digest = ?"
            (known,) = self._connection.execute(query, (digest,)).fetchone()
        return int(known)

    def add(self, measurement: Measurement, versions: Mapping[str, str]) -> None:
        """Store a measurement, replacing one with the same key, and delete the task's failure.

        Diagnostics replace all earlier ones. `versions` has the version of each metric of the measurement.
        """
        key = measurement.key
        with self.transaction():
            configuration_id = self._configuration_id(measurement.configuration)
            # Keep values of other metrics, unless they belong to other bytes.
            self._connection.execute(
                "DELETE FROM measurements WHERE key = ? AND bitstream_sha256 <> ?", (key, measurement.bitstream_sha256)
            )
            columns = ("image_sha256", "width", "height", "num_bytes", "bitstream_sha256", "run_id")
            self._connection.execute(
                """INSERT INTO measurements VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (key) DO UPDATE SET run_id = excluded.run_id""",
                (key, configuration_id, *(getattr(measurement, column) for column in columns)),
            )
            self._insert_values(key, measurement.values, versions)
            self._connection.execute("DELETE FROM diagnostics WHERE key = ?", (key,))
            for name, number in measurement.diagnostics.items():
                self._insert("diagnostics", {"key": key, "name": name, "value": number})
            self._connection.execute(
                "DELETE FROM failures WHERE configuration_id = ? AND image_sha256 = ?",
                (configuration_id, measurement.image_sha256),
            )
        self._configuration_ids[measurement.configuration] = configuration_id

    def _insert_values(self, key: str, values: Mapping[str, float | None], versions: Mapping[str, str]) -> None:
        for name, value in values.items():
            self._insert("distortions", {"key": key, "metric": name, "version": versions[name], "value": value})

    def supplement(self, measurement: Measurement, versions: Mapping[str, str]) -> None:
        """Add the missing parts of an imported measurement; existing values are kept.

        Nothing is stored if the existing measurement has other bytes.
        """
        key = measurement.key
        with self.transaction():
            there = self.rows("SELECT bitstream_sha256 FROM measurements WHERE key = ?", (key,))
            if not there:
                self.add(measurement, versions)
            elif there == [(measurement.bitstream_sha256,)]:
                held = dict(self.rows("SELECT metric, version FROM distortions WHERE key = ?", (key,)))
                missing = [name for name in measurement.values if held.get(name) != versions[name]]
                self._insert_values(key, {name: measurement.values[name] for name in missing}, versions)
                for name, number in measurement.diagnostics.items():
                    self._insert("diagnostics", {"key": key, "name": name, "value": number}, on_conflict="IGNORE")

    def add_timings(self, timings: Iterable[Timing], *, replace: bool = True) -> None:
        """Store timing samples, and delete failures of these tasks in earlier runs; or add only new samples."""
        timings = tuple(timings)
        with self.transaction():
            for timing in timings:
                self._insert("timings", dataclasses.asdict(timing), on_conflict="REPLACE" if replace else "IGNORE")
            for key, run_id in {(timing.key, timing.run_id) for timing in timings} if replace else ():
                # Failures of this run are kept: a metric may fail although coding works.
                self._connection.execute(
                    """DELETE FROM failures WHERE run_id < ? AND (configuration_id, image_sha256) IN
                    (SELECT configuration_id, image_sha256 FROM measurements WHERE key = ?)""",
                    (run_id, key),
                )

    def add_failure(self, failure: Failure, *, replace: bool = True) -> None:
        """Store a task's failure, in place of an earlier one, or only if there is none."""
        with self.transaction():
            row = {name: getattr(failure, name) for name in ("image_sha256", "run_id", "message")}
            row["configuration_id"] = self._configuration_id(failure.configuration)
            self._insert("failures", row, on_conflict="REPLACE" if replace else "IGNORE")

    def forget_failures(self, configuration: Configuration) -> None:
        """Delete the failures of a configuration on all images."""
        with self.transaction():
            self._connection.execute(
                """DELETE FROM failures WHERE configuration_id =
                (SELECT configuration_id FROM configurations WHERE digest = ?)""",
                (configuration.digest,),
            )

    def measured(self, versions: Mapping[str, str], keys: Collection[str]) -> set[str]:
        """Keys whose measurements have values of all these metrics in the given versions."""
        query = f"SELECT key, metric, version FROM distortions WHERE key IN ({', '.join('?' * len(keys))})"  # noqa: S608  # marks
        held: dict[str, dict[str, str]] = {}
        for key, metric, version in self.rows(query, tuple(keys)):
            held.setdefault(key, {})[metric] = version
        return {key for key, metrics in held.items() if versions.items() <= metrics.items()}

    def timed(self, machine: str, threads: int, repeats: int) -> set[str]:
        """Keys with at least `repeats` samples in one run, on this machine with this number of threads."""
        # The samples of a run are numbered from 0.
        query = "SELECT DISTINCT key FROM timings WHERE machine = ? AND threads = ? AND repeat >= ?"
        return {row[0] for row in self.rows(query, (machine, threads, repeats - 1))}

    def datasets(self) -> list[str]:
        """Names of the image sets in the results."""
        return [name for (name,) in self.rows("SELECT dataset FROM datasets ORDER BY dataset")]

    def qualities(self, curve: str) -> set[float]:
        """Qualities at which a curve has been measured."""
        query = "SELECT DISTINCT quality FROM measurements JOIN configurations USING (configuration_id) WHERE curve = ?"
        return {quality for (quality,) in self.rows(query, (curve,))}

    def rows(self, query: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with explained(self.path):
            return self._connection.execute(query, parameters).fetchall()

    def table(self, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the column names and rows of a query."""
        with explained(self.path):
            cursor = self._connection.execute(query)
            return [column[0] for column in cursor.description], cursor.fetchall()
