"""The results database: one SQLite file, safe to kill at any moment and to share between runs.

Every row of a run is committed by itself, so that a killed run loses the tasks in flight and nothing else. Several
processes may write at once; each waits for its turn.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any, Self

from bench.results.database import connected, explained
from bench.results.fields import FIELDS, SHOWN
from bench.results.schema import Configuration, canonical_json
from bench.system.errors import StoreError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from bench.results.schema import Failure, Measurement, RunInfo, Timing

_WHOLES = {
    "datasets": ("dataset",),
    "images": ("dataset",),
    "codecs": ("codec",),
    "metrics": ("metric",),
    "imported": ("dataset", "source", "method"),
}
"""What can be described, and the columns that rows of one whole have in common: an image set, an imported curve."""


class Store:
    """An open results database."""

    def __init__(self, path: Path, connection: sqlite3.Connection, close: Callable[[], None]) -> None:
        self.path = path
        self._connection = connection
        self._close = close
        self._configuration_ids: dict[Configuration, int] = {}

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> Self:
        """Open a results database, or make a new one. One in a place that cannot be written is opened to be read.

        Raises:
            StoreError: it is not there, is not ours, is of another version of bench, or cannot be opened.
        """
        stack = contextlib.ExitStack()
        return cls(path, stack.enter_context(connected(path, create=create)), stack.close)

    def close(self) -> None:
        """Close the database; what was added is on disk already."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is added inside is stored at the end, or nothing of it; one within another is a part of that."""
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
                if self._connection.in_transaction:  # a full disk may have ended it already
                    self._connection.execute("ROLLBACK")
                raise

    def _insert(self, table: str, row: Mapping[str, object], *, on_conflict: str = "REPLACE") -> None:
        if strange := row.keys() - FIELDS.keys():
            raise StoreError(f"{self.path}: the results have no column {ascii(min(strange))[:SHOWN]}")
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        statement = f"INSERT OR {on_conflict} INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608  # our own names
        self._connection.execute(statement, tuple(row.values()))

    def add_run(self, run: RunInfo) -> None:
        """Record where the rows of a run come from; call it before any of its rows are added."""
        row = dataclasses.asdict(run) | {"provenance": canonical_json(dict(run.provenance))}
        with self.transaction():
            self._insert("runs", row, on_conflict="IGNORE")

    def describe(self, table: str, rows: Iterable[Mapping[str, object]], *, replace: bool = True) -> None:
        """Record what the measurements refer to, in place of what was recorded before, or only where nothing was.

        `table` is one of datasets, images, codecs, metrics, imported; the rows have its columns (see schema.sql). All
        images of a set are given at once, and all points of an imported curve: what is not given any more goes.
        """
        rows, common = tuple(rows), _WHOLES[table]
        condition = " AND ".join(f"{column} = ?" for column in common)
        with self.transaction():
            known = set(self.rows(f"SELECT DISTINCT {', '.join(common)} FROM {table}"))  # noqa: S608  # our own names
            given = {tuple(row[column] for column in common) for row in rows}
            for whole in given & known if replace else ():
                self._connection.execute(f"DELETE FROM {table} WHERE {condition}", whole)  # noqa: S608  # our own names
            for row in rows:
                if replace or tuple(row[column] for column in common) not in known:
                    self._insert(table, row)

    def forget(self, table: str, **whole: str) -> None:
        """Remove one whole of what `describe` recorded: an image set's name, or the points of an imported curve."""
        condition = " AND ".join(f"{column} = ?" for column in _WHOLES[table])
        values = tuple(whole[column] for column in _WHOLES[table])
        with self.transaction():
            self._connection.execute(f"DELETE FROM {table} WHERE {condition}", values)  # noqa: S608  # our own names

    def _configuration_id(self, configuration: Configuration) -> int:
        known = self._configuration_ids.get(configuration)
        if known is None:
            row = dataclasses.asdict(configuration)
            digest = hashlib.sha256(canonical_json(configuration.identity).encode()).hexdigest()
            self._insert("configurations", row | {"digest": digest, "curve": configuration.curve}, on_conflict="IGNORE")
            query = "SELECT configuration_id FROM configurations WHERE digest = ?"
            (known,) = self._connection.execute(query, (digest,)).fetchone()
        return int(known)

    def add(self, measurement: Measurement, versions: Mapping[str, str]) -> None:
        """Store one measurement, in place of an earlier one with the same key, and forget the task's failure.

        What the codec told of itself replaces all that it told before.

        `versions` holds the version of each metric that the measurement has a value of.
        """
        key = measurement.key
        with self.transaction():
            configuration_id = self._configuration_id(measurement.configuration)
            # Values of other metrics stay, unless they belong to other bytes.
            self._connection.execute(
                "DELETE FROM measurements WHERE key = ? AND bitstream_sha256 <> ?", (key, measurement.bitstream_sha256)
            )
            self._connection.execute(
                """INSERT INTO measurements VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (key) DO UPDATE SET run_id = excluded.run_id""",
                (
                    key,
                    configuration_id,
                    measurement.image_sha256,
                    measurement.width,
                    measurement.height,
                    measurement.num_bytes,
                    measurement.bitstream_sha256,
                    measurement.run_id,
                ),
            )
            for name, value in measurement.values.items():
                self._insert("distortions", {"key": key, "metric": name, "version": versions[name], "value": value})
            self._connection.execute("DELETE FROM diagnostics WHERE key = ?", (key,))
            for name, number in measurement.diagnostics.items():
                self._insert("diagnostics", {"key": key, "name": name, "value": number})
            self._connection.execute(
                "DELETE FROM failures WHERE configuration_id = ? AND image_sha256 = ?",
                (configuration_id, measurement.image_sha256),
            )
        self._configuration_ids[measurement.configuration] = configuration_id

    def supplement(self, measurement: Measurement, versions: Mapping[str, str]) -> None:
        """Store what is not there yet of a measurement from elsewhere; what was measured here stays as it is.

        Values belong to the bytes: where other bytes are there, nothing is stored.
        """
        key = measurement.key
        with self.transaction():
            there = self.rows("SELECT bitstream_sha256 FROM measurements WHERE key = ?", (key,))
            if not there:
                self.add(measurement, versions)
            elif there == [(measurement.bitstream_sha256,)]:
                query = "SELECT metric, version FROM distortions WHERE key = ?"
                held = dict(self.rows(query, (key,)))
                for name, value in measurement.values.items():
                    if held.get(name) != versions[name]:
                        row = {"key": key, "metric": name, "version": versions[name], "value": value}
                        self._insert("distortions", row)
                for name, number in measurement.diagnostics.items():
                    row = {"key": key, "name": name, "value": number}
                    self._insert("diagnostics", row, on_conflict="IGNORE")

    def add_timings(self, timings: Iterable[Timing]) -> None:
        """Store timing samples, and forget the failures that earlier runs had with the tasks."""
        timings = tuple(timings)
        with self.transaction():
            for timing in timings:
                self._insert("timings", dataclasses.asdict(timing))
            for key, run_id in {(timing.key, timing.run_id) for timing in timings}:
                # What this run failed to measure stays: a metric may fail on what can be coded.
                self._connection.execute(
                    """DELETE FROM failures WHERE run_id < ? AND (configuration_id, image_sha256) IN
                    (SELECT configuration_id, image_sha256 FROM measurements WHERE key = ?)""",
                    (run_id, key),
                )

    def supplement_timings(self, timings: Iterable[Timing]) -> None:
        """Store timing samples from elsewhere where those of the same run are not here."""
        with self.transaction():
            for timing in timings:
                self._insert("timings", dataclasses.asdict(timing), on_conflict="IGNORE")

    def add_failure(self, failure: Failure, *, replace: bool = True) -> None:
        """Store that a task gave no measurement, and why: in place of an earlier failure, or only if there is none."""
        with self.transaction():
            configuration_id = self._configuration_id(failure.configuration)
            row = {
                "configuration_id": configuration_id,
                "image_sha256": failure.image_sha256,
                "run_id": failure.run_id,
                "message": failure.message,
            }
            self._insert("failures", row, on_conflict="REPLACE" if replace else "IGNORE")

    def measured(self, versions: Mapping[str, str]) -> set[str]:
        """Keys of the measurements that hold a value of each of these metrics in the given version."""
        query = "SELECT key FROM distortions WHERE metric = ? AND version = ?"
        keys = [{row[0] for row in self.rows(query, item)} for item in versions.items()]
        return set.intersection(*keys) if keys else set()

    def timed(self, machine: str, threads: int, repeats: int) -> set[str]:
        """Keys that have so many samples, of one run, from this machine with this number of threads."""
        # A run's samples are counted from 0.
        query = "SELECT DISTINCT key FROM timings WHERE machine = ? AND threads = ? AND repeat >= ?"
        return {row[0] for row in self.rows(query, (machine, threads, repeats - 1))}

    def datasets(self) -> list[str]:
        """Names of the image sets that the results have."""
        return [name for (name,) in self.rows("SELECT dataset FROM datasets ORDER BY dataset")]

    def qualities(self, curve: str) -> set[float]:
        """The qualities that a curve has measurements of."""
        query = "SELECT DISTINCT quality FROM measurements JOIN configurations USING (configuration_id) WHERE curve = ?"
        return {quality for (quality,) in self.rows(query, (curve,))}

    def rows(self, query: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows that a query gives."""
        with explained(self.path):
            return self._connection.execute(query, parameters).fetchall()

    def table(self, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The column names and rows that a query gives."""
        with explained(self.path):
            cursor = self._connection.execute(query)
            return [column[0] for column in cursor.description], cursor.fetchall()
