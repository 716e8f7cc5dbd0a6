"""The page in a real browser, from file://, as somebody gets it who was sent the folder."""

from __future__ import annotations

import io
import itertools
import re
import shutil
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import pytest
from PIL import Image

from bench.analysis.axis import PSNR
from bench.analysis.comparison import bd_table
from bench.analysis.costs import cost_table
from bench.analysis.rd_curve import published_curve
from bench.learned.families import FAMILIES
from bench.report.canvas import drawing, inline_svg
from bench.report.cost_plot import cost_figures
from bench.report.figure import Curves
from bench.results import published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

SCREENSHOTS = Path("reports/screenshots")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on PATH; apt install chromium")
    with playwright.sync_playwright() as p:
        opened = p.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(full_report: Path) -> Path:
    return full_report / "index.html"


@pytest.fixture(scope="module")
def pages(report: Path, planes_report: Path) -> list[Path]:
    return [*sorted(report.parent.glob("*.html")), planes_report / "cca.html"]


def open_page(browser: Browser, path: Path, **context: object) -> tuple[Page, list[str], list[str]]:
    """The page, what it wrote to the console, and the addresses that it asked for."""
    page = browser.new_context(**context).new_page()  # type: ignore[arg-type]
    console: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: console.append(message.text))
    page.on("pageerror", lambda error: console.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri(), wait_until="load")
    return page, console, requests


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Page]:
    """The first page as it opens."""
    opened, console, requests = open_page(browser, report, viewport={"width": 1280, "height": 900})
    yield opened
    assert console == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    opened.context.close()


@pytest.fixture(scope="module")
def charted(browser: Browser, report: Path) -> Iterator[Callable[[], Page]]:
    """The first page with the section of the interactive figures open, shared: to load plotly takes seconds."""
    page, console, requests = open_page(browser, report, viewport={"width": 1280, "height": 900})
    unfold(page, "curves")
    page.wait_for_function("document.getElementById('chart').data")
    controls = page.evaluate("[...document.querySelectorAll('#explorer select')].map(select => select.value)")

    def as_at_first() -> Page:
        page.emulate_media(color_scheme="light")
        page.mouse.move(0, 0)
        choose = "(select, place) => { select.value = values[place]; }"
        page.evaluate(f"values => [...document.querySelectorAll('#explorer select')].forEach({choose})", controls)
        page.get_by_role("button", name="first choice").click()
        return page

    yield as_at_first
    assert console == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    page.context.close()


@pytest.fixture
def page(charted: Callable[[], Page]) -> Page:
    """The first page with the interactive figures as they are at first."""
    return charted()


class Visit(NamedTuple):
    path: Path
    width: int
    page: Page
    console: list[str]
    requests: list[str]


@pytest.fixture(scope="module", params=[(1280, "light"), (390, "dark")], ids=["desktop", "phone"])
def visits(browser: Browser, pages: list[Path], request: pytest.FixtureRequest) -> Iterator[list[Visit]]:
    """Every page, wide by day and narrow by night."""
    width, theme = request.param
    size = {"width": width, "height": 900}
    found = [Visit(path, width, *open_page(browser, path, viewport=size, color_scheme=theme)) for path in pages]
    yield found
    for visit in found:
        visit.page.context.close()


def test_every_page_is_whole_quiet_and_offline(visits: list[Visit], request: pytest.FixtureRequest) -> None:
    for path, width, page, console, requests in visits:
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
        page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "a folded part sticks out"
        if page.locator("#view").count():
            page.wait_for_function("document.getElementById('chart').data")
            page.locator("#view").select_option("times")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, "a control sticks out"
            page.locator("#view").select_option("rd")
        broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
        assert page.evaluate(broken) == []
        assert console == []
        assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
        if request.config.option.markexpr == "browser":  # nox -s browser: somebody looks at them
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=SCREENSHOTS / f"{path.stem}-{width}.png", full_page=True)


