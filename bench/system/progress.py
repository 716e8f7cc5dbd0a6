"""Progress of long operations on standard error: a bar on a terminal, otherwise a line at intervals."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOG_INTERVAL_S = 20.0


def say(line: str) -> None:
    """Write a line to standard error, above the progress bar if there is one."""
    sys.stderr.write(f"{line}\n")


@contextlib.contextmanager
def progress(title: str, total: int, *, unit: str = "", done: int = 0) -> Iterator[Callable[[int, str], None]]:
    """Show the progress of `total` steps, of which an earlier process has done `done`.

    The block receives a function to call with the number of steps since the last call, and a detail to show.
    """
    if total and sys.stderr.isatty():
        with _bar(title, total, unit, done) as advance:
            yield advance
    else:
        yield _log(title, total, unit, done)


@contextlib.contextmanager
def _bar(title: str, total: int, unit: str, done: int) -> Iterator[Callable[[int, str], None]]:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn(f"{{task.completed}}/{{task.total}} {unit}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, completed=done, detail="")
        yield lambda steps, detail: bar.update(task, advance=steps, detail=detail)


def _log(title: str, total: int, unit: str, done: int) -> Callable[[int, str], None]:
    start = last = time.perf_counter()
    before = done

    def advance(steps: int, detail: str) -> None:
        nonlocal done, last
        done += steps
        now = time.perf_counter()
        if now - last >= LOG_INTERVAL_S:
            last = now
            left = (now - start) / max(done - before, 1) * (total - done)
            sys.stderr.write(f"{title}: {done}/{total} {unit}, {left:.0f} s left, {detail}\n")

    return advance
