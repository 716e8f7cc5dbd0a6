from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.analysis.quantization_error import REDUCTIONS, SUMMARY, reductions, summary

if TYPE_CHECKING:
    from pathlib import Path

    from tests.analysis.conftest import Synthetic


@pytest.fixture
def rectified(synthetic: Synthetic) -> Synthetic:
    """Beta is a rectifier's: at quality q it leaves 1 - q/1000 of the error, and less of that of later pictures."""
    for row in synthetic.tables["measurements"]:
        row["latent_error_quantized"] = 50.0 + row["quality"]
        if row["codec"] == "beta":
            left = 1 - row["quality"] / 1000 - 0.01 * "abcd".index(row["image"][0])
            row["latent_error_rectified"] = left * row["latent_error_quantized"]
    return synthetic


def test_the_reduction_is_that_of_the_distances_picture_by_picture(rectified: Synthetic, tmp_path: Path) -> None:
    rows = reductions(rectified.read(tmp_path))
    assert set(rows["codec"]) == {"beta"}
    assert len(rows) == 20
    expected = rows["quality"] / 10 + rows["image"].str[0].map({letter: i for i, letter in enumerate("abcd")})
    assert rows["reduction_percent"].to_numpy() == pytest.approx(expected.to_numpy())


def test_the_summary_is_the_mean_over_pictures_and_its_interval_holds_it(rectified: Synthetic, tmp_path: Path) -> None:
    table = summary(reductions(rectified.read(tmp_path)))
    assert table["images"].tolist() == [4] * 5
    assert table["reduction_percent"].to_numpy() == pytest.approx(table["quality"] / 10 + 1.5)
    assert (table["low_percent"] < table["reduction_percent"]).all()
    assert (table["high_percent"] > table["reduction_percent"]).all()
    # The standard error of the mean of 0, 1, 2, 3 is .56 by the formula of the bootstrap (n in the denominator).
    half = (table["high_percent"] - table["low_percent"]) / 2
    assert half.to_numpy() == pytest.approx(np.full(5, 1.96 * 0.559), rel=0.15)


def test_a_picture_alone_has_no_interval(rectified: Synthetic, tmp_path: Path) -> None:
    rows = reductions(rectified.read(tmp_path))
    assert summary(rows[rows["image"] == "carrot"])["low_percent"].isna().all()


def test_without_a_rectifier_there_is_nothing(synthetic: Synthetic, tmp_path: Path) -> None:
    rows = reductions(synthetic.read(tmp_path))
    assert list(rows.columns) == list(REDUCTIONS)
    assert rows.empty
    assert list(summary(rows).columns) == list(SUMMARY)
