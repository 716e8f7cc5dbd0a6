"""Settings of glibc's memory allocator; without effect on other C libraries."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8

_MMAP_THRESHOLDS = 2**30, 2**25


def share_freed_memory() -> None:
    """Let each thread reuse memory that another one has freed."""
    _set(_ARENA_MAX, 1)


def keep_freed_memory() -> None:
    """Keep freed memory in the process: otherwise the kernel maps, zeroes and unmaps each activation again.

    On a CPU this takes a fifth of a training step, and the time varies.
    """
    # Older glibc refuses more than 32 MB. Setting this threshold also ends its dynamic adjustment, which would undo the
    # other settings.
    if any(_set(_MMAP_THRESHOLD, size) for size in _MMAP_THRESHOLDS):
        _set(_TRIM_THRESHOLD, 2**31 - 1)
        share_freed_memory()


def _set(parameter: int, value: int) -> bool:
    """Set a parameter of the allocator, and return whether it was accepted."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(parameter, value))
