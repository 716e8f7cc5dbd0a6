from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scipy.interpolate import PchipInterpolator

from bench.analysis.comparison import compare_rows, table
from bench.analysis.single_point import COLUMNS
from bench.cli import tables

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic

MIDDLE = 2
"""Place of the one quality that is left."""


def keep_one_point(synthetic: Synthetic, codec: str, place: int = MIDDLE) -> None:
    rows = synthetic.tables["measurements"]
    quality = sorted({row["quality"] for row in rows if row["codec"] == codec})[place]
    synthetic.tables["measurements"] = [row for row in rows if row["codec"] != codec or row["quality"] == quality]


@pytest.mark.usefixtures("intervals_of_four")
def test_a_point_that_takes_a_fifth_less_is_minus_twenty_percent(synthetic: Synthetic, tmp_path: Path) -> None:
    keep_one_point(synthetic, "beta")
    for row in compare_rows(synthetic.read(tmp_path), "beta", "alpha").rows:
        assert row["bd_rate_pchip_percent"] is None
        assert row["rate_at_equal_quality_percent"] == pytest.approx(-20, abs=0.05)  # bytes are whole numbers
        assert row["rate_low_percent"] <= row["rate_at_equal_quality_percent"] <= row["rate_high_percent"]
        assert row["quality_at_equal_rate"] > 0
        assert row["quality_low"] <= row["quality_at_equal_rate"] <= row["quality_high"]


def test_quality_at_equal_rate_is_read_off_the_curve(synthetic: Synthetic, tmp_path: Path) -> None:
    export = synthetic.read(tmp_path / "whole")
    alpha = compare_rows(export, "beta", "alpha")
    keep_one_point(synthetic, "beta")
    row = compare_rows(synthetic.read(tmp_path / "one"), "beta", "alpha").rows[0]
    assert alpha.rows[0]["bd_quality_pchip"] == pytest.approx(row["quality_at_equal_rate"], rel=0.3)


def test_the_point_may_be_the_anchors(synthetic: Synthetic, tmp_path: Path) -> None:
    keep_one_point(synthetic, "alpha")
    row = compare_rows(synthetic.read(tmp_path), "beta", "alpha").rows[0]
    assert row["rate_at_equal_quality_percent"] == pytest.approx(-20, abs=0.05)
    assert row["quality_at_equal_rate"] > 0


@pytest.mark.usefixtures("intervals_of_four")
def test_one_quality_of_a_curve_is_a_point_on_either_side(synthetic: Synthetic, tmp_path: Path) -> None:
    export = synthetic.read(tmp_path)
    there = compare_rows(export, "beta@50", "alpha").rows[0]
    assert there["rate_at_equal_quality_percent"] == pytest.approx(-20, abs=0.05)
    assert there["rate_low_percent"] <= -20 <= there["rate_high_percent"] + 0.05
    back = compare_rows(export, "alpha", "beta@50").rows[0]
    rates = [1 + row["rate_at_equal_quality_percent"] / 100 for row in (there, back)]
    assert rates[0] * rates[1] == pytest.approx(1)
    assert there["quality_at_equal_rate"] == pytest.approx(-back["quality_at_equal_rate"])
    own = compare_rows(export, "alpha@50", "alpha").rows[0]
    assert (own["rate_at_equal_quality_percent"], own["quality_at_equal_rate"]) == pytest.approx((0, 0), abs=1e-9)


def test_two_qualities_are_a_curve_and_two_points_have_a_reason(synthetic: Synthetic, tmp_path: Path) -> None:
    export = synthetic.read(tmp_path)
    assert compare_rows(export, "beta@30,70", "alpha@30,70").rows[0]["bd_rate_pchip_percent"] == pytest.approx(
        -20, abs=0.1
    )
    row = compare_rows(export, "beta@50", "alpha@50").rows[0]
    assert row["bd_rate_pchip_percent"] is None
    assert row["notes"].endswith("the test curve has one, too: compare a point with a curve")


