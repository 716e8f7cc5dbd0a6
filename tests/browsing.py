"""Pages in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from waiting import LONGEST_S

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page


def open_page(browser: Browser, path: Path, **context: object) -> tuple[Page, list[str], list[str]]:
    """The page, what it wrote to the console, and the addresses that it asked for."""
    page = browser.new_context(**context).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(1000 * LONGEST_S)
    console: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: console.append(message.text))
    page.on("pageerror", lambda error: console.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri(), wait_until="load")
    return page, console, requests


def unfold(page: Page, section: str) -> None:
    page.locator(f"summary:has(#{section})").click()
