"""Points that no curve can go through: each is left out by name, with the picture at fault; the rest is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench.analysis.comparison import compare_rows
from bench.analysis.dataset_results import DatasetResults
from bench.analysis.difference import per_image_rates, rate_differences
from bench.analysis.rd_curve import measured_curve
from bench.cli import tables
from bench.report.content import Content
from bench.report.numbers import NOTHING
from bench.report.style import family_colours
from bench.report.views.points import points as page_points
from bench.results.extras import Extras

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic


def _row(synthetic: Synthetic, quality: float, image: str = "dill") -> dict[str, Any]:
    wanted = ("beta", quality, image)
    return next(r for r in synthetic.tables["measurements"] if (r["codec"], r["quality"], r["image"]) == wanted)


def _rgb(synthetic: Synthetic, folder: Path) -> dict[str, Any]:
    return compare_rows(synthetic.read(folder), "beta", "alpha").rows[0]


def test_a_lossless_picture_is_named(synthetic: Synthetic, tmp_path: Path) -> None:
    _row(synthetic, 90)["mse"] = 0.0
    _row(synthetic, 70)["mse"] = 0.0
    row = _rgb(synthetic, tmp_path)
    assert row["bd_rate_pchip_percent"] == pytest.approx(-20, abs=0.2)  # by three points of five
    assert "beta@70,90 left out: PSNR, RGB is infinite (lossless) on dill" in row["notes"]
    assert (row["anchor_points"], row["test_points"], row["per_image_count"]) == (5, 3, 4)


def test_a_picture_that_is_always_lossless_leaves_a_reason_and_no_nan(synthetic: Synthetic, tmp_path: Path) -> None:
    for quality in (10, 30, 50, 70, 90):
        _row(synthetic, quality)["mse"] = 0.0
    row = _rgb(synthetic, tmp_path)
    assert row["bd_rate_pchip_percent"] is None
    assert row["notes"] == (
        "the test curve has 0 usable points; two are needed; "
        "beta@10,30,50,70,90 left out: PSNR, RGB is infinite (lossless) on dill"
    )


def test_an_empty_file_is_named(synthetic: Synthetic, tmp_path: Path) -> None:
    _row(synthetic, 10)["num_bytes"] = 0
    row = _rgb(synthetic, tmp_path)
    assert row["bd_rate_pchip_percent"] == pytest.approx(-20, abs=0.05)
    assert "beta@10 left out: an empty file of dill" in row["notes"]


def test_a_set_of_one_picture_with_an_empty_file_has_its_rate(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_dataset("corner", ("dill",))
    _row(synthetic, 10)["num_bytes"] = 0
    row = compare_rows(synthetic.read(tmp_path), "beta", "alpha", dataset="corner").rows[0]
    assert row["bd_rate_pchip_percent"] == pytest.approx(-20, abs=0.1)  # bytes are whole numbers
    assert row["interval_low_percent"] is None


def test_a_file_many_times_larger_than_the_picture_is_named(synthetic: Synthetic, tmp_path: Path) -> None:
    for image in ("aubergine", "beetroot", "carrot", "dill"):
        _row(synthetic, 90, image)["num_bytes"] = 4000 * 120_000 // 8
    row = _rgb(synthetic, tmp_path)
    assert row["bd_rate_pchip_percent"] == pytest.approx(-20, abs=0.05)
    assert "beta@90 left out: more than 240 bits per pixel for aubergine, beetroot, carrot and 1 more" in row["notes"]


def test_a_picture_without_a_rate_of_its_own_is_named(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        if row["codec"] == "beta" and row["image"] == "carrot":
            row["mse"] *= 1e-4
    row = _rgb(synthetic, tmp_path)
    assert "no per-picture BD-rate on carrot" in row["notes"]
    assert row["per_image_count"] == 3


def test_overlap_and_differences_of_a_metric_where_less_is_better_are_its_values(
    synthetic: Synthetic, tmp_path: Path
) -> None:
    for row in synthetic.tables["measurements"]:
        row["ugliness"] = np.sqrt(row["mse"])
    synthetic.tables["metrics"].append({"metric": "ugliness", "title": "Ugliness", "higher_is_better": 0})
    export = synthetic.read(tmp_path)
    results = DatasetResults.of(export, "garden")
    means = results.points.query("name == 'beta'")["ugliness"]  # both curves have these
    row = compare_rows(export, "beta", "alpha").rows[-1]
    assert (row["overlap_low"], row["overlap_high"]) == pytest.approx((means.min(), means.max()))
    rd_curves = [measured_curve(results, name) for name in ("alpha", "beta")]
    differences = rate_differences(rd_curves[0], rd_curves[1:], results.axes[-1:])
    assert (differences["quality"].min(), differences["quality"].max()) == pytest.approx((means.min(), means.max()))


@pytest.fixture
def partly(synthetic: Synthetic) -> Synthetic:
    """MS-SSIM is not defined on one picture, not measured for beta, and PSNR infinite at one point of alpha."""
    for row in synthetic.tables["measurements"]:
        if row["codec"] == "beta":
            row["ms_ssim"] = None
        elif row["image"] == "dill":
            row["ms_ssim"] = "nan"
    first = next(row for row in synthetic.tables["measurements"] if row["quality"] == 10)
    first["mse"] = 0.0
    return synthetic


def test_undefined_unmeasured_and_lossless_have_signs_of_their_own(partly: Synthetic, tmp_path: Path) -> None:
    results = DatasetResults.of(partly.read(tmp_path), "garden")
    headers, rows = tables.rd_points(results.points, results)
    place = {name: headers.index(name) for name in ("PSNR, RGB (dB)", "MS-SSIM, RGB (dB)")}
    found = {(row[0], row[1]): [row[index] for index in place.values()] for row in rows}
    assert found["alpha", "10"] == ["∞", "n/a"]
    assert found["beta", "10"][1] == "-"
    assert not any("nan" in cell or "inf" in cell for row in rows for cell in row)


def test_the_page_has_the_same_signs(partly: Synthetic, tmp_path: Path) -> None:
    export = partly.read(tmp_path)
    results = DatasetResults.of(export, "garden")
    curves = page_points(Content.of(export, results, Extras()).coloured(family_colours([results.families])))
    rows = {curve["name"]: [[cell.text for cell in row] for row in curve["table"].rows] for curve in curves}
    cells = {name: next(row for row in own if row[0] == "10") for name, own in rows.items()}
    assert cells["alpha"].count("n/a") == 2  # the mean, and that in decibels
    assert "∞" in cells["alpha"]
    assert cells["beta"].count(NOTHING) == 2


def test_a_metric_without_a_mean_says_why_there_is_no_rate(partly: Synthetic, tmp_path: Path) -> None:
    row = compare_rows(partly.read(tmp_path), "beta", "alpha").rows[-1]
    assert row["axis"] == "ms_ssim_db"
    assert row["bd_rate_pchip_percent"] is None
    assert "alpha@10,30,50,70,90 left out: MS-SSIM, RGB is not defined on dill" in row["notes"]
    assert "beta@10,30,50,70,90 left out: MS-SSIM, RGB is not measured on" in row["notes"]


def test_pictures_keep_their_rows_where_a_metric_lacks_some(partly: Synthetic, tmp_path: Path) -> None:
    results = DatasetResults.of(partly.read(tmp_path), "garden")
    rd_curves = [measured_curve(results, name) for name in ("alpha", "beta")]
    rates = per_image_rates(rd_curves[0], rd_curves[1:], results.axes, results.images)
    of_ms_ssim = rates[rates["axis"] == "ms_ssim_db"]
    assert of_ms_ssim["image"].tolist() == list(results.images)
    assert of_ms_ssim["bd_rate_pchip_percent"].isna().all()
