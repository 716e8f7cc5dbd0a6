"""Codecs that exit, crash, hang and eat memory: each loses its task, and nobody else's."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from bench.harness.request import RunRequest, Summary, execute
from bench.system.worker_process import EndedError, Limits, TimeoutEndedError, WorkerProcess

if TYPE_CHECKING:
    from tests.conftest import Desk

OWN = """
import ctypes, os, subprocess, sys, time
from pathlib import Path
import numpy as np
from bench.codecs.codec import Codec, QualityScale
from bench.images.picture import Picture

class Raw(Codec):
    title = "Raw"
    scale = QualityScale("nothing", (1,), lowest=1, highest=1)

    def encode(self, picture):
        if (picture.width, picture.height) == (24, 16):  # p0
            self.misbehave()
        return np.array(picture.pixels.shape, "<u2").tobytes() + picture.pixels.tobytes()

    def decode(self, data):
        return Picture(np.frombuffer(data[6:], np.uint8).reshape(np.frombuffer(data[:6], "<u2")))

class Leaves(Raw):
    def misbehave(self):
        os._exit(0)

class Exits(Raw):
    def misbehave(self):
        sys.exit("done")

class Crashes(Raw):
    def misbehave(self):
        ctypes.string_at(0)

class Aborts(Raw):
    def encode(self, picture):
        return b""

    def decode(self, data):
        os.abort()

class Eats(Raw):
    def misbehave(self):
        eaten = []
        while sum(map(len, eaten)) < 2**33:
            eaten.append(b"x" * 2**26)
            time.sleep(0.02)

class Hangs(Raw):
    def misbehave(self):
        tool = "import time; time.sleep(1000)"
        process = subprocess.Popen([sys.executable, "-c", tool])
        Path("tool").write_text(str(process.pid))
        process.wait()

class FirstTime(Raw):
    def misbehave(self):
        if not Path("killed").exists():
            Path("killed").touch()
            os.kill(os.getpid(), 9)
"""

REASONS = {
    "leaves": "its process exited with code 0",
    "exits": "SystemExit: done (of_limits.py:26)",
    "crashes": "its process was killed by SIGSEGV",
    "hangs": "its process took longer than 5 s and was killed",
}


@pytest.fixture
def own(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(desk.path)
    Path("of_limits.py").write_text(OWN)
    return Path("of_limits.py")


def run(*codecs: str, **options: object) -> Summary:
    request = {"dataset": "photos", "db": Path("r.sqlite"), "threads": 1, "command": (), "images": ("p0", "p1")}
    return execute(RunRequest(codecs=codecs, **{**request, **options}))  # type: ignore[arg-type]


def wait_until_ended(pid: int) -> None:
    """Wait for the end of a process, a quarter of a minute at most; its remains may stay, if nobody asks for them."""
    deadline = time.monotonic() + 15
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [1, 2])
def test_each_loses_its_task_only_with_its_reason(desk: Desk, own: Path, workers: int) -> None:
    codecs = [f"{own}:{name.capitalize()}@1" for name in REASONS]
    summary = run(*codecs, "jpeg@50", workers=workers, limits=Limits(timeout_s=5))
    outcome = summary.outcomes["measured"]
    assert (outcome.measured, outcome.skipped) == (len(REASONS) + 2, 0)
    assert sorted(outcome.failures) == sorted(f"{name}@1 on p0: {reason}" for name, reason in REASONS.items())
    failed = desk.rows("SELECT codec, message FROM failures JOIN configurations USING (configuration_id)")
    assert dict(failed) == REASONS  # type: ignore[call-overload]
    wait_until_ended(int(Path("tool").read_text()))


def test_one_that_eats_memory_loses_its_task_only(own: Path) -> None:
    """One worker is enough: the test before this one has the limits of several."""
    summary = run(f"{own}:Eats@1", limits=Limits(memory_bytes=2**30))
    assert summary.failures == ["eats@1 on p0: its process took more than 1 GiB of memory and was killed"]
    assert summary.outcomes["measured"].measured == 1


def test_what_is_ended_while_it_decodes_says_so(own: Path) -> None:
    summary = run(f"{own}:Aborts@1", "jpeg@50", images=("p0",))
    assert summary.failures == ["aborts@1 on p0: the process that decodes was killed by SIGABRT"]
    assert summary.outcomes["measured"].measured == 1


def test_a_task_whose_process_is_killed_from_outside_is_tried_again(own: Path) -> None:
    summary = run(f"{own}:FirstTime@1")
    assert Path("killed").exists()
    assert (summary.outcomes["measured"].measured, summary.failures) == (2, [])


def test_times_of_codecs_that_exit_cost_these_only(desk: Desk, own: Path) -> None:
    summary = run(f"{own}:Leaves@1", "jpeg@50", timing=True, force=True, repeats=1)
    assert summary.failures == ["leaves@1 on p0: its process exited with code 0"]
    assert desk.rows("SELECT count(DISTINCT key) FROM timings") == [(3,)]


def test_limits_are_of_a_call() -> None:
    with WorkerProcess(1) as process:
        first = process.call(os.getpid)
        with pytest.raises(TimeoutEndedError, match=r"^took longer than 0\.2 s and was killed$"):
            process.call(time.sleep, 1000, limits=Limits(timeout_s=0.2))
        second = process.call(os.getpid)
        assert second not in {first, os.getpid()}
        with pytest.raises(EndedError, match=r"^exited with code 7$"):
            process.call(os._exit, 7)
