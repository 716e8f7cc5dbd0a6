"""From what the user asked for to rows in the database: plan the cells, skip what is there, measure the rest.

A cell is one codec at one quality on one image. Cells that fail are recorded and cost nothing but themselves. A run
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
    from bench.images.sets import ImageFile
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
class Cell:
    """One codec at one quality on one image."""

    point: CodecPoint
    image: ImageFile

    @property
    def key(self) -> str:
        """Identity of the cell's measurement."""
        return self.point.configuration.key(self.image.sha256)

    def __str__(self) -> str:
        configuration = self.point.configuration
        return f"{configuration.codec}@{configuration.quality:g} on {self.image.name}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The cells of a run, and the codecs that cannot take part with what they lack or what went wrong."""

    cells: Sequence[Cell]
    missing: Sequence[str]


@dataclass(slots=True)
class Outcome:
    """What a run did: cells measured now, cells that were there already, and messages of those that failed."""

    measured: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)
    failed_images: dict[str, str] = field(default_factory=dict)
    """Name of each image that a codec failed on to the first such message."""


def plan(specs: Iterable[CodecSpec], images: Sequence[ImageFile], *, backend: str | None = None) -> Plan:
    """Lay out the cells: codec by codec, quality by quality, so that whole RD points are finished early.

    The last quality, which is the highest, comes first: high rates take long, and at the end a long cell would keep
    one worker busy while the others wait.

    Raises:
        MissingError: not one of the codecs can run here.
    """
    cells: list[Cell] = []
    missing: list[str] = []
    for spec in specs:
        try:
            if (reason := codec_class(spec.name).missing(backend, **spec.options)) is None:
                points = [_open(spec, quality, backend, images[0]) for quality in reversed(spec.qualities)]
                cells += [Cell(point, image) for point in points for image in images]
        except BenchError:
            raise
        except FROM_USERS as error:
            reason = one_line(error)
        if reason is not None:
            missing.append(f"{label_of(spec.name)}: {reason}")
    if missing and not cells:
        raise MissingError("; ".join(missing))
    return Plan(cells, missing)


def _open(spec: CodecSpec, quality: float, backend: str | None, image: ImageFile) -> CodecPoint:
    asked = Recipe(spec.name, quality, backend, tuple(sorted(spec.options.items())))
    recipe, encoder, decoder = asked.open_pair()
    # All images of a set are alike in what the adapter does.
    configuration = recipe.configuration(encoder, adapter.settings(encoder, image))
    return CodecPoint(encoder, decoder, configuration, recipe)


