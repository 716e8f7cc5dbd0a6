from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from bench.analysis.dataset_results import DatasetResults
from bench.analysis.headline import MOST, anchor_names, best, few, ranking, subject
from bench.analysis.rd_curve import all_curves

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic

RATES = {"a": (-10.0, ""), "b": (-30.0, "one point"), "c": (None, ""), "d": (-20.0, "")}


def _rates(rates: dict[str, tuple[float | None, str]]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = [
        {"axis": "psnr_db", "anchor": "x", "test": name, "bd_rate_pchip_percent": rate, "doubt": doubt}
        for name, (rate, doubt) in rates.items()
    ]
    return pd.DataFrame(rows)


def test_no_ranking_rests_on_a_doubted_number() -> None:
    ranked = ranking(_rates(RATES), "psnr_db", "x")
    assert list(ranked["test"]) == ["d", "a", "b", "c"]
    assert best(ranked, "abcdx", "x") == "d"
    assert best(ranked, "bc", "x") is None
    assert best(ranking(_rates({"a": (5.0, "")}), "psnr_db", "x"), "ax", "x") == "x"


def _subject(synthetic: Synthetic, folder: Path, **weights: str) -> str | None:
    for row in synthetic.tables["measurements"]:
        row["weights"] = weights.get(row["codec"].partition("-")[0], "")
    export = synthetic.read(folder)
    results = DatasetResults.of(export, "garden")
    rates = {name: (-20.0 if name == "beta" else 30.0, "") for name in results.curves["name"]}
    return subject(results, all_curves(results, export), ranking(_rates(rates), "psnr_db", "x"), "x")


def test_a_report_is_about_the_papers_codec_else_the_best_learned_one_else_the_best(
    synthetic: Synthetic, tmp_path: Path
) -> None:
    assert _subject(synthetic, tmp_path / "best") == "beta"
    assert _subject(synthetic, tmp_path / "learned", alpha="own") == "alpha"
    synthetic.add_codec("joint", "Joint")
    synthetic.add_curve("joint", rate=2.0)
    assert _subject(synthetic, tmp_path / "papers", alpha="own", joint="own") == "joint"


def test_published_weights_come_before_own_ones_and_those_for_ms_ssim_last(
    synthetic: Synthetic, tmp_path: Path
) -> None:
    synthetic.add_codec("joint", "Joint")
    for weights in ("own", "zoo-ms-ssim", "zoo"):
        synthetic.add_curve("joint", weights=weights)
    export = synthetic.read(tmp_path)
    results = DatasetResults.of(export, "garden")
    assert subject(results, all_curves(results, export), pd.DataFrame(), "alpha") == "joint@zoo"


def test_own_weights_come_before_those_of_the_package_unless_they_are_a_single_point(
    synthetic: Synthetic, tmp_path: Path
) -> None:
    synthetic.add_codec("joint", "Joint")
    for weights in ("compact", "my.pth.tar"):
        synthetic.add_curve("joint", weights=weights)
    export = synthetic.read(tmp_path / "curve")
    results = DatasetResults.of(export, "garden")
    assert subject(results, all_curves(results, export), pd.DataFrame(), "alpha") == "joint@my.pth.tar"
    rows = synthetic.tables["measurements"]
    synthetic.tables["measurements"] = [r for r in rows if r["weights"] != "my.pth.tar" or r["quality"] == 50]
    export = synthetic.read(tmp_path / "point")
    results = DatasetResults.of(export, "garden")
    rd_curves = all_curves(results, export)
    assert subject(results, rd_curves, pd.DataFrame(), "alpha") == "joint@compact"
    assert "joint@my.pth.tar" in few(results, rd_curves, anchor_names(results, rd_curves), ["joint@compact"])


def test_a_figure_begins_with_few_curves_and_leaves_no_imported_one_out(synthetic: Synthetic, tmp_path: Path) -> None:
    for number in range(9):
        synthetic.add_codec(f"codec{number}", f"Codec {number}")
        synthetic.add_curve(f"codec{number}", rate=1 + number / 9)
    point = {"dataset": "garden", "source": "own", "method": "mine", "title": "Mine", "metric": "psnr_rgb", "drawn": 1}
    synthetic.tables["published"] = [point | {"rate_bpp": rate, "value": 30 + rate} for rate in (1, 2)]
    export = synthetic.read(tmp_path)
    results = DatasetResults.of(export, "garden")
    rd_curves = all_curves(results, export)
    found = few(results, rd_curves, anchor_names(results, rd_curves), ["beta"])
    assert len(found) == len(set(found)) == MOST
    assert found[:3] == ["beta", "own/mine", "alpha"]


@pytest.mark.parametrize(("codecs", "anchors"), [(("jpeg", "bpg-444"), ["bpg-444", "jpeg"]), ((), ["alpha"])])
def test_the_anchors_are_known_codecs_else_the_first(
    synthetic: Synthetic, tmp_path: Path, codecs: tuple[str, ...], anchors: list[str]
) -> None:
    for codec in codecs:
        synthetic.add_codec(codec, codec)
        synthetic.add_curve(codec)
    export = synthetic.read(tmp_path)
    results = DatasetResults.of(export, "garden")
    assert anchor_names(results, all_curves(results, export)) == anchors
