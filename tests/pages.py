"""A page as a test looks at it: its tags, its text, its numbers, and the numbers of the tables beside it.

Figures take most of a report's time: what looks at words and numbers alone leaves them empty.
"""

from __future__ import annotations

import functools
import math
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import html5lib
import pandas as pd

from bench.report import canvas

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

VOID = {"meta", "path", "use", "br", "link", "img", "hr", "input"}


def leave_figures_empty(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(canvas, "_saved", lambda *_, **__: b'<svg viewBox="0 0 1 1"></svg>')


class Page(HTMLParser):
    """What a page is made of: its tags with attributes, and its text; raises where tags do not nest."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.html = path.read_text()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(self.html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] or "" for _, attrs in self.tags if attribute in attrs]


def cell_numbers(page: Path) -> list[str]:
    """The numbers of all cells of numbers of a page, and of the lines below them, as they are written."""
    tree = html5lib.parse(page.read_text(), namespaceHTMLElements=False)
    cells = [cell for cell in tree.iter("td") if "n" in cell.get("class", "").split()]
    texts = [" ".join(cell.itertext()).replace("\N{NARROW NO-BREAK SPACE}", "") for cell in cells]
    return [number for text in texts for number in re.findall(r"\d+(?:\.\d+)?", text)]


@functools.cache
def spelt(out: Path) -> set[str]:
    """Every number of every CSV file, as it would be written with 0 to 5 digits, in the units that the pages use."""
    values: set[float] = set()
    for path in sorted((out / "tables").rglob("*.csv")):
        numbers = pd.read_csv(path).select_dtypes("number").to_numpy().ravel()
        values |= {abs(float(value)) for value in numbers if math.isfinite(value)}
    values |= {abs(100 * (value - 1)) for value in values}  # a ratio as what it adds
    factors = (1, 1e3, 1e2, 1e-6, 1 / 60, 1 / 2**20)
    return {f"{value * factor:.{digits}f}" for value in values for factor in factors for digits in range(6)}
