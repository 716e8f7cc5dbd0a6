from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.analysis.axis import PSNR
from bench.analysis.bd import Curve
from bench.analysis.comparison import bd_table
from bench.analysis.dataset_results import DatasetResults
from bench.analysis.rd_curve import RdCurve
from bench.analysis.trust import doubts_of, other_qualities, shared

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from synthetic import Synthetic


@pytest.fixture
def results(synthetic: Synthetic, tmp_path: Path) -> DatasetResults:
    return DatasetResults.of(synthetic.read(tmp_path), "garden")


def _curve(name: str, quality: Sequence[float], ratio: Sequence[float] | float = 1.0) -> RdCurve:
    """A curve that takes `ratio` times the bits of the anchor, whose rate doubles every 6 dB."""
    rate = np.asarray(ratio) * 2 ** (np.asarray(quality) / 6)
    return RdCurve(name, name.title(), {PSNR.name: Curve.of(rate, quality)})


ANCHOR = _curve("anchor", range(20, 41, 2))


def _doubts(tests: list[RdCurve], results: DatasetResults, anchor: RdCurve = ANCHOR) -> list[str]:
    return list(doubts_of(bd_table(anchor, tests, [PSNR]), [anchor, *tests], results))


def test_curves_that_share_too_little_rank_nothing(results: DatasetResults) -> None:
    far = _curve("far", [39, 45, 51])  # the anchor has its point at 40 in common with it, and it has one at 39
    edge = _curve("edge", [37, 38.5, 50, 51])  # two points of each, but 3 dB of 14
    near = _curve("near", [21, 25, 29])
    assert _doubts([far, edge, near], results) == [
        "one of the curves has 1 point in the common range of quality",
        "the common range of quality is 21 % of the shorter curve's",
        "",
    ]


def test_what_curves_share_is_of_the_shorter_one() -> None:
    points, share = shared(ANCHOR.curves[PSNR.name], _curve("a", [30, 33, 36, 44]).curves[PSNR.name])
    assert (points, share) == (3, pytest.approx(10 / 14))


def test_without_a_number_there_is_nothing_to_doubt(results: DatasetResults) -> None:
    assert _doubts([_curve("above", [50, 55, 60])], results) == [""]


def test_an_order_that_the_direct_comparison_contradicts_is_doubted_where_less_is_shared(
    results: DatasetResults,
) -> None:
    quality = np.arange(20, 41, 2.0)
    whole = _curve("whole", quality, np.where(quality <= 34, 0.5, 1.0))
    low = _curve("low", quality[:6], 0.55)  # saves 45 %, the other fewer on the whole and 50 % here
    (of_low, of_whole) = _doubts([low, whole], results)
    assert of_low == "contradicted: in a direct comparison it needs 10.0 % more bits than Whole"
    assert of_whole == ""
    better = _curve("better", quality[:6], 0.45)
    assert _doubts([better, whole], results) == ["", ""]


def test_a_learned_codec_of_other_qualities_than_its_family_ranks_nothing(synthetic: Synthetic, tmp_path: Path) -> None:
    for codec in ("joint", "joint+qr"):
        synthetic.add_codec(codec, codec.title())
        synthetic.add_curve(codec, weights="compact")
    rows = synthetic.tables["measurements"]
    synthetic.tables["measurements"] = [r for r in rows if r["codec"] != "joint+qr" or r["quality"] in {10, 50}]
    results = DatasetResults.of(synthetic.read(tmp_path), "garden")
    assert other_qualities(results) == {
        "joint+qr": "qualities 10, 50, where joint has 10, 30, 50, 70, 90, a different range"
    }
