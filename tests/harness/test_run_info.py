from __future__ import annotations

from bench.harness.run_info import describe_run


def test_ids_and_starts_of_runs_in_one_second_are_in_their_order() -> None:
    """The store takes the larger id as the later run, and the analysis the larger start."""
    runs = [describe_run([], threads=1) for _ in range(20)]
    assert [run.run_id for run in runs] == sorted(run.run_id for run in runs)
    assert [run.started for run in runs] == sorted(run.started for run in runs)
    assert len({run.run_id for run in runs}) == len({run.started for run in runs}) == len(runs)
