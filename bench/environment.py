"""What this process may use, and environment variables for others."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SAFE_PATH = {"PYTHONSAFEPATH": "1"}
"""For Python processes: a file of the working directory, copy.py perhaps, does not take the place of a module."""


def usable_cores() -> int:
    """The processor cores that this process may run on: `taskset` and batch systems give a job a part of a machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the processes that start in this block.

    Afterwards this process has the environment of before again, whatever was set meanwhile, by others too.
    """
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