def test_axe_finds_nothing_to_complain_of(visits: list[Visit]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for path, _, page, _, _ in visits:
        page.set_viewport_size({"width": 1280, "height": 720})
        page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
        found = axe.run(page)
        assert found.violations_count == 0, f"{path.name}: {found.generate_report()}"


def test_tables_fit_on_paper(browser: Browser, pages: list[Path]) -> None:
    wide = "[...document.querySelectorAll('.table')].filter(t => t.firstElementChild.offsetWidth > t.clientWidth + 1)"
    for path in pages:
        page, _, _ = open_page(browser, path, viewport={"width": 718, "height": 1000})  # A4 without its margins
        page.emulate_media(media="print")
        assert page.evaluate(f"{wide}.map(t => t.getAttribute('aria-labelledby'))") == [], path.name


def test_the_page_needs_no_javascript(browser: Browser, report: Path) -> None:
    page, _, _ = open_page(browser, report, java_script_enabled=False)
    assert page.locator("table:visible").count() == 2
    assert page.locator("#ranking tbody tr:visible").count() == 2
    assert page.locator("figure svg:visible").count() == 3
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    assert page.locator("#explorer:visible, button:visible, select:visible, input:visible").count() == 0
    assert page.locator(".matrix:visible, #rates-table:visible").count() == 4


def test_every_link_within_the_folder_leads_somewhere(browser: Browser, report: Path) -> None:
    page, _, _ = open_page(browser, report)
    targets: list[str] = page.evaluate("[...document.links].map(link => link.getAttribute('href'))")
    local = [target for target in targets if "://" not in target]
    assert len(local) > 5
    for target in local:
        path, _, anchor = target.partition("#")
        assert not path or (report.parent / path).is_file(), target
        assert not anchor or path or page.locator(f"[id='{anchor}']").count() == 1, target


# ---- the first screen


def fragment(page: Page) -> dict[str, list[str]]:
    return urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).fragment)


def names(page: Page, table: str) -> list[str]:
    """The curves of the rows that a table shows, in their order."""
    rows = page.locator(f"#{table} tbody tr:visible")
    found: list[str] = rows.evaluate_all("rows => rows.map(row => row.dataset.curve)")
    return found


def unfold(page: Page, section: str) -> None:
    page.locator(f"summary:has(#{section})").click()


def test_the_first_screen_has_answer_claim_figure_and_ranking(browser: Browser, report: Path) -> None:
    page, _, _ = open_page(browser, report, viewport={"width": 1280, "height": 800})
    for part in (".answer", ".main-claim", "#rd_psnr_db svg", "#ranking"):
        box = page.locator(part).bounding_box()
        assert box is not None, part
        assert box["y"] + box["height"] <= 800, part
    assert page.locator("#rd_ms_ssim_db").is_hidden()
    assert "Alpha" in (page.locator(".answer").text_content() or "")
    assert "From published points: not tested" in (page.locator(".main-claim").text_content() or "")


def test_sections_are_folded_and_their_headings_say_what_came_out(opened: Page) -> None:
    folded = opened.locator("details.section:not([open])")
    assert folded.count() == opened.locator("details.section").count() - 1 >= 8
    assert (
        opened.locator("summary:has(#times) .result").text_content() == "Beta 0.022 s to encode and 0.011 s to decode"
    )
    unfold(opened, "times")
    assert opened.locator("[aria-labelledby='times-1']").first.is_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_names_in_the_figures_of_costs_cover_no_other_text(browser: Browser, tmp_path: Path, width: int) -> None:
    """The figure with all published codecs whose costs are stated, and ours among them, as wide as a page has it."""
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
    figures = cost_figures(PSNR, cost_table(models, stated, rates), Curves({anchor.name: "BPG"}, {}))
    assert [len(figure.series) for figure in figures] == [len(own) + 22 + 1, len(own) + 13 + 1]
    column = min(width - 32, 480)
    drawn = "".join(f"<figure>{inline_svg(figure.name, drawing(figure))}</figure>" for figure in figures)
    (tmp_path / "costs.html").write_text(f"<style>figure {{ margin: 0; width: {column}px }}</style>{drawn}")
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


