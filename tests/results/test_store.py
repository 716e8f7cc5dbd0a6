from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.results import database
from bench.results.export import read_database
from bench.results.fields import FORMER_COLUMNS, FORMER_DIAGNOSTICS
from bench.results.merge import merge
from bench.results.resume_key import Configuration
from bench.results.schema import Failure, Measurement, RunInfo, Timing
from bench.results.store import Store
from bench.system.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIGURATION = Configuration("toy", 5.0, "{}", "python", "toy 1", "1", None, None)
MEASUREMENT = Measurement(CONFIGURATION, "a" * 64, 8, 4, 10, "b" * 64, {"mse": 1.5, "ms_ssim": None}, "run-1")
VERSIONS = {"mse": "1", "ms_ssim": "1"}
OWN = {**VERSIONS, "own": "1"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "r.sqlite", create=True) as opened:
        opened.add_run(RunInfo("run-1", "2026-01-01T00:00:00+00:00", "bench run", "machine"))
        yield opened


def test_what_was_added_is_there_after_reopening(store: Store) -> None:
    store.add(MEASUREMENT, VERSIONS)
    with Store.open(store.path) as again:
        assert again.measured(VERSIONS, {MEASUREMENT.key}) == {MEASUREMENT.key}
        assert again.rows("SELECT num_bytes, width, height FROM measurements") == [(10, 8, 4)]
        assert again.rows("SELECT metric, value FROM distortions") == [("ms_ssim", None), ("mse", 1.5)]


def test_what_a_codec_told_replaces_what_it_told_before(store: Store) -> None:
    for told in ({"estimated_bits": 80.5, "old": 1.0}, {"estimated_bits": 81.0, "odd": math.nan}):
        store.add(dataclasses.replace(MEASUREMENT, diagnostics=told), VERSIONS)
    assert store.rows("SELECT name, value FROM diagnostics ORDER BY name") == [("estimated_bits", 81.0), ("odd", None)]
    store.add(dataclasses.replace(MEASUREMENT, bitstream_sha256="c" * 64), VERSIONS)
    assert store.rows("SELECT * FROM diagnostics") == []


def test_one_row_a_key(store: Store) -> None:
    store.add(MEASUREMENT, VERSIONS)
    store.add(MEASUREMENT, VERSIONS)
    assert store.rows("SELECT count(*) FROM measurements") == [(1,)]


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Configuration)])
def test_the_key_depends_on_everything_that_decides_the_bytes(field: str) -> None:
    other = dataclasses.replace(CONFIGURATION, **{field: 6.0 if field == "quality" else "other"})
    assert other.key("a" * 64) != CONFIGURATION.key("a" * 64)
    assert (other.curve == CONFIGURATION.curve) == (field in {"quality", "weights_sha256"})


def test_the_key_depends_on_the_image() -> None:
    assert CONFIGURATION.key("a" * 64) != CONFIGURATION.key("b" * 64)


def test_a_cell_lacks_a_metric_of_another_version(store: Store) -> None:
    store.add(MEASUREMENT, VERSIONS)
    assert store.measured({"mse": "2"}, {MEASUREMENT.key}) == set()
    assert store.measured({"mse": "1", "own": "1"}, {MEASUREMENT.key}) == set()


def test_values_of_other_metrics_stay_with_the_same_bytes_and_go_with_others(store: Store) -> None:
    store.add(MEASUREMENT, VERSIONS)
    store.add(dataclasses.replace(MEASUREMENT, values={"own": 7.0}), {"own": "1"})
    assert store.measured({**VERSIONS, "own": "1"}, {MEASUREMENT.key}) == {MEASUREMENT.key}
    store.add(dataclasses.replace(MEASUREMENT, values={"own": 8.0}, bitstream_sha256="c" * 64), {"own": "1"})
    assert store.measured({"own": "1"}, {MEASUREMENT.key}) == {MEASUREMENT.key}
    assert store.measured({"mse": "1"}, {MEASUREMENT.key}) == set()


