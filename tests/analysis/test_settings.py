"""Curves in several settings: each stands by itself, under a name that says in what they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.analysis import rectifier_gain
from bench.analysis.comparison import compare_rows
from bench.analysis.component_gain import component_gain_table
from bench.analysis.dataset_results import DatasetResults
from bench.analysis.timing import task_times
from bench.results.extras import Extras

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic

FP32 = '{"device":"cpu","synthesis":"fp32"}'
BF16 = '{"device":"cpu","synthesis":"bf16"}'


def test_no_setting_takes_the_place_of_another_whichever_was_measured_last(
    synthetic: Synthetic, tmp_path: Path
) -> None:
    synthetic.add_curve("gamma", settings=FP32)
    synthetic.add_run("run2", "2026-02-01T10:00:00+00:00")
    synthetic.add_curve("gamma", settings=BF16, rate=1.1, run_id="run2")
    results = DatasetResults.of(synthetic.read(tmp_path), "garden")
    assert results.stale.empty
    rates = results.points.query("quality == 50").set_index("name")["bpp"]
    assert rates["gamma@synthesis=bf16"] / rates["gamma@synthesis=fp32"] == pytest.approx(1.1, abs=1e-4)
    titles = results.curves.set_index("name")["title"]
    assert titles["gamma@synthesis=bf16"] == "gamma (synthesis=bf16)"


def test_versions_of_one_setting_still_replace_each_other(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_curve("gamma", settings=FP32)
    synthetic.add_curve("gamma", settings=BF16)
    synthetic.add_run("run2", "2026-02-01T10:00:00+00:00")
    synthetic.add_curve("gamma", settings=FP32, run_id="run2", backend_version="2.0")
    results = DatasetResults.of(synthetic.read(tmp_path), "garden")
    versions = results.curves.set_index("name")["backend_version"]
    assert versions[["gamma@synthesis=fp32", "gamma@synthesis=bf16"]].tolist() == ["2.0", "1.0"]
    assert results.stale[["name", "backend_version"]].to_numpy().tolist() == [["gamma@synthesis=fp32", "1.0"]]


def test_one_setting_needs_no_name_of_its_own(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_curve("gamma", settings=FP32)
    assert set(DatasetResults.of(synthetic.read(tmp_path), "garden").curves["name"]) == {"alpha", "beta", "gamma"}


def test_a_setting_that_only_one_curve_has_names_that_one(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_curve("alpha", settings='{"tune":"psnr"}')
    assert set(DatasetResults.of(synthetic.read(tmp_path), "garden").curves["name"]) == {
        "alpha",
        "alpha@tune=psnr",
        "beta",
    }


def test_settings_are_compared_by_name(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_curve("gamma", settings=FP32)
    synthetic.add_curve("gamma", settings=BF16, rate=1.1)
    result = compare_rows(synthetic.read(tmp_path), "gamma@synthesis=bf16", "gamma@synthesis=fp32")
    assert (result.test, result.anchor) == ("gamma (synthesis=bf16)", "gamma (synthesis=fp32)")
    assert result.rows[0]["bd_rate_pchip_percent"] == pytest.approx(10, abs=0.05)


def test_figures_of_all_curves_show_the_setting_that_most_was_measured_with(
    synthetic: Synthetic, tmp_path: Path
) -> None:
    synthetic.add_curve("gamma", settings=BF16)
    fewer = synthetic.add_curve("gamma", settings='{"device":"cpu","synthesis":"fp16"}')
    lost = [row for row in synthetic.tables["measurements"] if row["curve"] == fewer and row["quality"] == 90]
    synthetic.tables["measurements"] = [row for row in synthetic.tables["measurements"] if row not in lost]
    results = DatasetResults.of(synthetic.read(tmp_path), "garden")
    assert results.leading == {"alpha", "beta", "gamma@synthesis=bf16"}
    assert list(results.curves["name"])[-2:] == ["gamma@synthesis=bf16", "gamma@synthesis=fp16"]


def _rectified(synthetic: Synthetic) -> None:
    """A model with a rectifier in two settings, the second a decibel worse; the rectifier gains a fifth of one."""
    for settings, worse in ((FP32, 0.0), (BF16, 1.0)):
        for codec, gain in (("gamma", 0.0), ("gamma+qr", 0.2)):
            curve = synthetic.add_curve(codec, settings=settings, weights="compact")
            for row in synthetic.tables["measurements"]:
                if row["curve"] == curve:
                    row["mse"] *= 10 ** ((worse - gain) / 10)


def test_the_two_sides_of_a_pair_are_in_one_setting(synthetic: Synthetic, tmp_path: Path) -> None:
    _rectified(synthetic)
    synthetic.add_timings()
    export = synthetic.read(tmp_path)
    results = DatasetResults.of(export, "garden")
    paired = rectifier_gain.pairs(results)
    assert len(paired) == 5 * 4
    assert paired["psnr_gain_db"].to_numpy() == pytest.approx(0.2)
    times = rectifier_gain.time_ratios(task_times(results, export), results.curves)
    assert set(times["tasks"]) == {5 * 4}


def test_neighbours_are_in_one_setting_where_they_can_be(synthetic: Synthetic, tmp_path: Path) -> None:
    for codec, settings in (("joint", FP32), ("joint", BF16), ("hyper", BF16)):
        synthetic.add_curve(codec, settings=settings, weights="compact")
    table = component_gain_table(DatasetResults.of(synthetic.read(tmp_path), "garden"), Extras())
    assert table[["test", "anchor"]].to_numpy().tolist() == [["joint@synthesis=bf16", "hyper"]]
