"""From what the user asked for to rows in the database: plan the tasks, skip what is there, measure the rest.

A task is one codec at one quality on one image. Tasks that fail are recorded and cost nothing but themselves. A run
that is killed is continued by the same command: what is stored is not measured again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from bench.codecs import adapter
from bench.codecs.registry import codec_class, is_ours, label_of, stem
from bench.harness.fresh_process import FreshProcess
from bench.harness.measure import measure, time_stages
from bench.harness.recipe import Recipe
from bench.results.schema import Failure, Measurement, Timing
from bench.system.errors import FROM_USERS, BenchError, MissingError, one_line
from bench.system.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.codecs.adapter import Decode
    from bench.codecs.codec import Codec, CodecSpec
    from bench.harness.measure import Result, Sample
    from bench.images.datasets import Dataset
    from bench.images.picture import AnyPicture
    from bench.images.set_images import ImageFile
    from bench.metrics.distortion import Metric
    from bench.results.schema import Configuration, RunInfo
    from bench.results.store import Store

PICTURE_CACHE = 64
"""Decoded pictures kept in memory: all of Kodak (1.2 MB each), so that each file is decoded once a run."""


@dataclass(frozen=True, slots=True)
class CodecPoint:
    """A codec at one quality: two objects, so that nothing but the bytes passes from encoder to decoder."""

    encoder: Codec
    decoder: Codec
    configuration: Configuration
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Task:
    """One codec at one quality on one image."""

    point: CodecPoint
    image: ImageFile

    @property
    def key(self) -> str:
        """Identity of the task's measurement."""
        return self.point.configuration.key(self.image.sha256)

    def __str__(self) -> str:
        configuration = self.point.configuration
        return f"{configuration.codec}@{configuration.quality:g} on {self.image.name}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The tasks of a run, and the codecs that cannot take part with what they lack or what went wrong."""

    tasks: Sequence[Task]
    missing: Sequence[str]


@dataclass(slots=True)
class Outcome:
    """What a run did: tasks measured now, tasks that were there already, and messages of those that failed."""

    measured: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)
    failed_images: dict[str, str] = field(default_factory=dict)
    """Name of each image that a codec failed on to the first such message."""


def plan(specs: Iterable[CodecSpec], images: Sequence[ImageFile], *, backend: str | None = None) -> Plan:
    """Lay out the tasks: codec by codec, quality by quality, so that whole RD points are finished early.

    The last quality, which is the highest, comes first: high rates take long, and at the end a long task would keep
    one worker busy while the others wait.

    Raises:
        MissingError: not one of the codecs can run here.
    """
    tasks: list[Task] = []
    missing: list[str] = []
    for spec in specs:
        try:
            if (reason := codec_class(spec.name).missing(backend, **spec.options)) is None:
                points = [_open(spec, quality, backend, images[0]) for quality in reversed(spec.qualities)]
                tasks += [Task(point, image) for point in points for image in images]
        except BenchError:
            raise
        except FROM_USERS as error:
            reason = one_line(error)
        if reason is not None:
            missing.append(f"{label_of(spec.name)}: {reason}")
    if missing and not tasks:
        raise MissingError("; ".join(missing))
    return Plan(tasks, missing)


def _open(spec: CodecSpec, quality: float, backend: str | None, image: ImageFile) -> CodecPoint:
    asked = Recipe(spec.name, quality, backend, tuple(sorted(spec.options.items())))
    recipe, encoder, decoder = asked.open_pair()
    # All images of a set are alike in what the adapter does.
    configuration = recipe.configuration(encoder, adapter.settings(encoder, image))
    return CodecPoint(encoder, decoder, configuration, recipe)


def register(
    store: Store, run: RunInfo, datasets: Iterable[Dataset], tasks: Iterable[Task], metrics: Iterable[Metric]
) -> None:
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
    classes = {task.point.configuration.codec: type(task.point.encoder) for task in tasks}
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


@dataclass(frozen=True, slots=True)
class Measured:
    """What measuring a task gave, with the picture's size in pixels."""

    width: int
    height: int
    result: Result


Engine = Callable[[Sequence[Task]], Generator[tuple[Task, Measured | BaseException], None, None]]
"""What measures tasks: each with its result or what went wrong, in any order."""


