"""What a second worker brings: all points of BPG 4:4:4 on photographs, by one process and by two workers.

Beside them stand two commands side by side that know nothing of each other and do all of it each: two cores give no
more. x265 and everything else has one thread, and every time is that of a whole command, start and table included.

`nox -s speed` runs this on a quiet machine. Exit status 1 says that the bound was missed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.harness.measure import require_quiet_machine
from bench.images.datasets import data_folder, missing
from bench.system.environment import usable_cores

if TYPE_CHECKING:
    from collections.abc import Sequence

BOUND = 1.8
CODEC = "bpg-444"
CORES = 2


@dataclass(frozen=True, slots=True)
class Cost:
    """What commands took: seconds until the last ended, and processor seconds of all that they started."""

    wall_s: float
    processor_s: float

    def __str__(self) -> str:
        return f"{self.wall_s:.1f} s, {self.processor_s:.1f} s of processor time"


def cost(dataset: str, *commands: Sequence[str]) -> Cost:
    """What runs with these options take, side by side, each into a new database.

    Raises:
        CalledProcessError: one of them failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        start, before = time.perf_counter(), os.times()
        running = [
            subprocess.Popen(_run(dataset, Path(folder, f"{i}.sqlite"), c), stdout=subprocess.DEVNULL)
            for i, c in enumerate(commands)
        ]
        for process in running:
            if process.wait():
                raise subprocess.CalledProcessError(process.returncode, process.args)
        after = os.times()
    used_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(time.perf_counter() - start, used_s)


def _run(dataset: str, database: Path, options: Sequence[str]) -> list[str]:
    command = ("run", "--codec", CODEC, "--dataset", dataset, "--threads", "1", "--db", str(database))
    return [sys.executable, "-m", "bench", *command, *options]


@click.command()
@click.option("--dataset", help="Pictures to code.  [default: kodak, else builtin]")
@click.option("--force", is_flag=True, help="Measure although other work uses the machine.")
def main(dataset: str | None, *, force: bool) -> None:
    """Measure, print, and say whether the bound is met."""
    if usable_cores() < CORES:
        click.echo(f"one core says nothing about {CORES} workers")
        return
    if not force:
        require_quiet_machine()
    chosen = dataset or ("builtin" if missing("kodak", data_folder(None)) else "kodak")
    one = cost(chosen, [])
    workers = cost(chosen, ["--workers", str(CORES)])
    apart = cost(chosen, *([[]] * CORES))
    gain = one.wall_s / workers.wall_s
    click.echo(f"{chosen}, {CODEC}, one process: {one}")
    click.echo(f"{CORES} workers: {workers}; {gain:.2f} times as fast, the bound is {BOUND}")
    click.echo(f"{CORES} commands, all of it each: {apart}; {CORES * one.wall_s / apart.wall_s:.2f} times as fast")
    sys.exit(gain < BOUND)


if __name__ == "__main__":
    main()