def test_what_comes_from_elsewhere_takes_the_place_of_nothing(store: Store) -> None:
    told = dataclasses.replace(MEASUREMENT, diagnostics={"estimated_bits": 80.5})
    store.supplement(told, VERSIONS)
    other = {"mse": 2.5, "ms_ssim": 0.5, "own": 7.0}
    store.supplement(dataclasses.replace(told, values=other, diagnostics={"estimated_bits": 1.0, "new": 2.0}), OWN)
    found = store.rows("SELECT metric, value FROM distortions")
    assert found == [("ms_ssim", None), ("mse", 1.5), ("own", 7.0)]  # None: measured here, and not defined
    assert store.rows("SELECT name, value FROM diagnostics") == [("estimated_bits", 80.5), ("new", 2.0)]
    store.supplement(dataclasses.replace(told, values=other, bitstream_sha256="c" * 64), OWN)
    assert store.rows("SELECT metric, value FROM distortions") == found
    store.supplement(dataclasses.replace(told, values={"mse": 9.0}), {"mse": "2"})
    assert store.measured({"mse": "2"}, {MEASUREMENT.key}) == {MEASUREMENT.key}


def test_a_success_forgets_the_failure(store: Store) -> None:
    store.add_failure(Failure(CONFIGURATION, "a" * 64, "run-1", "broke"))
    assert store.rows("SELECT message FROM failures") == [("broke",)]
    assert store.measured(VERSIONS, {MEASUREMENT.key}) == set()
    store.add(MEASUREMENT, VERSIONS)
    assert store.rows("SELECT message FROM failures") == []


def test_timings_are_found_by_machine_threads_and_samples_of_one_run(store: Store) -> None:
    store.add_run(RunInfo("run-2", "2026-01-02T00:00:00+00:00", "bench run", "machine"))
    for run_id, repeats in (("run-1", 3), ("run-2", 2)):
        store.add_timings(Timing(MEASUREMENT.key, run_id, "m", 2, "cpu", "encode", n, 0.5) for n in range(repeats))
    assert store.timed("m", 2, 3) == {MEASUREMENT.key}
    assert store.timed("m", 2, 4) == set()
    assert store.timed("m", 1, 1) == set()
    assert store.timed("other", 2, 1) == set()


def test_a_time_forgets_the_failure_of_an_earlier_run_and_of_no_other(store: Store) -> None:
    store.add_run(RunInfo("run-2", "2026-01-02T00:00:00+00:00", "bench run", "machine"))
    store.add(MEASUREMENT, VERSIONS)
    store.add_failure(Failure(CONFIGURATION, "a" * 64, "run-1", "timing broke"))
    store.add_failure(Failure(CONFIGURATION, "b" * 64, "run-1", "another picture"))
    sample = Timing(MEASUREMENT.key, "run-1", "m", 2, "cpu", "encode", 0, 0.5)
    store.add_timings([sample])
    assert len(store.rows("SELECT message FROM failures")) == 2
    store.add_timings([dataclasses.replace(sample, run_id="run-2")])
    assert store.rows("SELECT message FROM failures") == [("another picture",)]


def test_a_set_described_again_has_its_new_images_and_no_others(store: Store) -> None:
    for dataset, names in (("mine", "abc"), ("other", "a"), ("mine", "bd")):
        # Two of equal content are two images.
        store.describe("images", [{"dataset": dataset, "image": name, "image_sha256": "f" * 64} for name in names])
    found = store.rows("SELECT dataset, image FROM images ORDER BY dataset, image")
    assert found == [("mine", "b"), ("mine", "d"), ("other", "a")]


def test_what_is_described_elsewhere_takes_the_place_of_nothing(store: Store) -> None:
    images = [{"dataset": "mine", "image": name, "image_sha256": "f" * 64} for name in "ab"]
    store.describe("images", images)
    store.describe("images", [{"dataset": "mine", "image": "a", "image_sha256": "e" * 64}], replace=False)
    store.describe("images", [{"dataset": "other", "image": "c", "image_sha256": "e" * 64}], replace=False)
    found = store.rows("SELECT dataset, image, image_sha256 FROM images ORDER BY dataset, image")
    assert found == [("mine", "a", "f" * 64), ("mine", "b", "f" * 64), ("other", "c", "e" * 64)]


def test_times_from_elsewhere_take_the_place_of_nothing(store: Store) -> None:
    sample = Timing(MEASUREMENT.key, "run-1", "m", 2, "cpu", "encode", 0, 0.5)
    store.add_timings([sample])
    again = [dataclasses.replace(sample, seconds=9.0), dataclasses.replace(sample, repeat=1)]
    store.add_timings(again, replace=False)
    assert store.rows("SELECT repeat, seconds FROM timings ORDER BY repeat") == [(0, 0.5), (1, 0.5)]


def test_a_column_that_is_none_of_the_schema_never_reaches_sql(store: Store) -> None:
    row = {"dataset": "mine", "title": "Mine", "note) SELECT ?1, ?2, (SELECT command FROM runs) WHERE ?3; --": "note"}
    with pytest.raises(StoreError, match=r"have no column 'note\) SELECT"):
        store.describe("datasets", [row])
    assert store.rows("SELECT * FROM datasets") == []


