from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.integrate import trapezoid

from bench.analysis.bd import Curve, compare
from bench.analysis.comparison import compare_rows
from bench.analysis.dataset_results import DatasetResults
from bench.analysis.difference import per_image_rates, rate_difference, rate_differences
from bench.analysis.rd_curve import all_curves

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic


def test_the_difference_at_each_quality_averages_to_the_bd_rate() -> None:
    anchor = Curve.of([0.1, 0.2, 0.5, 1.0, 2.0], [28, 30, 33.5, 37, 41])
    test = Curve.of([0.09, 0.2, 0.4, 0.9, 2.2], [27.5, 30.5, 33, 37.5, 41.5])
    quality, percent = rate_difference(anchor, test)
    area = trapezoid(np.log1p(percent / 100), quality)
    average = np.expm1(area / (quality[-1] - quality[0])) * 100
    assert average == pytest.approx(compare(anchor, test).rate_percent["pchip"], abs=0.02)


def test_curves_without_overlap_differ_nowhere() -> None:
    assert not len(rate_difference(Curve.of([1, 2], [30, 31]), Curve.of([1, 2], [32, 33]))[0])
    assert not len(rate_difference(Curve.of([1, 2], [30, 31]), Curve.of([1], [30]))[0])


def test_differences_are_of_every_curve_and_axis(synthetic: Synthetic, tmp_path: Path) -> None:
    export = synthetic.read(tmp_path)
    results = DatasetResults.of(export, "garden")
    anchor, *tests = all_curves(results, export)
    rows = rate_differences(anchor, tests, results.axes)
    assert set(rows["axis"]) == {"psnr_db", "psnr_y_db", "ms_ssim_db"}
    assert rows["rate_difference_percent"].to_numpy() == pytest.approx(-20, abs=0.1)


def test_per_image_rates_are_those_that_the_comparison_sums_up(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        row["num_bytes"] *= 2 if (row["codec"], row["image"]) == ("beta", "carrot") else 1
    export = synthetic.read(tmp_path)
    results = DatasetResults.of(export, "garden")
    anchor, *tests = all_curves(results, export)
    rates = per_image_rates(anchor, tests, results.axes, results.images).query("axis == 'psnr_db'").set_index("image")
    assert rates.loc["carrot", "bd_rate_pchip_percent"] == pytest.approx(60, abs=0.1)
    assert rates.loc["dill", "bd_rate_pchip_percent"] == pytest.approx(-20, abs=0.1)
    row = compare_rows(export, "beta", "alpha").rows[0]
    assert row["per_image_mean_percent"] == pytest.approx(rates["bd_rate_pchip_percent"].mean())
