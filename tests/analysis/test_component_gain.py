"""Learned codecs beside those that lack one thing, and the spread of trainings that differ in their seeds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from synthetic import IMAGES, Synthetic, orchard

from bench.analysis import seed_variance
from bench.analysis.component_gain import COMPONENT_GAINS, component_gain_table
from bench.analysis.dataset_results import DatasetResults
from bench.codecs.registry import CODECS
from bench.results.extras import ORIGINS, WEIGHTS, Extras

if TYPE_CHECKING:
    from pathlib import Path

START = "0123456789ab"


def _fits(codec: str, rates: dict[int, float], **changes: Any) -> pd.DataFrame:  # noqa: ANN401 - any column
    """Trainings of a codec from some seeds, at mean rates, on the pictures of the synthetic export."""
    shared: dict[str, Any] = dict.fromkeys(seed_variance.COLUMNS, 1)
    shared |= {"codec": codec, "dataset": "garden", "start_sha256": START, "metric": "mse", "stage": "fit", **changes}
    rows = [
        {**shared, "seed": seed, "weights_sha256": f"{codec}{seed}", "image": image, "bpp": rate * (1 + place / 10)}
        | {"psnr_db": 30 + seed / 100}
        for seed, rate in rates.items()
        for place, image in enumerate(IMAGES)
    ]
    return pd.DataFrame(rows, columns=seed_variance.COLUMNS)


def _extras(observed: pd.DataFrame, steps: dict[str, int]) -> Extras:
    """Trained weights of some codecs, whose first file others may have started from."""
    row = dict.fromkeys((*WEIGHTS, *ORIGINS), "") | {"weights": "compact", "quality": 10.0}
    weights = pd.DataFrame(
        [
            row | {"codec": codec, "total_steps": number, "weights_sha256": START + codec}
            for codec, number in steps.items()
        ]
    )
    return Extras(weights=weights, experiments={"training_spread": observed})


@pytest.fixture
def families(synthetic: Synthetic) -> Synthetic:
    """Hyper, and joint with a tenth less rate, with weights of one name; joint with others as well."""
    for codec, rate, weights in (("hyper", 1.0, "compact"), ("joint", 0.9, "compact"), ("joint", 0.5, "zoo")):
        synthetic.add_codec(codec, codec.title())
        synthetic.add_curve(codec, rate=rate, weights=weights)
    return synthetic


def test_the_spread_is_between_the_seeds_and_over_all_pictures() -> None:
    table = seed_variance.table(_fits("joint", {2: 0.99, 3: 1.01, 4: 1.0}))
    assert table["rate_spread_percent"].tolist() == pytest.approx([2.0])
    assert table["psnr_spread_db"].tolist() == pytest.approx([0.02])
    assert table[["seeds", "pictures"]].to_numpy().tolist() == [[3, len(IMAGES)]]


@pytest.mark.parametrize("change", [{"start_sha256": "other"}, {"steps": 2}, {"stage": "whole"}, {"quality": 2}])
def test_trainings_that_differ_in_more_than_the_seed_are_not_compared(change: dict[str, Any]) -> None:
    table = seed_variance.table(pd.concat([_fits("joint", {2: 1.0}), _fits("joint", {3: 1.1}, **change)]))
    assert len(table) == 2
    assert table["rate_spread_percent"].isna().all()


@pytest.mark.usefixtures("intervals_of_four")
def test_a_pair_has_the_weights_of_one_name(families: Synthetic, tmp_path: Path) -> None:
    results = DatasetResults.of(families.read(tmp_path), "garden")
    table = component_gain_table(results, _extras(_fits("joint", {}), {"hyper": 5, "joint": 5}))
    assert table[["test", "anchor", "weights"]].to_numpy().tolist() == [["joint@compact", "hyper", "compact"]]
    assert table["bd_rate_pchip_percent"].tolist() == pytest.approx([-10], abs=0.01)
    assert (table["interval_low_percent"] <= table["interval_high_percent"]).all()
    assert table["training"].tolist() == [""]


def test_unequal_trainings_are_told(families: Synthetic, tmp_path: Path) -> None:
    results = DatasetResults.of(families.read(tmp_path), "garden")
    (reason,) = component_gain_table(results, _extras(_fits("joint", {}), {"hyper": 9, "joint": 5}))["training"]
    assert "5 and 9 steps" in reason


def test_what_was_trained_apart_is_told_and_is_no_reason(tmp_path: Path) -> None:
    results = DatasetResults.of(orchard().read(tmp_path), "garden")
    (weights,) = set(results.curves["weights"]) - {""}
    row = dict.fromkeys((*WEIGHTS, *ORIGINS), "") | {"weights": weights, "quality": 10.0, "weights_sha256": START}
    trained = [("cca", 14, "ladder 10; acem 4"), ("joint-yuv", 10, "ladder 10")]
    records = [row | {"codec": codec, "total_steps": steps, "stages": stages} for codec, steps, stages in trained]
    table = component_gain_table(results, Extras(weights=pd.DataFrame(records)))
    assert table["training"].tolist() == ["equal trainings except for acem"]
    assert "the filter (ACEM)" in table["adds"].iloc[0]


def test_a_spread_belongs_to_the_weights_that_the_trainings_started_from(families: Synthetic, tmp_path: Path) -> None:
    results = DatasetResults.of(families.read(tmp_path), "garden")
    joint, hyper = (
        _fits("joint", {2: 1.0, 3: 1.01}),
        _fits("hyper", {2: 1.0, 3: 1.03}, start_sha256="of something else"),
    )
    (row,) = component_gain_table(results, _extras(pd.concat([joint, hyper]), {"hyper": 5, "joint": 5})).to_dict(
        "records"
    )
    assert row["test_spread_percent"] == pytest.approx(100 * 0.01 / 1.005)
    assert math.isnan(row["anchor_spread_percent"])


def test_a_study_of_planes_has_the_pair_of_planes(tmp_path: Path) -> None:
    results = DatasetResults.of(orchard().read(tmp_path), "garden")
    table = component_gain_table(results, Extras())
    assert table[["test", "anchor", "axis"]].to_numpy().tolist() == [["cca", "joint-yuv", "psnr_yuv_db"]]
    assert table["bd_rate_pchip_percent"].tolist() == pytest.approx([-20], abs=0.01)


def test_neighbours_are_registered_codecs() -> None:
    assert {codec for pair in COMPONENT_GAINS for codec in pair} <= set(CODECS)
