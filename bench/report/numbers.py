"""Formatting of numbers, intervals and counts, alike everywhere on the page."""

from __future__ import annotations

import math

NOTHING = "\N{EN DASH}"
"""What stands where there is no number."""

UNDEFINED = "n/a"
"""What stands where a metric is not defined on one of the pictures."""


def signed(value: float | None, digits: int) -> str:
    """A number with its sign: a true minus, a plus, or none for zero."""
    if value is None or math.isnan(value):
        return NOTHING
    text = f"{abs(value):.{digits}f}"
    if not float(text):
        return text
    return ("\N{MINUS SIGN}" if value < 0 else "+") + text


def plain(value: float | None, digits: int) -> str:
    """A number with fixed digits behind the point, or ∞."""
    if value is None or math.isnan(value):
        return NOTHING
    return "∞" if math.isinf(value) else f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def tick(value: float, _position: float | None = None) -> str:
    """A number on an axis, as matplotlib asks for it: with as many digits as it has, and a true minus."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def percent_tick(value: float, position: float | None = None) -> str:
    """The same of a difference in percent: with its sign."""
    return f"{'+' if value > 0 else ''}{tick(value, position)} %"


def milliseconds(seconds: float | None) -> str:
    """A time in milliseconds with three significant digits."""
    if seconds is None or math.isnan(seconds):
        return NOTHING
    value = seconds * 1e3
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def span(low: float | None, high: float | None, digits: int) -> str:
    """Two signed numbers as "a to b", or nothing where there are none."""
    first, second = signed(low, digits), signed(high, digits)
    return "" if first == second == NOTHING else f"{first} to {second}"


def count(number: int, thing: str) -> str:
    """A number of things, in the singular where it is one."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def grouped(value: float) -> str:
    """A whole number with thin spaces between the thousands."""
    return NOTHING if math.isnan(value) else f"{value:,.0f}".replace(",", "\N{THIN SPACE}")
