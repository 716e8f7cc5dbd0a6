"""Codecs in fixed point against the same codecs in floats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.analysis.cca import fixed_point_rates
from bench.analysis.dataset_results import DatasetResults

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic


@pytest.fixture
def fixed_point(synthetic: Synthetic) -> Synthetic:
    """joint, and joint-int with one percent more rate."""
    for codec, rate in (("joint", 1.0), ("joint-int", 1.01)):
        synthetic.add_codec(codec, codec)
        synthetic.add_curve(codec, rate=rate, weights="compact")
    return synthetic


def test_the_cost_of_fixed_point_is_that_at_the_qualities_of_both(fixed_point: Synthetic, tmp_path: Path) -> None:
    rows = fixed_point.tables["measurements"]
    dropped = sorted({row["quality"] for row in rows})[1]
    rows[:] = [row for row in rows if (row["codec"], row["quality"]) != ("joint-int", dropped)]
    table = fixed_point_rates([DatasetResults.of(fixed_point.read(tmp_path), "garden")])
    assert set(table["test"]) == {"joint-int"}
    assert all("@" in name for name in table["anchor"])
    assert (table["anchor_points"] == table["test_points"]).all()
    assert table["bd_rate_pchip_percent"].tolist() == pytest.approx([1.0] * len(table), abs=1e-3)  # whole bytes


def test_with_equal_qualities_whole_curves_are_compared(fixed_point: Synthetic, tmp_path: Path) -> None:
    table = fixed_point_rates([DatasetResults.of(fixed_point.read(tmp_path), "garden")])
    assert set(table["anchor"]) == {"joint"}
    assert table["bd_rate_pchip_percent"].tolist() == pytest.approx([1.0] * len(table), abs=1e-3)  # whole bytes
