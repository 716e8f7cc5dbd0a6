"""Metrics added to what is stored: what `bench run --add-metric` does.

Files are not stored. Each codec of the results is opened as it was and codes the picture again, and the file has to be
the one that was measured, to the bit, for its picture to be compared. All that was measured before stays as it is.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass, fields
from itertools import islice
from typing import TYPE_CHECKING

from bench.codecs import adapter
from bench.codecs.codec import CodecSpec
from bench.codecs.registry import METRICS
from bench.harness.dispatch import Work
from bench.harness.jobs import MeasuringJob
from bench.harness.plan import CodecPoint, Plan, Task
from bench.harness.recipe import recipe_of
from bench.harness.request import Summary, crew_for, metrics_for
from bench.harness.run_info import describe_run
from bench.harness.runner import Outcome, register
from bench.harness.workers import carried_out
from bench.images.datasets import open_dataset
from bench.results.resume_key import Configuration
from bench.results.schema import Measurement
from bench.results.store import Store
from bench.system.errors import BenchError, UsageError, one_line
from bench.system.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bench.harness.dispatch import Crew
    from bench.harness.jobs import Measured
    from bench.harness.request import RunRequest
    from bench.images.set_images import ImageFile
    from bench.results.schema import RunInfo

_CHUNK = 500
"""Keys that the database is asked for at once."""


_OF_RUNS = (
    "metrics", "bpp", "psnr", "timing", "repeats", "force", "sample", "seed", "skip_failed", "backend", "codec_options",
)  # fmt: skip
"""Fields of a request that say how codecs are measured, which is settled here."""


def add_metrics(request: RunRequest, crew: Crew | None = None) -> Summary:
    """Measure the `added` metrics of a request on what the database has of its images, and of its codecs if it has any.

    Raises:
        BenchError: a name is wrong, a metric cannot run here, nothing is stored, or the database cannot be used.
    """
    for name in _OF_RUNS:
        if getattr(request, name):
            option = (
                next(iter(request.codec_options)) if name == "codec_options" else name.rstrip("s" * (name == "metrics"))
            )
            raise UsageError(f"--add-metric takes codecs as they are stored; leave --{option.replace('_', '-')} out")
    whole = open_dataset(request.dataset, data=request.data, clip=request.clip)
    dataset = whole.part(whole.select(request.images, request.exclude))
    found, lacking = metrics_for(request.added, dataset.kind)
    added = {name: metric for name, metric in found.items() if name not in METRICS or dataset.kind in metric.on_request}
    if not added and not lacking:
        raise UsageError(f"{', '.join(request.added)} is measured in every run; leave --add-metric out")
    job = MeasuringJob.by(added)
    work = Work(job, request.limits)
    run = describe_run(request.command, threads=request.threads, workers=request.workers, pictures={})
    with closing(Store.open(request.db)) as store:
        stored = _stored(store, dataset.images, request.codecs)
        points, left_out = _points(stored, dataset.images[0])
        register(store, run, [whole, dataset], Plan(points, dataset.images), added.values())
        files = {key: sha256 for of_one in stored.values() for key, sha256 in of_one.items()}
        keeper = _Keeper(store, run, job.versions, files)
        todo = {point: list(keeper.lacking(Task(point, image) for image in dataset.images)) for point in points}
        with crew_for(request, crew, run.run_id) as workers:
            outcome = keeper.carry_out(work, todo, workers)
        outcome.skipped = sum(len(stored[point.configuration]) - len(todo[point]) for point in points)
    curves = frozenset((point.configuration.curve, point.configuration.quality) for point in points)
    return Summary(dataset.name, curves, (*lacking, *left_out), {"with metrics added": outcome})


def _stored(
    store: Store, images: Sequence[ImageFile], codecs: Sequence[str]
) -> Mapping[Configuration, Mapping[str, str]]:
    """The measurements of some images, and of codecs by name or glob if there are any: key to file by configuration.

    Raises:
        UsageError: there is none.
    """
    columns = [field.name for field in fields(Configuration)]
    query = f"""SELECT key, bitstream_sha256, image_sha256, {", ".join(columns)}
        FROM measurements JOIN configurations USING (configuration_id)"""  # noqa: S608  # our own names
    wanted, specs = {image.sha256 for image in images}, [CodecSpec.parse(text) for text in codecs]
    found: dict[Configuration, dict[str, str]] = {}
    for key, file, image, *values in store.rows(query):
        configuration = Configuration(*values)
        if image in wanted and (not specs or any(_is_meant(configuration, spec) for spec in specs)):
            found.setdefault(configuration, {})[key] = file
    if not found:
        raise UsageError(f"{store.path} has nothing of these pictures and codecs; measure them first")
    return found


def _is_meant(configuration: Configuration, spec: CodecSpec) -> bool:
    return spec.matches(configuration.codec) and (not spec.qualities or configuration.quality in spec.qualities)


def _points(stored: Iterable[Configuration], image: ImageFile) -> tuple[list[CodecPoint], list[str]]:
    """The codecs as they can be opened here, and a line for each that is not the one that was measured."""
    points: list[CodecPoint] = []
    left_out: dict[str, None] = {}
    for configuration in stored:
        try:
            recipe, codec = recipe_of(asdict(configuration)).pinned()
            if recipe.configuration(codec, adapter.settings(codec, image)) != configuration:
                raise UsageError("it is another version here than the one that was measured")
            points.append(CodecPoint(recipe, configuration))
        except BenchError as error:
            left_out[f"{configuration.codec}: {error}"] = None
    return points, list(left_out)


@dataclass(frozen=True, slots=True)
class _Keeper:
    """What stores the values of tasks that gave the file that was measured. `files`: its SHA-256 by the task's key."""

    store: Store
    run: RunInfo
    versions: Mapping[str, str]
    files: Mapping[str, str]

    def lacking(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """Those of some tasks that are stored without one of the metrics."""
        there = (task for task in tasks if task.key in self.files)
        while chunk := list(islice(there, _CHUNK)):
            done = self.store.measured(self.versions, [task.key for task in chunk])
            yield from (task for task in chunk if task.key not in done)

    def carry_out(self, work: Work[Measured], todo: Mapping[CodecPoint, Sequence[Task]], crew: Crew | None) -> Outcome:
        """Code, decode and compare; a task that gives another file has failed, and is stored as it was."""
        outcome = Outcome()
        waiting = {point: iter(some) for point, some in todo.items() if some}
        number, results = sum(map(len, todo.values())), carried_out(work, waiting, crew)
        with progress("adding metrics", number, unit="tasks") as advance, closing(results):
            for task, measured in results:
                advance(1, str(task))
                if isinstance(measured, BaseException):
                    outcome.failures.append(f"{task}: {one_line(measured)}")
                elif measured.result.bitstream_sha256 != self.files[task.key]:
                    outcome.failures.append(f"{task}: it codes to another file here than the one that was measured")
                else:
                    self._add(task, measured)
                    outcome.measured += 1
        return outcome

    def _add(self, task: Task, measured: Measured) -> None:
        result = measured.result
        key, size = (task.point.configuration, task.image.sha256), (measured.width, measured.height)
        file = result.num_bytes, result.bitstream_sha256
        self.store.supplement(Measurement(*key, *size, *file, result.values, self.run.run_id), self.versions)
