"""Runs by several processes: the same rows, whatever dies."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import skimage.data
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

CODEC = '''
import os, time
from pathlib import Path
import numpy as np
from bench.codec import Codec, QualityScale
from bench.picture import Picture

class Slow(Codec):
    """Keeps the top bits of each sample, and writes down which process did it."""
    title = "Slow"
    scale = QualityScale("bits a sample", tuple(range(1, 9)), 1, 8)

    def encode(self, picture):
        time.sleep(0.05)
        with open("processes", "a") as file:
            file.write(f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')}\\\\n")
        shift = 8 - int(self.quality)
        return np.array(picture.pixels.shape, "<u2").tobytes() + (picture.pixels >> shift).tobytes()

    def decode(self, data):
        shape = np.frombuffer(data[:6], "<u2")
        return Picture(np.frombuffer(data[6:], np.uint8).reshape(shape) << (8 - int(self.quality)))

class Broken(Slow):
    """Fails on lying pictures."""
    def encode(self, picture):
        if picture.width > picture.height:
            raise ZeroDivisionError("on\\\\npurpose")
        return super().encode(picture)

class Dying(Slow):
    """Takes its process with it, the first time."""
    def encode(self, picture):
        died = Path("died")
        if not died.exists():
            died.touch()
            os._exit(1)
        return super().encode(picture)

class Deadly(Slow):
    """Takes its process with it each time."""
    def encode(self, picture):
        os._exit(1)
'''.replace("\\\\n", "\\n")

METRIC = """
import numpy as np
from bench.metrics import Metric

def worst(original, decoded):
    return float(np.abs(original.pixels.astype(int) - decoded.pixels).max())

WORST = Metric("worst", worst, "Largest error", higher_is_better=False)
"""

ROWS = "SELECT key, num_bytes, bitstream_sha256 FROM measurements ORDER BY key"
VALUES = "SELECT key, metric, value FROM distortions ORDER BY key, metric"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder to work in: codecs and a metric of the user's own, and four small pictures."""
    (tmp_path / "own.py").write_text(CODEC)
    (tmp_path / "own_metric.py").write_text(METRIC)
    (tmp_path / "photos").mkdir()
    for index, size in enumerate([(24, 16), (16, 24), (17, 9), (9, 17)]):
        crop = Image.fromarray(skimage.data.astronaut()[100 : 100 + size[1], 200 + index : 200 + index + size[0]])
        crop.save(tmp_path / "photos" / f"p{index}.png")
    return tmp_path


def command(codec: str, *arguments: str, db: str = "r.sqlite") -> list[str]:
    return [sys.executable, "-m", "bench", "run", "--codec", codec, "--dataset", "photos", "--db", db, *arguments]


def bench(desk: Path, codec: str, *arguments: str, db: str = "r.sqlite") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(codec, *arguments, db=db), cwd=desk, capture_output=True, text=True, check=False, timeout=120
    )


def rows(desk: Path, query: str = ROWS, db: str = "r.sqlite") -> list[tuple[object, ...]]:
    connection = sqlite3.connect(desk / db)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def count(desk: Path) -> int:
    try:
        return len(rows(desk))
    except sqlite3.Error:
        return 0


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_two_workers_measure_what_one_process_measures(desk: Path) -> None:
    one = bench(desk, "own.py:Slow", "--metric", "own_metric.py:WORST", db="one.sqlite")
    (desk / "processes").unlink()
    two = bench(desk, "own.py:Slow", "--metric", "own_metric.py:WORST", "--workers", "2")
    assert two.returncode == 0, two.stderr
    assert two.stderr == one.stderr == ""
    assert two.stdout == one.stdout
    assert "32 cells measured, 0 were there, 0 failed" in two.stdout
    assert rows(desk) == rows(desk, db="one.sqlite")
    assert rows(desk, VALUES) == rows(desk, VALUES, db="one.sqlite")
    # Two processes, each with one thread.
    lines = (desk / "processes").read_text().split("\n")[:-1]
    assert len(set(lines)) == 2
    assert {line.split()[1] for line in lines} == {"1"}


def test_a_codec_of_ours_gives_the_same_bytes(desk: Path) -> None:
    for workers, db in ((1, "one.sqlite"), (2, "r.sqlite")):
        assert bench(desk, "webp@10,90", "--workers", str(workers), db=db).returncode == 0
    assert rows(desk) == rows(desk, db="one.sqlite")
    assert len(rows(desk)) == 8


def test_a_second_run_measures_nothing_again(desk: Path) -> None:
    bench(desk, "own.py:Slow@1,2")
    before = rows(desk)
    result = bench(desk, "own.py:Slow@1,2", "--workers", "2")
    assert "0 cells measured, 8 were there" in result.stdout
    assert rows(desk) == before


def test_a_failing_codec_costs_its_cells_only(desk: Path) -> None:
    result = bench(desk, "own.py:Broken@1,2", "--workers", "2")
    assert result.returncode == 1
    assert "4 cells measured, 0 were there, 4 failed" in result.stdout
    assert "failed: broken@1 on p0: ZeroDivisionError: on purpose" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_worker_that_dies_is_replaced_and_its_cell_measured(desk: Path) -> None:
    result = bench(desk, "own.py:Dying@1,2", "--workers", "2")
    assert result.returncode == 0, result.stderr
    assert (desk / "died").exists()
    assert "8 cells measured, 0 were there, 0 failed" in result.stdout


def test_a_cell_that_kills_every_worker_is_given_up(desk: Path) -> None:
    result = bench(desk, "own.py:Deadly@1", "--images", "p0", "--workers", "2")
    assert result.returncode == 1
    assert "failed: deadly@1 on p0: the process that worked on it died 4 times" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("to_group", [False, True])
def test_ctrl_c_is_one_line_loses_nothing_and_leaves_nothing(desk: Path, *, to_group: bool) -> None:
    """A terminal sends it to all processes of the group, `kill` to one."""
    process = subprocess.Popen(
        command("own.py:Slow", "--workers", "2"),
        cwd=desk,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell's background job, this test run perhaps among them, ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not count(desk):
        time.sleep(0.005)
    (os.killpg if to_group else os.kill)(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip().splitlines() == [
        "interrupted; what was finished is stored, and the same command goes on " + ("from there")
    ]
    workers = {int(line.split()[0]) for line in (desk / "processes").read_text().splitlines()}
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(map(alive, workers)):
        time.sleep(0.05)
    assert not any(map(alive, workers))
    stored = len(rows(desk))
    assert 0 < stored < 32
    assert f"{32 - stored} cells measured, {stored} were there" in bench(desk, "own.py:Slow", "--workers", "2").stdout
