"""The page on cca has the constructed numbers, each of which is in a CSV file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import html5lib
import pandas as pd
import pytest
from pages import Page, cell_numbers, spelt

from bench.report import write_report
from bench.report.numbers import NOTHING
from bench.report.views.cca import parts

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic


@pytest.fixture(scope="module")
def page(planes_report: Path) -> Page:
    return Page(planes_report / "cca.html")


def test_the_page_is_valid_html_and_its_links_have_targets(planes_report: Path, page: Page) -> None:
    html5lib.HTMLParser(strict=True).parse(page.html)
    assert "cca.html" in Page(planes_report / "index.html").values("href")
    for link in page.values("href"):
        path, _, anchor = link.partition("#")
        assert (planes_report / path).is_file() if path else anchor in page.values("id"), link


def test_every_number_is_in_a_csv_file(planes_report: Path) -> None:
    numbers = cell_numbers(planes_report / "cca.html")
    assert len(numbers) > 50
    assert not [number for number in numbers if number not in spelt(planes_report)]


def test_bd_rates_have_the_constructed_values_on_every_metric(planes_report: Path, page: Page) -> None:
    table = pd.read_csv(planes_report / "tables" / "cca_bd_rates.csv")
    expected = {"joint-yuv": 1 / 1.25, "joint": 1 / 1.5, "jpeg": 1 / 2}
    for anchor, ratio in expected.items():
        rows = table[table["anchor"] == anchor]
        assert len(rows) == 5
        assert rows["bd_rate_pchip_percent"].to_numpy() == pytest.approx(100 * ratio - 100, abs=0.1)
        assert rows[["interval_low_percent", "interval_high_percent"]].isna().all(axis=None)  # four pictures
    assert "\N{MINUS SIGN}20.0" in page.text
    assert {"bpg-420", "vvc"}.isdisjoint(table["anchor"])


def test_a_large_difference_in_loss_is_not_given_as_a_rate(planes_report: Path) -> None:
    table = pd.read_csv(planes_report / "tables" / "cca_ablation_table.csv")
    ((_, shown),) = parts(table.assign(rate_equivalent_percent=[0, -17.72, 27.8, 256.66]))
    assert [row[4].text for row in shown.rows] == [NOTHING, "\N{MINUS SIGN}17.7", NOTHING, NOTHING]


def test_figures_of_each_plane_show_only_the_compared_curves(planes_report: Path) -> None:
    drawn = {path.stem for path in (planes_report / "figures").glob("cca_rd_*.svg")}
    assert drawn == {f"cca_rd_{name}_db" for name in ("psnr_yuv", "psnr_y", "psnr_u", "psnr_v", "ms_ssim_y")}
    points = pd.read_csv(planes_report / "figures" / "cca_rd_psnr_yuv_db.csv")
    assert set(points["curve"]) == {"cca", "cca-int", "joint-yuv", "joint", "jpeg"}


def test_the_page_has_the_ceiling_of_the_round_trip(page: Page, planes_report: Path) -> None:
    ceilings = pd.read_csv(planes_report / "tables" / "round_trip_ceilings.csv").set_index("axis")["ceiling_db"]
    assert ceilings["psnr_y_db"] == pytest.approx(68.13, abs=0.01)
    assert "68.13" in page.text


def test_variants_of_the_ablation_are_compared_with_the_reference(page: Page, planes_report: Path) -> None:
    table = pd.read_csv(planes_report / "tables" / "cca_ablation_table.csv").set_index("variant")
    assert (table["loss_difference_percent"] > 0).to_dict() == {
        "igu": False,
        "igu+acem": False,
        "bgu": True,
        "none": True,
    }
    assert "both ways (BGU)" in page.text
    figure = page.html.partition('<figure id="cca_parts">')[2].partition("</figure>")[0]
    assert [
        name for name in ("guide IGU, filter", "guide BGU", "no guide", "difference in loss") if name not in figure
    ] == []


def test_fixed_point_is_compared_with_its_float_model(page: Page, planes_report: Path) -> None:
    table = pd.read_csv(planes_report / "tables" / "fixed_point_bd_rates.csv")
    assert set(table["anchor"]) == {"cca"}
    assert table["bd_rate_pchip_percent"].to_numpy() == pytest.approx(1.0, abs=0.1)
    times = pd.read_csv(planes_report / "tables" / "fixed_point_times.csv").set_index("stage")
    assert times.loc["decode", "ratio"] == pytest.approx(1.0)
    assert "Cca-int" in page.text


def test_failed_files_are_counted_over_all_qualities(page: Page) -> None:
    assert "5 of 48" in page.text
    assert "0 of 24" in page.text


@pytest.mark.usefixtures("empty_figures")
def test_the_page_exists_with_experiments_only(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        del row["mse_y"], row["ms_ssim"]
    export = synthetic.write(tmp_path / "export")
    (export / "experiments").mkdir()
    (export / "experiments" / "portability.csv").write_text("codec,decoded,pictures,failed\njoint@1,two threads,4,1\n")
    write_report(export, tmp_path / "out")
    page = Page(tmp_path / "out" / "cca.html")
    assert "1 of 4" in page.text
    assert "Against other codecs" not in page.text
