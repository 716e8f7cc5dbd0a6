"""Open the SQLite file of the results: creation, checks, migration, and one-line errors."""

from __future__ import annotations

import contextlib
import importlib.resources
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.results.fields import FORMER_COLUMNS, FORMER_DIAGNOSTICS
from bench.system.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

APPLICATION_ID = 0x62656E63
"""Identifies the file as ours ("benc"), so that another program's database is never modified."""

SCHEMA_VERSION = 5
MIGRATED = (3, 4)
"""Earlier schemas, which differ only in the names of columns and diagnostics."""

BUSY_TIMEOUT_S = 60.0

NETWORK_FILE_SYSTEMS = ("9p", "afs", "beegfs", "cifs", "fuse.", "gpfs", "lustre", "nfs", "smb")

REPAIR = "move it away, and `bench import` the last export if there is one"
"""Advice for a damaged database."""

_EXPLANATIONS = {
    "file is not a database": "it is not a results database of bench; choose another with --db",
    "unable to open database file": "the folder does not exist or cannot be written; choose another with --db",
    "readonly": "it cannot be written; change its permissions or choose another with --db",
    "disk is full": "the disk is full; what was stored is safe: free some space and run the same command again",
    "disk i/o error": "the disk failed to read or write; what was stored is safe: free some space and run again",
    "locked": f"another process has held it for {BUSY_TIMEOUT_S:.0f} s; wait until it ends",
    "malformed": f"it is damaged; {REPAIR}",
    "no such table": f"it is damaged, a table is missing; {REPAIR}",
    "no such column": f"it is damaged, a column is missing; {REPAIR}",
    "utf-8": f"it is damaged and contains invalid text; {REPAIR}",
}


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Convert SQLite's errors to one line with the file and what to do.

    Raises:
        StoreError: SQLite failed, or the file contains invalid text.
    """
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        text = str(error)
        reason = next((why for sign, why in _EXPLANATIONS.items() if sign in text.lower()), text)
        raise StoreError(f"{path}: {reason}") from error


@contextlib.contextmanager
def connected(path: Path, *, create: bool = False) -> Iterator[sqlite3.Connection]:
    """Connect to a results database; if it is missing and `create` is true, create it.

    Raises:
        StoreError: it is missing, is not a results database, is of another version of bench, or cannot be opened.
    """
    if path.is_dir():
        raise StoreError(f"{path} is a folder; choose a file with --db")
    if path.exists() and not path.is_file():
        raise StoreError(f"{path} is not a regular file; choose another with --db")
    if not create and not path.exists():
        raise StoreError(
            f"there are no results at {path}; create them with `bench run`, or choose another file with --db"
        )
    with contextlib.ExitStack() as stack:
        with explained(path):
            with contextlib.suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
            try:
                connection = _connection(path, path, create=create)
            except sqlite3.Error as error:
                if create or error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
                    raise
                copy = _copy(path, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))))
                connection = _connection(path, copy, create=False)
                connection.execute("PRAGMA query_only = ON")
        stack.enter_context(contextlib.closing(connection))
        yield connection


def _copy(path: Path, folder: Path) -> Path:
    """Copy a database from a read-only folder: even to read a database with a log, SQLite writes a file beside it."""
    shutil.copyfile(path, folder / path.name)
    for log in (f"{path.name}-wal", f"{path.name}-journal"):
        # The last rows of a killed run may be only in the log.
        if path.with_name(log).is_file():
            shutil.copyfile(path.with_name(log), folder / log)
    return folder / path.name


def _connection(path: Path, file: Path, *, create: bool) -> sqlite3.Connection:
    """Connect to `file` and check it; `path` is its name in errors."""
    connection = sqlite3.connect(file, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        # With a write-ahead log, this is safe if a process is killed, and avoids a disk flush per row.
        connection.execute("PRAGMA synchronous = NORMAL")
        # In one statement, because another process may be creating the database.
        identity, tables = connection.execute(
            "SELECT application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id"
        ).fetchone()
        if create and identity == 0 and tables == 0:
            _make(path, connection)
        else:
            _check(path, connection, identity)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(path: Path, connection: sqlite3.Connection, identity: int) -> None:
    if identity != APPLICATION_ID:
        raise StoreError(f"{path}: it is not a results database of bench; choose another with --db")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version in MIGRATED:
        _migrate(connection)
    elif version != SCHEMA_VERSION:
        raise StoreError(
            f"{path} has schema {version}, this version of bench needs {SCHEMA_VERSION}; move it away "
            "(its rows can be exported with the version that wrote it, and imported here)"
        )


def _migrate(connection: sqlite3.Connection) -> None:
    """Rename the columns and diagnostics of an earlier schema."""
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version in MIGRATED:  # otherwise another process was faster
        for table in ("configurations", "codecs"):
            for (column,) in connection.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchall():  # noqa: S608  # ours
                if column in FORMER_COLUMNS:
                    connection.execute(f"ALTER TABLE {table} RENAME COLUMN {column} TO {FORMER_COLUMNS[column]}")
        for names in FORMER_DIAGNOSTICS.items():
            connection.execute("UPDATE OR REPLACE diagnostics SET name = ?2 WHERE name = ?1", names)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _make(path: Path, connection: sqlite3.Connection) -> None:
    # A write-ahead log allows reading while a run writes, but needs shared memory, which network disks do not have.
    _set_journal(connection, "DELETE" if _on_network_disk(path) else "WAL")
    schema = importlib.resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
    connection.execute("BEGIN IMMEDIATE")
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if not tables:  # otherwise another process was faster
        for statement in filter(str.strip, schema.split(";\n")):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _set_journal(connection: sqlite3.Connection, mode: str) -> None:
    """Set the journal mode, with retries: SQLite's timeout does not apply here if another process holds the file."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode = {mode}")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _on_network_disk(path: Path) -> bool:
    import psutil  # noqa: PLC0415

    partitions = [p for p in psutil.disk_partitions(all=True) if path.resolve().is_relative_to(p.mountpoint)]
    nearest = max(partitions, key=lambda p: len(p.mountpoint), default=None)
    return nearest is not None and nearest.fstype.startswith(NETWORK_FILE_SYSTEMS)
