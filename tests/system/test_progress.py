"""Progress in a log, where no bar can be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.system import progress

if TYPE_CHECKING:
    import pytest


def test_the_remaining_time_is_estimated_from_the_steps_of_this_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 30.0])
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    with progress.progress("training", 100, unit="%", done=40) as advance:
        advance(10, "step 50")
    assert capsys.readouterr().err == "training: 50/100 %, 150 s left, step 50\n"
