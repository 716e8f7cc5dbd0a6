"""Frames as rows, and intervals as text, for all sections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.report.numbers import NOTHING, signed

if TYPE_CHECKING:
    import pandas as pd


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as dictionaries."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def span(low: float | None, high: float | None, digits: int) -> str:
    """Two signed numbers as "a to b", or nothing where there are none."""
    first, second = signed(low, digits), signed(high, digits)
    return "" if first == second == NOTHING else f"{first} to {second}"


def count(number: int, thing: str) -> str:
    """A number of things, in the singular where it is one."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
