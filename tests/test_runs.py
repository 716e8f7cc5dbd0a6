"""Runs as a user starts them: in a process of their own, that may be killed, interrupted, or run twice at once."""

from __future__ import annotations

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
import time
from pathlib import Path
import numpy as np
from bench.codec import Codec, QualityScale
from bench.picture import Picture
from bench.probe import note

class Slow(Codec):
    """Keeps the top bits of each sample."""
    title = "Slow"
    scale = QualityScale("bits a sample", tuple(range(1, 9)), 1, 8)

    def encode(self, picture):
        time.sleep(0.02)
        shift = 8 - int(self.quality)
        note("brightness", lambda: float(picture.pixels.mean()))
        return np.array(picture.pixels.shape, "<u2").tobytes() + (picture.pixels >> shift).tobytes()

    def decode(self, data):
        shape = np.frombuffer(data[:6], "<u2")
        return Picture(np.frombuffer(data[6:], np.uint8).reshape(shape) << (8 - int(self.quality)))

class Broken(Slow):
    """Fails on lying pictures."""
    def encode(self, picture):
        if picture.width > picture.height:
            raise ZeroDivisionError("on\\npurpose")
        return super().encode(picture)
'''

METRIC = """
import numpy as np
from bench.metrics import Metric

def worst(original, decoded):
    return float(np.abs(original.pixels.astype(int) - decoded.pixels).max())

WORST = Metric("worst", worst, "Largest error", higher_is_better=False)
"""


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder to work in: a codec and a metric of the user's own, and four small pictures."""
    (tmp_path / "own.py").write_text(CODEC)
    (tmp_path / "own_metric.py").write_text(METRIC)
    (tmp_path / "photos").mkdir()
    for index, size in enumerate([(24, 16), (16, 24), (17, 9), (9, 17)]):
        crop = Image.fromarray(skimage.data.astronaut()[100 : 100 + size[1], 200 + index : 200 + index + size[0]])
        crop.save(tmp_path / "photos" / f"p{index}.png")
    return tmp_path


def bench(desk: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, cwd=desk, capture_output=True, text=True, check=False, timeout=120)


RUN = ("run", "--codec", "own.py:Slow", "--dataset", "photos", "--db", "r.sqlite")


def rows(desk: Path, query: str = "SELECT key, num_bytes FROM measurements ORDER BY key") -> list[tuple[object, ...]]:
    connection = sqlite3.connect(desk / "r.sqlite")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_a_codec_and_a_metric_of_the_users_own(desk: Path) -> None:
    result = bench(desk, *RUN, "--metric", "own_metric.py:WORST")
    assert result.returncode == 0, result.stderr
    assert "32 cells measured, 0 were there, 0 failed" in result.stdout
    assert rows(desk, "SELECT count(*), max(value) FROM distortions WHERE metric = 'worst'") == [(32, 127.0)]
    assert rows(desk, "SELECT DISTINCT value FROM distortions WHERE metric = 'ms_ssim'") == [(None,)]
    # 8 bits a sample lose nothing.
    exact = "SELECT max(value) FROM distortions JOIN measurements USING (key) JOIN configurations USING \
(configuration_id) WHERE metric = 'mse' AND quality = 8"
    assert rows(desk, exact) == [(0.0,)]


def test_a_second_run_measures_nothing_again(desk: Path) -> None:
    bench(desk, *RUN)
    before = rows(desk)
    result = bench(desk, *RUN)
    assert "0 cells measured, 32 were there" in result.stdout
    assert rows(desk) == before


def test_an_edited_codec_is_measured_again_and_the_old_rows_stay(desk: Path) -> None:
    bench(desk, *RUN)
    (desk / "own.py").write_text(CODEC + "\n")
    assert "32 cells measured" in bench(desk, *RUN).stdout
    assert len(rows(desk)) == 64


def test_a_killed_run_loses_only_the_cell_in_flight_and_goes_on(desk: Path) -> None:
    reference = desk / "reference.sqlite"
    bench(desk, *RUN[:-1], str(reference))
    process = subprocess.Popen([sys.executable, "-m", "bench", *RUN], cwd=desk, stdout=-3, stderr=-3)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (desk / "r.sqlite").exists() and _count(desk) >= 5:
            break
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed_at = len(rows(desk))
    assert 5 <= killed_at < 32
    result = bench(desk, *RUN)
    assert f"{32 - killed_at} cells measured, {killed_at} were there" in result.stdout
    connection = sqlite3.connect(reference)
    assert rows(desk) == connection.execute("SELECT key, num_bytes FROM measurements ORDER BY key").fetchall()
    connection.close()


def _count(desk: Path) -> int:
    try:
        return len(rows(desk))
    except sqlite3.Error:
        return 0


def test_two_runs_at_once_lose_nothing(desk: Path) -> None:
    command = [sys.executable, "-m", "bench", *RUN]
    runs = [subprocess.Popen(command, cwd=desk, stdout=-3, stderr=-3) for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0]
    assert len(rows(desk)) == 32
    assert rows(desk, "PRAGMA integrity_check") == [("ok",)]


def heed_sigint() -> None:
    """Undo what a shell does to its background jobs, this test run perhaps among them: they ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_is_one_line_and_loses_nothing(desk: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *RUN],
        cwd=desk,
        stdout=-3,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_sigint,  # noqa: PLW1509
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not _count(desk):
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1].startswith("interrupted; what was finished is stored")
    assert "Traceback" not in errors
    assert "32 cells measured" not in bench(desk, *RUN).stdout
    assert len(rows(desk)) == 32


def test_a_failing_codec_costs_its_cells_only(desk: Path) -> None:
    result = bench(desk, *RUN, "--codec", "own.py:Broken@3")
    assert result.returncode == 1
    assert "34 cells measured, 0 were there, 2 failed" in result.stdout
    assert "failed: broken@3 on p0: ZeroDivisionError: on purpose" in result.stderr
    assert rows(desk, "SELECT DISTINCT message FROM failures") == [("ZeroDivisionError: on purpose",)]
    assert rows(
        desk,
        "SELECT count(*) FROM measurements JOIN configurations USING (configuration_id) \
WHERE codec = 'broken'",
    ) == [(2,)]


def test_a_corrupt_image_is_named_and_costs_its_cells_only(desk: Path) -> None:
    (desk / "photos" / "p9.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    result = bench(desk, *RUN, "--codec", "own.py:Slow@4")
    assert result.returncode == 1
    assert "cannot read image photos/p9.png" in result.stderr
    assert len(rows(desk)) == 32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--codec", "jpg"), "unknown codec 'jpg'; did you mean 'jpeg'?"),
        (("--codec", "jpeg@101"), "jpeg@101: quality is a whole number from 1 to 100"),
        (("--codec", "jpeg@high"), "'high' is not a quality"),
        (("--codec", "own.py:Slow", "--carrier", "external"), "has no carrier 'external'"),
        (("--codec", "own.py:Missing"), "own.py has no Missing"),
        (("--codec", "absent.py:Slow"), "there is no file absent.py"),
        (("--codec", "jpeg@50", "--dataset", "kodac"), "unknown dataset 'kodac'; did you mean 'kodak'?"),
        (("--codec", "jpeg@50", "--images", "q*"), "unknown image of photos-"),
        (("--codec", "jpeg@50", "--db", "own.py"), "own.py: it is not a results database of bench"),
        (("--codec", "jpeg@50", "--db", "own.py/r.sqlite"), "own.py/r.sqlite: the folder does not exist"),
        (("--codec", "jpeg@50", "--metric", "psnrr"), "unknown metric 'psnrr'"),
    ],
)
def test_bad_input_is_one_clear_line(desk: Path, arguments: tuple[str, ...], message: str) -> None:
    defaults = () if "--dataset" in arguments else ("--dataset", "photos")
    result = bench(desk, "run", *arguments, *defaults)
    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_kodak_without_kodak_says_what_to_do(desk: Path) -> None:
    result = bench(desk, "run", "--codec", "jpeg@50", "--data", str(desk))
    assert result.returncode == 1
    assert "bench fetch kodak" in result.stderr
    assert not (desk / "reports").exists()


def test_timings_are_taken_once(desk: Path) -> None:
    arguments = (*RUN, "--timing", "--repeats", "3", "--force")
    assert "32 cells timed, 0 were there" in bench(desk, *arguments).stdout
    assert rows(desk, "SELECT stage, count(*) FROM timings GROUP BY stage") == [("decode", 96), ("encode", 96)]
    # The codec sleeps 20 ms in encode and not in decode: the clock is around the right call.
    assert rows(desk, "SELECT min(seconds) >= 0.02 FROM timings WHERE stage = 'encode'") == [(1,)]
    assert "0 cells timed, 32 were there" in bench(desk, *arguments).stdout


def test_an_export_imported_elsewhere_is_the_same_export(desk: Path) -> None:
    bench(desk, *RUN, "--metric", "own_metric.py:WORST", "--timing", "--force", "--repeats", "1")
    assert bench(desk, "export", "one", "--db", "r.sqlite").returncode == 0
    result = bench(desk, "import", "one", "--db", "new.sqlite")
    assert result.returncode == 0, result.stderr
    assert bench(desk, "export", "two", "--db", "new.sqlite").returncode == 0
    files = sorted(path.name for path in (desk / "one").iterdir())
    assert "measurements.csv" in files
    assert (desk / "one" / "measurements.csv").read_text().partition("\n")[0].endswith(",worst,brightness")
    assert rows(desk, "SELECT count(*) FROM diagnostics WHERE name = 'brightness'") == [(32,)]
    for name in files:
        assert (desk / "one" / name).read_bytes() == (desk / "two" / name).read_bytes(), name


def test_an_edited_export_is_refused(desk: Path) -> None:
    bench(desk, *RUN)
    bench(desk, "export", "one", "--db", "r.sqlite")
    path = desk / "one" / "measurements.csv"
    path.write_text(path.read_text().replace("python", "pythons"))
    result = bench(desk, "import", "one", "--db", "new.sqlite")
    assert result.returncode == 1
    assert "does not fit its columns" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_full_disk_ends_the_run_in_one_line(desk: Path) -> None:
    """A limit on the size of files stands for the disk: SQLite sees the same failing write."""
    limited = f"ulimit -f 160; exec {sys.executable} -m bench {' '.join(RUN)}"
    result = subprocess.run(["bash", "-c", limited], cwd=desk, capture_output=True, text=True, check=False)  # noqa: S607
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-1].startswith("Error: r.sqlite: the disk")
    assert "Traceback" not in result.stderr
    assert 0 < len(rows(desk)) < 32
    assert bench(desk, *RUN).returncode == 0
    assert len(rows(desk)) == 32
