"""Further metrics for stored measurements: `bench run --add-metric`.

The database has no bitstreams. Each codec is opened with its stored configuration and encodes the picture again; the
metric is stored only if the bitstream is identical to the measured one. Existing values are not changed.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING

from bench.codecs.codec import CodecSpec
from bench.codecs.registry import METRICS
from bench.harness.dispatch import Work
from bench.harness.jobs import MeasuringJob
from bench.harness.opening import Opening
from bench.harness.plan import Plan
from bench.harness.recipe import recipe_of
from bench.harness.request import Summary, crew_for, metrics_for
from bench.harness.run_info import describe_run
from bench.harness.runner import Outcome, not_measured, register, settle
from bench.harness.supervisor import Supervisor
from bench.harness.task import CodecPoint, Task
from bench.harness.workers import execute_tasks
from bench.images.datasets import open_dataset
from bench.results.resume_key import Configuration
from bench.results.store import Store
from bench.system.errors import BenchError, CodecError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.harness.measure import Measured
    from bench.harness.request import RunRequest
    from bench.images.set_images import ImageFile

_OF_RUNS = (
    "metrics", "bpp", "psnr", "timing", "repeats", "force", "sample", "seed", "skip_failed", "backend", "codec_options",
)  # fmt: skip
"""Fields of a request that configure new measurements and are not allowed here."""


def add_metrics(request: RunRequest) -> Summary:
    """Measure the `added` metrics of a request for the stored measurements of its images, and of its codecs if any.

    Raises:
        BenchError: a name is wrong, a metric cannot run here, nothing is stored, or the database cannot be used.
    """
    for name in _OF_RUNS:
        if getattr(request, name):
            option = {"metrics": "metric", "codec_options": next(iter(request.codec_options), "")}.get(name, name)
            raise UsageError(f"--add-metric uses codecs as stored; omit --{option.replace('_', '-')}")
    whole = open_dataset(request.dataset, data=request.data, clip=request.clip)
    dataset = whole.part(whole.select(request.images, request.exclude))
    found, lacking = metrics_for(request.added, dataset.kind)
    added = {name: metric for name, metric in found.items() if name not in METRICS or dataset.kind in metric.on_request}
    if not added and not lacking:
        raise UsageError(f"{', '.join(request.added)} is measured in every run; omit --add-metric")
    job = MeasuringJob.by(added)
    work = Work(job, request.limits)
    run = describe_run(request.command, threads=request.threads_here, workers=request.crew_size)
    with closing(Store.open(request.db)) as store:
        stored = _stored(store, dataset.images, request.codecs)
        with Supervisor() as supervisor:
            points, left_out = _points(stored, dataset.images[0], Opening(supervisor, request.limits))
        register(store, run, [whole, dataset], Plan(points, dataset.images), added.values())
        files = {key: sha256 for of_one in stored.values() for key, sha256 in of_one.items()}
        todo = {
            point: list(not_measured(store, job.versions, (task for task in tasks if task.key in files)))
            for point, tasks in ((point, (Task(point, image) for image in dataset.images)) for point in points)
        }

        def keep(task: Task, measured: Measured) -> str | None:
            if measured.bitstream_sha256 != files[task.key]:
                return "its bitstream here differs from the measured one"
            store.supplement(replace(measured.row(task, run.run_id), diagnostics={}), job.versions)
            return None

        number = sum(map(len, todo.values()))
        skipped = sum(len(stored[point.configuration]) - len(todo[point]) for point in points)
        outcome = Outcome(skipped=skipped)
        with crew_for(request, None, run.run_id) as workers:
            results = execute_tasks(work, {point: iter(some) for point, some in todo.items() if some}, workers)
            settle("adding metrics", number, results, outcome, keep)
    curves = frozenset((point.configuration.curve, point.configuration.quality) for point in points)
    return Summary(dataset.name, curves, (*lacking, *left_out), {"with metrics added": outcome})


def _stored(
    store: Store, images: Sequence[ImageFile], codecs: Sequence[str]
) -> Mapping[Configuration, Mapping[str, str]]:
    """Hashes of the stored bitstreams by key, by configuration; of some images, and of codecs given by name or glob."""
    columns = [field.name for field in fields(Configuration)]
    query = f"""SELECT key, bitstream_sha256, image_sha256, {", ".join(columns)}
        FROM measurements JOIN configurations USING (configuration_id)"""  # noqa: S608  # our own names
    wanted, specs = {image.sha256 for image in images}, [CodecSpec.parse(text) for text in codecs]
    found: dict[Configuration, dict[str, str]] = {}
    for key, file, image, *values in store.rows(query):
        configuration = Configuration(*values)
        codec, quality = configuration.codec, configuration.quality
        is_meant = not specs or any(s.matches(codec) and quality in (s.qualities or (quality,)) for s in specs)
        if image in wanted and is_meant:
            found.setdefault(configuration, {})[key] = file
    if not found:
        raise UsageError(f"{store.path} has no measurements of these pictures and codecs; measure them first")
    return found


def _points(stored: Iterable[Configuration], image: ImageFile, opening: Opening) -> tuple[list[CodecPoint], list[str]]:
    """Codecs that can be opened in the measured version, and a line for each of the others."""
    points: list[CodecPoint] = []
    left_out: dict[str, None] = {}
    for configuration in stored:
        try:
            found = opening.point(recipe_of(asdict(configuration)), image)
            if isinstance(found, CodecError):
                raise found
            if found[0].configuration != configuration:
                raise UsageError("its version here differs from the measured one")
            points.append(found[0])
        except BenchError as error:
            left_out[f"{configuration.codec}: {error}"] = None
    return points, list(left_out)
