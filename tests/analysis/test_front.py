from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bench.analysis.comparison import bd_table
from bench.analysis.dataset_results import DatasetResults
from bench.analysis.front import time_against_rate
from bench.analysis.rd_curve import measured_curve
from bench.analysis.timing import summary, task_times

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic


def test_what_is_slower_and_larger_is_not_on_the_front(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_codec("gamma", "Gamma")
    synthetic.add_curve("gamma", rate=1.3)
    synthetic.add_timings()
    slow = {row["key"]: row["codec"] for row in synthetic.tables["measurements"]}
    factors = {"alpha": 1.0, "beta": 4.0, "gamma": 2.0}  # beta is smaller and slower, gamma larger and slower
    for row in synthetic.tables["timings"]:
        row["seconds"] *= factors[slow[row["key"]]]
    export = synthetic.read(tmp_path)
    results = DatasetResults.of(export, "garden")
    rd_curves = [measured_curve(results, name) for name in ("alpha", "beta", "gamma")]
    rates = bd_table(rd_curves[0], rd_curves, results.axes[:1])
    rows = time_against_rate(summary(task_times(results, export)), rates)
    decode = rows[rows["stage"] == "decode"].set_index("test")
    assert dict(decode["on_front"]) == {"alpha": True, "beta": True, "gamma": False}
    assert decode.loc["alpha", "bd_rate_percent"] == 0
    assert decode.loc["beta", "bd_rate_percent"] < -19
    assert decode.loc["beta", "median_s"] == 4 * decode.loc["alpha", "median_s"]


def test_equal_points_are_both_on_the_front() -> None:
    times = pd.DataFrame(
        [("a", 1.0), ("b", 1.0), ("c", 2.0)],
        columns=["name", "median_s"],
    ).assign(group=1, machine="box", threads=1, device="cpu", stage="decode")
    rates = pd.DataFrame({"test": ["b", "c"], "bd_rate_pchip_percent": [0.0, 0.0]}).assign(axis="q", anchor="a")
    rows = time_against_rate(times, rates)
    assert list(rows["on_front"]) == [True, True, False]
