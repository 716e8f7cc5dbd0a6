"""From what the user asked for to rows in the database: plan the cells, skip what is there, measure the rest.

A cell is one codec at one quality on one image. Cells that fail are recorded and cost nothing but themselves. A run
that is killed is continued by the same command: what is stored is not measured again.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.errors import BenchError, MissingError, StoreError
from bench.measure import measure, time_stages
from bench.measurement import Configuration, Failure, Measurement, Timing
from bench.picture import read_picture
from bench.progress import progress
from bench.registry import codec_class, label_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench.codec import Codec, CodecSpec
    from bench.datasets import Dataset, ImageFile
    from bench.measurement import RunInfo
    from bench.metrics import Metric
    from bench.picture import Picture
    from bench.store import Store

PICTURE_CACHE = 64
"""Decoded pictures kept in memory: all of Kodak (1.2 MB each), so that each file is decoded once a run."""


@dataclass(frozen=True, slots=True)
class CodecPoint:
    """A codec at one quality: two objects, so that nothing but the bytes passes from encoder to decoder."""

    encoder: Codec
    decoder: Codec
    configuration: Configuration


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
    """The cells of a run, and the codecs that cannot take part with the way to get what they lack."""

    cells: Sequence[Cell]
    missing: Sequence[str]


@dataclass(slots=True)
class Outcome:
    """What a run did: cells measured now, cells that were there already, and messages of those that failed."""

    measured: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)


def plan(specs: Iterable[CodecSpec], images: Sequence[ImageFile], *, carrier: str | None = None) -> Plan:
    """Lay out the cells: codec by codec, quality by quality, so that whole RD points are finished early.

    Raises:
        UsageError: a codec does not have the carrier.
        MissingError: not one of the codecs can run here.
    """
    cells: list[Cell] = []
    missing: list[str] = []
    for spec in specs:
        cls = codec_class(spec.name)
        if (reason := cls.missing(carrier, **spec.options)) is not None:
            missing.append(f"{label_of(spec.name)}: {reason}")
            continue
        points = [_open(spec, cls, quality, carrier) for quality in spec.qualities]
        cells += [Cell(point, image) for point in points for image in images]
    if missing and not cells:
        raise MissingError("; ".join(missing))
    return Plan(cells, missing)


def _open(spec: CodecSpec, cls: type[Codec], quality: float, carrier: str | None) -> CodecPoint:
    encoder, decoder = (cls(quality, carrier=carrier, **spec.options) for _ in range(2))
    return CodecPoint(encoder, decoder, Configuration.of(label_of(spec.name), encoder))


def register(store: Store, run: RunInfo, dataset: Dataset, cells: Iterable[Cell], metrics: Iterable[Metric]) -> None:
    """Record what the rows of a run will refer to."""
    store.add_run(run)
    store.describe("datasets", [{"dataset": dataset.name, "title": dataset.title, "note": dataset.note}])
    images = [{"dataset": dataset.name, "image": i.name, "image_sha256": i.sha256} for i in dataset.images]
    store.describe("images", images)
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
                "default_carrier": cls.carriers[0],
            }
            for codec, cls in classes.items()
        ],
    )


def run_measurements(store: Store, run: RunInfo, cells: Sequence[Cell], metrics: Sequence[Metric]) -> Outcome:
    """Measure the cells that the database lacks.

    Raises:
        StoreError: the database cannot be written; what was stored before is safe.
    """
    versions = {metric.name: metric.version for metric in metrics}

    def work(cell: Cell, picture: Picture) -> None:
        result = measure(cell.point.encoder, cell.point.decoder, picture, metrics)
        measurement = Measurement(
            configuration=cell.point.configuration,
            image_sha256=cell.image.sha256,
            width=picture.width,
            height=picture.height,
            num_bytes=result.num_bytes,
            bitstream_sha256=result.bitstream_sha256,
            values=result.values,
            run_id=run.run_id,
            estimated_bits=result.estimated_bits,
        )
        store.add(measurement, versions)

    return _work_through(_Job("measuring", store, run, work), cells, done=store.measured(versions))


def run_timings(store: Store, run: RunInfo, cells: Sequence[Cell], *, repeats: int, threads: int) -> Outcome:
    """Time the cells that have no samples of this machine and thread count: one after the other, after a warm-up.

    Raises:
        StoreError: the database cannot be written; what was stored before is safe.
    """

    def work(cell: Cell, picture: Picture) -> None:
        device = cell.point.encoder.device
        samples = time_stages(cell.point.encoder, cell.point.decoder, picture, repeats)
        store.add_timings(
            Timing(cell.key, run.run_id, run.machine, threads, device, s.stage, s.repeat, s.seconds) for s in samples
        )

    return _work_through(_Job("timing", store, run, work), cells, done=store.timed(run.machine, threads))


@dataclass(frozen=True, slots=True)
class _Job:
    title: str
    store: Store
    run: RunInfo
    work: Callable[[Cell, Picture], None]


def _work_through(job: _Job, cells: Sequence[Cell], *, done: set[str]) -> Outcome:
    todo = [cell for cell in cells if cell.key not in done]
    outcome = Outcome(skipped=len(cells) - len(todo))
    load = functools.lru_cache(maxsize=PICTURE_CACHE)(read_picture)
    with progress(job.title, len(todo), unit="cells") as advance:
        for cell in todo:
            try:
                job.work(cell, load(cell.image.path))
                outcome.measured += 1
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001  # a codec of the user's own may raise anything; the run goes on
                message = _one_line(error)
                outcome.failures.append(f"{cell}: {message}")
                failure = Failure(cell.point.configuration, cell.image.sha256, job.run.run_id, message)
                job.store.add_failure(failure)
            advance(1, str(cell))
    return outcome


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, BenchError) else f"{type(error).__name__}: {text}"
