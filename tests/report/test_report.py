from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import html5lib
import pandas as pd
import pytest
from pages import Page, cell_numbers, leave_figures_empty, spelt
from synthetic import IMAGES, orchard

from bench.analysis.dataset_results import DatasetResults
from bench.analysis.rectifier_gain import TIMES
from bench.analysis.trust import other_qualities
from bench.report import write_report
from bench.report.content import main_results
from bench.report.numbers import NOTHING, milliseconds, plain, signed
from bench.report.report import Report
from bench.report.views import experiments, provenance, times
from bench.report.views.bd_rates import mark
from bench.report.views.image_set import heading, short_title, tab_title
from bench.results.extras import ORIGINS, WEIGHTS
from bench.system import manifest
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic

HOSTILE = "<script>alert('1')</script>\"&$x_1$"


@pytest.fixture(scope="module")
def out(full_report: Path) -> Path:
    """The report on the full export."""
    return full_report


@pytest.fixture(scope="module")
def page(out: Path) -> Page:
    return Page(out / "index.html")


def _report(synthetic: Synthetic, folder: Path, **options: object) -> Page:
    return Page(write_report(synthetic.write(folder / "export"), folder / "out", **options))


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


WRITE = """
import sys
from pathlib import Path
import bench.report
print("matplotlib" in sys.modules)
bench.report.write_report(Path(sys.argv[1]), Path(sys.argv[2]), anchors=("alpha", "beta"))
print("torch" in sys.modules)
"""


