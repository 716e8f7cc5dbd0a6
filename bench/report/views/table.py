"""Tables of a page: columns have a heading and a function that formats the cell of a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.report.numbers import NOTHING, signed, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bench.report.style import Look


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as dictionaries."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


@dataclass(frozen=True, slots=True)
class Cell:
    """Text of a cell, with decorations.

    `below` is a second, smaller line, `sort` the sort key, `css` a class, `look` the look of a curve, `mark` the number
    of a remark, and `tip` a tooltip.
    """

    text: object
    below: str = ""
    sort: object = ""
    css: str = ""
    look: Look | None = None
    mark: object = ""
    tip: str = ""

    @property
    def classes(self) -> list[str]:
        """CSS classes; "empty" cells are hidden on a phone."""
        return [name for name in ("empty" if self.text == NOTHING else "", self.css) if name]


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `of` is the key of a value in a row, or a function that computes text or a `Cell` from a row."""

    title: str
    of: str | Callable[[Mapping[str, Any]], object]
    unit: str = ""
    is_number: bool = False

    def cell(self, row: Mapping[str, Any]) -> Cell:
        """The cell of a row."""
        found = row[self.of] if isinstance(self.of, str) else self.of(row)
        return found if isinstance(found, Cell) else Cell(found)


def number(title: str, of: str | Callable[[Mapping[str, Any]], object], unit: str = "") -> Column:
    """Column of numbers, which are aligned to the right."""
    return Column(title, of, unit, is_number=True)


QUALITY = number("Quality", lambda row: f"{row['quality']:g}")


def interval(title: str, columns: tuple[str, str, str], digits: int, unit: str = "") -> Column:
    """Column of numbers with intervals below; `columns` are the keys of the number and of the ends of the interval."""
    value, low, high = columns
    return number(title, lambda row: Cell(signed(row[value], digits), span(row[low], row[high], digits)), unit)


@dataclass(frozen=True, slots=True)
class Table:
    """Table for the macro `data_table`; it is false without rows."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]

    @classmethod
    def of(cls, rows: pd.DataFrame | Iterable[Mapping[str, Any]], *columns: Column) -> Table:
        """Create a table from rows; the first column has the row headings."""
        rows = records(rows) if isinstance(rows, pd.DataFrame) else rows
        return cls(columns, [[column.cell(row) for column in columns] for row in rows])

    def __bool__(self) -> bool:
        return bool(self.rows)