def test_a_link_to_a_folded_section_opens_it(opened: Page) -> None:
    opened.locator("a[href='#rates']").click()
    assert opened.locator("#rates-table").is_visible()


def test_another_anchor_changes_both_tables_and_the_address(opened: Page) -> None:
    unfold(opened, "rates")
    before = opened.locator("#ranking tr[data-curve='beta'] [data-cell='0']").text_content()
    for select, value in (("page-anchor", "beta"), ("page-metric", "ms_ssim_db")):
        opened.locator(f"#{select}").select_option(value)
    assert opened.locator("#ranking tr[data-curve='beta'] [data-cell='0']").text_content() == "anchor" != before
    rates = opened.locator("#rates-table tr[data-curve='alpha'] [data-cell='0']")
    assert (rates.text_content() or "").startswith("+18.")
    assert "Beta" in (opened.locator("#ranking thead").text_content() or "")
    assert opened.locator("#rd_ms_ssim_db").is_visible()
    assert fragment(opened) == {"dataset": ["garden"], "metric": ["ms_ssim_db"], "anchor": ["beta"]}


def test_an_address_shows_what_it_was_taken_from(browser: Browser, report: Path) -> None:
    page, console, _ = open_page(browser, report)
    page.goto(f"{report.as_uri()}#dataset=garden&metric=psnr_y_db&anchor=beta&codecs=alpha,beta&no=1")
    page.reload()
    assert page.locator("#page-anchor").input_value() == "beta"
    assert page.locator("#page-metric").input_value() == "psnr_y_db"
    assert fragment(page)["codecs"] == ["alpha,beta"]
    page.goto(f"{report.as_uri()}#anchor=nobody&metric=beauty")
    page.reload()
    assert page.locator("#page-anchor").input_value() == "alpha"
    assert page.locator("#page-metric").input_value() == "psnr_db"
    assert console == []


def test_a_figure_is_told_of_another_anchor(opened: Page) -> None:
    opened.evaluate("document.addEventListener('view', ({ detail }) => { window.told = detail; })")
    opened.locator("#page-anchor").select_option("beta")
    assert opened.evaluate("window.told") == {"anchor": "beta"}
    opened.evaluate("document.dispatchEvent(new CustomEvent('view', { detail: { codecs: ['alpha', 'beta'] } }))")
    assert fragment(opened)["codecs"] == ["alpha,beta"]


def test_a_filter_leaves_the_rows_that_have_its_words(opened: Page) -> None:
    unfold(opened, "rates")
    assert len(names(opened, "rates-table")) > 3
    opened.locator("[data-filter='rates-table']").fill("bpg publ")
    assert names(opened, "rates-table") == ["tfc/bpg444"]
    opened.locator("[data-filter='rates-table']").fill("")
    assert len(names(opened, "rates-table")) > 3


def test_doubted_rows_are_last_however_a_table_is_sorted_and_say_why(browser: Browser, planes_report: Path) -> None:
    opened, _, _ = open_page(browser, planes_report / "index.html")
    unfold(opened, "rates")
    doubted = opened.locator("#rates-table .doubted").evaluate_all("rows => rows.map(row => row.dataset.curve)")
    assert doubted == ["webp"]
    head = opened.locator("#rates-table thead button").nth(1)
    for direction in (1, -1):
        head.click()
        assert set(names(opened, "rates-table")[-len(doubted) :]) == set(doubted)
        keys = opened.locator("#rates-table tbody tr:not(.doubted) [data-cell='0'][data-sort]")
        values = [float(key) for key in keys.evaluate_all("cells => cells.map(cell => cell.dataset.sort)")]
        assert values == sorted(values, reverse=direction < 0)
        assert len(values) > 2
    link = opened.locator("#rates-table .doubted sup a").first
    reason = link.get_attribute("title") or ""
    assert reason
    assert reason in (link.get_attribute("aria-label") or "")
    assert opened.locator(link.get_attribute("href") or "").text_content() == reason