def register(
    store: Store, run: RunInfo, datasets: Iterable[Dataset], cells: Iterable[Cell], metrics: Iterable[Metric]
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
    classes = {cell.point.configuration.codec: type(cell.point.encoder) for cell in cells}
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
    """What measuring a cell gave, with the picture's size in pixels."""

    width: int
    height: int
    result: Result


Engine = Callable[[Sequence[Cell]], Generator[tuple[Cell, Measured | BaseException], None, None]]
"""What measures cells: each with its result or what went wrong, in any order."""


def run_measurements(
    store: Store,
    run: RunInfo,
    cells: Sequence[Cell],
    metrics: Sequence[Metric],
    *,
    engine: Engine | None = None,
) -> Outcome:
    """Measure the cells that the database lacks, one after the other or by another `engine`.

    Raises:
        StoreError: the database cannot be written; what was stored before is safe.
    """
    versions = {metric.name: metric.version for metric in metrics}
    process = FreshProcess()

    def work(cell: Cell, picture: AnyPicture) -> Measured:
        decode = decoding(cell.point.recipe, cell.point.decoder, process)
        result = measure(cell.point.encoder, decode, picture, metrics)
        return Measured(picture.width, picture.height, result)

    def keep(cell: Cell, measured: Measured) -> None:
        store.add(_measurement(cell, measured, run), versions)

    job = _Job("measuring", store, run, engine or functools.partial(_in_turn, work), keep)
    with process:
        return _work_through(job, cells, done=store.measured(versions))


def decoding(recipe: Recipe, decoder: Codec, process: FreshProcess) -> Decode:
    """What decodes the files of a codec.

    That of somebody else does it in another process: if it kept the picture instead of coding it, it would not know
    it there. The package's own are tested not to.
    """
    if is_ours(recipe.name):
        return adapter.decoder(decoder)
    return functools.partial(process.decode, recipe)


def _measurement(cell: Cell, measured: Measured, run: RunInfo) -> Measurement:
    result = measured.result
    return Measurement(
        configuration=cell.point.configuration,
        image_sha256=cell.image.sha256,
        width=measured.width,
        height=measured.height,
        num_bytes=result.num_bytes,
        bitstream_sha256=result.bitstream_sha256,
        values=result.values,
        run_id=run.run_id,
        diagnostics=result.diagnostics,
    )


def run_timings(store: Store, run: RunInfo, cells: Sequence[Cell], *, repeats: int, threads: int) -> Outcome:
    """Time the cells that lack samples of this machine and thread count: one after the other, after a warm-up.

    A run's samples belong together: a cell that has fewer than `repeats` is timed anew. Codecs of one family
    are timed one after the other on each picture: their times are compared in pairs, and a machine is not as fast as it
    was minutes ago.

    Raises:
        StoreError: the database cannot be written; what was stored before is safe.
    """

    def work(cell: Cell, picture: AnyPicture) -> Sequence[Sample]:
        return time_stages(cell.point.encoder, cell.point.decoder, picture, repeats=repeats, threads=threads)

    def keep(cell: Cell, samples: Sequence[Sample]) -> None:
        device = cell.point.encoder.device
        store.add_timings(
            Timing(cell.key, run.run_id, run.machine, threads, device, s.stage, s.repeat, s.seconds) for s in samples
        )

    job = _Job("timing", store, run, functools.partial(_in_turn, work), keep)
    return _work_through(job, _side_by_side(cells), done=store.timed(run.machine, threads, repeats))


def _side_by_side(cells: Sequence[Cell]) -> list[Cell]:
    """The cells in an order that has those of a family together which are of one quality and picture."""
    pairs: dict[tuple[str, float, str], list[Cell]] = {}
    for cell in cells:
        configuration = cell.point.configuration
        pair = (stem(configuration.codec), configuration.quality, cell.image.sha256)
        pairs.setdefault(pair, []).append(cell)
    return [cell for pair in pairs.values() for cell in pair]


_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class _Job(Generic[_Value]):
    """How cells are worked on, and what is done with what comes of each."""

    title: str
    store: Store
    run: RunInfo
    engine: Callable[[Sequence[Cell]], Generator[tuple[Cell, _Value | BaseException], None, None]]
    keep: Callable[[Cell, _Value], None]


def _work_through(job: _Job[_Value], cells: Sequence[Cell], *, done: set[str]) -> Outcome:
    todo = [cell for cell in cells if cell.key not in done]
    outcome = Outcome(skipped=len(cells) - len(todo))
    with progress(job.title, len(todo), unit="cells") as advance, closing(job.engine(todo)) as results:
        for cell, value in results:
            if isinstance(value, BaseException):
                message = one_line(value)
                outcome.failures.append(f"{cell}: {message}")
                outcome.failed_images.setdefault(cell.image.name, outcome.failures[-1])
                failure = Failure(cell.point.configuration, cell.image.sha256, job.run.run_id, message)
                job.store.add_failure(failure)
            else:
                job.keep(cell, value)
                outcome.measured += 1
            advance(1, str(cell))
    return outcome


def _in_turn(
    work: Callable[[Cell, AnyPicture], _Value], cells: Sequence[Cell]
) -> Generator[tuple[Cell, _Value | BaseException], None, None]:
    """Work on cells one after the other, in this process."""
    load = functools.lru_cache(maxsize=PICTURE_CACHE)(lambda image: image.read())
    for cell in cells:
        try:
            value: _Value | BaseException = work(cell, load(cell.image))
        except FROM_USERS as error:
            value = error
        yield cell, value
