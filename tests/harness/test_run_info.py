from __future__ import annotations

from typing import TYPE_CHECKING

from bench.harness import run_info
from bench.harness.run_info import describe_run

if TYPE_CHECKING:
    import pytest


def test_ids_and_starts_of_runs_in_one_second_are_in_their_order() -> None:
    """The store takes the larger id as the later run, and the analysis the larger start."""
    runs = [describe_run([], threads=1) for _ in range(20)]
    assert [run.run_id for run in runs] == sorted(run.run_id for run in runs)
    assert [run.started for run in runs] == sorted(run.started for run in runs)
    assert len({run.run_id for run in runs}) == len({run.started for run in runs}) == len(runs)


def test_a_run_on_an_accelerator_names_it_and_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_info, "accelerators", lambda: ["GPU, driver 1.2"])
    run = describe_run([], threads=1, device="cuda:1")
    assert (run.provenance["device"], run.provenance["accelerators"]) == ("cuda:1", "GPU, driver 1.2")
    assert not {"device", "accelerators"} & describe_run([], threads=1).provenance.keys()
