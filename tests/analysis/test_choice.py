"""Curves for a figure: chosen by names and globs, on one image set and one axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.analysis.choice import chosen
from bench.analysis.comparison import compare_rows
from bench.analysis.rd_curve import are_published
from bench.results import published
from bench.results.frames import Export
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic


def own(synthetic: Synthetic, method: str, metric: str, values: list[float], source: str = "own") -> None:
    """Points of the user's own on the garden, at 1, 2, ... bits per pixel."""
    curve = {"dataset": "garden", "source": source, "method": method, "title": method, "metric": metric}
    synthetic.tables["published"] += [{**curve, "rate_bpp": rate + 1.0, "value": v} for rate, v in enumerate(values)]


@pytest.fixture
def export(synthetic: Synthetic, tmp_path: Path) -> Export:
    own(synthetic, "mine", "psnr_rgb", [30, 33])
    own(synthetic, "yours", "ms_ssim_rgb", [0.9, 0.95])
    own(synthetic, "mine", "psnr_rgb", [31, 34], source="lab")
    return synthetic.read(tmp_path)


def names(export: Export, *patterns: str, metric: str = "psnr") -> list[str]:
    return [rd_curve.name for rd_curve in chosen(export, patterns, metric=metric).rd_curves]


def test_curves_come_in_the_order_in_which_they_are_asked_for_and_once(export: Export) -> None:
    assert names(export, "mine", "beta", "lab/mine", "b*") == ["own/mine", "beta", "lab/mine"]
    assert names(export, "*", "own/*") == ["alpha", "beta", "own/mine"]
    assert names(export, "*/mine") == ["own/mine", "lab/mine"]


def test_a_glob_leaves_out_what_has_no_point_of_the_metric_and_a_name_does_not(export: Export) -> None:
    choice = chosen(export, ["own/*", "alpha"], metric="ms-ssim")
    assert [rd_curve.name for rd_curve in choice.rd_curves] == ["own/yours", "alpha"]
    assert "own/mine is left out: it has no points with ms-ssim" in choice.notes
    with pytest.raises(UsageError, match="mine has no points with ms-ssim on garden"):
        chosen(export, ["own/mine", "alpha"], metric="ms-ssim")
    with pytest.raises(UsageError, match="own/mine has no points with ms-ssim on garden"):
        chosen(export, ["mine"], metric="ms-ssim")


def test_the_points_are_those_of_the_comparison(export: Export) -> None:
    choice = chosen(export, ["mine", "alpha"])
    points = choice.points
    assert list(points) == ["curve", "title", "dataset", "rate_bpp", "psnr_db"]
    assert points[points["curve"] == "own/mine"][["rate_bpp", "psnr_db"]].to_numpy().tolist() == [[1, 30], [2, 33]]
    alpha = choice.results.points[choice.results.points["name"] == "alpha"]
    ours = points[points["curve"] == "alpha"]
    assert ours["rate_bpp"].tolist() == alpha["bpp"].tolist()
    assert ours["psnr_db"].tolist() == alpha["psnr_db"].tolist()
    assert set(points["dataset"]) == {"garden"}


def test_a_measured_codec_comes_before_ones_own_curve_of_its_name(synthetic: Synthetic, tmp_path: Path) -> None:
    own(synthetic, "alpha", "psnr_rgb", [30, 33])
    export = synthetic.read(tmp_path)
    assert names(export, "alpha") == ["alpha"]
    assert names(export, "alpha", "own/alpha") == ["alpha", "own/alpha"]
    row = compare_rows(export, "alpha", "own/alpha", metrics=("psnr",)).rows[0]
    assert (row["test"], row["anchor"]) == ("alpha", "own/alpha")


def test_a_figure_is_about_what_is_learned_or_ones_own(export: Export) -> None:
    assert [rd_curve.name for rd_curve in chosen(export, ["alpha", "lab/mine", "mine"]).leading] == [
        "lab/mine",
        "own/mine",
    ]


def test_published_curves_need_no_measurement() -> None:
    points = published.load()
    patterns = ["tfc/bpg444", "compressai/v*"]
    assert are_published(points, *patterns)
    assert not are_published(points, "jpeg", "tfc/bpg444")
    assert names(Export.of_published(points), *patterns) == ["tfc/bpg444", "compressai/vtm"]


@pytest.mark.parametrize(
    ("patterns", "options", "message"),
    [
        (["alpa"], {}, "alpa is not measured on garden; did you mean 'alpha'"),
        (["own/none"], {}, "own/none is not measured on garden"),
        (["x*"], {}, r"x\* matches no measured curve on garden"),
        (["x/*"], {}, r"x/\* matches no published curve on"),
        (["alpha"], {"metric": "vmag"}, "unknown metric 'vmag'; known: ms-ssim, psnr, psnr-y"),
        (["alpha"], {"metric": "PSNR-Y"}, r"unknown metric 'PSNR-Y'; did you mean 'psnr-y'\?"),
        (["alpha"], {"metric": "VMAF"}, "^vmaf is not measured on garden; `bench run --add-metric vmaf --dataset gard"),
        (["alpha"], {"dataset": "wood"}, "unknown dataset 'wood'"),
    ],
)
def test_what_cannot_be_drawn_is_one_clear_line(
    export: Export, patterns: list[str], options: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        chosen(export, patterns, metric=options.get("metric", ""), dataset=options.get("dataset"))
    assert "\n" not in str(caught.value)
