"""What the harness costs a task: by this process, by two workers, by a cluster; and what a second worker brings.

Tasks are synthetic: a codec that does nothing on pictures that are nothing, so that all the time is the harness's. The
growth of the database and of this process's memory stand beside it. They are right on a busy machine, too, as is
processor time; what a second worker brings needs idle cores for less than a minute: `--part gain`.

`nox -s speed` runs this on a quiet machine. Exit status 1 says that a bound was missed.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import psutil
from synthetic import images

from bench.codecs.registry import resolve_codecs
from bench.harness import jobs, opening, workers
from bench.harness.cluster import cluster
from bench.harness.dispatch import Work
from bench.harness.jobs import MeasuringJob
from bench.harness.measure import require_quiet_machine
from bench.harness.plan import plan
from bench.harness.run_info import describe_run
from bench.harness.runner import register, run_measurements
from bench.harness.supervisor import Supervisor
from bench.harness.workers import LocalCrew
from bench.images.datasets import Dataset
from bench.results.store import Store
from bench.system.environment import usable_cores
from bench.system.worker_process import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.harness.dispatch import Crew

TASK_BOUND_S = 0.005
GAIN_BOUND = 1.8
BUSY_TASKS = 200
WARM_UP = 200


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a task."""

    wall_s: float
    processor_s: float
    """Of this process alone."""
    disk_bytes: float
    memory_bytes: float
    """By which this process grew."""

    def __str__(self) -> str:
        return (
            f"{self.wall_s * 1000:.2f} ms, {self.processor_s * 1000:.2f} ms of them this process's processor time, "
            f"{self.disk_bytes:.0f} bytes of database, {self.memory_bytes:.0f} of memory"
        )


def measured(codec: str, number: int, crew: Crew | None, warm_up: int = WARM_UP) -> Cost:
    """What a task costs, of so many."""
    (spec,) = resolve_codecs([f"{Path(__file__).with_name('synthetic.py')}:{codec}"])
    work = Work(MeasuringJob.by(["mse"]))
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder, "r.sqlite"), create=True) as store:
        pictures = images(number + warm_up)
        with Supervisor() as supervisor:
            whole = plan([spec], pictures, opening=opening.Opening(supervisor, Limits()))
        first = replace(whole, images=pictures[:warm_up])
        run = describe_run((), threads=1)
        register(store, run, [Dataset("synthetic", "", "", pictures)], whole, [])
        run_measurements(store, run, first, work, crew=crew)
        before, start, used = psutil.Process().memory_info().rss, time.perf_counter(), time.process_time()
        outcome = run_measurements(store, run, whole, work, crew=crew)
        seconds, used = time.perf_counter() - start, time.process_time() - used
        if outcome.measured != number:
            raise click.ClickException(f"{outcome.measured} of {number} tasks measured: {outcome.failures[:1]}")
        store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        size, grown = Path(folder, "r.sqlite").stat().st_size, psutil.Process().memory_info().rss - before
        return Cost(seconds / number, used / number, size / number, grown / number)


@contextlib.contextmanager
def as_ours() -> Iterator[None]:
    """Let the codec count as the package's, which are measured in this process."""
    before = workers.is_ours, jobs.is_ours, opening.is_ours
    workers.is_ours = jobs.is_ours = opening.is_ours = lambda _: True
    try:
        yield
    finally:
        workers.is_ours, jobs.is_ours, opening.is_ours = before


@contextlib.contextmanager
def local_cluster() -> Iterator[Crew]:
    """A cluster whose two workers are threads here."""
    from distributed import LocalCluster  # noqa: PLC0415

    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with LocalCluster(protocol="tcp", **options) as there, cluster(there.scheduler_address, "speed") as crew:
        yield crew


CREWS = {
    "process": ("the package's codec, this process", contextlib.nullcontext),
    "own": ("a user's codec, its own process", contextlib.nullcontext),
    "workers": ("two workers", lambda: LocalCrew(2)),
    "cluster": ("a cluster of two workers", local_cluster),
}
"""Name of a part to its title and who measures."""


def gain() -> float:
    """How many times as fast two workers are as one, on tasks that take 50 ms of a core."""
    times = []
    for number in (1, 2):
        with LocalCrew(number) as there:
            times.append(measured("Busy", BUSY_TASKS, there, warm_up=10).wall_s)
    return times[0] / times[1]


@click.command()
@click.option("--force", is_flag=True, help="Measure although other work uses the machine.")
@click.option("--tasks", default=100_000, show_default=True, help="Of the codec that does nothing.")
@click.option("--part", "parts", multiple=True, type=click.Choice([*CREWS, "gain"]), default=[*CREWS, "gain"])
def main(*, force: bool, tasks: int, parts: tuple[str, ...]) -> None:
    """Measure what the harness costs a task."""
    if not force:
        require_quiet_machine()
    good = True
    for name, (title, crew) in CREWS.items():
        if name not in parts:
            continue
        with crew() as there, as_ours() if name == "process" else contextlib.nullcontext():
            cost = measured("Null", tasks, there)
        click.echo(f"a task of {title}: {cost}")
        good &= name != "process" or cost.wall_s <= TASK_BOUND_S
    if "gain" in parts:
        times = gain()
        click.echo(f"50 ms of a core a task: two workers are {times:.2f} times as fast as one")
        good &= usable_cores() == 1 or times >= GAIN_BOUND
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
