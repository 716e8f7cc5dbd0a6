"""Runs as a user starts them. Those that are killed, interrupted or run twice at once have a process of their own."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
from typing import TYPE_CHECKING

import psutil
import pytest
from waiting import LONGEST_S, wait_for

from bench.analysis.dataset_results import DatasetResults
from bench.results.frames import Export

if TYPE_CHECKING:
    from tests.conftest import Desk


def test_a_codec_and_a_metric_of_the_users_own(desk: Desk) -> None:
    result = desk.measure("--metric", "own_metric.py:WORST")
    assert result.returncode == 0, result.stderr
    assert "32 tasks measured, 0 already stored, 0 failed" in result.stdout
    assert desk.rows("SELECT count(*), max(value) FROM distortions WHERE metric = 'worst'") == [(32, 127.0)]
    assert desk.rows("SELECT DISTINCT value FROM distortions WHERE metric = 'ms_ssim'") == [(None,)]
    # 8 bits a sample lose nothing.
    exact = "SELECT max(value) FROM distortions JOIN measurements USING (key) JOIN configurations USING \
(configuration_id) WHERE metric = 'mse' AND quality = 8"
    assert desk.rows(exact) == [(0.0,)]


def test_a_second_run_measures_nothing_again(desk: Desk) -> None:
    desk.measure()
    before = desk.rows()
    result = desk.measure()
    assert "0 tasks measured, 32 already stored" in result.stdout
    assert desk.rows() == before


def test_a_renamed_image_and_one_of_equal_content_count_once_each(desk: Desk) -> None:
    shutil.copy(desk.path / "photos" / "p0.png", desk.path / "photos" / "twin.png")
    desk.measure()
    (desk.path / "photos" / "p1.png").rename(desk.path / "photos" / "renamed.png")
    assert "0 tasks measured, 40 already stored" in desk.measure().stdout
    assert desk.rows("SELECT image FROM images ORDER BY image") == [
        (name,) for name in ("p0", "p2", "p3", "renamed", "twin")
    ]
    desk.bench("export", "data", "--db", "r.sqlite")
    results = DatasetResults.of(Export.read(desk.path / "data"), Export.read(desk.path / "data").datasets["dataset"][0])
    assert set(results.points["images"]) == {5}


def test_an_imported_curve_is_known_by_its_file_name_and_its_content(desk: Desk) -> None:
    for points in ({"bpp": [0.1], "psnr-rgb": [30]}, {"bpp": [0.3], "psnr": [34]}, {"bpp": [0.3], "psnr": [34]}):
        (desk.path / "mine.json").write_text(json.dumps({"results": points}))
        shutil.copy(desk.path / "mine.json", desk.path / "other.json")
        assert desk.bench("import", "mine.json", "--db", "r.sqlite").returncode == 0
    desk.bench("import", "other.json", "--db", "r.sqlite")
    found = desk.rows("SELECT source, rate_bpp FROM imported ORDER BY source, rate_bpp")
    names = [source.rpartition("-")[0] for source, _ in found]
    assert (names, sorted(rate for _, rate in found)) == (["mine", "mine", "other"], [0.1, 0.3, 0.3])
    assert len({source for source, _ in found}) == 3


def test_an_edited_codec_is_measured_again_and_the_old_rows_stay(desk: Desk) -> None:
    desk.measure()
    with (desk.path / "own.py").open("a") as file:
        file.write("\n")
    assert "32 tasks measured" in desk.measure().stdout
    assert len(desk.rows()) == 64


def test_an_edited_metric_is_measured_again_by_whatever_path(desk: Desk) -> None:
    desk.measure("--metric", "own_metric.py:WORST")
    metric = desk.path / "own_metric.py"
    metric.write_text(metric.read_text().replace("return float(", "return 2 * float("))
    both = desk.measure("--metric", "own_metric.py:WORST", "--metric", "./own_metric.py:WORST")
    assert "32 tasks measured, 0 already stored" in both.stdout, both.stderr
    assert desk.rows("SELECT count(*), max(value) FROM distortions WHERE metric = 'worst'") == [(32, 254.0)]
    assert "0 tasks measured, 32 already stored" in desk.measure("--metric", "own_metric.py:WORST").stdout


def test_a_killed_run_loses_only_the_cell_in_flight_and_goes_on(desk: Desk) -> None:
    process = desk.start_measuring()
    desk.wait_for_rows(5)
    process.kill()
    process.communicate()
    desk.hurry()
    desk.measure(db="reference.sqlite", codec="own.py:Slow")
    killed_at = len(desk.rows())
    assert 5 <= killed_at < 32
    result = desk.measure(codec="own.py:Slow")
    assert f"{32 - killed_at} tasks measured, {killed_at} already stored" in result.stdout
    assert desk.rows() == desk.rows(db="reference.sqlite")


def test_two_runs_at_once_lose_nothing(desk: Desk) -> None:
    runs = [desk.start_measuring() for _ in range(2)]
    for run in runs:
        run.communicate(timeout=LONGEST_S)
    assert [run.returncode for run in runs] == [0, 0]
    assert len(desk.rows()) == 32
    assert desk.rows("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_one_line_and_loses_nothing(desk: Desk, number: signal.Signals) -> None:
    process = desk.start_measuring()
    desk.wait_for_rows(1)
    process.send_signal(number)
    _, errors = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 128 + number
    assert errors.strip().splitlines()[-1].startswith("interrupted; finished work is stored")
    assert "Traceback" not in errors
    desk.hurry()
    assert "32 tasks measured" not in desk.measure(codec="own.py:Slow").stdout
    assert len(desk.rows()) == 32


def test_an_interrupt_of_the_whole_group_while_a_process_starts_is_one_line(desk: Desk) -> None:
    process = desk.start_measuring(codec="own.py:Slower")

    def is_importing() -> bool:
        """Whether the server of the forks is past the start of Python, and has loaded the first library."""
        for child in psutil.Process(process.pid).children():
            with contextlib.suppress(psutil.Error):  # others end at once
                if "multiprocessing.forkserver" in " ".join(child.cmdline()):
                    return any("numpy" in mapped.path for mapped in child.memory_maps())
        return process.poll() is not None

    wait_for(is_importing)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 128 + signal.SIGINT
    # On a busy machine the progress is told.
    lines = [line for line in errors.strip().splitlines() if not line.startswith("measuring: ")]
    assert lines == ["interrupted; finished work is stored, and the same command resumes from there"]


def test_a_failing_codec_costs_its_tasks_only(desk: Desk) -> None:
    result = desk.measure("--codec", "own.py:Broken@3")
    assert result.returncode == 1
    assert "34 tasks measured, 0 already stored, 2 failed" in result.stdout
    lines = (desk.path / "own.py").read_text().splitlines()
    raised = next(number for number, line in enumerate(lines, 1) if "on\\npurpose" in line)
    message = f"ZeroDivisionError: on purpose (own.py:{raised})"
    assert f"failed: broken@3 on p0: {message}" in result.stderr
    assert desk.rows("SELECT DISTINCT message FROM failures") == [(message,)]
    assert desk.rows(
        "SELECT count(*) FROM measurements JOIN configurations USING (configuration_id) \
WHERE codec = 'broken'",
    ) == [(2,)]


@pytest.mark.parametrize("method", ["__init__(self, quality, **options)", "missing(backend=None)"])
def test_a_codec_that_cannot_be_opened_is_left_out_and_the_others_are_measured(desk: Desk, method: str) -> None:
    static = "" if "self" in method else "    @staticmethod\n"
    with (desk.path / "own.py").open("a") as file:
        file.write(f"\n\nclass Shut(Quick):\n{static}    def {method}:\n        raise KeyError('key')\n")
    result = desk.measure("--codec", "jpeg@50", codec="own.py:Shut@1")
    assert result.returncode == 0, result.stderr
    assert "4 tasks measured" in result.stdout
    assert "left out: shut: KeyError: 'key' (own.py:" in result.stdout
    result = desk.measure(codec="own.py:Shut@1")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("Error: shut: KeyError: 'key' (own.py:")


@pytest.mark.parametrize(("value", "told"), [("'x'", "'x'"), ("float('nan')", "nan")])
def test_a_metric_that_gives_no_number_fails_its_tasks(desk: Desk, value: str, told: str) -> None:
    with (desk.path / "own_metric.py").open("a") as file:
        file.write(f"\nODD = Metric('odd', lambda a, b: {value} if a.width > 20 else None, 'Odd', True)\n")
    result = desk.measure("--metric", "own_metric.py:ODD", codec="own.py:Quick@3")
    assert "3 tasks measured, 0 already stored, 1 failed" in result.stdout, result.stderr
    assert f"failed: quick@3 on p0: metric odd returned {told}, not a number" in result.stderr


@pytest.mark.parametrize("name", ["width", "bpp", "name", "psnr", "own_db", "coder_bits"])
def test_a_metric_called_like_something_else_is_refused_before_anything_is_stored(desk: Desk, name: str) -> None:
    with (desk.path / "own_metric.py").open("a") as file:
        file.write(f"\nTAKEN = Metric('{name}', worst, 'Taken', False)\n")
    result = desk.measure("--metric", "own_metric.py:TAKEN")
    assert result.returncode == 1
    assert result.stderr.startswith(
        f"Error: metric 'own_metric.py:TAKEN' is called {name}, which is a column of the results"
    )
    assert not (desk.path / "r.sqlite").exists()


IMPOSSIBLE = ["a b", "x;--", "1st", "=2+3", ""]
"""Names that no export can have."""


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_metric_of_an_impossible_name_is_refused(desk: Desk, name: str) -> None:
    with (desk.path / "own_metric.py").open("a") as file:
        file.write(f"\nODD = Metric('{name}', worst, 'Odd', False)\n")
    result = desk.measure("--metric", "own_metric.py:ODD")
    assert result.returncode == 1
    assert result.stderr.startswith(f"Error: metric 'own_metric.py:ODD' is called '{name}'; a name has letters")
    assert not (desk.path / "r.sqlite").exists()


def test_a_codec_that_notes_an_impossible_name_fails(desk: Desk) -> None:
    with (desk.path / "own.py").open("a") as file:
        for number, name in enumerate(IMPOSSIBLE):
            file.write(f"\n\nclass Odd{number}(Quick):\n    def encode(self, picture):\n")
            file.write(f"        note('{name}', lambda: 1.0)\n        return super().encode(picture)\n")
    others = [word for number in range(1, len(IMPOSSIBLE)) for word in ("--codec", f"own.py:Odd{number}@8")]
    errors = desk.measure(*others, codec="own.py:Odd0@8").stderr
    for number, name in enumerate(IMPOSSIBLE):
        assert f"failed: odd{number}@8 on p0: its diagnostic '{name}' has an invalid name: use letters" in errors


def test_a_codec_that_notes_a_column_fails_and_what_it_noted_gives_way_to_a_metric(desk: Desk) -> None:
    with (desk.path / "own.py").open("a") as file:
        file.write("\n\nclass Wide(Quick):\n    def encode(self, picture):\n        note('width', lambda: 1.0)\n")
        file.write("        return super().encode(picture)\n")
    result = desk.measure(codec="own.py:Wide@8")
    assert "0 tasks measured, 0 already stored, 4 failed" in result.stdout
    assert "failed: wide@8 on p0: its diagnostic 'width' has the name of a metric or column" in result.stderr
    assert desk.measure(codec="own.py:Quick@8").returncode == 0
    with (desk.path / "own_metric.py").open("a") as file:
        file.write("\nBRIGHTNESS = Metric('brightness', worst, 'Brightness', True)\n")
    result = desk.measure("--metric", "own_metric.py:BRIGHTNESS", codec="jpeg@50")
    assert result.returncode == 0, result.stderr
    assert desk.bench("export", "out", "--db", "r.sqlite").returncode == 0
    measured = Export.read(desk.path / "out").measurements.set_index("codec")
    assert measured["brightness"].notna().groupby(level=0).sum().to_dict() == {"jpeg": 4, "quick": 0}


def test_a_corrupt_image_is_named_and_costs_its_tasks_only(desk: Desk) -> None:
    (desk.path / "photos" / "p9.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    result = desk.measure("--codec", "own.py:Quick@4")
    assert result.returncode == 1
    assert "cannot read image photos/p9.png" in result.stderr
    assert len(desk.rows()) == 32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--codec", "jpg"), "unknown codec 'jpg'; did you mean 'jpeg'?"),
        (("--codec", "jpeg@101"), "jpeg@101: quality is a whole number from 1 to 100"),
        (("--codec", "jpeg@high"), "'high' is not a quality"),
        (("--codec", "own.py:Quick", "--backend", "external"), "has no backend 'external'"),
        (("--codec", "own.py:Missing"), "own.py has no Missing"),
        (("--codec", "absent.py:Slow"), "there is no file absent.py"),
        (("--codec", "jpeg@50", "--dataset", "kodac"), "unknown dataset 'kodac'; did you mean 'kodak'?"),
        (("--codec", "jpeg@50", "--images", "q*"), "unknown image of photos-"),
        (("--codec", "jpeg@50", "--db", "own.py"), "own.py: it is not a results database of bench"),
        (("--codec", "jpeg@50", "--db", "own.py/r.sqlite"), "own.py is a file, not a folder"),
        (("--codec", "jpeg@50", "--metric", "psnrr"), "unknown metric 'psnrr'"),
        (("--codec", "jpeg@50", "--metric", "own_metric.py"), "does not name a metric; use own_metric.py:NAME"),
        (("--codec", "own.py"), "does not name a codec; use own.py:ClassName"),
        (("--codec", "jpeg@50", "--metric", "VMAF"), "unknown metric 'VMAF'; did you mean 'vmaf'?"),
        (("--codec", "jpeg@50", "--metric", "PSNR"), "PSNR is computed from mse, which is always stored"),
        (("--codec", "jpeg@50", "--metric", "psnr"), "psnr is computed from mse, which is always stored"),
        (("--codec", "jpeg@50", "--backend", "nope"), "jpeg has no backend 'nope'; it has: pillow"),
        (("--codec", "jpeg@50", "--db", "photos"), "photos is a folder; choose a file with --db"),
        (("--codec", "jpeg@50", "--db", os.devnull), "/dev/null is not a regular file; choose another with --db"),
        (("--codec", "jpeg@50", "--repeats", "3"), "--repeats applies to times; add --timing"),
        (("--codec", "jpeg@50", "--force"), "--force applies to times; add --timing"),
        (
            ("--codec", "jpeg@50", "--workers", "2", "--threads", "2"),
            "--threads does not apply to workers, which have one",
        ),
    ],
)
def test_bad_input_is_one_clear_line(desk: Desk, arguments: tuple[str, ...], message: str) -> None:
    defaults = () if "--dataset" in arguments else ("--dataset", "photos")
    result = desk.bench("run", *arguments, *defaults)
    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("export", "out", "--format", "compressai", "--pictures", "p0"), "--pictures, --costs and --data are for CSV"),
        (("export", "out", "--format", "compressai", "--costs"), "--pictures, --costs and --data are for CSV"),
        (("export", "out", "--format", "compressai", "--data", "photos"), "--pictures, --costs and --data are for CSV"),
        (("export", "out", "--dataset", "builtin"), "--dataset and --data select --pictures"),
        (("export", "out", "--data", "photos"), "--dataset and --data select --pictures"),
        (
            ("import", "photos", "--dataset", "builtin"),
            "--dataset is for files; the folder photos names its image sets itself",
        ),
    ],
)
def test_an_option_without_effect_is_refused(desk: Desk, arguments: tuple[str, ...], message: str) -> None:
    result = desk.bench(*arguments, "--db", "r.sqlite")
    assert result.returncode == 1
    assert message in result.stderr
    assert not (desk.path / "out").exists()
    assert not (desk.path / "r.sqlite").exists()


def test_kodak_without_kodak_says_what_to_do(desk: Desk) -> None:
    result = desk.bench("run", "--codec", "jpeg@50", "--data", str(desk))
    assert result.returncode == 1
    assert "bench fetch kodak" in result.stderr
    assert not (desk.path / "reports").exists()


def test_timings_are_taken_once(desk: Desk) -> None:
    def timed(repeats: int, qualities: str) -> str:
        options = ("--timing", "--repeats", str(repeats), "--force")
        return desk.measure(*options, codec=f"own.py:Slow@{qualities}").stdout

    assert "8 tasks timed, 0 already stored" in timed(3, "7,8")
    assert desk.rows("SELECT stage, count(*) FROM timings GROUP BY stage") == [("decode", 24), ("encode", 24)]
    # The codec sleeps 20 ms in encode and not in decode: the clock is around the right call.
    assert desk.rows("SELECT min(seconds) >= 0.02 FROM timings WHERE stage = 'encode'") == [(1,)]
    assert "0 tasks timed, 8 already stored" in timed(3, "7,8")
    assert "4 tasks timed, 0 already stored" in timed(4, "8")
    assert "4 tasks timed, 4 already stored" in timed(4, "7,8")


def test_an_export_imported_elsewhere_is_the_same_export(desk: Desk) -> None:
    desk.measure("--metric", "own_metric.py:WORST", "--timing", "--force", "--repeats", "1")
    assert desk.bench("export", "one", "--db", "r.sqlite").returncode == 0
    result = desk.bench("import", "one", "--db", "new.sqlite")
    assert result.returncode == 0, result.stderr
    assert desk.bench("export", "two", "--db", "new.sqlite").returncode == 0
    files = sorted(path.name for path in (desk.path / "one").iterdir())
    assert "measurements.csv" in files
    assert (desk.path / "one" / "measurements.csv").read_text().partition("\n")[0].endswith(",worst,brightness")
    assert desk.rows("SELECT count(*) FROM diagnostics WHERE name = 'brightness'") == [(32,)]
    for name in files:
        assert (desk.path / "one" / name).read_bytes() == (desk.path / "two" / name).read_bytes(), name


def test_an_edited_export_is_refused(desk: Desk) -> None:
    desk.measure()
    desk.bench("export", "one", "--db", "r.sqlite")
    path = desk.path / "one" / "measurements.csv"
    path.write_text(path.read_text().replace("python", "pythons"))
    result = desk.bench("import", "one", "--db", "new.sqlite")
    assert result.returncode == 1
    assert "does not match its columns" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_full_disk_ends_the_run_in_one_line(desk: Desk) -> None:
    """A limit on the size of files stands for the disk: SQLite sees the same failing write."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (160 * 1024, limits[1]))
    try:
        result = desk.measure()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-1].startswith("Error: r.sqlite: the disk")
    assert "Traceback" not in result.stderr
    assert 0 < len(desk.rows()) < 32
    assert desk.measure().returncode == 0
    assert len(desk.rows()) == 32
