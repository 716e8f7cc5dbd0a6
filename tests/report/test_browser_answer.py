"""The first page in a browser: summary, folded sections, tables."""

from __future__ import annotations

import re
import urllib.parse
from typing import TYPE_CHECKING

import pytest
from browsing import open_page, unfold

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


def fragment(page: Page) -> dict[str, list[str]]:
    return urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).fragment)


def names(page: Page, table: str) -> list[str]:
    """Curves of the visible rows of a table, in order."""
    rows = page.locator(f"#{table} tbody tr:visible")
    found: list[str] = rows.evaluate_all("rows => rows.map(row => row.dataset.curve)")
    return found


def test_the_first_screen_has_answer_claim_figure_and_ranking(browser: Browser, report: Path) -> None:
    page, _, _ = open_page(browser, report, viewport={"width": 1280, "height": 800})
    for part in (".answer", ".main-claim", "#rd_psnr_db svg", "#ranking"):
        box = page.locator(part).bounding_box()
        assert box is not None, part
        assert box["y"] + box["height"] <= 800, part
    assert page.locator("#rd_ms_ssim_db").is_hidden()
    assert "Alpha" in (page.locator(".answer").text_content() or "")
    assert "From published points: no verdict" in (page.locator(".main-claim").text_content() or "")


def test_sections_are_folded_and_their_headings_state_the_result(opened: Page) -> None:
    folded = opened.locator("details.section:not([open])")
    assert folded.count() == opened.locator("details.section").count() - 1 >= 8
    assert (
        opened.locator("summary:has(#times) .result").text_content() == "Beta 0.022 s to encode and 0.011 s to decode"
    )
    unfold(opened, "times")
    assert opened.locator("[aria-labelledby='times-1']").first.is_visible()


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


def test_an_address_restores_the_view(browser: Browser, report: Path) -> None:
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


def test_figures_and_tables_exchange_view_events(opened: Page) -> None:
    opened.evaluate("document.addEventListener('view', ({ detail }) => { window.told = detail; })")
    opened.locator("#page-anchor").select_option("beta")
    assert opened.evaluate("window.told") == {"anchor": "beta"}
    opened.evaluate("document.dispatchEvent(new CustomEvent('view', { detail: { codecs: ['alpha', 'beta'] } }))")
    assert fragment(opened)["codecs"] == ["alpha,beta"]


def test_the_filter_shows_rows_with_all_words(opened: Page) -> None:
    unfold(opened, "rates")
    assert len(names(opened, "rates-table")) > 3
    opened.locator("[data-filter='rates-table']").fill("bpg publ")
    assert names(opened, "rates-table") == ["tfc/bpg444"]
    opened.locator("[data-filter='rates-table']").fill("")
    assert len(names(opened, "rates-table")) > 3


def test_doubted_rows_are_last_in_every_order_and_state_the_reason(browser: Browser, planes_report: Path) -> None:
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


def test_numbers_with_thousands_are_sorted_as_numbers(opened: Page) -> None:
    tables = opened.locator("table.sortable:has(thead th:has-text('Bytes'))")
    found = tables.first.evaluate(
        """table => {
            const heads = [...table.tHead.rows[0].cells];
            const place = heads.findIndex(head => head.textContent.startsWith("Bytes"));
            table.tBodies[0].rows[0].cells[place].textContent = "950";
            heads[place].querySelector("button").click();
            return [...table.tBodies[0].rows].map(row => row.cells[place].textContent);
        }"""
    )
    values = [int(text.replace("\N{NARROW NO-BREAK SPACE}", "")) for text in found]
    assert values == sorted(values)
    assert values[0] == 950
    assert values[1] > 1000