RUNS = [RunInfo(f"run-{number}", "2026-01-01T00:00:00+00:00", "bench run", "machine") for number in (1, 2, 3)]


@pytest.fixture
def read_only() -> Iterator[Path]:
    """Databases in folders that cannot be written; for the superuser, who writes anywhere, as another user sees them.

    "closed" is a file alone, "used" is held by another process, and of "killed" a part is in the log alone.
    """
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are not for others
        folder, user = Path(name), os.geteuid()
        for state in ("closed", "killed"):
            (folder / state).mkdir()
        with Store.open(folder / "used" / "r.sqlite", create=True) as store:
            store.add_run(RUNS[0])
            store.add(MEASUREMENT, VERSIONS)
            store.add_run(RUNS[1])
            for file in ("r.sqlite", "r.sqlite-wal"):
                shutil.copy(folder / "used" / file, folder / "killed")
            for file in ("r.sqlite", "r.sqlite-wal"):
                shutil.copy(folder / "used" / file, folder / "closed")
            Store.open(folder / "closed" / "r.sqlite").close()
            for path in (*folder.glob("*/*"), *folder.glob("*"), folder):
                path.chmod(0o555)
            os.seteuid(65534 if user == 0 else user)
            try:
                yield folder
            finally:
                os.seteuid(user)
                for path in (folder, *folder.glob("*")):
                    path.chmod(0o755)


@pytest.mark.parametrize("state", ["closed", "killed", "used"])
def test_a_database_where_nothing_can_be_written_is_read_whole(read_only: Path, state: str) -> None:
    path = read_only / state / "r.sqlite"
    files = sorted(path.parent.iterdir())
    assert len(files) == {"closed": 1, "killed": 2, "used": 3}[state]
    with Store.open(path) as store:
        assert store.measured(VERSIONS, {MEASUREMENT.key}) == {MEASUREMENT.key}
        assert store.rows("SELECT run_id FROM runs ORDER BY run_id") == [("run-1",), ("run-2",)]
        with pytest.raises(StoreError, match=f"^{path}: it cannot be written"):
            store.add_run(RUNS[2])
    assert sorted(path.parent.iterdir()) == files
    with pytest.raises(StoreError, match="cannot be written"), Store.open(path, create=True) as store:
        store.add_run(RUNS[2])


@pytest.mark.parametrize("state", ["closed", "killed", "used"])
def test_a_database_where_nothing_can_be_written_is_merged_whole(read_only: Path, state: str) -> None:
    files = sorted((read_only / state).iterdir())
    # Not pytest's own folder: it is not for others.
    with tempfile.TemporaryDirectory() as name, Store.open(Path(name, "merged.sqlite"), create=True) as store:
        assert merge(store, read_only / state / "r.sqlite") == (1, 0)
        assert store.measured(VERSIONS, {MEASUREMENT.key}) == {MEASUREMENT.key}
        assert store.rows("SELECT run_id FROM runs ORDER BY run_id") == [("run-1",), ("run-2",)]
    assert sorted((read_only / state).iterdir()) == files


@pytest.mark.parametrize("change", ["DROP TABLE distortions", "ALTER TABLE measurements RENAME num_bytes TO size"])
def test_a_database_without_a_table_or_column_is_one_clear_line(store: Store, change: str) -> None:
    with sqlite3.connect(store.path) as connection:
        connection.execute(change)
    connection.close()
    with pytest.raises(StoreError, match=r"it is damaged, a (table|column) is missing; move it away, and"):
        read_database(store.path)


