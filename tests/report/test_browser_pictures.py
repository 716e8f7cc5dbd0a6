"""The page of pictures in a browser."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from browsing import open_page
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


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


def test_the_first_view_is_a_pair_side_by_side(viewer: Page) -> None:
    assert viewer.locator(".pane:visible").count() == 2
    assert viewer.locator(LEFT).get_attribute("src") != viewer.locator(RIGHT).get_attribute("src")
    label = viewer.locator("#right-label").text_content() or ""
    assert "% rate" in label
    assert "dB)" in label


def test_the_slider_moves_the_divider(viewer: Page) -> None:
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
    """Colours in the middle of the pictures on the screen."""
    shot = Image.open(io.BytesIO(page.locator(".first").screenshot())).convert("RGB")
    return {shot.getpixel((shot.width // 2 + x, shot.height // 2 + y)) for x in (-50, 0, 50) for y in (-50, 0, 50)}


def placed(page: Page) -> list[list[float]]:
    """FigureAxis, left and top of both pictures within their panes."""
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


def test_crops_are_shown_without_javascript_and_in_print(browser: Browser, report: Path) -> None:
    page, _, _ = open_page(browser, report.parent / "pictures.html", java_script_enabled=False)
    page.emulate_media(media="print")
    assert page.locator(".crop img:visible").count() == 3
