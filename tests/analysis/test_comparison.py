from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.analysis import bd
from bench.analysis.comparison import bd_table, compare_published, compare_rows
from bench.analysis.dataset_results import DatasetResults
from bench.analysis.rd_curve import all_curves, find, published_curve
from bench.cli import tables
from bench.results import published
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from synthetic import Synthetic


def _publish(synthetic: Synthetic, *, metric: str, points: list[tuple[float, float]], dataset: str = "garden") -> None:
    common = {"dataset": dataset, "source": "paper", "method": "gamma", "title": "Gamma", "metric": metric}
    rows = [{**common, "rate_bpp": rate, "value": value, "encode_s": None, "decode_s": None} for rate, value in points]
    synthetic.tables["published"] += rows


@pytest.mark.usefixtures("intervals_of_four")
def test_a_fifth_less_rate_is_minus_twenty_percent_on_every_metric(synthetic: Synthetic, tmp_path: Path) -> None:
    result = compare_rows(synthetic.read(tmp_path), "beta", "alpha")
    assert [row["axis"] for row in result.rows] == ["psnr_db", "psnr_y_db", "ms_ssim_db"]
    for row in result.rows:
        assert row["bd_rate_pchip_percent"] == pytest.approx(-20, abs=0.05)  # bytes are whole numbers
        assert row["bd_rate_cubic_percent"] == pytest.approx(-20, abs=0.05)
        assert row["bd_quality_pchip"] > 0
        assert row["interval_low_percent"] <= row["bd_rate_pchip_percent"] <= row["interval_high_percent"]
        assert (row["anchor_points"], row["test_points"], row["per_image_count"]) == (5, 5, 4)
        assert row["per_image_mean_percent"] == pytest.approx(-20, abs=0.05)


