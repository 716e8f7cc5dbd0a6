from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bench.analysis.dataset_results import DatasetResults
from bench.analysis.timing import by_quality, summary, task_times

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from synthetic import Synthetic


def _summary(synthetic: Synthetic, folder: Path) -> pd.DataFrame:
    export = synthetic.read(folder)
    return summary(task_times(DatasetResults.of(export, "garden"), export))


def test_a_stage_takes_the_median_of_its_repeats(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_timings()
    rows = _summary(synthetic, tmp_path).set_index(["name", "stage"])
    assert rows.loc[("alpha", "encode"), "median_s"] == pytest.approx(0.022)
    assert rows.loc[("beta", "decode"), "megapixels_per_s"] == pytest.approx(0.12 / 0.011)
    assert set(rows["group"]) == {1}
    assert set(rows["repeats"]) == {3}


def test_of_several_runs_the_last_one_counts(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_timings(run_id="run2", factor=2)
    synthetic.add_timings()
    rows = _summary(synthetic, tmp_path).set_index(["name", "stage"])
    assert rows.loc[("alpha", "encode"), "median_s"] == pytest.approx(0.044)
    assert set(rows["repeats"]) == {3}


@pytest.mark.parametrize("other", [{"machine": "mill"}, {"threads": 8}])
def test_machines_and_thread_counts_are_never_averaged(
    synthetic: Synthetic, tmp_path: Path, other: dict[str, Any]
) -> None:
    synthetic.add_timings()
    synthetic.add_timings(**other, factor=100)
    rows = _summary(synthetic, tmp_path)
    assert rows["group"].nunique() == 2
    medians = rows.query("name == 'alpha' and stage == 'encode'")["median_s"]
    assert sorted(medians) == pytest.approx([0.022, 2.2])


def test_times_on_other_pictures_are_a_group_of_their_own(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_timings()
    lost = {r["key"] for r in synthetic.tables["measurements"] if r["codec"] == "beta" and r["image"] == "dill"}
    synthetic.tables["timings"] = [row for row in synthetic.tables["timings"] if row["key"] not in lost]
    rows = _summary(synthetic, tmp_path)
    assert rows.groupby("group")[["name", "images"]].first().to_numpy().tolist() == [["alpha", 4], ["beta", 3]]


def test_times_of_stale_curves_are_not_reported(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_timings(factor=50)
    synthetic.add_run("run2", "2026-02-01T10:00:00+00:00")
    synthetic.add_curve("alpha", run_id="run2", backend_version="2.0")
    assert set(_summary(synthetic, tmp_path)["name"]) == {"beta"}


def test_encoding_comes_before_decoding(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_timings()
    assert list(dict.fromkeys(_summary(synthetic, tmp_path)["stage"])) == ["encode", "decode"]


def test_without_timings_there_are_no_rows(synthetic: Synthetic, tmp_path: Path) -> None:
    assert _summary(synthetic, tmp_path).empty


def test_seconds_by_quality_are_means_over_pictures(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_timings()
    export = synthetic.read(tmp_path)
    rows = by_quality(task_times(DatasetResults.of(export, "garden"), export))
    assert len(rows) == 2 * 5 * 2
    assert set(rows["images"]) == {4}
