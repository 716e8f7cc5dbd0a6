"""Figures for papers: size, curves, files in all formats, and citations."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from PIL import Image
from synthetic import garden

from bench.analysis.choice import Choice, chosen
from bench.report.paper_figure import FORMS, forms_of, paper_figure, write_figure
from bench.results import published
from bench.results.frames import Export
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("own/new 50% & more", "tfc/bpg444", "compressai/vtm", "tfc/jpeg420")


@pytest.fixture(scope="module")
def choice() -> Choice:
    mine = {"source": "own", "method": "new 50% & more", "title": "new 50% & more", "note": "Table 3 of {x}"}
    rows = pd.DataFrame({"rate_bpp": [0.1, 0.2, 0.4, 0.8], "value": [29.0, 31.0, 33.5, 36.0]})
    mine |= {"dataset": "kodak", "metric": "psnr_rgb", "drawn": 1, "encoder": "", "url": ""}
    points = published.load()
    return chosen(Export.of_published(pd.concat([points, rows.assign(**mine)], ignore_index=True)), NAMES)


def test_every_curve_differs_from_the_others_in_colour_marker_and_pattern(choice: Choice) -> None:
    figure = paper_figure(choice)
    assert [series.title for series in figure.legend] == [rd_curve.title for rd_curve in choice.rd_curves]
    for series, rd_curve in zip(figure.series, choice.rd_curves, strict=True):
        curve = rd_curve.curves["psnr_db"]
        assert (series.x.tolist(), series.y.tolist()) == (list(curve.rate_bpp), list(curve.quality))
    for feature in ("colour", "marker", "dash"):
        assert len({getattr(series.look, feature) for series in figure.series}) == len(NAMES), feature
    assert [series.look.hollow for series in figure.series] == [False, True, True, True]


def test_the_range_of_rates_is_that_of_the_users_curve_or_as_requested(choice: Choice) -> None:
    assert paper_figure(choice).x.limits == pytest.approx((0.1 / 1.5, 0.8 * 1.5))
    figure = paper_figure(choice, "0.3:0.5")
    assert figure.x.limits == (0.3, 0.5)
    assert figure.y.limits is not None
    assert 25 < figure.y.limits[0] < figure.y.limits[1] < 36


@pytest.mark.parametrize(("width", "mm"), [("column", 88.9), ("page", 181.9), ("120", 120), ("120mm", 120)])
def test_a_figure_has_the_requested_width(choice: Choice, tmp_path: Path, width: str, mm: float) -> None:
    pdf, png, _ = write_figure(choice, tmp_path / "a", ["pdf", "png"], width=width)
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", pdf.read_bytes())
    assert box
    assert float(box[1]) / 72 * 25.4 == pytest.approx(mm, abs=0.1)
    with Image.open(io.BytesIO(png.read_bytes())) as picture:
        assert picture.width / 600 * 25.4 == pytest.approx(mm, abs=0.1)
        assert picture.height < 1.05 * picture.width


def test_files_of_all_formats_are_reproducible(choice: Choice, tmp_path: Path) -> None:
    paths = write_figure(choice, tmp_path / "one" / "rd.v2.pdf", FORMS)
    assert [path.name for path in paths] == [f"rd.v2.{form}" for form in (*FORMS, "bib")]
    again = write_figure(choice, tmp_path / "two" / "rd.v2", FORMS)
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]


def test_the_csv_and_the_pgf_have_the_points_of_the_curves(choice: Choice, tmp_path: Path) -> None:
    csv, pgf, _ = write_figure(choice, tmp_path / "rd", ["csv", "pgf"])
    table, text = pd.read_csv(csv, float_precision="round_trip"), pgf.read_text()
    plots = re.findall(r"coordinates \{(.*?)\};\n\\addlegendentry\{(.*)\}\n", text)
    assert [title for _, title in plots] == [
        r"new 50\% \& more", "BPG 4:4:4", "VVC (VTM), CompressAI", "JPEG 4:2:0"
    ]  # fmt: skip
    for rd_curve, (coordinates, _) in zip(choice.rd_curves, plots, strict=True):
        curve = rd_curve.curves["psnr_db"]
        rows = table[table["curve"] == rd_curve.name]
        assert rows["rate_bpp"].tolist() == list(curve.rate_bpp)
        assert rows["psnr_db"].tolist() == list(curve.quality)
        pairs = [tuple(map(float, pair.split(","))) for pair in re.findall(r"\((.*?)\)", coordinates)]
        assert pairs == [pytest.approx(pair, rel=1e-5) for pair in zip(rows["rate_bpp"], rows["psnr_db"], strict=True)]
    assert text.count("{") == text.count("}")
    assert len(set(re.findall(r"\\definecolor\{(\w+)\}\{HTML\}\{[0-9A-F]{6}\}", text))) == len(NAMES)


def test_the_bibliography_has_exactly_the_works_of_the_figure(choice: Choice, tmp_path: Path) -> None:
    (bib,) = write_figure(choice, tmp_path / "rd", [])
    keys = re.findall(r"^@\w+\{(.*),$", bib.read_text(), re.MULTILINE)
    assert set(keys) == {
        "bench", "kodak", "bellard2014bpg", "begaint2020compressai", "bross2021vvc", "wallace1992jpeg",
        "points-own-new-50-more", "points-tfc", "points-compressai",
    }  # fmt: skip
    assert len(set(keys)) == len(keys)
    assert r"Table 3 of \{x\}" in bib.read_text()
    assert r"new 50\% \& more: RD points" in bib.read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": "wide"}, "--width wide: give column, page, or a width in millimetres"),
        ({"width": "5"}, "the width must be 40 to 400 mm"),
        ({"width": "nan"}, "the width must be 40 to 400 mm"),
        ({"rates": "1"}, "--rates 1: give two rates in bits per pixel"),
        ({"rates": "2:1"}, "--rates 2:1: give two rates"),
        ({"rates": "50:60"}, "--rates 50:60: no curve has points in this range"),
    ],
)
def test_an_invalid_width_or_range_of_rates_is_an_error(
    choice: Choice, tmp_path: Path, options: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        write_figure(choice, tmp_path / "rd", ["csv"], **options)
    assert not list(tmp_path.iterdir())


def test_formats_are_parsed_and_unknown_ones_rejected() -> None:
    assert forms_of("PDF, csv,pdf") == ("pdf", "csv")
    with pytest.raises(UsageError, match="unknown format 'jpg'"):
        forms_of("pdf,jpg")
    with pytest.raises(UsageError, match="--format needs one or more of pdf, svg"):
        forms_of(",")


def test_measured_curves_are_cited_with_weights_and_metric(tmp_path: Path) -> None:
    synthetic = garden()
    synthetic.add_codec("joint+qr", "Joint, rectified")
    synthetic.add_curve("joint+qr", rate=0.7, weights="zoo")
    choice = chosen(synthetic.read(tmp_path / "in"), ["joint+qr", "alpha"], metric="ms-ssim")
    (bib,) = write_figure(choice, tmp_path / "rd", [])
    assert re.findall(r"^@\w+\{(.*),$", bib.read_text(), re.MULTILINE) == [
        "bench", "wang2003msssim", "minnen2018joint", "luo2023rectifier", "begaint2020compressai"
    ]  # fmt: skip
    assert [series.look.hollow for series in paper_figure(choice).series] == [False, False]


def test_files_of_a_metric_on_which_lower_is_better_have_its_values(tmp_path: Path) -> None:
    synthetic = garden()
    synthetic.tables["metrics"].append({"metric": "worst", "title": "Largest error", "higher_is_better": 0})
    for row in synthetic.tables["measurements"]:
        row["worst"] = 100.0 - row["quality"]
    choice = chosen(synthetic.read(tmp_path / "in"), ["alpha"], metric="worst")
    csv, pgf, _ = write_figure(choice, tmp_path / "rd", ["csv", "pgf"])
    rows = pd.read_csv(csv).sort_values("rate_bpp")
    assert rows["worst"].tolist() == sorted({100.0 - row["quality"] for row in synthetic.tables["measurements"]})[::-1]
    text = pgf.read_text()
    assert "y dir=reverse" in text
    ((low, high),) = re.findall(r"ymin=([\d.-]+), ymax=([\d.-]+)", text)
    assert float(low) < rows["worst"].min() < rows["worst"].max() < float(high)
    assert f",{rows['worst'].iloc[0]:g})" in text
