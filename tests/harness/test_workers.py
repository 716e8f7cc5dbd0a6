"""Runs by several processes: the same rows, whatever dies."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from waiting import LONGEST_S, has_ended, wait_for

from bench.codecs.registry import resolve_codecs
from bench.harness.jobs import MeasuringJob
from bench.harness.measure import Measured
from bench.harness.opening import Opening
from bench.harness.plan import plan
from bench.harness.supervisor import Supervisor, Unable
from bench.images.datasets import open_dataset
from bench.system.worker_process import Limits

if TYPE_CHECKING:
    from tests.conftest import Desk

VALUES = "SELECT key, metric, value FROM distortions ORDER BY key, metric"


def named(line: str) -> set[str]:
    """The environment variables of a process that `own.py:Quick` wrote down."""
    return set(line.split()[2].split(","))


def test_two_workers_measure_what_one_process_measures(desk: Desk) -> None:
    one = desk.measure("--metric", "own_metric.py:WORST", db="one.sqlite")
    alone, *_ = (desk.path / "processes").read_text().splitlines()
    (desk.path / "processes").unlink()
    # Each worker is handed its first tasks before one of them has done any.
    two = desk.measure("--metric", "own_metric.py:WORST", "--workers", "2")
    assert two.returncode == 0, two.stderr
    # On a busy machine the progress is told.
    assert all(line.startswith("measuring: ") for line in (one.stderr + two.stderr).splitlines())
    assert two.stdout == one.stdout
    assert "32 tasks measured, 0 already stored, 0 failed" in two.stdout
    assert desk.rows() == desk.rows(db="one.sqlite")
    assert desk.rows(VALUES) == desk.rows(VALUES, db="one.sqlite")
    # Two processes, each with one thread.
    lines = (desk.path / "processes").read_text().splitlines()
    assert len({line.split()[0] for line in lines}) == 2
    assert {line.split()[1] for line in lines} == {"1"}
    # Other settings, as of glibc, could make them slower or faster than the one.
    added = named(lines[0]) - named(alone)
    assert added <= {"COLUMNS", "LINES"}  # which readline sets, and pytest loads


def test_a_codec_of_ours_gives_the_same_bytes(desk: Desk) -> None:
    for count, db in ((1, "one.sqlite"), (2, "r.sqlite")):
        assert desk.measure("--workers", str(count), codec="webp@10,90", db=db).returncode == 0
    assert desk.rows() == desk.rows(db="one.sqlite")
    assert len(desk.rows()) == 8


def test_a_file_in_the_way_of_a_module_is_in_nobodys_way(desk: Desk) -> None:
    """A script, as the installed command is, looks for no modules in the working directory; nor do its children.

    What lies beside a codec's file and is imported by it is found by all of them.
    """
    (desk.path / "beside.py").write_text("BITS = 8\n")
    own_file = desk.path / "own.py"
    own_file.write_text(own_file.read_text().replace("import numpy", "import beside\nimport numpy", 1))
    (desk.path / "bin").mkdir()
    script = desk.path / "bin" / "start.py"
    script.write_text("from bench.cli.main import main\nif __name__ == '__main__':\n    main()\n")
    for name in ("copy", "signal", "pickle"):
        (desk.path / f"{name}.py").write_text("raise SystemExit('in the way')\n")
    own = ("--codec", "own.py:Quick@1", "--dataset", "photos")
    for arguments in (("run", *own, "--db", "r.sqlite", "--workers", "2"), ("verify", *own)):
        line = [sys.executable, str(script), *arguments]
        result = subprocess.run(line, cwd=desk.path, capture_output=True, text=True, check=False, timeout=120)
        assert result.returncode == 0, result.stderr


def test_a_second_run_measures_nothing_again(desk: Desk) -> None:
    desk.measure(codec="own.py:Quick@1,2")
    before = desk.rows()
    result = desk.measure("--workers", "2", codec="own.py:Quick@1,2")
    assert "0 tasks measured, 8 already stored" in result.stdout
    assert desk.rows() == before


def test_the_threads_on_record_are_those_of_the_times(desk: Desk) -> None:
    desk.measure("--threads", "3", codec="own.py:Quick@1")
    desk.measure("--workers", "2", codec="own.py:Quick@1")
    timing = ("--timing", "--threads", "3", "--repeats", "1", "--force")
    assert "4 tasks timed" in desk.measure("--workers", "2", *timing, codec="own.py:Quick@1").stdout
    recorded = [json.loads(text) for (text,) in desk.rows("SELECT provenance FROM runs ORDER BY rowid")]
    assert [(run["threads"], run["workers"]) for run in recorded] == [(3, 1), (1, 2), (3, 2)]
    assert desk.rows("SELECT DISTINCT threads FROM timings") == [(3,)]


@pytest.mark.parametrize("changed", ["weights", "own.py", "own_metric.py"])
def test_a_worker_measures_what_was_planned_and_nothing_else(
    desk: Desk, changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk.path)  # where its codecs write
    (desk.path / "weights").write_text("1")
    with (desk.path / "own.py").open("a") as file:
        file.write("\n\nclass Heavy(Quick):\n    def __init__(self, quality, **options):\n")
        file.write("        super().__init__(quality, **options)\n")
        file.write("        Path(__file__).with_name('weights').read_text()\n")
    (image,) = open_dataset(str(desk.path / "photos")).select(("p0",))
    (spec,) = resolve_codecs([f"{desk.path}/own.py:Heavy@8"])
    with Supervisor() as opener:
        (task,) = plan([spec], [image], opening=Opening(opener, Limits()))
    job = MeasuringJob.by(["mse", f"{desk.path}/own_metric.py:WORST"])
    with Supervisor() as worker:
        result = worker.execute(job, task, Limits())
    assert isinstance(result, Measured), result
    assert result.values == {"mse": 0.0, "worst": 0.0}
    (desk.path / changed).write_text((desk.path / changed).read_text() + "\n# 2")
    with Supervisor() as worker:
        failed = worker.execute(job, task, Limits())
    assert isinstance(failed, Unable), failed
    where = f"{desk.path}/{changed if changed != 'weights' else 'own.py'}:"
    assert failed.reason.startswith(where)
    assert failed.reason.endswith("differ from those of the planned run; if they were changed, start the run again")


def test_a_failing_codec_costs_its_tasks_only(desk: Desk) -> None:
    result = desk.measure("--workers", "2", codec="own.py:Broken@1,2")
    assert result.returncode == 1
    assert "4 tasks measured, 0 already stored, 4 failed" in result.stdout
    assert "failed: broken@1 on p0: ZeroDivisionError: on purpose (own.py:" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_worker_that_dies_is_replaced_and_its_task_measured(desk: Desk) -> None:
    result = desk.measure("--workers", "2", codec="own.py:Dying@1,2")
    assert result.returncode == 0, result.stderr
    assert (desk.path / "died").exists()
    assert "8 tasks measured, 0 already stored, 0 failed" in result.stdout


def test_a_task_that_kills_every_worker_is_given_up(desk: Desk) -> None:
    result = desk.measure("--images", "p0", "--workers", "2", codec="own.py:Deadly@1")
    assert result.returncode == 1
    assert "failed: deadly@1 on p0: its process exited with code 1\n" in result.stderr
    # On a busy machine the progress is told, too.
    assert len([line for line in result.stderr.splitlines() if not line.startswith("measuring:")]) == 1


@pytest.mark.parametrize(
    ("to_group", "number"), [(True, signal.SIGINT), (False, signal.SIGINT), (False, signal.SIGTERM)]
)
def test_an_interrupt_is_one_line_loses_nothing_and_leaves_nothing(
    desk: Desk, *, to_group: bool, number: signal.Signals
) -> None:
    """A terminal sends it to all processes of the group, `kill` to one; the impatient send several."""
    process = desk.start_measuring("--workers", "2", codec="own.py:Slower")
    desk.wait_for_rows(1)
    for pause_s in (0.3, 0.3, 0.6, 0):
        (os.killpg if to_group else os.kill)(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(pause_s)
            break
    _, errors = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 128 + number
    assert errors.strip().splitlines() == [
        "interrupted; finished work is stored, and the same command resumes " + ("from there")
    ]
    workers = {int(line.split()[0]) for line in (desk.path / "processes").read_text().splitlines()}
    wait_for(lambda: all(map(has_ended, workers)))
    stored = len(desk.rows())
    assert 0 < stored < 32
    desk.hurry()
    result = desk.measure("--workers", "2", codec="own.py:Slower")
    assert f"{32 - stored} tasks measured, {stored} already stored" in result.stdout