@pytest.mark.parametrize("damaged", [b"toy 1", b"CREATE TABLE runs", b"provenance TEXT", b"SQLite format 3"])
def test_a_database_with_a_flipped_bit_is_one_clear_line(store: Store, damaged: bytes) -> None:
    store.add(MEASUREMENT, VERSIONS)
    store.close()
    content = store.path.read_bytes()
    assert damaged in content
    store.path.write_bytes(content.replace(damaged, bytes([damaged[0] ^ 0x80]) + damaged[1:]))
    with pytest.raises(StoreError) as caught, Store.open(store.path) as again:
        again.table("SELECT * FROM configurations JOIN runs")
    assert str(store.path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_database_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no results at"):
        Store.open(tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    path.write_text("these are my notes, " * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a results database"):
        Store.open(path, create=True)
    assert path.read_bytes() == before


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a results database"):
        Store.open(path, create=True)
    assert path.read_bytes() == before


def test_another_schema_version_is_refused(store: Store) -> None:
    store._connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="schema 99"):
        Store.open(store.path)


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/self/mountinfo").exists(), reason="root writes anywhere")
def test_an_unwritable_place_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be written|does not exist") as caught:
        Store.open(tmp_path / "file" / "r.sqlite", create=True)
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_one_clear_line_and_loses_nothing(store: Store) -> None:
    store.add(MEASUREMENT, VERSIONS)
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    many = (Timing(MEASUREMENT.key, "run-1", "m", 2, "cpu", "encode", n, 0.5) for n in range(100_000))
    with pytest.raises(StoreError, match="disk is full"):
        store.add_timings(many)
    with Store.open(store.path) as again:
        assert again.measured(VERSIONS, {MEASUREMENT.key}) == {MEASUREMENT.key}
        assert again.timed("m", 2, 1) == set()
        assert again.rows("PRAGMA integrity_check") == [("ok",)]


def test_a_database_that_another_process_holds_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(database.time, "sleep", lambda _: other.execute("COMMIT"))
    with Store.open(path, create=True) as opened:
        assert opened.rows("PRAGMA journal_mode") == [("wal",)]
        assert not other.in_transaction
    other.close()


def test_a_database_that_is_held_too_long_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0)
    other = sqlite3.connect(tmp_path / "r.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process has held it"):
        Store.open(tmp_path / "r.sqlite", create=True)
    other.close()


WRITER = """
import dataclasses, sys
from pathlib import Path
from bench.results.schema import RunInfo
from bench.results.store import Store
sys.path.insert(0, sys.argv[3])
from test_store import MEASUREMENT, VERSIONS
name = sys.argv[2]
with Store.open(Path(sys.argv[1]), create=True) as store:
    store.add_run(RunInfo(name, "2026-01-01T00:00:00+00:00", "bench run", "machine"))
    for number in range(200):
        row = dataclasses.replace(MEASUREMENT, image_sha256=f"{name}-{number}", run_id=name)
        store.add(row, VERSIONS)
"""


def test_two_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "r.sqlite")]
    writers = [subprocess.Popen([*command, name, str(Path(__file__).parent)]) for name in ("one", "two")]
    assert [writer.wait() for writer in writers] == [0, 0]
    with Store.open(tmp_path / "r.sqlite") as store:
        assert store.rows("SELECT count(*) FROM measurements") == [(400,)]


BITS = {"coder_bits": 80.5, "coder_bits_y": 70.0, "coder_bits_z": 10.5, "estimated_bits": 80.25}


def _as_before(path: Path) -> None:
    """Give a database the names of columns and diagnostics that schema 3 had."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for table in ("configurations", "codecs"):
            for (column,) in connection.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchall():  # noqa: S608
                if old := {new: old for old, new in FORMER_COLUMNS.items()}.get(column):
                    connection.execute(f"ALTER TABLE {table} RENAME COLUMN {column} TO {old}")
        for old, new in reversed(FORMER_DIAGNOSTICS.items()):
            connection.execute("UPDATE diagnostics SET name = ? WHERE name = ?", (old, new))
        connection.execute("PRAGMA user_version = 3")
        connection.commit()


def test_a_database_of_the_schema_before_is_migrated_and_its_rows_are_found(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with Store.open(path, create=True) as store:
        store.add_run(RunInfo("run-1", "2026-01-01T00:00:00+00:00", "bench run", "machine"))
        store.add(dataclasses.replace(MEASUREMENT, diagnostics=BITS), VERSIONS)
        before = store.rows("SELECT * FROM configurations")
    _as_before(path)
    with Store.open(path) as store:
        assert store.measured(VERSIONS, {MEASUREMENT.key}) == {MEASUREMENT.key}
        assert store.rows("SELECT * FROM configurations") == before
        assert dict(store.rows("SELECT name, value FROM diagnostics")) == BITS
        store.add(MEASUREMENT, VERSIONS)
        assert len(store.rows("SELECT * FROM configurations")) == 1


def test_keys_are_those_of_earlier_versions() -> None:
    configuration = Configuration(
        codec="jpeg", quality=50.0, settings="{}", backend="pillow", backend_version="libjpeg-turbo 3.0 (Pillow 11.0)",
        revision="1", weights=None, weights_sha256=None,
    )  # fmt: skip
    assert configuration.key("ab" * 32) == "69d8deed5b19f99111ee987800c78f685fe6d16c2289f28204aa78c38ceedea8"
    assert configuration.curve == "b21e2f1096de234f"