def run_measurements(
    store: Store,
    run: RunInfo,
    tasks: Sequence[Task],
    metrics: Sequence[Metric],
    *,
    engine: Engine | None = None,
) -> Outcome:
    """Measure the tasks that the database lacks, one after the other or by another `engine`.

    Raises:
        StoreError: the database cannot be written; what was stored before is safe.
    """
    versions = {metric.name: metric.version for metric in metrics}
    process = FreshProcess()

    def work(task: Task, picture: AnyPicture) -> Measured:
        decode = decoding(task.point.recipe, task.point.decoder, process)
        result = measure(task.point.encoder, decode, picture, metrics)
        return Measured(picture.width, picture.height, result)

    def keep(task: Task, measured: Measured) -> None:
        store.add(_measurement(task, measured, run), versions)

    job = _Job("measuring", store, run, engine or functools.partial(_in_turn, work), keep)
    with process:
        return _work_through(job, tasks, done=store.measured(versions))


def decoding(recipe: Recipe, decoder: Codec, process: FreshProcess) -> Decode:
    """What decodes the files of a codec.

    That of somebody else does it in another process: if it kept the picture instead of coding it, it would not know
    it there. The package's own are tested not to.
    """
    if is_ours(recipe.name):
        return adapter.decoder(decoder)
    return functools.partial(process.decode, recipe)


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


def run_timings(store: Store, run: RunInfo, tasks: Sequence[Task], *, repeats: int, threads: int) -> Outcome:
    """Time the tasks that lack samples of this machine and thread count: one after the other, after a warm-up.

    A run's samples belong together: a task that has fewer than `repeats` is timed anew. Codecs of one family
    are timed one after the other on each picture: their times are compared in pairs, and a machine is not as fast as it
    was minutes ago.

    Raises:
        StoreError: the database cannot be written; what was stored before is safe.
    """

    def work(task: Task, picture: AnyPicture) -> Sequence[Sample]:
        return time_stages(task.point.encoder, task.point.decoder, picture, repeats=repeats, threads=threads)

    def keep(task: Task, samples: Sequence[Sample]) -> None:
        device = task.point.encoder.device
        store.add_timings(
            Timing(task.key, run.run_id, run.machine, threads, device, s.stage, s.repeat, s.seconds) for s in samples
        )

    job = _Job("timing", store, run, functools.partial(_in_turn, work), keep)
    return _work_through(job, _side_by_side(tasks), done=store.timed(run.machine, threads, repeats))


def _side_by_side(tasks: Sequence[Task]) -> list[Task]:
    """The tasks in an order that has those of a family together which are of one quality and picture."""
    pairs: dict[tuple[str, float, str], list[Task]] = {}
    for task in tasks:
        configuration = task.point.configuration
        pair = (stem(configuration.codec), configuration.quality, task.image.sha256)
        pairs.setdefault(pair, []).append(task)
    return [task for pair in pairs.values() for task in pair]


_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class _Job(Generic[_Value]):
    """How tasks are worked on, and what is done with what comes of each."""

    title: str
    store: Store
    run: RunInfo
    engine: Callable[[Sequence[Task]], Generator[tuple[Task, _Value | BaseException], None, None]]
    keep: Callable[[Task, _Value], None]


def _work_through(job: _Job[_Value], tasks: Sequence[Task], *, done: set[str]) -> Outcome:
    todo = [task for task in tasks if task.key not in done]
    outcome = Outcome(skipped=len(tasks) - len(todo))
    with progress(job.title, len(todo), unit="tasks") as advance, closing(job.engine(todo)) as results:
        for task, value in results:
            if isinstance(value, BaseException):
                message = one_line(value)
                outcome.failures.append(f"{task}: {message}")
                outcome.failed_images.setdefault(task.image.name, outcome.failures[-1])
                failure = Failure(task.point.configuration, task.image.sha256, job.run.run_id, message)
                job.store.add_failure(failure)
            else:
                job.keep(task, value)
                outcome.measured += 1
            advance(1, str(task))
    return outcome


def _in_turn(
    work: Callable[[Task, AnyPicture], _Value], tasks: Sequence[Task]
) -> Generator[tuple[Task, _Value | BaseException], None, None]:
    """Work on tasks one after the other, in this process."""
    load = functools.lru_cache(maxsize=PICTURE_CACHE)(lambda image: image.read())
    for task in tasks:
        try:
            value: _Value | BaseException = work(task, load(task.image))
        except FROM_USERS as error:
            value = error
        yield task, value
