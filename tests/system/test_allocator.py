from __future__ import annotations

import ctypes
import types

import pytest

from bench.system import allocator

ARENA_MAX, MMAP_THRESHOLD, TRIM_THRESHOLD = -8, -3, -1


@pytest.mark.parametrize(
    ("most", "threshold", "others"),
    [(2**40, [2**30], True), (2**25, [2**30, 2**25], True), (-1, [2**30, 2**25], False)],
)
def test_memory_is_kept_with_the_largest_threshold_that_the_library_takes_or_all_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, most: int, threshold: list[int], *, others: bool
) -> None:
    asked: list[tuple[int, int]] = []

    def mallopt(parameter: int, value: int) -> int:
        asked.append((parameter, value))
        return int(parameter != MMAP_THRESHOLD or value <= most)

    monkeypatch.setattr(ctypes, "CDLL", lambda _: types.SimpleNamespace(mallopt=mallopt))
    allocator.keep_freed_memory()
    expected = [(MMAP_THRESHOLD, size) for size in threshold]
    assert asked == expected + [(TRIM_THRESHOLD, 2**31 - 1), (ARENA_MAX, 1)] * others


def test_other_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: types.SimpleNamespace())
    allocator.keep_freed_memory()
    allocator.share_freed_memory()
