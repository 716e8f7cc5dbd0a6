"""Results of several databases in one, by SQLite itself: no rows pass through this process's memory.

What the one has stays as it is, as with `bench import`; what others have besides is added, failures of tasks that are
measured now are forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.results.store import WHOLES, Store
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_DESCRIBED = tuple(
    f"INSERT INTO {table} SELECT * FROM theirs.{table} WHERE ({', '.join(common)}) NOT IN "  # noqa: S608  # our own names
    f"(SELECT {', '.join(common)} FROM main.{table})"
    for table, common in WHOLES.items()
)

_OF_OURS = "(SELECT configuration_id FROM main.configurations WHERE digest = c.digest)"

_CONFIGURATION = "codec, quality, settings, backend, backend_version, revision, weights, weights_sha256, digest, curve"

_STATEMENTS = (  # of our own names
    "INSERT OR IGNORE INTO runs SELECT * FROM theirs.runs",
    *_DESCRIBED,
    f"INSERT OR IGNORE INTO configurations ({_CONFIGURATION}) SELECT {_CONFIGURATION} FROM theirs.configurations",  # noqa: S608
    f"""INSERT OR IGNORE INTO measurements
        SELECT key, {_OF_OURS}, image_sha256, width, height, num_bytes, bitstream_sha256, run_id
        FROM theirs.measurements JOIN theirs.configurations AS c USING (configuration_id)""",  # noqa: S608
    # Values belong to the bytes. One of another version of a metric gives way to one that is current here.
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
    f"""INSERT OR IGNORE INTO failures SELECT {_OF_OURS}, image_sha256, run_id, message
        FROM theirs.failures JOIN theirs.configurations AS c USING (configuration_id)""",  # noqa: S608
    """DELETE FROM failures WHERE (configuration_id, image_sha256) IN
        (SELECT configuration_id, image_sha256 FROM main.measurements)""",
)


def merge(store: Store, path: Path) -> tuple[int, int]:
    """Add what another database has; how many measurements were new, and how many were here.

    Raises:
        UsageError: it is this one.
        StoreError: it is none, or one of them cannot be read or written; nothing is added then.
    """
    if path.exists() and path.samefile(store.path):
        raise UsageError(f"{path} is the database that the others are merged into; leave it out")
    with Store.open(path) as other:  # or what is wrong with it is said
        ((theirs,),) = other.rows("SELECT count(*) FROM measurements")
    query = "SELECT count(*) FROM main.measurements"
    with store.attached(path):
        ((before,),) = store.rows(query)
        with store.transaction():
            for statement in _STATEMENTS:
                store.rows(statement)
        ((after,),) = store.rows(query)
    return after - before, theirs - (after - before)