def test_the_printed_page_is_short(browser: Browser, report: Path) -> None:
    page, _, _ = open_page(browser, report)
    page.emulate_media(media="print")
    sides = len(re.findall(rb"/Type\s*/Page[^s]", page.pdf(format="A4")))
    assert 2 <= sides <= 15
    assert page.locator("#explorer:visible, nav:visible, .controls:visible").count() == 0


# ---- the interactive figures


def shown(page: Page) -> list[str]:
    """Names of the curves that the chart shows."""
    names: list[str] = page.evaluate("document.getElementById('chart').data.map(trace => trace.meta)")
    return names


def layout(page: Page, axis: str) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("a => JSON.parse(JSON.stringify(chart.layout[a]))", axis)
    return found


def test_at_most_eight_curves_are_shown_at_first_and_a_click_on_a_name_changes_that(page: Page) -> None:
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
    assert any("/" in name for name in shown(page)), "published curves are a click away"


def test_the_view_of_the_page_and_that_of_the_figure_are_one(page: Page) -> None:
    page.evaluate("""() => {
        window.views = [];
        document.addEventListener("view", ({ detail }) => window.views.push(detail));
        document.dispatchEvent(new CustomEvent("view", { detail: { metric: "ms_ssim_db", codecs: ["beta"] } }));
    }""")
    assert shown(page) == ["beta"]
    assert page.locator("#metric").input_value() == "ms_ssim_db"
    assert page.evaluate("window.views.length") == 1, "who hears a view does not answer"
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


def test_pointing_at_a_point_shows_rate_quality_setting_and_version(page: Page) -> None:
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


def test_nothing_of_plotly_can_send_anything_away(page: Page) -> None:
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
        assert picture.width == 4 * 432
        assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 3
    assert download.value.suggested_filename == "difference_psnr_db.png"


def test_the_rate_saved_is_drawn_against_the_chosen_anchor(page: Page) -> None:
    page.locator("#view").select_option("difference")
    assert "alpha" not in shown(page)
    assert layout(page, "yaxis")["title"]["text"] == "Rate relative to Alpha"
    page.locator("#view").select_option("rd")
    assert "alpha" in shown(page)


def test_pictures_one_by_one_and_time_against_rate_have_figures(page: Page) -> None:
    page.locator("#view").select_option("images")
    assert len(page.evaluate("chart.data.find(trace => trace.meta === 'beta').x")) == 4
    page.locator("#view").select_option("times")
    assert layout(page, "xaxis")["type"] == "log"
    assert page.evaluate("chart.data.find(trace => trace.meta === 'beta').x.length") == 1
    assert layout(page, "xaxis")["title"]["text"] == "milliseconds to encode a picture"


def test_no_control_is_there_without_effect(page: Page) -> None:
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


def test_a_verdict_opens_to_its_rule(page: Page) -> None:
    claim = page.locator("#claim-joint-jpeg details")
    claim.locator("summary").click()
    assert "Rule: holds if" in (claim.text_content() or "")
    assert page.locator("#claim-joint-jpeg td.evidence .verdict").all_text_contents() == ["not tested"] * 2
    assert claim.locator("p:visible").count() >= 1


# ---- pictures


@pytest.fixture
def viewer(browser: Browser, report: Path) -> Iterator[Page]:
    opened, console, requests = open_page(
        browser, report.parent / "pictures.html", viewport={"width": 1280, "height": 900}
    )
    yield opened
    assert console == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    opened.context.close()


LEFT, RIGHT = ".first img[data-side='left']", ".second img[data-side='right']"


def test_the_first_choice_is_a_pair_side_by_side(viewer: Page) -> None:
    assert viewer.locator(".pane:visible").count() == 2
    assert viewer.locator(LEFT).get_attribute("src") != viewer.locator(RIGHT).get_attribute("src")
    label = viewer.locator("#right-label").text_content() or ""
    assert "% rate" in label
    assert "dB)" in label


def test_the_slider_moves_the_divide_between_two_pictures(viewer: Page) -> None:
    viewer.locator("#mode").select_option("slider")
    viewer.locator("#slider").fill("25")
    assert viewer.locator(".pane:visible").count() == 1
    pane, line = (viewer.locator(where).bounding_box() for where in (".first", ".divider"))
    assert pane
    assert line
    assert line["x"] + 1 == pytest.approx(pane["x"] + pane["width"] / 4, abs=1)


