"""What the C library does with memory that is given back. Those other than glibc are left alone."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8


def share_freed_memory() -> None:
    """Let all threads use what one of them has done with, instead of asking the kernel for more."""
    _set({_ARENA_MAX: 1})


def keep_freed_memory() -> None:
    """Never give memory back: otherwise each activation is mapped, zeroed and unmapped again by the kernel.

    On a CPU that is a fifth of a training's step, and how long the kernel takes varies.
    """
    _set({_ARENA_MAX: 1, _MMAP_THRESHOLD: 2**30, _TRIM_THRESHOLD: 2**31 - 1})


def _set(values: dict[int, int]) -> None:
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for parameter, value in values.items():
        mallopt(parameter, value)
