"""Metrics that are added to what is stored."""

from __future__ import annotations

import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest
import skimage.data
from command_line import bench
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

VALUES = "SELECT key, value FROM distortions WHERE metric = ? ORDER BY key"
KEPT = "SELECT key, run_id, num_bytes, bitstream_sha256 FROM measurements ORDER BY key"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two pictures and results of two codecs on them."""
    folder = tmp_path_factory.mktemp("added")
    (folder / "photos").mkdir()
    for index in range(2):
        Image.fromarray(skimage.data.astronaut()[60 + index : 108, 150:230]).save(folder / "photos" / f"p{index}.png")
    options = ("--dataset", str(folder / "photos"), "--db", str(folder / "r.sqlite"))
    bench("run", "--codec", "jpeg@30,70", "--codec", "webp@50", *options)
    bench(
        "run", "--codec", "jpeg@30,70", "--codec", "webp@50", "--metric", "xpsnr", *options[:-1], f"{folder}/x.sqlite"
    )
    return folder


@pytest.fixture
def folder(measured: Path, tmp_path: Path) -> Path:
    return shutil.copytree(measured, tmp_path / "copy")


def rows(folder: Path, query: str, *values: str, db: str = "r.sqlite") -> list[tuple[object, ...]]:
    with sqlite3.connect(folder / db) as connection:
        return connection.execute(query, values).fetchall()


def add(folder: Path, *arguments: str, code: int = 0) -> str:
    return bench("run", "--dataset", f"{folder}/photos", "--db", f"{folder}/r.sqlite", *arguments, code=code)


def test_all_that_is_stored_gets_the_values_of_a_run_that_had_the_metric(folder: Path) -> None:
    before = rows(folder, KEPT)
    said = add(folder, "--add-metric", "xpsnr")
    assert "6 tasks with metrics added, 0 already stored, 0 failed" in said
    assert rows(folder, VALUES, "xpsnr") == rows(folder, VALUES, "xpsnr", db="x.sqlite")
    assert rows(folder, KEPT) == before
    assert "0 tasks with metrics added, 6 already stored" in add(folder, "--add-metric", "xpsnr")


def test_the_provenance_has_one_thread_for_each_worker(folder: Path) -> None:
    chosen = ("--codec", "jpeg@70", "--images", "p1", "--workers", "2")
    assert "1 task with metrics added" in add(folder, "--add-metric", "xpsnr", *chosen)
    query = "SELECT provenance ->> '$.threads', provenance ->> '$.workers' FROM runs ORDER BY run_id DESC LIMIT 1"
    assert rows(folder, query) == [(1, 2)]


def test_codecs_and_pictures_can_be_chosen(folder: Path) -> None:
    assert "1 task with metrics added" in add(folder, "--add-metric", "xpsnr", "--codec", "jp*@70", "--images", "p1")


def test_a_file_that_is_another_one_now_is_not_compared(folder: Path) -> None:
    key = rows(folder, "SELECT key FROM measurements ORDER BY key LIMIT 1")[0][0]
    with sqlite3.connect(folder / "r.sqlite") as connection:
        connection.execute("UPDATE measurements SET bitstream_sha256 = 'abc' WHERE key = ?", (key,))
    said = add(folder, "--add-metric", "xpsnr", code=1)
    assert "its bitstream here differs from the measured one" in said
    assert key not in {found for found, _ in rows(folder, VALUES, "xpsnr")}
    assert len(rows(folder, VALUES, "xpsnr")) == 5


def test_a_codec_of_another_version_is_left_out(folder: Path) -> None:
    with sqlite3.connect(folder / "r.sqlite") as connection:
        connection.execute("UPDATE configurations SET backend_version = 'old' WHERE codec = 'webp'")
    said = add(folder, "--add-metric", "xpsnr")
    assert "left out: webp: its version here differs from the measured one" in said
    assert len(rows(folder, VALUES, "xpsnr")) == 4


def test_what_is_not_stored_is_said(folder: Path) -> None:
    assert "has no measurements of these pictures and codecs" in add(
        folder, "--add-metric", "xpsnr", "--codec", "vvc", code=1
    )
    assert "give the codecs to measure with --codec" in bench("run", code=1)
