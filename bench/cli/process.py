"""Settings of a command's process: threads of libraries, and exit code."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from bench.system.environment import threads_of, usable_cores

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN_FAILURES = 20


def command_line() -> tuple[str, ...]:
    """Return the arguments with which the process was started."""
    return tuple(sys.argv[1:])


def end(failures: Sequence[str]) -> None:
    """If there are failures, print them and exit with code 1."""
    for line in failures[:SHOWN_FAILURES]:
        click.echo(f"failed: {line}", err=True)
    if len(failures) > SHOWN_FAILURES:
        click.echo(f"… and {len(failures) - SHOWN_FAILURES} more; see the report for all", err=True)
    if failures:
        raise click.exceptions.Exit(1)


def limit_threads(threads: int | None) -> int:
    """Set the number of threads of libraries before their import (default: one per core), and return it."""
    count = threads or usable_cores()
    os.environ.update(threads_of(count))
    os.environ.pop("OMP_THREAD_LIMIT", None)
    # By default waiting OpenMP threads spin on cores that others could use, as with convolutions in row tiles.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    return count
