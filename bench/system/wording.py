"""Counts and lists of names in messages and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LISTED = 12
"""Maximum number of names in a message."""


def count(number: int, thing: str) -> str:
    """Format a number with a noun in the singular or plural: "1 picture", "3 pictures"."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def listed(names: Iterable[str], most: int = LISTED) -> str:
    """Join names with commas; a long list is shortened: "a, b and 5 more"."""
    found = list(names)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
