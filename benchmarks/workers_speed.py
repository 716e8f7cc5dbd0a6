"""What a second worker brings: all points of BPG 4:4:4 on photographs, by one process and by two workers.

`nox -s speed` runs this on a quiet machine. Exit status 1 says that the bound was missed. In both, x265 and everything
else has one thread; the start of the workers, about 2 s, is charged to the two.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import click
from threadpoolctl import threadpool_limits

from bench.datasets import data_folder, missing
from bench.measure import require_quiet_machine
from bench.request import RunRequest, execute

BOUND = 1.8
CODEC = "bpg-444"
CORES = 2


def run_s(workers: int, dataset: str) -> float:
    """Seconds that a run by so many workers takes, into a new database."""
    # Workers have one thread each, whatever this process has.
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        request = RunRequest(
            codecs=(CODEC,),
            dataset=dataset,
            db=Path(folder, "r.sqlite"),
            threads=1,
            command=(),
            workers=workers,
        )
        start = time.perf_counter()
        execute(request)
        return time.perf_counter() - start


def main() -> None:
    """Measure, print, and say whether the bound is met."""
    os.environ["OMP_NUM_THREADS"] = "1"
    if (os.cpu_count() or 1) < CORES:
        click.echo(f"a machine of one core says nothing about {CORES} workers")
        return
    if "--force" not in sys.argv:
        require_quiet_machine()
    dataset = "builtin" if missing("kodak", data_folder(None)) else "kodak"
    one_s, two_s = run_s(1, dataset), run_s(CORES, dataset)
    click.echo(f"{dataset}, {CODEC}: 1 process {one_s:.1f} s, {CORES} workers {two_s:.1f} s")
    click.echo(f"{one_s / two_s:.2f} times faster; the bound is {BOUND}")
    sys.exit(one_s / two_s < BOUND)


if __name__ == "__main__":
    main()
