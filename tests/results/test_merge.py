"""Several databases in one: those of the shards of a run are what the whole run stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command_line import bench
from PIL import Image

from bench.results.merge import merge
from bench.results.store import Store
from bench.system.errors import StoreError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

TABLES = {
    "measurements": "SELECT key, image_sha256, num_bytes, bitstream_sha256, digest FROM measurements JOIN "
    "configurations USING (configuration_id) ORDER BY key",
    "distortions": "SELECT * FROM distortions ORDER BY key, metric",
    "images": "SELECT * FROM images ORDER BY dataset, image",
    "datasets": "SELECT * FROM datasets ORDER BY dataset",
    "metrics": "SELECT * FROM metrics ORDER BY metric",
    "codecs": "SELECT * FROM codecs ORDER BY codec",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One database of all tasks, and three of the shards of the same run."""
    folder = tmp_path_factory.mktemp("shards")
    (folder / "photos").mkdir()
    for index in range(5):
        Image.new("RGB", (16, 16), (index, 99, 7 * index)).save(folder / "photos" / f"p{index}.png")
    run = ("run", "--codec", "jpeg@10,50", "--codec", "webp@50", "--dataset", str(folder / "photos"))
    bench(*run, "--db", str(folder / "whole.sqlite"))
    for number in (1, 2, 3):
        said = bench(*run, "--shard", f"{number}/3", "--db", str(folder / f"{number}.sqlite"))
        assert "5 tasks measured, 0 already stored, 0 failed" in said
    return folder


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with Store.open(path) as store:
        return store.rows(query)


def test_shards_merged_are_the_whole_run(folder: Path, tmp_path: Path) -> None:
    parts = [str(folder / f"{number}.sqlite") for number in (1, 2, 3)]
    said = bench("merge", *parts, "--db", str(tmp_path / "r.sqlite"))
    assert said == "".join(f"measurements from {part}: 5 new, 0 already stored\n" for part in parts)
    for table, query in TABLES.items():
        assert rows(tmp_path / "r.sqlite", query) == rows(folder / "whole.sqlite", query), table
    assert len(rows(tmp_path / "r.sqlite", "SELECT * FROM runs")) == 3
    again = bench("merge", parts[0], "--db", str(tmp_path / "r.sqlite"))
    assert again == f"measurements from {parts[0]}: 0 new, 5 already stored\n"
    run = ("run", "--codec", "jpeg@10,50", "--codec", "webp@50", "--dataset", str(folder / "photos"))
    assert "0 tasks measured, 15 already stored" in bench(*run, "--db", str(tmp_path / "r.sqlite"))


def test_what_is_here_stays_and_failures_of_what_is_measured_go(folder: Path, tmp_path: Path) -> None:
    bench("merge", str(folder / "1.sqlite"), "--db", str(tmp_path / "r.sqlite"))
    bench("merge", str(folder / "whole.sqlite"), "--db", str(tmp_path / "theirs.sqlite"))
    with Store.open(tmp_path / "r.sqlite") as store, Store.open(tmp_path / "theirs.sqlite") as theirs:
        ((kept, changed, stale),) = store.rows(
            "SELECT min(key), max(key), (SELECT key FROM measurements ORDER BY key LIMIT 1 OFFSET 2) FROM measurements"
        )
        for store_, statement, key in (
            (theirs, "UPDATE distortions SET value = 77 WHERE key = ? AND metric = 'mse'", kept),
            (theirs, "UPDATE measurements SET bitstream_sha256 = 'abcd' WHERE key = ?", changed),
            (theirs, "UPDATE distortions SET value = 88 WHERE key = ? AND metric = 'mse'", changed),
            (store, "UPDATE distortions SET version = 'old' WHERE key = ? AND metric = 'mse'", stale),
            (store, "UPDATE distortions SET version = 'old' WHERE key = ? AND metric = 'mse'", changed),
        ):
            store_.rows(statement, (key,))
        before = dict(store.rows("SELECT key, value FROM distortions WHERE metric = 'mse'"))
        merge(store, tmp_path / "theirs.sqlite")
        after = dict(store.rows("SELECT key, value FROM distortions WHERE metric = 'mse'"))
        assert {key: after[key] for key in before} == before
        assert len(after) == 15
        versions = dict(store.rows("SELECT key, version FROM distortions WHERE metric = 'mse'"))
        assert versions[changed] == "old" != versions[stale]