def test_nothing_is_extrapolated(synthetic: Synthetic, tmp_path: Path) -> None:
    keep_one_point(synthetic, "beta", place=0)
    for row in synthetic.tables["measurements"]:
        if row["codec"] == "beta":
            row["num_bytes"] = 1
            row["mse"] = row["mse_y"] = 10_000.0
    row = compare_rows(synthetic.read(tmp_path), "beta", "alpha").rows[0]
    assert [row[column] for column in COLUMNS] == [None] * 6
    assert row["notes"].endswith("the point's quality and rate are beyond the curve")


def test_two_curves_and_two_points_have_no_such_numbers(synthetic: Synthetic, tmp_path: Path) -> None:
    assert COLUMNS[0] not in compare_rows(synthetic.read(tmp_path / "curves"), "beta", "alpha").rows[0]
    for codec in ("alpha", "beta"):
        keep_one_point(synthetic, codec)
    assert COLUMNS[0] not in compare_rows(synthetic.read(tmp_path / "points"), "beta", "alpha").rows[0]


def test_a_published_point_against_a_published_curve(synthetic: Synthetic, tmp_path: Path) -> None:
    common = {"dataset": "garden", "source": "paper", "metric": "psnr_rgb", "encode_s": None, "decode_s": None}
    curve = [(0.2, 28.0), (0.4, 31.0), (0.8, 34.5), (1.6, 38.0)]
    synthetic.tables["published"] += [
        *({**common, "method": "curve", "title": "Curve", "rate_bpp": rate, "value": value} for rate, value in curve),
        {**common, "method": "point", "title": "Point", "rate_bpp": 0.5, "value": 33.0},
    ]
    (row,) = compare_rows(synthetic.read(tmp_path), "paper/point", "paper/curve", dataset="garden").rows
    rate_there = 10 ** float(PchipInterpolator([28, 31, 34.5, 38], [-0.69897, -0.39794, -0.09691, 0.20412])(33))
    assert row["rate_at_equal_quality_percent"] == pytest.approx((0.5 / rate_there - 1) * 100, abs=1e-3)
    assert row["rate_low_percent"] is None  # one number a set: no interval over pictures


def test_the_terminal_and_the_csv_table_have_the_numbers(synthetic: Synthetic, tmp_path: Path) -> None:
    keep_one_point(synthetic, "beta")
    found = compare_rows(synthetic.read(tmp_path), "beta", "alpha")
    headers, rows = tables.comparison(found.rows)
    assert headers[1] == "rate at equal quality"
    assert rows[0][1] == f"{found.rows[0]['rate_at_equal_quality_percent']:+.2f} %"
    assert list(table(found).columns[-6:]) == list(COLUMNS)


def test_a_table_of_curves_and_points_has_the_numbers_of_both(synthetic: Synthetic, tmp_path: Path) -> None:
    export = synthetic.read(tmp_path)
    both = [row for test in ("beta", "beta@50") for row in compare_rows(export, test, "alpha", metrics=["psnr"]).rows]
    headers, rows = tables.comparison(both)
    curve, point = (dict(zip(headers, row, strict=True)) for row in rows)
    assert curve["BD-rate"] == f"{both[0]['bd_rate_pchip_percent']:+.2f} %"
    assert point["rate at equal quality"] == f"{both[1]['rate_at_equal_quality_percent']:+.2f} %"
    assert curve["rate at equal quality"] == point["BD-rate"] == "-"


def test_curves_against_one_point_have_their_numbers_the_best_first(synthetic: Synthetic, tmp_path: Path) -> None:
    found = compare_rows(synthetic.read(tmp_path), "*", "alpha@50", metrics=["psnr"])
    headers, rows = tables.comparison(found.rows)
    assert headers[:3] == ["curve", "metric", "rate at equal quality"]
    assert [row[0] for row in rows] == ["beta", "alpha"]
    assert [float(row[2].removesuffix(" %")) for row in rows] == pytest.approx([-20, 0], abs=0.05)
