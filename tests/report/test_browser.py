"""The page in a real browser, from file://, as somebody gets it who was sent the folder."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

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
def page(browser: Browser, report: Path) -> Iterator[Page]:
    opened, console, requests = open_page(browser, report, viewport={"width": 1280, "height": 900})
    yield opened
    assert console == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    opened.context.close()


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_every_page_is_whole_quiet_and_offline(browser: Browser, pages: list[Path], width: int, theme: str) -> None:
    size = {"width": width, "height": 900}
    for path in pages:
        page, console, requests = open_page(browser, path, viewport=size, color_scheme=theme)
        assert console == []
        assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
        if page.locator("#view").count():
            page.locator("#view").select_option("times")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, "a control sticks out"
            page.locator("#view").select_option("rd")
        broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
        assert page.evaluate(broken) == []
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{path.stem}-{width}-{theme}.png", full_page=True)


def test_tables_fit_on_paper(browser: Browser, pages: list[Path]) -> None:
    wide = "[...document.querySelectorAll('.table')].filter(t => t.firstElementChild.offsetWidth > t.clientWidth + 1)"
    for path in pages:
        page, _, _ = open_page(browser, path, viewport={"width": 718, "height": 1000})  # A4 without its margins
        page.emulate_media(media="print")
        assert page.evaluate(f"{wide}.map(t => t.getAttribute('aria-labelledby'))") == [], path.name


def test_the_page_needs_no_javascript(browser: Browser, report: Path) -> None:
    page, _, _ = open_page(browser, report, java_script_enabled=False)
    assert page.locator("table:visible").count() >= 3
    assert page.locator("figure svg:visible").count() >= 3
    assert page.locator("#explorer:visible, button:visible, select:visible").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_of(browser: Browser, pages: list[Path], theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for path in pages:
        page, _, _ = open_page(browser, path, color_scheme=theme)
        page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
        found = axe.run(page)
        assert found.violations_count == 0, f"{path.name}: {found.generate_report()}"


def test_every_link_within_the_folder_leads_somewhere(browser: Browser, report: Path) -> None:
    page, _, _ = open_page(browser, report)
    targets: list[str] = page.evaluate("[...document.links].map(link => link.getAttribute('href'))")
    local = [target for target in targets if "://" not in target]
    assert len(local) > 5
    for target in local:
        path, _, anchor = target.partition("#")
        assert not path or (report.parent / path).is_file(), target
        assert not anchor or path or page.locator(f"[id='{anchor}']").count() == 1, target


# ---- the interactive figures


def shown(page: Page) -> list[str]:
    """Names of the curves that the chart shows."""
    names: list[str] = page.evaluate("document.getElementById('chart').data.map(trace => trace.meta)")
    return names


def layout(page: Page, axis: str) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("a => JSON.parse(JSON.stringify(chart.layout[a]))", axis)
    return found


def test_a_click_on_a_name_hides_its_curve_and_another_brings_it_back(page: Page) -> None:
    before = shown(page)
    toggle = page.locator("#toggles [data-curve='alpha']")
    toggle.click()
    assert set(before) - set(shown(page)) == {"alpha"}
    assert toggle.get_attribute("aria-pressed") == "false"
    toggle.click()
    assert shown(page) == before
    page.get_by_role("button", name="none").click()
    assert shown(page) == []


def test_the_settings_of_a_codec_are_hidden_until_they_are_asked_for(page: Page) -> None:
    assert "alpha+qr" not in shown(page)
    page.locator("#toggles [data-curve='alpha+qr']").click()
    assert "alpha+qr" in shown(page)
    page.get_by_role("button", name="none").click()
    page.get_by_role("button", name="all", exact=True).click()
    assert {"alpha", "alpha+qr"} <= set(shown(page))


def test_a_legend_lists_no_curve_that_is_not_drawn(page: Page) -> None:
    page.locator("details.static summary").click()
    assert page.locator(".legend [data-curve='alpha']:visible").count() == 1
    assert page.locator(".legend [data-curve='alpha+qr']:visible").count() == 0


def test_published_curves_come_and_go(page: Page) -> None:
    published = [name for name in shown(page) if "/" in name]
    assert published
    page.locator("#published").uncheck()
    assert [name for name in shown(page) if "/" in name] == []
    assert "alpha" in shown(page)


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
    assert f"{spot[2]:.4g} bpp" in text
    assert "quality 50" in text
    assert "2.0" in text


def test_the_rate_saved_is_drawn_against_the_chosen_anchor(page: Page) -> None:
    page.locator("#view").select_option("difference")
    assert "alpha" not in shown(page)
    assert layout(page, "yaxis")["title"]["text"] == "rate relative to Alpha"
    page.locator("#view").select_option("rd")
    assert "alpha" in shown(page)


def test_pictures_one_by_one_and_time_against_rate_have_figures(page: Page) -> None:
    page.locator("#view").select_option("images")
    assert len(page.evaluate("chart.data.find(trace => trace.meta === 'beta').x")) == 4
    page.locator("#view").select_option("times")
    assert layout(page, "xaxis")["type"] == "log"
    assert page.evaluate("chart.data.find(trace => trace.meta === 'beta').x.length") == 1
    assert layout(page, "xaxis")["title"]["text"] == "milliseconds, encode"


def test_no_control_is_there_without_effect(page: Page) -> None:
    views = {"rd": True, "difference": True, "images": False, "times": False}
    for view, drawn in views.items():
        page.locator("#view").select_option(view)
        assert page.locator("#published").is_visible() == drawn


def test_the_chart_follows_the_theme(page: Page) -> None:
    colour = "chart._fullLayout.font.color"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{colour} !== {light!r}")


# ---- tables


def test_a_click_on_a_head_sorts_by_number_and_another_turns_it_round(page: Page) -> None:
    table = page.locator(".matrix:visible table")
    head = table.locator("thead button").nth(1)
    keys = "table => [...table.tBodies[0].rows].map(row => row.cells[1].dataset.sort)"
    for direction in (1, -1):
        head.click()
        values = [float(key) for key in table.evaluate(keys) if key]
        assert values == sorted(values, reverse=direction < 0)
        assert len(values) > 2
    assert table.locator("th").nth(1).get_attribute("aria-sort") == "descending"


def test_one_metric_of_the_matrix_is_shown_at_a_time(page: Page) -> None:
    matrices = page.locator(".matrix")
    assert matrices.count() == 3
    assert page.locator(".matrix:visible").count() == 1
    page.locator("#metric-tabs button").nth(2).click()
    assert page.locator(".matrix:visible").get_attribute("data-axis") == "ms_ssim_db"


def test_a_verdict_opens_to_its_rule(page: Page) -> None:
    claim = page.locator("#claim-joint-jpeg details")
    claim.locator("summary").click()
    assert "Rule: holds if" in (claim.text_content() or "")
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


def test_the_slider_moves_the_divide_between_two_pictures(viewer: Page) -> None:
    viewer.locator("#slider").fill("25")
    assert viewer.locator("#over").evaluate("image => image.style.clipPath") == "inset(0px 75% 0px 0px)"
    assert viewer.locator("#divider").evaluate("line => line.style.left") == "25%"


def test_choosing_a_codec_loads_its_picture_with_rate_and_psnr(viewer: Page) -> None:
    for side in ("left", "right"):
        viewer.locator(f"#{side}").select_option("beta")
        label = viewer.locator(f"#{side}-label").text_content() or ""
        assert "Beta, quality 50" in label
        assert "bpp" in label
        assert "dB" in label
    sources = [viewer.locator(f"#{image}").get_attribute("src") for image in ("over", "under")]
    assert sources[0] == sources[1]
    viewer.locator("#left").select_option("")
    assert viewer.locator("#over").get_attribute("src") != sources[0]
    viewer.wait_for_function("document.getElementById('over').naturalWidth === 400")


def test_the_difference_of_equal_pictures_is_black(viewer: Page) -> None:
    for side in ("left", "right"):
        viewer.locator(f"#{side}").select_option("beta")
    viewer.wait_for_function("['over', 'under'].every(id => document.getElementById(id).naturalWidth)")
    viewer.locator("#mode").select_option("difference")
    assert _colours(viewer) == {(0, 0, 0)}
    viewer.locator("#left").select_option("")
    viewer.wait_for_function("document.getElementById('over').complete")
    assert _colours(viewer) != {(0, 0, 0)}


def _colours(page: Page) -> set[Any]:
    """The colours of the middle of the pictures on the screen."""
    shot = Image.open(io.BytesIO(page.locator("#pair").screenshot())).convert("RGB")
    return {shot.getpixel((x, y)) for x in (150, 200, 250) for y in (100, 150, 200)}


def test_zoom_shows_one_sample_on_several_pixels(viewer: Page) -> None:
    viewer.locator("#zoom").select_option("4")
    assert viewer.locator("#pair").evaluate("pair => pair.getBoundingClientRect().width") == 1600