def test_a_failure_of_theirs_is_added_unless_the_task_is_measured_here(folder: Path, tmp_path: Path) -> None:
    bench("merge", str(folder / "1.sqlite"), "--db", str(tmp_path / "theirs.sqlite"))
    with Store.open(tmp_path / "theirs.sqlite") as theirs:
        theirs.rows("INSERT INTO failures SELECT configuration_id, image_sha256, run_id, 'no' FROM measurements")
        theirs.rows("DELETE FROM measurements")
    with Store.open(tmp_path / "r.sqlite", create=True) as store:
        merge(store, tmp_path / "theirs.sqlite")
        assert store.rows("SELECT message, count(*) FROM failures GROUP BY message") == [("no", 5)]
        merge(store, folder / "1.sqlite")
        assert store.rows("SELECT * FROM failures") == []
        assert store.rows("PRAGMA foreign_key_check") == []


def test_a_database_is_not_merged_into_itself(folder: Path) -> None:
    with Store.open(folder / "whole.sqlite") as store, pytest.raises(UsageError, match="are merged into; omit it"):
        merge(store, folder / "whole.sqlite")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE measurements SET width = 0", "measurements, 'width' must be a whole number from 1 to"),
        ("UPDATE measurements SET num_bytes = -5", "measurements, 'num_bytes' must be a whole number"),
        (
            "UPDATE distortions SET value = -1 WHERE metric = 'mse'",
            "distortions, 'mse' must be a number from 0 to",
        ),
        (
            "UPDATE distortions SET metric = 'width' WHERE metric = 'mse'",
            "distortions has 'width', which is not a valid name",
        ),
        ("UPDATE runs SET provenance = '5'", "runs, 'provenance' must be a JSON object, not '5'"),
        ("UPDATE images SET image = CAST(x'ff' AS TEXT) WHERE image = 'p1'", "contains invalid text"),
    ],
)
def test_a_value_that_cannot_be_is_refused_and_nothing_is_added(
    statement: str, message: str, folder: Path, tmp_path: Path
) -> None:
    bench("merge", str(folder / "1.sqlite"), "--db", str(tmp_path / "theirs.sqlite"))
    with Store.open(tmp_path / "theirs.sqlite") as theirs:
        theirs.rows(statement)
    with Store.open(tmp_path / "r.sqlite", create=True) as store:
        with pytest.raises(StoreError, match=message):
            merge(store, tmp_path / "theirs.sqlite")
        assert store.rows("SELECT count(*) FROM runs") == [(0,)]


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM images WHERE image = 'p1'", "UPDATE images SET image_sha256 = 'abcd' WHERE image = 'p1'"],
)
def test_an_image_set_of_other_pictures_than_the_one_here_is_refused_by_name(
    statement: str, folder: Path, tmp_path: Path
) -> None:
    bench("merge", str(folder / "1.sqlite"), "--db", str(tmp_path / "theirs.sqlite"))
    with Store.open(tmp_path / "theirs.sqlite") as theirs:
        theirs.rows(statement)
    bench("merge", str(folder / "2.sqlite"), "--db", str(tmp_path / "r.sqlite"))
    said = bench("merge", str(tmp_path / "theirs.sqlite"), "--db", str(tmp_path / "r.sqlite"), code=1)
    assert "its image set 'photos-" in said
    assert "differs from that here; merge it into a separate database with --db" in said
    assert rows(tmp_path / "r.sqlite", "SELECT count(*) FROM measurements") == [(5,)]
