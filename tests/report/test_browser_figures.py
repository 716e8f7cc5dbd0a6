"""Figures in a browser: the interactive one, and names in static ones."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from browsing import open_page, unfold
from PIL import Image

from bench.analysis.axis import PSNR
from bench.analysis.comparison import bd_table
from bench.analysis.costs import COSTS, cost_table
from bench.analysis.rd_curve import published_curve
from bench.learned.families import FAMILIES
from bench.report.canvas import drawing, inline_svg
from bench.report.cost_plot import cost_figure
from bench.report.figure import WIDTH_INCHES, Curves
from bench.results import published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def charted(browser: Browser, report: Path) -> Iterator[Callable[[], Page]]:
    """First page with the interactive figures open; shared, because loading plotly takes seconds."""
    page, console, requests = open_page(browser, report, viewport={"width": 1280, "height": 900})
    unfold(page, "curves")
    page.wait_for_function("document.getElementById('chart').data")
    controls = page.evaluate("[...document.querySelectorAll('#explorer select')].map(select => select.value)")

    def reset() -> Page:
        page.emulate_media(color_scheme="light")
        page.mouse.move(0, 0)
        choose = "(select, place) => { select.value = values[place]; }"
        page.evaluate(f"values => [...document.querySelectorAll('#explorer select')].forEach({choose})", controls)
        page.get_by_role("button", name="first choice").click()
        return page

    yield reset
    assert console == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    page.context.close()


@pytest.fixture
def page(charted: Callable[[], Page]) -> Page:
    """First page with the interactive figures in their initial state."""
    return charted()


def shown(page: Page) -> list[str]:
    """Names of the visible curves."""
    names: list[str] = page.evaluate("document.getElementById('chart').data.map(trace => trace.meta)")
    return names


def layout(page: Page, axis: str) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("a => JSON.parse(JSON.stringify(chart.layout[a]))", axis)
    return found


def test_a_click_on_a_name_shows_or_hides_its_curve(page: Page) -> None:
    assert shown(page) == ["alpha", "beta"]
    toggle = page.locator("#toggles [data-curve='alpha']")
    assert toggle.get_attribute("aria-pressed") == "true"
    toggle.click()
    assert shown(page) == ["beta"]
    assert toggle.get_attribute("aria-pressed") == "false"
    page.locator("#toggles [data-curve='alpha+qr']").click()
    assert shown(page) == ["alpha+qr", "beta"]
    for choice, curves in {"none": [], "first choice": ["alpha", "beta"]}.items():
        page.get_by_role("button", name=choice).click()
        assert shown(page) == curves
    page.get_by_role("button", name="all", exact=True).click()
    assert {"alpha", "alpha+qr"} < set(shown(page))
    assert any("/" in name for name in shown(page)), "published curves can be added"


def test_page_and_interactive_figure_share_one_view(page: Page) -> None:
    page.evaluate("""() => {
        window.views = [];
        document.addEventListener("view", ({ detail }) => window.views.push(detail));
        document.dispatchEvent(new CustomEvent("view", { detail: { metric: "ms_ssim_db", codecs: ["beta"] } }));
    }""")
    assert shown(page) == ["beta"]
    assert page.locator("#metric").input_value() == "ms_ssim_db"
    assert page.evaluate("window.views.length") == 1, "a received view must not be sent again"
    page.locator("#toggles [data-curve='alpha']").click()
    assert page.evaluate("window.views[1]") == {
        "metric": "ms_ssim_db", "anchor": page.locator("#anchor").input_value(), "codecs": ["beta", "alpha"]
    }  # fmt: skip


def test_the_metric_switch_changes_axis_and_values(page: Page) -> None:
    values = "document.getElementById('chart').data.find(trace => trace.meta === 'alpha').y"
    psnr = page.evaluate(values)
    page.locator("#metric").select_option(label="MS-SSIM, RGB (dB)")
    assert layout(page, "yaxis")["title"]["text"] == "MS-SSIM, RGB (dB)"
    assert page.evaluate(values) != psnr


def test_the_rate_axis_is_logarithmic_or_linear(page: Page) -> None:
    assert layout(page, "xaxis")["type"] == "log"
    page.locator("#scale").select_option("linear")
    assert layout(page, "xaxis")["type"] == "linear"
    assert layout(page, "xaxis")["range"][0] == 0


def test_hovering_over_a_point_shows_rate_quality_setting_and_version(page: Page) -> None:
    page.get_by_role("button", name="none").click()
    page.locator("#toggles [data-curve='alpha']").click()
    page.locator("#chart").scroll_into_view_if_needed()
    spot = page.evaluate("""() => {
        const chart = document.getElementById('chart'), box = chart.getBoundingClientRect();
        const { xaxis, yaxis } = chart._fullLayout, { x, y } = chart.data[0];
        return [box.x + xaxis._offset + xaxis.d2p(x[2]), box.y + yaxis._offset + yaxis.d2p(y[2]), x[2], y[2]];
    }""")
    page.mouse.move(spot[0], spot[1])
    label = page.locator("#chart .hoverlayer .hovertext").first
    label.wait_for()
    text = label.text_content() or ""
    assert "Alpha" in text
    assert f"rate, bits per pixel: {spot[2]:.4g}" in text
    assert f"PSNR, RGB (dB): {spot[3]:.4g}" in text
    assert "quality 50" in text
    assert "2.0" in text


def test_plotly_cannot_send_data(page: Page) -> None:
    titles: list[str] = page.evaluate("[...document.querySelectorAll('.modebar-btn')].map(b => b.dataset.title)")
    assert titles == ["Zoom", "Pan", "Zoom in", "Zoom out", "Reset axes"]
    config = page.evaluate("chart._context")
    assert (config["showSendToCloud"], config["plotlyServerURL"], config["displaylogo"]) == (False, "", False)


def test_plotly_is_loaded_when_the_figure_is_unfolded(browser: Browser, report: Path) -> None:
    page, console, requests = open_page(browser, report)
    assert not [url for url in requests if "plotly" in url]
    unfold(page, "curves")
    page.wait_for_function("document.getElementById('chart').data")
    assert [url for url in requests if "plotly" in url]
    assert console == []


@pytest.mark.parametrize(
    ("form", "start"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("csv", b"curve,title"), ("latex", b"% Needs")]
)
def test_the_figure_is_saved_as_it_is_shown(page: Page, form: str, start: bytes) -> None:
    page.locator("#toggles [data-curve='alpha']").click()
    with page.expect_download() as download:
        page.locator(f"#chart-files [data-form='{form}']").click()
    data = Path(download.value.path()).read_bytes()
    assert data.startswith(start)
    assert download.value.suggested_filename.startswith("rd_psnr_db")
    if form in {"csv", "latex"}:
        assert b"Beta" in data
        assert b"Alpha" not in data
        assert data.count(b"\n" if form == "csv" else b"(0.") >= 5


def test_a_static_figure_is_saved_as_png(page: Page) -> None:
    unfold(page, "differences")
    with page.expect_download() as download:
        page.locator("#difference_psnr_db .formats button").click()
    with Image.open(download.value.path()) as picture:
        assert picture.format == "PNG"
        assert picture.width == 4 * 72 * WIDTH_INCHES
        assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 3
    assert download.value.suggested_filename == "difference_psnr_db.png"


def test_the_rate_saved_is_drawn_against_the_chosen_anchor(page: Page) -> None:
    page.locator("#view").select_option("difference")
    assert "alpha" not in shown(page)
    assert layout(page, "yaxis")["title"]["text"] == "Rate relative to Alpha"
    page.locator("#view").select_option("rd")
    assert "alpha" in shown(page)


def test_bd_rates_per_picture_and_over_time_have_figures(page: Page) -> None:
    page.locator("#view").select_option("images")
    assert len(page.evaluate("chart.data.find(trace => trace.meta === 'beta').x")) == 4
    page.locator("#view").select_option("times")
    assert layout(page, "xaxis")["type"] == "log"
    assert page.evaluate("chart.data.find(trace => trace.meta === 'beta').x.length") == 1
    assert layout(page, "xaxis")["title"]["text"] == "milliseconds to encode a picture"


def test_controls_without_effect_are_hidden(page: Page) -> None:
    published = page.locator("#toggles [data-curve*='/']").first
    for view, drawn in {"rd": True, "difference": True, "images": False, "times": False}.items():
        page.locator("#view").select_option(view)
        assert published.is_visible() == drawn
        assert page.locator("#anchor-control").is_visible() == (view != "rd")
        assert page.locator("#time-control").is_visible() == (view == "times")
        assert page.locator("#scale-control").is_visible() == (view == "rd")


def test_the_chart_follows_the_theme(page: Page) -> None:
    colour = "chart._fullLayout.font.color"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{colour} !== {light!r}")


def test_a_claim_unfolds_its_rule(page: Page) -> None:
    claim = page.locator("#claim-joint-jpeg details")
    claim.locator("summary").click()
    assert "Rule: holds if" in (claim.text_content() or "")
    assert page.locator("#claim-joint-jpeg td.evidence .verdict").all_text_contents() == ["no verdict"] * 2
    assert claim.locator("p:visible").count() >= 1


@pytest.fixture(scope="module")
def costs() -> str:
    """The figures with all published codecs whose costs are stated, and ours among them."""
    points, stated = published.load().query("dataset == 'kodak'"), published.stated_costs()
    stated = stated[stated["curve"].isin(published.published_names(points))]
    anchor = published_curve(points, "tfc/bpg444")
    rates = bd_table(anchor, [published_curve(points, name) for name in stated["curve"]], (PSNR,)).assign(doubt="")
    own = {"factorized": (11.1, 107.0), "scale": (11.5, 78.1), "context": (12.8, 64.4), "hyper": (17.1, 55.9)} | {
        "joint": (24.5, 49.4)
    }
    models = pd.DataFrame([{"name": name, "decoder_kmac_per_pixel": kmac} for name, (kmac, _) in own.items()]).assign(
        title=[f"{FAMILIES[name].title}" for name in own], parameters=[kmac * 2e5 for kmac, _ in own.values()],
        peak_memory_bytes=float("nan"),
    )  # fmt: skip
    measured = [{"test": name, "bd_rate_pchip_percent": rate} for name, (_, rate) in own.items()]
    rates = pd.concat([rates, pd.DataFrame(measured).assign(axis=PSNR.name, anchor=anchor.name, doubt="")])
    rows, curves = cost_table(models, stated, rates), Curves({anchor.name: "BPG"}, {})
    of_costs = [(cost, rows[rows["cost"] == cost.name]) for cost in COSTS]
    figures = [cost_figure(own, cost, PSNR, curves) for cost, own in of_costs if len(own)]
    assert [len(figure.series) for figure in figures] == [len(own) + 22 + 1, len(own) + 13 + 1]
    return "".join(f"<figure>{inline_svg(figure.name, drawing(figure))}</figure>" for figure in figures)


@pytest.mark.parametrize("width", [1280, 390])
def test_names_in_cost_figures_do_not_overlap_other_text(
    browser: Browser, tmp_path: Path, costs: str, width: int
) -> None:
    column = min(width - 32, 480)  # as wide as a page has it
    (tmp_path / "costs.html").write_text(f"<style>figure {{ margin: 0; width: {column}px }}</style>{costs}")
    page, _, _ = open_page(browser, tmp_path / "costs.html", viewport={"width": width, "height": 900})
    texts = page.evaluate(
        "[...document.querySelectorAll('svg text')].map(e => [e.textContent, e.getBoundingClientRect().toJSON()])"
    )
    assert len(texts) > 60
    assert min(box["height"] for _, box in texts) >= 10
    overlapping = [
        (one, other)
        for (one, a), (other, b) in itertools.combinations(texts, 2)
        if min(a["right"], b["right"]) - max(a["left"], b["left"]) > 1
        and min(a["bottom"], b["bottom"]) - max(a["top"], b["top"]) > 2
    ]
    assert overlapping == []
    assert all(box["left"] >= 0 and box["right"] <= width for _, box in texts)