def test_choosing_a_codec_loads_its_picture_with_rate_and_psnr(viewer: Page) -> None:
    for side in ("left", "right"):
        viewer.locator(f"#{side}").select_option("beta")
        label = viewer.locator(f"#{side}-label").text_content() or ""
        assert "Beta, quality 50" in label
        assert "bpp" in label
    sources = [viewer.locator(image).get_attribute("src") for image in (LEFT, RIGHT)]
    assert sources[0] == sources[1]
    viewer.locator("#left").select_option("")
    assert viewer.locator(LEFT).get_attribute("src") != sources[0]
    viewer.wait_for_function(f"document.querySelector(`{LEFT}`).naturalWidth === 400")


def test_the_difference_of_equal_pictures_is_black(viewer: Page) -> None:
    for side in ("left", "right"):
        viewer.locator(f"#{side}").select_option("beta")
    viewer.locator("#mode").select_option("difference")
    ready = "[...document.querySelectorAll('.first img')].every(i => i.complete && i.naturalWidth)"
    viewer.wait_for_function(ready)
    assert _colours(viewer) == {(0, 0, 0)}
    viewer.locator("#left").select_option("")
    viewer.wait_for_function(ready)
    assert _colours(viewer) != {(0, 0, 0)}


def _colours(page: Page) -> set[Any]:
    """The colours of the middle of the pictures on the screen."""
    shot = Image.open(io.BytesIO(page.locator(".first").screenshot())).convert("RGB")
    return {shot.getpixel((shot.width // 2 + x, shot.height // 2 + y)) for x in (-50, 0, 50) for y in (-50, 0, 50)}


def placed(page: Page) -> list[list[float]]:
    """Scale, left and top of both pictures within their panes."""
    found: list[list[float]] = page.evaluate("""(images) => images.map((where) => {
        const { a, e, f } = new DOMMatrix(getComputedStyle(document.querySelector(where)).transform);
        return [a, e, f];
    })""", [LEFT, RIGHT])  # fmt: skip
    return found


def test_zoom_and_pan_move_both_pictures_as_one(viewer: Page) -> None:
    viewer.locator("#zoom").select_option("4")
    before = placed(viewer)
    assert before[0] == before[1]
    assert before[0][0] == 4
    box = viewer.locator(".second").bounding_box()
    assert box
    viewer.mouse.move(box["x"] + 200, box["y"] + 200)
    viewer.mouse.down()
    viewer.mouse.move(box["x"] + 150, box["y"] + 170)
    viewer.mouse.up()
    after = placed(viewer)
    assert after[0] == after[1]
    assert [b - a for a, b in zip(before[0], after[0], strict=True)] == pytest.approx([0, -50, -30], abs=1)


def test_the_keyboard_zooms_pans_swaps_and_shows_the_difference(viewer: Page) -> None:
    stage = viewer.locator("#stage")
    stage.focus()
    for key, zoom in (("+", "2"), ("+", "4"), ("-", "2")):
        stage.press(key)
        assert viewer.locator("#zoom").input_value() == zoom
    before = placed(viewer)[0][1]
    stage.press("ArrowRight")
    assert placed(viewer)[0][1] == pytest.approx(before - 60, abs=1)
    stage.press("0")
    assert viewer.locator("#zoom").input_value() == "fit"
    names = [viewer.locator(f"#{side}").input_value() for side in ("left", "right")]
    stage.press("x")
    assert [viewer.locator(f"#{side}").input_value() for side in ("right", "left")] == names
    stage.press("d")
    assert viewer.locator("#mode").input_value() == "difference"


def test_crops_are_there_without_a_viewer_and_in_print(browser: Browser, report: Path) -> None:
    page, _, _ = open_page(browser, report.parent / "pictures.html", java_script_enabled=False)
    page.emulate_media(media="print")
    assert page.locator(".crop img:visible").count() == 3
