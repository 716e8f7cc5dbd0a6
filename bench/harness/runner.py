"""Running a plan: skip the tasks that the database has (resume), measure the rest, and record failures.

Tasks that fail cost nothing but themselves. A run that is killed is continued by the same command: what is stored is
not measured again.
"""

from __future__ import annotations

import functools
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, TypeVar, cast

from bench.codecs.registry import codec_class, label_of, stem
from bench.harness.workers import carried_out, in_turn
from bench.results.schema import Failure, Measurement, Timing
from bench.system.errors import one_line
from bench.system.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from bench.harness.dispatch import Crew, Todo, Work
    from bench.harness.jobs import Measured, MeasuringJob, Timed, TimingJob
    from bench.harness.plan import Plan, Task
    from bench.images.datasets import Dataset
    from bench.metrics.distortion import Metric
    from bench.results.schema import RunInfo
    from bench.results.store import Store

LOOKED_UP = 500
"""Tasks that the database is asked about at a time."""

_Value = TypeVar("_Value")


@dataclass(slots=True)
class Outcome:
    """What a run did: tasks measured now, tasks that were there already, and messages of those that failed."""

    measured: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)
    failed_images: dict[str, str] = field(default_factory=dict)
    """Name of each image that a codec failed on to the first such message."""


def register(store: Store, run: RunInfo, datasets: Iterable[Dataset], plan: Plan, metrics: Iterable[Metric]) -> None:
    """Record what the rows of a run will refer to."""
    store.add_run(run)
    for dataset in datasets:
        describe_dataset(store, dataset)
    store.describe(
        "metrics",
        [
            {
                "metric": metric.name,
                "title": metric.title,
                "higher_is_better": int(metric.higher_is_better),
                "version": metric.version,
            }
            for metric in metrics
        ],
    )
    classes = {label_of(point.recipe.name): codec_class(point.recipe.name) for point in plan.points}
    store.describe(
        "codecs",
        [
            {
                "codec": codec,
                "title": cls.title,
                "quality_meaning": cls.scale.meaning,
                "default_backend": cls.backends[0],
            }
            for codec, cls in classes.items()
        ],
    )


def describe_dataset(store: Store, dataset: Dataset) -> None:
    """Record an image set and its images."""
    store.describe("datasets", [{"dataset": dataset.name, "title": dataset.title, "note": dataset.note}])
    images = [{"dataset": dataset.name, "image": i.name, "image_sha256": i.sha256} for i in dataset.images]
    store.describe("images", images)


def run_measurements(
    store: Store, run: RunInfo, plan: Plan, work: Work[Measured], *, crew: Crew | None = None
) -> Outcome:
    """Measure the tasks that the database lacks, one after the other, or by a crew of workers.

    Raises:
        StoreError: the database cannot be written; what was stored before is safe.
    """
    versions = cast("MeasuringJob", work.job).versions

    def todo() -> Todo:
        return {point: not_measured(store, versions, plan.of(place)) for place, point in enumerate(plan.points)}

    def keep(task: Task, measured: Measured) -> None:
        store.add(_measurement(task, measured, run), versions)

    number = sum(1 for tasks in todo().values() for _ in tasks)
    outcome, add_failure = Outcome(skipped=len(plan) - number), functools.partial(_add_failure, store, run)
    return settle("measuring", number, carried_out(work, todo(), crew), outcome, keep, add_failure=add_failure)


def not_measured(store: Store, versions: Mapping[str, str], tasks: Iterator[Task]) -> Iterator[Task]:
    """Those of some tasks that the database does not have with each of these metrics; of equal ones the last."""
    while chunk := {task.key: task for task in islice(tasks, LOOKED_UP)}:
        done = store.measured(versions, chunk)
        yield from (task for key, task in chunk.items() if key not in done)


def _measurement(task: Task, measured: Measured, run: RunInfo) -> Measurement:
    result = measured.result
    return Measurement(
        configuration=task.point.configuration,
        image_sha256=task.image.sha256,
        width=measured.width,
        height=measured.height,
        num_bytes=result.num_bytes,
        bitstream_sha256=result.bitstream_sha256,
        values=result.values,
        run_id=run.run_id,
        diagnostics=result.diagnostics,
    )


def run_timings(store: Store, run: RunInfo, plan: Plan, work: Work[Timed]) -> Outcome:
    """Time the tasks that lack samples of this machine and thread count: one after the other, after a warm-up.

    A run's samples belong together: a task that has fewer than the job's repeats is timed anew. Codecs of one family
    are timed one after the other on each picture: their times are compared in pairs, and a machine is not as fast as it
    was minutes ago.

    Raises:
        StoreError: the database cannot be written; what was stored before is safe.
    """
    job = cast("TimingJob", work.job)

    def keep(task: Task, timed: Timed) -> None:
        store.add_timings(
            Timing(task.key, run.run_id, run.machine, job.threads, timed.device, s.stage, s.repeat, s.seconds)
            for s in timed.samples
        )

    done = store.timed(run.machine, job.threads, job.repeats)
    todo = [task for task in _side_by_side(plan) if task.key not in done]
    outcome, add_failure = Outcome(skipped=len(plan) - len(todo)), functools.partial(_add_failure, store, run)
    return settle("timing", len(todo), in_turn(work, todo), outcome, keep, add_failure=add_failure)


def _side_by_side(tasks: Iterable[Task]) -> list[Task]:
    """The tasks in an order that has those of a family together which are of one quality and picture."""
    pairs: dict[tuple[str, float, str], list[Task]] = {}
    for task in tasks:
        configuration = task.point.configuration
        pair = (stem(configuration.codec), configuration.quality, task.image.sha256)
        pairs.setdefault(pair, []).append(task)
    return [task for pair in pairs.values() for task in pair]


def settle(
    title: str,
    number: int,
    results: Generator[tuple[Task, _Value | BaseException], None, None],
    outcome: Outcome,
    keep: Callable[[Task, _Value], str | None],
    *,
    add_failure: Callable[[Task, str], None] = lambda *_: None,
) -> Outcome:
    """Keep the values of tasks as they come, and count them; `keep` gives the reason where a value is refused."""
    with progress(title, number, unit="tasks") as advance, closing(results):
        for task, value in results:
            message = one_line(value) if isinstance(value, BaseException) else keep(task, value)
            if message is None:
                outcome.measured += 1
            else:
                outcome.failures.append(f"{task}: {message}")
                outcome.failed_images.setdefault(task.image.name, outcome.failures[-1])
                add_failure(task, message)
            advance(1, str(task))
    return outcome


def _add_failure(store: Store, run: RunInfo, task: Task, message: str) -> None:
    store.add_failure(Failure(task.point.configuration, task.image.sha256, run.run_id, message))
