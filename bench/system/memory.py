"""What the C library does with memory that is given back. Those other than glibc are left alone."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8

_MMAP_THRESHOLDS = 2**30, 2**25


def share_freed_memory() -> None:
    """Let all threads use what one of them has done with, instead of asking the kernel for more."""
    _set(_ARENA_MAX, 1)


def keep_freed_memory() -> None:
    """Never give memory back: otherwise each activation is mapped, zeroed and unmapped again by the kernel.

    On a CPU that is a fifth of a training's step, and how long the kernel takes varies.
    """
    # Older glibc refuses more than 32 MB. Any of these ends its adapting to the program, which is worth more than the
    # others without this one.
    if any(_set(_MMAP_THRESHOLD, size) for size in _MMAP_THRESHOLDS):
        _set(_TRIM_THRESHOLD, 2**31 - 1)
        share_freed_memory()


def _set(parameter: int, value: int) -> bool:
    """Whether the C library takes the value."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(parameter, value))
