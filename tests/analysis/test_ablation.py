from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from bench.analysis import batch
from bench.analysis.ablation import COLUMNS, table
from bench.results.extras import Observations
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PICTURES = 6
RATES = np.linspace(0.2, 1.2, PICTURES)


def observations(variant: str, rates: NDArray[np.float64], seed: int = 1, **changes: object) -> pd.DataFrame:
    row = dict.fromkeys(COLUMNS, "") | {"variant": variant, "seed": seed, "parameters": 10, "seconds": 1.0}
    row |= {"lambda": 0.025, "steps": 5, "kernel": 5.0, **changes}
    return pd.DataFrame(
        [row | {"image": f"p{index}", "bpp_y": 0.9 * rate, "bpp_z": 0.1 * rate} for index, rate in enumerate(rates)]
    )


def rows(*frames: pd.DataFrame) -> dict[str, dict[str, float]]:
    return {str(row["variant"]): row for row in table(pd.concat(frames)).to_dict("records")}  # type: ignore[misc]


def test_a_tenth_more_on_every_picture_is_ten_percent_with_no_doubt() -> None:
    row = rows(observations("joint", RATES), observations("hyper", 1.1 * RATES))["hyper"]
    shown = [row[name] for name in ("difference_percent", "low_percent", "high_percent")]
    assert shown == pytest.approx([10, 10, 10])
    assert row["bpp"] == pytest.approx(1.1 * RATES.mean())
    assert row["bpp_z"] == pytest.approx(0.11 * RATES.mean())


def test_the_interval_is_the_spread_over_all_possible_draws_of_pictures() -> None:
    """With five pictures there are 3125 draws, so that the percentiles can be counted."""
    theirs, ours = np.array([1.0, 2.0, 3.0, 1.5, 2.5]), np.array([1.2, 2.0, 2.7, 1.6, 2.4])
    row = rows(observations("joint", theirs), observations("hyper", ours))["hyper"]
    draws = [list(draw) for draw in itertools.product(range(5), repeat=5)]
    exact = [ours[draw].sum() / theirs[draw].sum() * 100 - 100 for draw in draws]
    assert (row["low_percent"], row["high_percent"]) == pytest.approx(np.percentile(exact, [2.5, 97.5]), rel=0.1)


def test_seeds_are_compared_with_like_seeds() -> None:
    frames = [observations("joint", RATES), observations("joint", 3 * RATES, 2), observations("hyper", 2 * RATES)]
    found = rows(*frames)
    assert found["hyper"]["difference_percent"] == pytest.approx(100)
    assert found["joint"]["bpp"] == pytest.approx(2 * RATES.mean())
    assert found["joint"]["spread_percent"] == pytest.approx(100)
    assert np.isnan(found["hyper"]["spread_percent"])


def test_the_rate_of_the_reference_is_of_the_same_seeds() -> None:
    found = rows(observations("joint", RATES), observations("joint", 3 * RATES, 2), observations("hyper", 0.9 * RATES))
    row = found["hyper"]
    assert row["reference_bpp"] == pytest.approx(RATES.mean())
    assert row["difference_percent"] == pytest.approx(100 * row["bpp"] / row["reference_bpp"] - 100)


def test_fewer_pictures_than_the_rule_has_give_no_interval() -> None:
    for pictures in (1, batch.FEWEST_IMAGES - 1, batch.FEWEST_IMAGES):
        rates = RATES[:pictures]
        row = rows(observations("joint", rates), observations("hyper", 1.1 * rates))["hyper"]
        assert row["difference_percent"] == pytest.approx(10)
        assert np.isnan([row["low_percent"], row["high_percent"]]).all() == (pictures < batch.FEWEST_IMAGES)


def test_other_settings_are_never_mixed() -> None:
    frames = [observations("joint", RATES), observations("hyper", RATES, steps=9)]
    shown = table(pd.concat(frames))
    assert list(shown["steps"]) == [5, 9]
    assert np.isnan(shown["difference_percent"].iloc[1])


def test_no_observations_are_a_table_without_rows() -> None:
    empty, full = table(observations("joint", RATES).iloc[:0]), table(observations("joint", RATES))
    assert empty.empty
    assert list(empty) == list(full)
    assert not full["low_percent"].isna().any()


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ablation.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="not a file of `bench train ablation`"):
        Observations(path, COLUMNS, (), "bench train ablation").read()