def test_a_new_process_writes_the_same_bytes_without_torch(out: Path, full_export: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE, str(full_export), str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    first, second = _files(out), _files(tmp_path)
    assert first == second
    assert {"index.html", "tables/points.csv", "tables/bd_rates.csv", "figures/rd_psnr_db.svg"} <= set(first)


@pytest.mark.usefixtures("empty_figures")
def test_files_of_an_earlier_report_are_removed_and_others_kept(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        del row["mse_y"], row["ms_ssim"]
    for table in ("measurements", "images", "datasets"):
        rows = synthetic.tables[table]
        synthetic.tables[table] = [row | {"dataset": name} for row in rows for name in ("garden", "orchard")]
    export, out = synthetic.write(tmp_path / "export"), tmp_path / "out"
    write_report(export, out)
    assert {"orchard.html", "tables/orchard/points.csv", "figures/orchard/rd_psnr_db.svg"} <= _files(out).keys()
    (out / "own.html").write_text("x")
    write_report(export, out, datasets=["garden"])
    assert not [name for name in _files(out) if "orchard" in name]
    assert _files(out).keys() == manifest.listed(out / manifest.REPORT) | {manifest.REPORT, "own.html"}


def test_figures_for_a_paper_are_reproducible(
    synthetic: Synthetic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.report.page.drawing", lambda _: "<svg></svg>")  # those of the page are compared above
    rows = [row for row in synthetic.tables["measurements"] if row["codec"] == "alpha"]
    synthetic.tables["measurements"] = [{k: v for k, v in row.items() if k not in {"mse_y", "ms_ssim"}} for row in rows]
    export = synthetic.write(tmp_path / "export")
    for name in ("one", "two"):
        write_report(export, tmp_path / "out", figures_dir=tmp_path / name)
    assert _files(tmp_path / "one") == _files(tmp_path / "two")
    files = [path for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".svg", ".pdf"}
    assert all(path.stat().st_size > 1000 for path in files)


def test_the_page_loads_nothing_from_other_hosts(page: Page) -> None:
    assert not [tag for tag, _ in page.tags if tag in {"link", "img", "iframe"}]
    assert all(source.startswith("assets/") for source in page.values("src"))
    outside = [attrs for tag, attrs in page.tags if tag != "a" and "http" in str(attrs.get("href"))]
    assert outside == []
    style = page.html[page.html.index("<style>") : page.html.index("</style>")]
    assert "http" not in style
    assert "@import" not in style
    assert not [url for url in re.findall(r"url\(([^)]*)\)", page.html) if not url.startswith("#")]


def test_links_within_the_report_have_targets(page: Page, out: Path) -> None:
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    for reference in page.values("href") + page.values("xlink:href"):
        if reference.startswith("#"):
            assert reference[1:] in ids
        elif not reference.startswith("https://"):
            assert (out / reference).is_file()
    for names in page.values("aria-labelledby"):
        assert names in ids


def test_every_number_of_the_pages_is_in_a_csv_file(out: Path) -> None:
    for path in sorted(out.glob("*.html")):
        numbers = cell_numbers(path)
        assert len(numbers) > 3 or path.name == "pictures.html"
        assert not [number for number in numbers if number not in spelt(out)], path.name


def test_each_point_and_time_of_the_csv_files_is_on_the_page(page: Page, out: Path) -> None:
    tables = out / "tables"
    bd_rates = pd.read_csv(tables / "bd_rates.csv")
    for row in bd_rates[bd_rates["anchor"] == bd_rates["anchor"].iloc[0]].to_dict("records"):
        assert signed(row["bd_rate_pchip_percent"], 1) in page.html
        assert f"{plain(row['overlap_low'], 1)} to {plain(row['overlap_high'], 1)}" in page.html
    for row in pd.read_csv(tables / "points.csv").to_dict("records"):
        cells = [plain(row["bpp"], 4), plain(row["psnr_db"], 3), plain(row["ms_ssim"], 5), plain(row["ms_ssim_db"], 3)]
        assert all(cell in page.text for cell in cells)
    for row in pd.read_csv(tables / "timings_summary.csv").to_dict("records"):
        assert milliseconds(row["median_s"]) in page.text


def test_the_numbers_of_the_interactive_figures_are_those_of_the_csv_files(page: Page, out: Path) -> None:
    script = r'<script type="application/json" id="numbers"[^>]*>(.*?)</script>'
    data = json.loads(re.findall(script, page.html, re.DOTALL)[0])
    points = pd.read_csv(out / "tables" / "points.csv").set_index(["name", "quality"])
    measured = {curve["name"] for curve in data["curves"] if curve["measured"]}
    drawn = [
        (series["curve"], float(note.removeprefix("quality ")), x, y)
        for series in data["figures"]["rd"]["psnr_db"]["series"]
        if series["curve"] in measured
        for x, y, note in zip(series["x"], series["y"], data["notes"][series["notes"]], strict=True)
    ]
    assert len(drawn) == len(points)
    for name, quality, bpp, psnr in drawn:
        assert (bpp, psnr) == pytest.approx(tuple(points.loc[(name, quality), ["bpp", "psnr_db"]]), rel=1e-5)


def test_every_page_is_valid_html(out: Path) -> None:
    pages = sorted(out.glob("*.html"))
    assert [path.stem for path in pages] == ["ablation", "index", "pictures", "rectifier"]
    for path in pages:
        html5lib.HTMLParser(strict=True).parse(path.read_text())


def test_rectifier_and_ablation_have_the_constructed_values(out: Path) -> None:
    rectifier, ablation = Page(out / "rectifier.html"), Page(out / "ablation.html")
    assert "+0.200" in rectifier.text
    assert "19.0" in rectifier.text  # percent of the error, at quality 10
    assert "joint" in ablation.text
    assert signed((0.46 + 1) / (0.41 + 1) * 100 - 100, 2) in ablation.text  # bpp_z is 1 in both


def test_gains_have_intervals_and_the_page_begins_with_the_result(out: Path) -> None:
    rectifier = Page(out / "rectifier.html")
    assert "+0.200 +0.200 to" not in rectifier.text  # four pictures have no interval
    gains = pd.read_csv(out / "tables" / "rectifier_gains.csv").assign(psnr_gain_low_db=0.1, psnr_gain_high_db=0.3)
    assert "+0.100 to +0.300" in {cell.below for row in experiments.gains(gains).rows for cell in row}
    assert "beyond +ft" in rectifier.text
    assert "Result: +0.200 dB of PSNR on average over 1 model" in rectifier.text


def test_shares_state_the_number_of_cases(page: Page) -> None:
    assert "1 of 1 searches" in page.text
    assert "100 % of" not in page.text


def test_paired_times_state_qualities_number_and_range() -> None:
    row = dict.fromkeys(TIMES, "") | {"qualities": "3", "tasks": 4, "base_s": 0.1, "with_s": 0.15}
    (shown,) = times.pairs(pd.DataFrame([row | {"ratio": 1.5, "ratio_low": 0.95, "ratio_high": 1.6}])).rows
    assert [shown[4].text, shown[5].text] == ["3", 4]
    assert (shown[-1].text, shown[-1].below) == ("+50.0", "\N{MINUS SIGN}5.0 to +60.0")


def test_weights_without_a_validation_record_have_an_empty_cell() -> None:
    row = dict.fromkeys((*WEIGHTS, *ORIGINS), "") | {"quality": 3.0, "quantized_from": "joint@3"}
    row |= dict.fromkeys(("lmbda", "total_steps", "seconds", "validation_bpp", "validation_psnr_db"), math.nan)
    assert provenance.weights(pd.DataFrame([row])).rows[0][-2].text == NOTHING


def test_learned_codecs_with_other_qualities_than_their_family_are_listed(tmp_path: Path) -> None:
    export = orchard()
    export.tables["measurements"] = [
        row for row in export.tables["measurements"] if row["codec"] != "cca-int" or row["quality"] in {10, 50}
    ]
    told = other_qualities(DatasetResults.of(export.read(tmp_path), "garden"))
    assert list(told) == ["cca-int"]
    assert told["cca-int"].startswith("qualities 10, 50, where cca has 10, ")


def test_equal_remarks_have_one_number() -> None:
    entries = [{"remark": text} for text in ("b", "", "a", "b")]
    assert mark(entries) == ["b", "a"]
    assert [entry["mark"] for entry in entries] == [1, "", 2, 1]


def _figure(page: Page, name: str) -> str:
    """The HTML of a figure of a page."""
    return page.html.partition(f'<figure id="{name}"')[2].partition("</figure>")[0]


def test_figures_name_the_anchor_and_show_one_setting_of_each_codec(page: Page) -> None:
    figure = _figure(page, "per_image_psnr_db")
    assert "BD-rate against Alpha" in figure
    assert "Beta" in figure
    assert "Alpha, rectified" not in figure


def test_every_figure_names_its_curves(page: Page) -> None:
    assert re.findall(r">(Alpha|Beta)</text>", _figure(page, "rd_psnr_db")) == ["Alpha", "Beta"]
    assert re.findall(r">(Alpha|Beta)</text>", _figure(page, "difference_psnr_db")) == ["Beta"]


def test_every_figure_has_svg_csv_and_latex_files(page: Page, out: Path) -> None:
    links = set(page.values("href"))
    figures = [attrs["id"] for tag, attrs in page.tags if tag == "figure"]
    assert len(figures) >= 6
    for name in figures:
        for form in ("svg", "csv", "pgf"):
            assert f"figures/{name}.{form}" in links
            assert (out / "figures" / f"{name}.{form}").is_file()
    points = pd.read_csv(out / "figures" / "rd_psnr_db.csv")
    assert set(points["curve"]) == {"alpha", "beta"}


def test_each_figure_is_drawn_once_and_a_published_curve_can_be_the_anchor(
    full_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    monkeypatch.setattr("bench.report.page.drawing", lambda figure: drawn.append(figure.name) or "<svg></svg>")
    page = Page(write_report(full_export, tmp_path, anchors=["tfc/bpg444"]))
    assert len(drawn) == len(set(drawn)) == len(list((tmp_path / "figures").rglob("*.svg")))
    assert "Rate relative to BPG 4:4:4" in page.text


def test_four_pictures_have_a_reason_instead_of_an_interval(page: Page, out: Path) -> None:
    assert "No interval: 4 pictures; at least 5 are needed." in page.text
    rates = pd.read_csv(out / "tables" / "bd_rates.csv")
    assert rates[["interval_low_percent", "interval_high_percent"]].isna().all(axis=None)


def test_gains_of_the_rectifier_have_a_panel_for_each_model(out: Path) -> None:
    page = Page(out / "rectifier.html")
    assert ">alpha</text>" in _figure(page, "rectifier_psnr_gain_db")
    # There is no control in this export.
    assert re.findall(r">(\+[^<]*)</text>", _figure(page, "rectifier_psnr_gain_db")) == ["+qr (rectifier)"]


def test_a_learned_codec_with_fewer_qualities_is_excluded_from_times_and_rates(tmp_path: Path) -> None:
    export = orchard()
    for codec in ("cca-int", "jpeg"):
        kept = [row for row in export.tables["measurements"] if row["codec"] != codec or row["quality"] < 60]
        export.tables["measurements"] = kept
    content = Report.of(export.write(tmp_path), anchors=["joint"]).contents[0]
    assert set(content.tables["time_and_rate"]["test"]) == {"cca", "joint-yuv", "joint", "jpeg"}
    assert "cca-int" in set(content.tables["bd_rates"]["test"])


@pytest.fixture(scope="module")
def orchard_page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The first page of planes of a set whose name says nothing of them, as that of a sample or a clip."""
    with pytest.MonkeyPatch.context() as patch:
        leave_figures_empty(patch)
        return _report(orchard(), tmp_path_factory.mktemp("orchard"))


def test_component_gains_compare_codecs_with_and_without_a_component(orchard_page: Page) -> None:
    section = orchard_page.text[orchard_page.text.index("Component gain") :]
    assert "\N{MINUS SIGN}20.0" in section
    assert "cross-component attention and the filter (ACEM)" in section
    assert "No model has been trained from two seeds yet: bench train spread" in section


@pytest.mark.usefixtures("empty_figures")
def test_measured_quantisation_errors_have_a_section(tmp_path: Path) -> None:
    export = orchard()
    for row in export.tables["measurements"]:
        if row["codec"] == "cca":
            bits = {"estimated_bits": 7.9 * row["num_bytes"], "coder_bits": 8.0 * row["num_bytes"]}
            row.update(bits | {f"unquantized_mse_{plane}": row[f"mse_{plane}"] / 1.25 for plane in "yuv"})
    page = _report(export, tmp_path)
    section = page.text[page.text.index("Quantisation errors") :]
    assert "rounding costs Cca 0.97 dB" in page.text  # 10 log10 1.25
    assert "PSNR, YUV 6:1:1 of the decoded files" in section
    assert "+1.27" in section  # 8 / 7.9 in percent


@pytest.mark.usefixtures("empty_figures")
def test_missing_content_is_listed_with_the_command_that_adds_it(brief: Synthetic, tmp_path: Path) -> None:
    brief.tables["timings"] = []
    page = _report(brief, tmp_path)
    for sentence in (
        "Times are missing: on an idle machine, repeat the run with --timing",
        "pictures are missing",
        "ablation of entropy models is missing",
        "measured on YUV",
        "No codec with a quantization",
    ):
        assert sentence in page.text
    assert sorted(path.name for path in (tmp_path / "out").glob("*.html")) == ["index.html"]


def test_measured_planes_and_times_are_not_listed_as_missing(orchard_page: Page) -> None:
    assert "Model costs are missing" in orchard_page.text
    assert "measured on YUV" not in orchard_page.text
    assert "Times are missing" not in orchard_page.text


@pytest.mark.usefixtures("empty_figures")
def test_curves_of_one_point_have_a_page_without_bd_rates(synthetic: Synthetic, tmp_path: Path) -> None:
    rows = synthetic.tables["measurements"]
    synthetic.tables["measurements"] = [row for row in rows if row["quality"] == rows[0]["quality"]]
    content = Report.of(synthetic.write(tmp_path / "export")).contents[0]
    assert content.tables["bd_rates"]["bd_rate_pchip_percent"].isna().all()
    assert "two are needed" in _report(synthetic, tmp_path).text


def test_results_without_any_metric_are_refused(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        del row["mse"], row["mse_y"], row["ms_ssim"]
    with pytest.raises(UsageError, match="the results on garden lack the metrics of this version; repeat `bench run`"):
        Report.of(synthetic.write(tmp_path / "export"))


@pytest.mark.usefixtures("empty_figures")
def test_a_second_image_set_has_its_own_page(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in list(synthetic.tables["measurements"]):
        del row["mse_y"], row["ms_ssim"]
        if row["image"] in {"aubergine", "beetroot"}:
            other = {"dataset": "orchard", "image_sha256": row["image_sha256"] + "2", "key": row["key"] + "2"}
            synthetic.tables["measurements"].append(row | other)
    synthetic.tables["datasets"].append({"dataset": "orchard", "title": "Orchard, 2 pictures", "note": ""})
    pictures = [row for row in synthetic.tables["images"] if row["image"] in {"aubergine", "beetroot"}]
    synthetic.tables["images"] += [
        row | {"dataset": "orchard", "image_sha256": row["image_sha256"] + "2"} for row in pictures
    ]
    index = _report(synthetic, tmp_path)
    orchard = Page(tmp_path / "out" / "orchard.html")
    assert "Image codecs on Orchard" in orchard.text
    assert "orchard.html" in index.values("href")
    assert "Claims of the papers" not in orchard.text
    for page in (index, orchard):
        for link in page.values("href"):
            assert link.startswith(("#", "https://")) or (tmp_path / "out" / link).is_file(), link
    assert set(pd.read_csv(tmp_path / "out" / "tables" / "orchard" / "points.csv")["images"]) == {2}
    assert len(list((tmp_path / "out" / "figures" / "orchard").glob("*.svg"))) == 3


@pytest.mark.usefixtures("empty_figures")
def test_a_missing_or_damaged_picture_is_an_error(pictured_export: Path, tmp_path: Path) -> None:
    picture = next((pictured_export / "pictures").iterdir())
    picture.write_bytes(picture.read_bytes()[:30])
    with pytest.raises(UsageError, match=f"{picture.name} is damaged; write the pictures again"):
        write_report(pictured_export, tmp_path / "out")
    picture.unlink()
    with pytest.raises(UsageError, match=f"{picture.name} is missing; write the pictures again"):
        write_report(pictured_export, tmp_path / "out")


def test_the_bd_rate_has_the_constructed_value(page: Page, out: Path) -> None:
    table = pd.read_csv(out / "tables" / "bd_rates.csv").query("anchor == 'alpha'").set_index(["test", "axis"])
    assert table.loc[("beta", "psnr_db"), "bd_rate_pchip_percent"] == pytest.approx((0.8 / 0.95 - 1) * 100, abs=0.05)
    assert "\N{MINUS SIGN}15.8" in page.text


def test_hostile_names_are_escaped(brief: Synthetic, tmp_path: Path) -> None:
    for table in brief.tables.values():
        for row in table:
            for column in ("codec", "title", "message", "machine", "command", "backend_version", "note", "image"):
                if column in row:
                    row[column] = f"{row[column]} {HOSTILE}"
    for row in brief.tables["measurements"]:
        row[f"m {HOSTILE}"] = row["mse"]
    page = _report(brief, tmp_path)
    scripts = [attrs for tag, attrs in page.tags if tag == "script"]
    assert all(set(attrs) - {"data-needs"} in ({"defer", "src"}, {"type", "id"}) for attrs in scripts)
    assert page.html.count("<script") == len(scripts)
    assert page.html.count("</script") == len(scripts)
    assert "<script>alert" not in page.html
    assert "alert('1')" in page.text
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert all(re.fullmatch(r"[\w./-]+", name) for name in _files(tmp_path / "out"))


@pytest.mark.usefixtures("empty_figures")
def test_only_https_addresses_become_links(brief: Synthetic, tmp_path: Path) -> None:
    for row in brief.tables["published"]:
        row["url"] = "javascript:alert(1)"
    assert not [link for link in _report(brief, tmp_path).values("href") if "javascript" in link]


@pytest.mark.usefixtures("empty_figures")
def test_the_note_of_an_image_set_is_in_title_and_banner(brief: Synthetic, tmp_path: Path) -> None:
    brief.tables["datasets"][0]["note"] = (
        "These are not the Kodak pictures: results are not comparable with published ones."
    )
    page = _report(brief, tmp_path)
    title = re.search(r"<title>(.*?)</title>", page.html)
    assert title is not None
    assert title[1] == "Image codecs on Garden (these are not the Kodak pictures)"
    assert any(attrs.get("class") == "banner" for _, attrs in page.tags)
    assert "results are not comparable with published ones" in page.text


@pytest.mark.usefixtures("empty_figures")
def test_the_page_of_a_subset_has_no_published_curves(brief: Synthetic, tmp_path: Path) -> None:
    page = _report(brief, tmp_path, images=("aubergine", "beetroot"))
    assert "Image codecs on Garden, 2 of 4 pictures" in page.text
    assert "Curves of the whole set, published or imported, are not shown." in page.text
    assert "Published curves" not in page.text
    assert "BPG 4:4:4" not in page.text
    assert set(pd.read_csv(tmp_path / "out" / "tables" / "points.csv")["images"]) == {2}


def test_incomplete_failed_absent_and_stale_are_listed_and_not_drawn(page: Page, out: Path) -> None:
    assert "gamma@10 : 1 of 4 pictures" in page.text
    assert "on 2 pictures, beetroot first: it broke" in page.text
    assert "Not measured on these pictures: Delta." in page.text
    assert "Alpha: 1.0, revision 1, last measured 2026-01-01, 5 of 5 points complete" in page.text
    points = pd.read_csv(out / "tables" / "points.csv")
    assert set(points["name"]) == {"alpha", "beta", "alpha+qr"}
    assert set(points.query("name == 'alpha'")["backend_version"]) == {2.0}


@pytest.mark.parametrize("lacking", ["a picture too small for it", "not measured for one codec", "both"])
def test_points_without_a_metric_are_omitted_with_a_reason(synthetic: Synthetic, tmp_path: Path, lacking: str) -> None:
    for row in synthetic.tables["measurements"]:
        if row["image"] == "dill" and lacking != "not measured for one codec":
            row["ms_ssim"] = "nan"
        if row["codec"] == "beta" and lacking != "a picture too small for it":
            row["ms_ssim"] = None
    page = _report(synthetic, tmp_path)
    rates = pd.read_csv(tmp_path / "out" / "tables" / "bd_rates.csv").set_index("axis")
    assert rates.loc["psnr_db", "bd_rate_pchip_percent"] == pytest.approx(-20, abs=0.05)
    assert math.isnan(rates.loc["ms_ssim_db", "bd_rate_pchip_percent"])
    reasons = {
        "a picture too small for it": "beta@10,30,50,70,90 left out: MS-SSIM, RGB is not defined on dill",
        "not measured for one codec": "beta@10,30,50,70,90 left out: MS-SSIM, RGB is not measured on aubergine",
        "both": "alpha@10,30,50,70,90 left out: MS-SSIM, RGB is not defined on dill",
    }
    assert reasons[lacking] in page.html
    signs = {
        "a picture too small for it": ("nan", "nan"),
        "not measured for one codec": (None, ""),
        "both": ("nan", ""),
    }
    for table in ("points", "per_image"):
        written = pd.read_csv(tmp_path / "out" / "tables" / f"{table}.csv", dtype=str, keep_default_na=False)
        written = written[written["image"] == "dill"] if "image" in written else written
        for name, sign in zip(("alpha", "beta"), signs[lacking], strict=True):
            found = set(written.loc[written["name"] == name, "ms_ssim_db"])
            assert found == {sign} if sign is not None else found.isdisjoint({"nan", ""})


def test_times_of_two_machines_are_two_tables(page: Page) -> None:
    assert "box; 1 thread, cpu; the same 4 pictures" in page.text
    assert "mill; 1 thread, cpu; the same 4 pictures" in page.text


def test_the_image_set_with_the_most_measurements_is_reported_by_default(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_dataset("corner", IMAGES[:2])
    synthetic.add_codec("trial", "A trial on a part")
    synthetic.add_curve("trial", images=IMAGES[:2])
    assert main_results(synthetic.read(tmp_path), None, ()).dataset == "garden"


@pytest.mark.usefixtures("empty_figures")
def test_an_image_set_without_measurements_has_a_page_that_says_so(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_dataset("shed", ("carrot", "parsnip"))
    assert "no curves to show" in _report(synthetic, tmp_path, datasets=["shed"]).text


def test_an_unknown_anchor_and_an_empty_export_are_errors(synthetic: Synthetic, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'alpha'"):
        _report(synthetic, tmp_path, anchors=["alhpa"])
    synthetic.tables["measurements"] = []
    with pytest.raises(UsageError, match="nothing is measured yet"):
        _report(synthetic, tmp_path)


@pytest.mark.usefixtures("empty_figures")
def test_a_single_codec_has_a_page_and_a_harmless_note_has_no_banner(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.tables["datasets"][0]["note"] = "Converted from RGB: by ffmpeg."
    synthetic.tables["measurements"] = [row for row in synthetic.tables["measurements"] if row["codec"] == "alpha"]
    page = _report(synthetic, tmp_path)
    assert "On Garden (4 pictures), only Alpha has been measured" in page.text
    assert "Rate savings" not in page.text
    assert "Converted from RGB: by ffmpeg." in page.text
    assert not any(attrs.get("class") == "banner" for _, attrs in page.tags)


@pytest.mark.parametrize(
    ("title", "dataset", "shown"),
    [
        ("Kodak Lossless True Color Image Suite, 24 pictures", "kodak", "Kodak"),
        ("Kodak in YUV 4:2:0, 24 pictures", "kodak-yuv420", "Kodak in YUV 4:2:0"),
        ("photos, 4 pictures", "photos-1a2b3c4d", "Photos"),
        ("Kodak Lossless True Color Image Suite, 2 of 24 pictures", "kodak-2of24-1a2b3c4d", "Kodak"),
        ("news_352x288.y4m, 352x288", "news-1a2b3c4d", "news_352x288.y4m"),
    ],
)
def test_the_short_title_of_an_image_set(
    synthetic: Synthetic, tmp_path: Path, title: str, dataset: str, shown: str
) -> None:
    synthetic.tables["datasets"] = []
    synthetic.tables["images"] = []
    synthetic.add_dataset(dataset)
    synthetic.tables["datasets"][0]["title"] = title
    assert short_title(main_results(synthetic.read(tmp_path), dataset, ())) == shown


def test_a_part_is_named_like_the_whole_set_with_its_number_of_pictures(synthetic: Synthetic, tmp_path: Path) -> None:
    part = "garden-2of4-1a2b3c4d"
    synthetic.add_dataset(part, IMAGES[:2], note="A part of garden: results are not comparable with published ones.")
    synthetic.tables["datasets"][-1]["title"] = "Garden in a very long title of its own, 2 of 4 pictures"
    results = DatasetResults.of(synthetic.read(tmp_path), part)
    assert heading(results) == "Image codecs on Garden, 2 of 4 pictures"
    assert tab_title(results) == "Garden, 2 of 4"
    assert tab_title(DatasetResults.of(synthetic.read(tmp_path), "garden")) == "Garden"
