"""What bench costs: the start of the command line, and a whole run beside CompressAI's own bench.

`nox -s speed` runs this on a quiet machine. Exit status 1 says that a bound was missed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time

import click

from bench.harness.measure import require_quiet_machine
from bench.images.datasets import data_folder, missing
from bench.system.environment import usable_cores

HELP_BOUND_S = 0.4
QUALITIES = range(5, 100, 5)
"""The points of CompressAI's published JPEG curve."""


def wall_s(command: list[str], repeats: int = 1) -> float:
    """Median wall time of a command."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def jpeg_on_kodak_s() -> tuple[float, float]:
    """Seconds for CompressAI's JPEG points on Kodak: ours, and CompressAI's bench, one after the other."""
    kodak = data_folder() / "kodak"
    qualities = [str(quality) for quality in QUALITIES]
    with tempfile.TemporaryDirectory() as folder:
        spec = f"jpeg@{','.join(qualities)}"
        ours = wall_s([sys.executable, "-m", "bench", "run", "--codec", spec, "--db", f"{folder}/r.sqlite"])
    command = [sys.executable, "-m", "compressai.utils.bench", "jpeg", str(kodak), "-q", ",".join(qualities)]
    return ours, wall_s(command)


@click.command()
@click.option("--force", is_flag=True, help="Measure although other work uses the machine.")
def main(*, force: bool) -> None:
    """Measure what bench costs."""
    if not force:
        require_quiet_machine()
    start = wall_s([sys.executable, "-m", "bench", "--help"], repeats=10)
    click.echo(f"bench --help: {start:.3f} s (bound {HELP_BOUND_S} s)")
    good = start <= HELP_BOUND_S
    if missing("kodak"):
        click.echo(f"jpeg on Kodak: not measured, there are no Kodak pictures in {data_folder()}")
    else:
        ours, theirs = jpeg_on_kodak_s()
        click.echo(f"jpeg on Kodak, 19 points, {usable_cores()} cores: bench {ours:.1f} s, CompressAI {theirs:.1f} s")
        good = good and ours <= theirs
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
