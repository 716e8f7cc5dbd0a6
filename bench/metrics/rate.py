"""The rate of a file."""

from __future__ import annotations

from typing import TypeVar

_Number = TypeVar("_Number")
"""A number, an array, or a column of a frame."""


def bits_per_pixel(num_bytes: _Number, width: _Number, height: _Number) -> _Number:
    """Bits per pixel of a file, including headers; with subsampled chroma, per pixel of luma."""
    return 8 * num_bytes / (width * height)  # type: ignore[operator,no-any-return]
