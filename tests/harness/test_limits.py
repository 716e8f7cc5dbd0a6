"""Codecs that exit, crash, hang and eat memory: each loses its task, and nobody else's."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from waiting import LONGEST_S, has_ended, wait_for

from bench.system.errors import CodecError
from bench.system.worker_process import EndedError, Limits, TimeoutEndedError, WorkerProcess

if TYPE_CHECKING:
    from tests.conftest import Desk

OWN = "misbehaving.py"
REASONS = {
    "leaves": "its process exited with code 0",
    "exits": "SystemExit: done",
    "crashes": "its process was killed by SIGSEGV",
    "hangs": "its process took longer than 3 s and was killed",
}


@pytest.mark.parametrize("workers", [1, 2])
def test_each_loses_its_task_only_with_its_reason(desk: Desk, workers: int) -> None:
    reasons = {**REASONS, "exits": f"SystemExit: done ({desk.place('sys.exit', OWN)})"}
    summary = desk.run(
        *(f"{OWN}:{name.capitalize()}@2" for name in reasons), "jpeg@50", workers=workers, limits=Limits(timeout_s=3)
    )
    outcome = summary.outcomes["measured"]
    assert (outcome.measured, outcome.skipped) == (len(reasons) + 2, 0)
    assert sorted(outcome.failures) == sorted(f"{name}@2 on p0: {reason}" for name, reason in reasons.items())
    failed = desk.rows("SELECT codec, message FROM failures JOIN configurations USING (configuration_id)")
    assert dict(failed) == reasons  # type: ignore[call-overload]
    tool = int((desk.path / "tool").read_text())
    wait_for(lambda: has_ended(tool))


def test_one_that_eats_memory_loses_its_task_only(desk: Desk) -> None:
    """One worker is enough: the test before this one has the limits of several."""
    summary = desk.run(f"{OWN}:Eats@2", limits=Limits(memory_bytes=2**30))
    assert summary.failures == ["eats@2 on p0: its process took more than 1 GiB of memory and was killed"]
    assert summary.outcomes["measured"].measured == 1


def test_what_is_ended_while_it_decodes_says_so(desk: Desk) -> None:
    summary = desk.run(f"{OWN}:Aborts@3", "jpeg@50", images=("p0",))
    assert summary.failures == ["aborts@3 on p0: the process that decodes was killed by SIGABRT"]
    assert summary.outcomes["measured"].measured == 1


def test_a_task_whose_process_is_killed_from_outside_is_tried_again(desk: Desk) -> None:
    summary = desk.run(f"{OWN}:IsKilledOnce@2")
    assert (desk.path / "killed").exists()
    assert (summary.outcomes["measured"].measured, summary.failures) == (2, [])


def test_times_of_codecs_that_exit_cost_these_only(desk: Desk) -> None:
    summary = desk.run(f"{OWN}:Leaves@2", "jpeg@50", timing=True, force=True, repeats=1)
    assert summary.failures == ["leaves@2 on p0: its process exited with code 0"]
    assert desk.rows("SELECT count(DISTINCT key) FROM timings") == [(3,)]


class UnprintableError(Exception):
    """An error whose message cannot be made."""

    def __str__(self) -> str:
        raise ValueError


def fails_with(kind: type[BaseException]) -> None:
    raise kind


def test_whatever_a_codec_raises_is_its_failure_and_its_process_lives() -> None:
    with WorkerProcess(1) as process:
        first = process.call(os.getpid)
        for kind in (KeyboardInterrupt, GeneratorExit, UnprintableError):
            with pytest.raises(CodecError, match=f"^{kind.__name__}: "):
                process.call(fails_with, kind)
        assert process.call(os.getpid) == first


def test_a_process_whose_answer_nobody_waits_for_ends_without_a_traceback() -> None:
    with WorkerProcess(1) as process:
        process.call(os.getpid)
        running = process._running
        assert running is not None
        running.connection.send((time.sleep, (0.2,)))
        running.connection.close()
        running.process.join(LONGEST_S)
        assert running.process.exitcode == 0


def test_limits_are_of_a_call() -> None:
    with WorkerProcess(1) as process:
        first = process.call(os.getpid)
        with pytest.raises(TimeoutEndedError, match=r"^took longer than 0\.2 s and was killed$"):
            process.call(time.sleep, 1000, limits=Limits(timeout_s=0.2))
        second = process.call(os.getpid)
        assert second not in {first, os.getpid()}
        with pytest.raises(EndedError, match=r"^exited with code 7$"):
            process.call(os._exit, 7)
