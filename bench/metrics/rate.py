"""The rate of a file."""

from __future__ import annotations

from typing import TypeVar

_Number = TypeVar("_Number")
"""A number, an array, or a column of a frame."""


def bits_per_pixel(num_bytes: _Number, width: _Number, height: _Number) -> _Number:
    """Bits of a file, headers included, per pixel of the picture; of luma, where chroma is subsampled."""
    return 8 * num_bytes / (width * height)  # type: ignore[operator,no-any-return]
