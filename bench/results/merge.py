"""Merge results databases within SQLite, so that this process loads only single columns into memory.

As with `bench import`, existing rows are kept and missing rows of the other databases are added; failures of tasks that
are now measured are deleted. Values are checked like those of CSV files, and an image set with a known name must have
the same images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.results.database import REPAIR
from bench.results.fields import CONFIGURATION, FIELDS, field_of
from bench.results.schema import is_column, is_measured_name
from bench.results.store import DESCRIPTION_KEYS, Store
from bench.system.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_DESCRIBED = tuple(
    f"INSERT INTO {table} SELECT * FROM theirs.{table} WHERE ({', '.join(columns)}) NOT IN "  # noqa: S608  # our names
    f"(SELECT {', '.join(columns)} FROM main.{table})"
    for table, columns in DESCRIPTION_KEYS.items()
)

_OUR_CONFIGURATION_ID = "(SELECT configuration_id FROM main.configurations WHERE digest = c.digest)"

_CONFIGURATION = ", ".join((*CONFIGURATION, "digest", "curve"))

_STATEMENTS = (  # of our own names
    "INSERT OR IGNORE INTO runs SELECT * FROM theirs.runs",
    *_DESCRIBED,
    f"INSERT OR IGNORE INTO configurations ({_CONFIGURATION}) SELECT {_CONFIGURATION} FROM theirs.configurations",  # noqa: S608
    f"""INSERT OR IGNORE INTO measurements
        SELECT key, {_OUR_CONFIGURATION_ID}, image_sha256, width, height, num_bytes, bitstream_sha256, run_id
        FROM theirs.measurements JOIN theirs.configurations AS c USING (configuration_id)""",  # noqa: S608
    # Values belong to the bytes. A value of another metric version is replaced by one of the version current here.
    """INSERT OR REPLACE INTO distortions
        SELECT t.* FROM theirs.distortions AS t
        JOIN theirs.measurements AS b USING (key)
        JOIN main.measurements AS a ON a.key = t.key AND a.bitstream_sha256 = b.bitstream_sha256
        LEFT JOIN main.distortions AS o ON o.key = t.key AND o.metric = t.metric
        WHERE o.key IS NULL
        OR (o.version <> t.version AND t.version = (SELECT version FROM main.metrics WHERE metric = t.metric))""",
    """INSERT OR IGNORE INTO diagnostics
        SELECT t.* FROM theirs.diagnostics AS t
        JOIN theirs.measurements AS b USING (key)
        JOIN main.measurements AS a ON a.key = t.key AND a.bitstream_sha256 = b.bitstream_sha256""",
    "INSERT OR IGNORE INTO timings SELECT * FROM theirs.timings",
    f"""INSERT OR IGNORE INTO failures SELECT {_OUR_CONFIGURATION_ID}, image_sha256, run_id, message
        FROM theirs.failures JOIN theirs.configurations AS c USING (configuration_id)""",  # noqa: S608
    """DELETE FROM failures WHERE (configuration_id, image_sha256) IN
        (SELECT configuration_id, image_sha256 FROM main.measurements)""",
)

_NAMED = {"distortions": "metric", "diagnostics": "name"}
"""Tables with values of metrics or diagnostics, and the column with their names."""

_STORED_COLUMNS = """
    SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table'"""

_OTHER_IMAGES = """
    WITH ours AS (SELECT dataset, image, image_sha256 FROM main.images),
        others AS (SELECT dataset, image, image_sha256 FROM theirs.images),
        differing AS (SELECT * FROM (SELECT * FROM ours EXCEPT SELECT * FROM others)
            UNION SELECT * FROM (SELECT * FROM others EXCEPT SELECT * FROM ours))
    SELECT min(dataset) FROM differing
    WHERE dataset IN (SELECT dataset FROM ours) AND dataset IN (SELECT dataset FROM others)"""


def merge(store: Store, path: Path) -> tuple[int, int]:
    """Add the rows of another database; return the numbers of new and of known measurements.

    Raises:
        UsageError: the other database is this one, or an image set has the name of one here but other images.
        StoreError: the other one is not a results database or has an invalid value, or a database cannot be read or
            written; nothing is added.
    """
    if path.exists() and path.samefile(store.path):
        raise UsageError(f"{path} is the database that the others are merged into; omit it")
    with Store.open(path) as other:  # raises if it is not valid
        _check(store, other)
        ((theirs,),) = other.rows("SELECT count(*) FROM measurements")
        query = "SELECT count(*) FROM main.measurements"
        with store.attached(other):
            ((dataset,),) = store.rows(_OTHER_IMAGES)
            if dataset is not None:
                raise UsageError(
                    f"{path}: its image set '{dataset}' differs from that here; merge it into a separate database "
                    "with --db"
                )
            ((before,),) = store.rows(query)
            with store.transaction():
                for statement in _STATEMENTS:
                    store.rows(statement)
            ((after,),) = store.rows(query)
    return after - before, theirs - (after - before)


def _check(store: Store, other: Store) -> None:
    """Refuse a database with invalid values, which would make every later report fail."""
    try:
        for table, column in store.rows(_STORED_COLUMNS):
            if column not in FIELDS or (table in _NAMED and column == "value"):
                continue
            wanted = f"min({column}), max({column})" if FIELDS[column].is_number else f"DISTINCT {column}"
            for row in other.rows(f"SELECT {wanted} FROM {table}"):  # noqa: S608  # our own names
                _parse(table, column, row)
        for table, name in _NAMED.items():
            query = f"SELECT {name}, min(value), max(value) FROM {table} GROUP BY {name}"  # noqa: S608  # our own names
            for measured, *bounds in other.rows(query):
                if not isinstance(measured, str) or is_column(measured) or not is_measured_name(measured):
                    raise ValueError(f"{table} has {measured!a}, which is not a valid name")  # noqa: TRY301
                _parse(table, measured, bounds)
    except ValueError as error:
        raise StoreError(f"{other.path}: it is damaged: {error}; {REPAIR}") from None


def _parse(table: str, column: str, values: Iterable[object]) -> None:
    try:
        for value in values:
            if value is not None:  # NULL is min() of no rows, or a value that the schema allows to be missing
                field_of(column).parse(value)
    except ValueError as error:
        raise ValueError(f"{table}, '{ascii(column)[1:-1]}' {error}") from None
