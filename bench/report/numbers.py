"""Formatting of numbers, intervals and counts on the page."""

from __future__ import annotations

import math

import pandas as pd

NOTHING = "\N{EN DASH}"
"""Text for a missing number."""

UNDEFINED = "n/a"
"""Text for a metric that is not defined for at least one picture."""


def signed(value: float | None, digits: int) -> str:
    """Format a number with its sign: a true minus, a plus, or none for zero."""
    if pd.isna(value):
        return NOTHING
    text = f"{abs(value):.{digits}f}"
    if not float(text):
        return text
    return ("\N{MINUS SIGN}" if value < 0 else "+") + text


def plain(value: float | None, digits: int) -> str:
    """Format a number with a fixed number of decimals; infinity is ∞."""
    if pd.isna(value):
        return NOTHING
    return "∞" if math.isinf(value) else f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def tick(value: float, _position: float | None = None) -> str:
    """Format a tick label with as many digits as needed and a true minus; a formatter for matplotlib."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def percent_tick(value: float, position: float | None = None) -> str:
    """Format a tick label for a difference in percent, with its sign; a formatter for matplotlib."""
    return f"{'+' if value > 0 else ''}{tick(value, position)} %"


def milliseconds(seconds: float | None) -> str:
    """Format seconds as milliseconds with three significant digits."""
    if pd.isna(seconds):
        return NOTHING
    value = seconds * 1e3
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def span(low: float | None, high: float | None, digits: int) -> str:
    """Format two signed numbers as "a to b"; empty if both are missing."""
    first, second = signed(low, digits), signed(high, digits)
    return "" if first == second == NOTHING else f"{first} to {second}"


def grouped(value: float) -> str:
    """Format an integer with narrow spaces between the thousands, where lines do not break."""
    return NOTHING if math.isnan(value) else f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
