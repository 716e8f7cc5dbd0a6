"""What this process may use, and environment variables for others."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SAFE_PATH = {"PYTHONSAFEPATH": "1"}
"""For Python processes: a file of the working directory, copy.py perhaps, does not take the place of a module."""


_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What libraries read when they are first imported: OpenMP, and with it torch; MKL, which torch asks before; numpy."""


def threads_of(number: int) -> dict[str, str]:
    """The environment in which libraries have so many threads, whatever the user's own says."""
    return dict.fromkeys(_THREADS, str(number))


def set_threads(number: int) -> None:
    """Let the libraries that are loaded have so many threads, for calls from this one."""
    import threadpoolctl  # noqa: PLC0415

    threadpoolctl.threadpool_limits(number)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(number)


def threads_in_force() -> dict[str, int]:
    """The number of threads that torch, where it is loaded, and each OpenMP library have now."""
    import threadpoolctl  # noqa: PLC0415

    # OpenBLAS never has more threads than cores, whatever it is told.
    found = {
        library["prefix"]: int(library["num_threads"])
        for library in threadpoolctl.threadpool_info()
        if library["user_api"] == "openmp"
    }
    if torch := sys.modules.get("torch"):
        found["torch"] = torch.get_num_threads()
    return found


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
