"""Whole pages in a browser, opened from file://."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from browsing import open_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

SCREENSHOTS = Path("reports/screenshots")


class Visit(NamedTuple):
    path: Path
    width: int
    page: Page
    console: list[str]
    requests: list[str]


@pytest.fixture(scope="module", params=[(1280, "light"), (390, "dark")], ids=["desktop", "phone"])
def visits(browser: Browser, pages: list[Path], request: pytest.FixtureRequest) -> Iterator[list[Visit]]:
    """Every page, wide in the light theme and narrow in the dark theme."""
    width, theme = request.param
    size = {"width": width, "height": 900}
    found = [Visit(path, width, *open_page(browser, path, viewport=size, color_scheme=theme)) for path in pages]
    yield found
    for visit in found:
        visit.page.context.close()


def test_pages_fit_their_width_without_console_messages_or_requests(
    visits: list[Visit], request: pytest.FixtureRequest
) -> None:
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
        if request.config.option.markexpr == "browser":  # nox -s browser: for visual inspection
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=SCREENSHOTS / f"{path.stem}-{width}.png", full_page=True)


def test_axe_finds_no_accessibility_violations(visits: list[Visit]) -> None:
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


def test_local_links_have_targets(browser: Browser, report: Path) -> None:
    page, _, _ = open_page(browser, report)
    targets: list[str] = page.evaluate("[...document.links].map(link => link.getAttribute('href'))")
    local = [target for target in targets if "://" not in target]
    assert len(local) > 5
    for target in local:
        path, _, anchor = target.partition("#")
        assert not path or (report.parent / path).is_file(), target
        assert not anchor or path or page.locator(f"[id='{anchor}']").count() == 1, target
