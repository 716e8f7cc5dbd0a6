"""Execution of a plan: skip stored tasks, measure the others, and record failures.

A failed task does not affect the others. After an interruption, the same command resumes a run, because stored tasks
are not measured again.
"""

from __future__ import annotations

import functools
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, TypeVar, cast

from bench.codecs.registry import codec_class, family_of, label_of
from bench.harness.task import CodecPoint
from bench.harness.workers import execute_tasks, in_turn
from bench.results.schema import Failure, Timing
from bench.system.errors import one_line
from bench.system.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from bench.harness.dispatch import Crew, Todo, Work
    from bench.harness.jobs import MeasuringJob, Timed, TimingJob
    from bench.harness.measure import Measured
    from bench.harness.plan import Plan
    from bench.harness.task import Task
    from bench.images.datasets import Dataset
    from bench.metrics.distortion import Metric
    from bench.results.schema import RunInfo
    from bench.results.store import Store

LOOKED_UP = 500
"""Number of tasks that are looked up in the database together."""

_Value = TypeVar("_Value")


@dataclass(slots=True)
class Outcome:
    """Numbers of measured and of skipped (already stored) tasks, and messages of failed tasks."""

    measured: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)
    failed_images: dict[str, str] = field(default_factory=dict)
    """First failure message by image name."""


def register(store: Store, run: RunInfo, datasets: Iterable[Dataset], plan: Plan, metrics: Iterable[Metric]) -> None:
    """Store the descriptions to which the rows of a run refer."""
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
    for point in plan.points:
        # An earlier run may have recorded that it could not be opened.
        unopened = CodecPoint.unopened(point.recipe.name, point.recipe.quality, point.recipe.backend)
        store.forget_failures(unopened.configuration)
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
    """Store the description of an image set and its images."""
    store.describe("datasets", [{"dataset": dataset.name, "title": dataset.title, "note": dataset.note}])
    images = [{"dataset": dataset.name, "image": i.name, "image_sha256": i.sha256} for i in dataset.images]
    store.describe("images", images)


def run_measurements(
    store: Store, run: RunInfo, plan: Plan, work: Work[Measured], *, crew: Crew | None = None
) -> Outcome:
    """Measure the tasks that are not in the database, one after the other or by a crew of workers.

    Raises:
        StoreError: the database cannot be written; stored rows are kept.
    """
    versions = cast("MeasuringJob", work.job).versions

    def todo() -> Todo:
        return {point: not_measured(store, versions, plan.of(place)) for place, point in enumerate(plan.points)}

    def keep(task: Task, measured: Measured) -> None:
        store.add(measured.row(task, run.run_id), versions)

    number = sum(1 for tasks in todo().values() for _ in tasks)
    lost = list(plan.failing)
    outcome, add_failure = Outcome(skipped=len(plan) - number), functools.partial(_add_failure, store, run)
    results = _with_lost(lost, execute_tasks(work, todo(), crew))
    return settle("measuring", number + len(lost), results, outcome, keep, add_failure=add_failure)


def _with_lost(
    lost: Iterable[tuple[Task, BaseException]], results: Generator[tuple[Task, _Value | BaseException], None, None]
) -> Generator[tuple[Task, _Value | BaseException], None, None]:
    """Yield the tasks of codecs that could not be opened, then the results of the others."""
    yield from lost
    yield from results


def not_measured(store: Store, versions: Mapping[str, str], tasks: Iterator[Task]) -> Iterator[Task]:
    """Yield the tasks that are not stored with all of these metrics; of tasks with equal keys, only the last."""
    while chunk := {task.key: task for task in islice(tasks, LOOKED_UP)}:
        done = store.measured(versions, chunk)
        yield from (task for key, task in chunk.items() if key not in done)


def run_timings(store: Store, run: RunInfo, plan: Plan, work: Work[Timed]) -> Outcome:
    """Time the tasks without enough samples of this machine and thread count, one after the other.

    Samples of different runs are not combined: a task with fewer samples than the job's repeats is timed again. Codecs
    of a family are timed in turn on each picture, because their times are compared in pairs and the speed of a machine
    drifts.

    Raises:
        StoreError: the database cannot be written; stored rows are kept.
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
    """Order tasks so that those of a codec family at one quality on one picture are adjacent."""
    pairs: dict[tuple[str, float, str], list[Task]] = {}
    for task in tasks:
        configuration = task.point.configuration
        pair = (family_of(configuration.codec), configuration.quality, task.image.sha256)
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
    """Store and count the values of tasks as they arrive; `keep` returns the reason if it rejects a value."""
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