@pytest.mark.usefixtures("intervals_of_four")
def test_each_image_is_compared_by_its_own_curve(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        if row["codec"] == "beta" and row["image"] == "dill":
            row["num_bytes"] *= 2  # from 0.8 to 1.6 times alpha's
    row = compare_rows(synthetic.read(tmp_path), "beta", "alpha").rows[0]
    assert row["per_image_lowest_percent"] == pytest.approx(-20, abs=0.1)
    assert row["per_image_highest_percent"] == pytest.approx(60, abs=0.1)
    assert row["per_image_mean_percent"] == pytest.approx((3 * -20 + 60) / 4, abs=0.1)
    assert row["interval_low_percent"] < row["bd_rate_pchip_percent"] < row["interval_high_percent"]


@pytest.mark.parametrize("test", ["beta", "beta@50"])
def test_few_pictures_have_no_interval_but_the_reason(synthetic: Synthetic, tmp_path: Path, test: str) -> None:
    found = compare_rows(synthetic.read(tmp_path), test, "alpha")
    assert found.notes == ["no interval: 4 pictures; at least 5 are needed"]
    spans = ("interval_low_percent", "interval_high_percent", "rate_low_percent", "quality_high")
    assert [row.get(span) for row in found.rows for span in spans] == [None] * 12


def test_the_same_export_gives_the_same_rows(synthetic: Synthetic, tmp_path: Path) -> None:
    export = synthetic.read(tmp_path)
    assert compare_rows(export, "beta", "alpha") == compare_rows(export, "beta", "alpha")


def test_the_joint_model_from_published_points_alone(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.tables["published"] = published.load().to_dict("records")
    export = synthetic.read(tmp_path)
    found = compare_rows(export, "tfc/minnen-2018-neurips-opt-mse", "tfc/bpg444")
    rows = {row["axis"]: row for row in found.rows}
    assert rows["psnr_db"]["bd_rate_pchip_percent"] == pytest.approx(-8.12, abs=0.01)
    assert rows["psnr_db"]["bd_rate_akima_percent"] == pytest.approx(-8.12, abs=0.02)
    assert rows["ms_ssim_db"]["bd_rate_cubic_percent"] == pytest.approx(-19.0, abs=0.1)
    assert rows["psnr_db"]["interval_low_percent"] is None
    assert set(rows) == {"psnr_db", "psnr_y_db", "ms_ssim_db", "ms_ssim_y_db"}


CLIC = "clic2020-pro-valid"


def test_bd_rates_from_the_authors_points_are_those_that_they_state() -> None:
    """On CLIC against VTM 17.0, whose points are by the authors of MLIC."""
    found = compare_published(published.load(), "mlic/*", "c3/vtm-17.0", dataset=CLIC)
    assert [row["test"] for row in found.rows] == ["mlic/mlic++", "mlic/mlic+", "mlic/mlic"]
    for row in found.rows:
        percent, against = published.stated(CLIC)[row["test"]]
        assert row["bd_rate_pchip_percent"] == pytest.approx(percent, abs=0.1)
        assert row["notes"].startswith(f"stated: {percent:+.2f} % against {against}")
    assert found.rows[2]["bd_rate_pchip_percent"] == pytest.approx(-8.79, abs=0.01)
    assert (found.test, found.dataset) == ("mlic/*", CLIC)


SETS = {
    "Kodak": ("kodak",),
    "CLIC 2020, professional, validation": (CLIC, CLIC, CLIC),
    "Tecnick": ("tecnick", "tecnick"),
    "CLIC 2020 as CompressAI has it": ("clic2020-professional", "clic2020-mobile"),
}
"""Heading in docs/published.md to the image set of each column of its table."""


def test_the_tables_of_published_curves_are_what_compare_gives() -> None:
    text = (Path(__file__).parents[2] / "docs" / "published.md").read_text(encoding="utf-8")
    points, checked = published.load(), 0
    for heading, datasets in SETS.items():
        section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
        lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
        anchors = [name for cell in lines[0] for name in re.findall("`(.+?)`", cell)]
        for name, *cells in lines[1:]:
            for place, dataset in enumerate(datasets):
                if cells[place] == "0":
                    continue
                there, anchor = points[points["dataset"] == dataset], anchors[min(place, len(anchors) - 1)]
                curves = [published_curve(there, one).curves["psnr_db"] for one in (anchor, name.strip("`"))]
                assert f"{bd.compare(*curves).rate_percent['pchip']:+.2f} %" == cells[place], (heading, name, dataset)
                checked += 1
    assert checked > 100


def test_a_glob_is_compared_curve_by_curve_the_best_first_without_the_anchor() -> None:
    found = compare_published(published.load(), "*/vtm*", "lotterycodec/vtm-19.1", dataset=CLIC, metrics=("psnr",))
    assert [row["test"] for row in found.rows] == ["c3/vtm-17.0", "dcae/vtm-12.1"]
    with pytest.raises(UsageError, match=r"are both published on clic2020-pro-valid, .*; add --dataset"):
        compare_published(published.load(), "tcm/*", "mlic/mlic++")
    with pytest.raises(UsageError, match=r"c3/vtm-17\.0 cannot be compared with itself"):
        compare_published(published.load(), "*/vtm-17*", "c3/vtm-17.0")
    with pytest.raises(UsageError, match="have no dataset in common"):
        compare_published(published.load(), "nosuch/*", "c3/vtm-17.0")


def test_a_glob_of_measured_curves_gives_rows_of_each(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_curve("betamax", rate=0.5)
    found = compare_rows(synthetic.read(tmp_path), "beta*", "alpha", metrics=("psnr",))
    assert [row["test"] for row in found.rows] == ["betamax", "beta"]
    assert [row["bd_rate_pchip_percent"] for row in found.rows] == pytest.approx([-50, -20], abs=0.1)


def test_two_published_curves_are_not_of_some_pictures(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.tables["published"] = published.load().to_dict("records")
    with pytest.raises(UsageError, match="published curves cover whole image sets; omit --images"):
        compare_rows(synthetic.read(tmp_path), "tfc/bpg444", "tfc/jpeg420", images=("kodim0*",))


def test_weights_that_are_paths_make_no_published_curve(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        row |= {"codec": "alpha", "weights": "runs/a" if row["codec"] == "alpha" else "runs/b"}
    row = compare_rows(synthetic.read(tmp_path), "alpha@runs/b", "alpha@runs/a").rows[0]
    assert row["bd_rate_pchip_percent"] == pytest.approx(-20, abs=0.05)


def test_compressais_name_finds_the_codec_that_it_is_measured_as(synthetic: Synthetic, tmp_path: Path) -> None:
    codecs = {"alpha": "joint", "beta": "hyper"}
    for row in synthetic.tables["measurements"]:
        row["codec"] = codecs.get(row["codec"], row["codec"])
    row = compare_rows(synthetic.read(tmp_path), "mbt2018-mean", "mbt2018").rows[0]
    assert (row["anchor"], row["test"]) == ("joint", "hyper")
    assert row["bd_rate_pchip_percent"] == pytest.approx(-20, abs=0.05)


def test_compressais_name_may_go_on_with_weights(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        row |= {"codec": "joint", "weights": "runs/a" if row["codec"] == "alpha" else "runs/b"}
    row = compare_rows(synthetic.read(tmp_path), "mbt2018@runs/b", "mbt2018@runs/a").rows[0]
    assert row["bd_rate_pchip_percent"] == pytest.approx(-20, abs=0.05)


def test_a_codec_that_is_measured_under_compressais_name_keeps_it(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        row["codec"] = {"alpha": "joint", "beta": "mbt2018"}.get(row["codec"], row["codec"])
    row = compare_rows(synthetic.read(tmp_path), "mbt2018", "joint").rows[0]
    assert row["bd_rate_pchip_percent"] == pytest.approx(-20, abs=0.05)


def test_a_codec_in_a_file_is_found_by_the_name_that_it_was_run_with(synthetic: Synthetic, tmp_path: Path) -> None:
    row = compare_rows(synthetic.read(tmp_path), "my codecs/letters.py:Beta", "letters.py:Alpha").rows[0]
    assert (row["anchor"], row["test"]) == ("alpha", "beta")
    assert row["bd_rate_pchip_percent"] == pytest.approx(-20, abs=0.05)


@pytest.mark.parametrize("test", ["tfc/jpeg402", "alpha", "tfc/jpeg421"])
def test_an_unknown_published_curve_is_told_the_nearest(test: str, synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.tables["published"] = published.load().to_dict("records")
    with pytest.raises(UsageError, match=r"^unknown published curve 'tfc/jpeg4\d+'; did you mean 'tfc/jpeg42"):
        compare_rows(synthetic.read(tmp_path), test, "tfc/jpeg422")


def test_a_published_curve_in_db_is_not_converted_again(synthetic: Synthetic, tmp_path: Path) -> None:
    points = DatasetResults.of(synthetic.read(tmp_path), "garden").points.query("name == 'alpha'")
    _publish(synthetic, metric="ms_ssim_db_rgb", points=list(zip(points["bpp"] * 2, points["ms_ssim_db"], strict=True)))
    row = compare_rows(synthetic.read(tmp_path), "paper/gamma", "alpha").rows[0]
    assert row["bd_rate_pchip_percent"] == pytest.approx(100)
    assert row["anchor_points_in_overlap"] == 5


def test_a_linear_published_curve_is_converted_once(synthetic: Synthetic, tmp_path: Path) -> None:
    points = DatasetResults.of(synthetic.read(tmp_path), "garden").points.query("name == 'alpha'")
    _publish(synthetic, metric="ms_ssim_rgb", points=list(zip(points["bpp"] * 2, points["ms_ssim"], strict=True)))
    assert compare_rows(synthetic.read(tmp_path), "paper/gamma", "alpha").rows[0][
        "bd_rate_pchip_percent"
    ] == pytest.approx(100)


def test_published_curves_of_other_pictures_are_refused(synthetic: Synthetic, tmp_path: Path) -> None:
    _publish(synthetic, metric="psnr_rgb", points=[(0.1, 28), (1, 35)], dataset="kodak")
    export = synthetic.read(tmp_path)
    with pytest.raises(UsageError, match=r"^paper/gamma is published for kodak, not for garden$"):
        compare_rows(export, "alpha", "paper/gamma")
    assert [rd_curve.name for rd_curve in all_curves(DatasetResults.of(export, "garden"), export)] == ["alpha", "beta"]


def test_published_curves_are_not_compared_with_a_subset(synthetic: Synthetic, tmp_path: Path) -> None:
    _publish(synthetic, metric="psnr_rgb", points=[(0.1, 28), (1, 35)])
    export = synthetic.read(tmp_path)
    assert compare_rows(export, "alpha", "paper/gamma").rows
    with pytest.raises(UsageError, match="all 4 pictures, not 2 of 4"):
        compare_rows(export, "alpha", "paper/gamma", images=("[ab]*",))


def test_a_codec_without_a_complete_point_is_not_compared(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.tables["measurements"] = [
        row for row in synthetic.tables["measurements"] if row["codec"] == "alpha" or row["image"] != "dill"
    ]
    with pytest.raises(UsageError, match=r"^beta has at most 3 of 4 pictures; a curve needs all of them$"):
        compare_rows(synthetic.read(tmp_path), "beta", "alpha")


def test_a_name_that_means_nothing_says_what_is_there(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_dataset("shed", ("spade",))
    export = synthetic.read(tmp_path)
    with pytest.raises(UsageError, match=r"^alpha is not measured on shed$"):
        compare_rows(export, "beta", "alpha", dataset="shed")
    with pytest.raises(UsageError, match=r"^alfa is not measured on garden; did you mean 'alpha'\?$"):
        compare_rows(export, "beta", "alfa")
    _publish(synthetic, metric="psnr_rgb", points=[(0.1, 28), (1, 35)])
    with pytest.raises(UsageError, match=r"known: alpha, beta, paper/gamma$"):
        compare_rows(synthetic.read(tmp_path), "alpha", "zz")


@pytest.mark.parametrize(("name", "missing"), [("alpha@51", "51"), ("alpha@10,50.5", "50.5")])
def test_a_quality_that_was_not_measured_is_named(
    name: str, missing: str, synthetic: Synthetic, tmp_path: Path
) -> None:
    for pair in ((name, "beta"), ("beta", name)):
        with pytest.raises(UsageError, match=rf"^alpha@{missing} is not measured; qualities: 10, .*90$"):
            compare_rows(synthetic.read(tmp_path), *pair)


def test_a_report_is_not_against_a_point(synthetic: Synthetic, tmp_path: Path) -> None:
    export = synthetic.read(tmp_path)
    with pytest.raises(UsageError, match=r"^alpha@50: a curve includes all qualities; use alpha$"):
        find(DatasetResults.of(export, "garden"), export, "alpha@50")


def test_points_left_out_are_noted(synthetic: Synthetic, tmp_path: Path) -> None:
    row = next(r for r in synthetic.tables["measurements"] if r["codec"] == "beta" and r["quality"] == 30)
    synthetic.tables["measurements"].remove(row)
    for worse in (r for r in synthetic.tables["measurements"] if r["codec"] == "beta" and r["quality"] == 70):
        worse["mse"] *= 100
    result = compare_rows(synthetic.read(tmp_path), "beta", "alpha")
    assert result.notes[0] == "beta@30 is left out: 3 of 4 pictures"
    assert (
        "test curve: 1 left out with a higher rate but no higher quality than another point" in result.rows[0]["notes"]
    )
    assert "doubtful" in result.rows[0]["notes"]


def test_a_newer_version_that_is_not_used_is_in_the_notes(synthetic: Synthetic, tmp_path: Path) -> None:
    note = "alpha is of an older version, because the last one has no complete point"
    synthetic.add_run("run0", "2025-12-01T10:00:00+00:00")
    synthetic.add_curve("alpha", run_id="run0", backend_version="0.9", images=("dill",))
    assert note not in compare_rows(synthetic.read(tmp_path / "older"), "beta", "alpha").notes
    synthetic.add_run("run2", "2026-02-01T10:00:00+00:00")
    synthetic.add_curve("alpha", run_id="run2", backend_version="2.0", images=("dill",))
    assert note in compare_rows(synthetic.read(tmp_path / "newer"), "beta", "alpha").notes


@pytest.mark.usefixtures("intervals_of_four")
def test_a_lossless_point_is_left_out_and_noted(synthetic: Synthetic, tmp_path: Path) -> None:
    next(r for r in synthetic.tables["measurements"] if r["codec"] == "beta" and r["quality"] == 90)["mse"] = 0.0
    row = compare_rows(synthetic.read(tmp_path), "beta", "alpha").rows[0]
    assert row["bd_rate_pchip_percent"] == pytest.approx(-20, abs=0.05)
    assert "lossless" in row["notes"]
    assert row["interval_low_percent"] is not None


def test_curves_that_do_not_overlap_have_no_number_but_a_reason(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        row["mse"] *= 1e4 if row["codec"] == "beta" else 1
    row = compare_rows(synthetic.read(tmp_path), "beta", "alpha").rows[0]
    assert row["bd_rate_pchip_percent"] is None
    assert row["interval_low_percent"] is None
    assert "do not overlap" in row["notes"]
    assert tables.comparison([row])[1][0][1] == "-"


def test_a_metric_where_less_is_better_counts_the_right_way(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        row["ugliness"] = np.log(row["mse"])
    synthetic.tables["metrics"].append({"metric": "ugliness", "title": "Ugliness", "higher_is_better": 0})
    row = compare_rows(synthetic.read(tmp_path), "beta", "alpha").rows[-1]
    assert row["axis"] == "ugliness"
    assert row["bd_rate_pchip_percent"] == pytest.approx(-20, abs=0.05)


def test_the_table_has_each_pair_once_and_not_the_anchor(synthetic: Synthetic, tmp_path: Path) -> None:
    export = synthetic.read(tmp_path)
    results = DatasetResults.of(export, "garden")
    rd_curves = all_curves(results, export)
    table = bd_table(rd_curves[0], rd_curves, results.axes)
    assert set(table["test"]) == {"beta"}
    assert table["axis"].tolist() == ["psnr_db", "psnr_y_db", "ms_ssim_db"]


def _remark_on(synthetic: Synthetic, tmp_path: Path, points: list[tuple[float, float]]) -> str:
    _publish(synthetic, metric="psnr_rgb", points=points)
    return str(compare_rows(synthetic.read(tmp_path), "paper/gamma", "alpha").rows[0]["notes"])


def test_a_long_curve_that_covers_a_short_one_is_not_doubted(synthetic: Synthetic, tmp_path: Path) -> None:
    quality = np.arange(15.0, 70.0)
    assert "overlap" not in _remark_on(synthetic, tmp_path, list(zip(np.exp(quality / 8) / 99, quality, strict=True)))


def test_curves_that_hardly_overlap_are_doubted(synthetic: Synthetic, tmp_path: Path) -> None:
    alpha = DatasetResults.of(synthetic.read(tmp_path), "garden").points.query("name == 'alpha'")
    quality = alpha["psnr_db"].max() - 3 + np.arange(10.0)
    remark = _remark_on(synthetic, tmp_path, list(zip(np.exp(quality / 8) / 99, quality, strict=True)))
    assert "doubtful: the overlap is " in remark
