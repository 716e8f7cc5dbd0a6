from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.cli.main import main
from bench.harness import inventory
from bench.system.environment import environment, synchronize, threads_wanted, usable_cores


def test_what_is_set_reaches_processes_and_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_TEST_OLD", "before")
    command = [sys.executable, "-c", "import os; print(os.environ['BENCH_TEST_OLD'], os.environ['BENCH_TEST_NEW'])"]
    with environment({"BENCH_TEST_OLD": "within", "BENCH_TEST_NEW": "new"}):
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.split() == ["within", "new"]
    assert os.environ["BENCH_TEST_OLD"] == "before"
    assert "BENCH_TEST_NEW" not in os.environ


def test_what_others_set_or_delete_meanwhile_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_TEST_OLD", "before")
    before = dict(os.environ)
    with environment({}):
        os.environ["BENCH_TEST_OTHER"] = "library"
        del os.environ["BENCH_TEST_OLD"]
    assert dict(os.environ) == before


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be taken away here")
def test_cores_are_those_that_this_process_may_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # that which the command sets is taken back
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        found = usable_cores(), dict(inventory.environment(None, Path("r.sqlite")))["cores to use"]
        result = CliRunner().invoke(main, ["verify", "--codec", "jpeg@50", "--images", "chelsea"])
    finally:
        os.sched_setaffinity(0, before)
    assert found == (1, "1")
    assert "threads: 1 here" in result.output


@pytest.mark.parametrize(("variable", "count"), [("4,2", 4), (" 3 ", 3), ("0", usable_cores()), ("", usable_cores())])
def test_threads_are_those_of_the_outermost_level_of_openmp(
    variable: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert threads_wanted() == count


def test_synchronising_waits_for_every_gpu_that_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    torch, waited = pytest.importorskip("torch"), []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    synchronize()
    assert not waited  # a CUDA context takes seconds and memory: it is not made for that
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    synchronize()
    assert waited == [0, 1]
