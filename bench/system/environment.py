"""Threads, cores and accelerators of this process, and environment variables of child processes."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SAFE_PATH = {"PYTHONSAFEPATH": "1"}
"""For Python child processes, so that files in the working directory, such as copy.py, do not shadow modules."""

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Variables that libraries read when they are first imported: OpenMP (and torch), MKL, and OpenBLAS (numpy)."""


def threads_of(number: int) -> dict[str, str]:
    """Environment variables that limit libraries to a number of threads."""
    return dict.fromkeys(_THREADS, str(number))


def set_threads(number: int) -> None:
    """Set the number of threads of all loaded libraries, for calls from this thread."""
    import threadpoolctl  # noqa: PLC0415

    threadpoolctl.threadpool_limits(number)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(number)


def threads_in_force() -> dict[str, int]:
    """Return the current numbers of threads of torch, if it is loaded, and of each OpenMP library."""
    import threadpoolctl  # noqa: PLC0415

    # OpenBLAS is left out: it never uses more threads than cores.
    found = {
        library["prefix"]: int(library["num_threads"])
        for library in threadpoolctl.threadpool_info()
        if library["user_api"] == "openmp"
    }
    if torch := sys.modules.get("torch"):
        found["torch"] = torch.get_num_threads()
    return found


def synchronize() -> None:
    """Wait for queued work of accelerators, so that a clock measures its completion and not its submission."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        for number in range(torch.cuda.device_count()):
            torch.cuda.synchronize(number)


def threads_wanted() -> int:
    """Number of threads in OMP_NUM_THREADS, the first of a list such as "4,2"; by default one per core."""
    first = os.environ.get(_THREADS[0], "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else usable_cores()


def usable_cores() -> int:
    """Number of processor cores that this process may use, as limited by `taskset` or a batch system."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the processes that are started in this block.

    Afterwards the whole environment is restored, including variables that other code has set in the block.
    """
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
