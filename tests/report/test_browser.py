"""The page in a real browser, from file://, as somebody gets it who was sent the folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.report import write_report

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
def report(full_export: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(full_export, tmp_path_factory.mktemp("report")).resolve()


def open_page(browser: Browser, report: Path, **context: object) -> tuple[Page, list[str], list[str]]:
    """The page, what it wrote to the console, and the addresses that it asked for."""
    page = browser.new_context(**context).new_page()  # type: ignore[arg-type]
    console: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: console.append(message.text))
    page.on("pageerror", lambda error: console.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(report.as_uri(), wait_until="load")
    return page, console, requests


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_whole_quiet_and_offline(browser: Browser, report: Path, width: int, theme: str) -> None:
    size = {"width": width, "height": 900}
    page, console, requests = open_page(browser, report, viewport=size, color_scheme=theme)
    assert console == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    broken = "[...document.images].filter(image => !image.complete || !image.naturalWidth).map(image => image.src)"
    assert page.evaluate(broken) == []
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{width}-{theme}.png", full_page=True)


def test_the_page_needs_no_javascript(browser: Browser, report: Path) -> None:
    page, _, _ = open_page(browser, report, java_script_enabled=False)
    assert page.locator("table").count() >= 3
    assert page.locator("svg").count() + page.locator("img").count() >= 3


def test_text_stands_out_from_its_background_in_both_themes(browser: Browser, report: Path) -> None:
    for theme in ("light", "dark"):
        page, _, _ = open_page(browser, report, color_scheme=theme)
        colours = page.evaluate("""() => {
            const style = getComputedStyle(document.documentElement);
            return [style.color, style.backgroundColor].map(c => c.match(/[0-9.]+/g).slice(0, 3).map(Number));
        }""")
        text, ground = (sum(colour) / 3 for colour in colours)
        assert abs(text - ground) > 150
        assert (ground > 128) == (theme == "light")


def test_every_link_within_the_folder_leads_somewhere(browser: Browser, report: Path) -> None:
    page, _, _ = open_page(browser, report)
    targets: list[str] = page.evaluate("[...document.links].map(link => link.getAttribute('href'))")
    local = [target for target in targets if "://" not in target]
    assert len(local) > 5
    for target in local:
        path, _, anchor = target.partition("#")
        assert not path or (report.parent / path).is_file(), target
        assert not anchor or path or page.locator(f"[id='{anchor}']").count() == 1, target
