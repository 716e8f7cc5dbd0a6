"""A whole run, from names and options to rows in the database and a summary."""

from __future__ import annotations

import contextlib
import functools
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bench.analysis.axis import DERIVED
from bench.codecs.codec import CodecSpec
from bench.codecs.registry import ALIASES, METRIC_SETS, METRICS, codec_class, label_of, load_metric, resolve_codecs
from bench.harness.cluster import cluster
from bench.harness.dispatch import Work
from bench.harness.jobs import MeasuringJob, TimingJob
from bench.harness.measure import require_quiet_machine
from bench.harness.opening import Opening
from bench.harness.plan import plan
from bench.harness.run_info import describe_run
from bench.harness.runner import describe_dataset, register, run_measurements, run_timings
from bench.harness.supervisor import Supervisor
from bench.harness.target import at_target, mean_point, target_of
from bench.harness.task import CodecPoint
from bench.harness.workers import LocalCrew
from bench.images.datasets import open_dataset
from bench.results.schema import DIAGNOSTICS, is_column, is_measured_name
from bench.results.store import Store
from bench.system.errors import CodecError, MissingError, UsageError
from bench.system.wording import count, listed
from bench.system.worker_process import Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from bench.harness.dispatch import Crew
    from bench.harness.plan import Plan
    from bench.harness.runner import Outcome
    from bench.harness.target import SearchTarget
    from bench.images.clips import ClipOptions
    from bench.images.datasets import Dataset
    from bench.images.picture import Kind
    from bench.images.set_images import ImageFile
    from bench.metrics.distortion import Metric
    from bench.system.errors import BenchError

REPEATS = 5
"""Default number of samples of a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """The options of `bench run`."""

    codecs: tuple[str, ...]
    dataset: str
    db: Path
    threads: int
    command: tuple[str, ...]
    images: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sample: int | None = None
    """Number of images to sample; None for all."""
    seed: int | None = None
    """Seed of the sample."""
    shard: tuple[int, int] = (1, 1)
    """Number of the shard to measure, and number of shards."""
    skip_failed: bool = False
    """Whether images on which a codec fails are excluded from the result; otherwise a failure is an error."""
    clip: ClipOptions | None = None
    data: Path | None = None
    backend: str | None = None
    codec_options: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    """Metrics to add to stored measurements; see `bench.harness.added_metrics`."""
    bpp: float | None = None
    """Target mean rate in bits per pixel, for which the quality of each codec is searched."""
    psnr: float | None = None
    """Target mean PSNR over R, G and B in dB, for which the quality of each codec is searched."""
    timing: bool = False
    repeats: int | None = None
    force: bool = False
    workers: int = 1
    scheduler: str | None = None
    """Address or file of the Dask scheduler whose workers measure."""
    limits: Limits = field(default_factory=Limits)
    """Limits of each task."""

    @property
    def threads_here(self) -> int:
        """Number of threads to record: this process has `threads`, and times are measured here; workers have one."""
        is_here = self.workers == 1 and not self.scheduler
        return self.threads if is_here or self.timing else 1

    @property
    def crew_size(self) -> int | str:
        """Number of worker processes to record, or "cluster"."""
        return "cluster" if self.scheduler else self.workers


@dataclass(frozen=True, slots=True)
class Summary:
    """Summary of a run for the user."""

    dataset: str
    """Name of the image set of the result, that is, of the requested images without the skipped ones."""
    points: frozenset[tuple[str, float]]
    """Curve (`Configuration.curve`) and quality of each requested point."""
    missing: tuple[str, ...]
    outcomes: dict[str, Outcome]
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Images that are excluded from the result because a codec failed on them, and the failures."""
    notes: tuple[str, ...] = ()
    """Remarks on the pictures that matter for the results."""
    left_out: tuple[str, ...] = ()
    """A line for each codec that ended the process that loaded it, so that the number of its tasks is unknown, or that
    failed during the search for a target."""
    about: tuple[str, ...] = ()
    """Remarks on weights of the user: their files, and stored points whose files no longer exist."""

    @property
    def failures(self) -> list[str]:
        """The codecs that are left out, and the failures of tasks unless failed images are skipped; each line once."""
        lines = [line for outcome in self.outcomes.values() for line in outcome.failures]
        return list(dict.fromkeys([*self.left_out, *([] if self.skipped else lines)]))

    def of(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Select the rows of the points that were requested in this run."""
        found: pd.DataFrame = rows[rows.set_index(["curve", "quality"]).index.isin(list(self.points))]
        return found

    def __str__(self) -> str:
        """Remarks, and a line for each kind of work and for each codec that could not run."""
        lines = [
            f"{self.dataset}: {count(outcome.measured, 'task')} {kind}, "
            f"{outcome.skipped} already stored, "
            f"{len(outcome.failures)} failed"
            for kind, outcome in self.outcomes.items()
        ]
        lines += [f"left out: {reason}" for reason in self.missing]
        lines += [f"skipped {image}: {reason}" for image, reason in self.skipped.items()]
        return "\n".join([*self.about, *lines, *self.notes])


def execute(request: RunRequest, crew: Crew | None = None) -> Summary:
    """Execute a run with the given crew of workers, or with the workers of the request.

    Raises:
        BenchError: a name or option is wrong, no codec can run, or the database cannot be used. Stored rows are kept.
    """
    for option, given in (("--repeats", request.repeats), ("--force", request.force)):
        if given and not request.timing:
            raise UsageError(f"{option} applies to times; add --timing, or omit it")
    if request.seed is not None and request.sample is None:
        raise UsageError("--seed applies to --sample; add --sample, or omit it")
    if request.scheduler and request.workers > 1:
        raise UsageError("--workers is for this machine, and a --scheduler has its own workers; use only one of them")
    target = target_of(request.bpp, request.psnr, request.codecs)
    with Supervisor() as supervisor:
        opening = Opening(supervisor, request.limits)
        lost = opening.not_loaded(request.codecs, request.codec_options, request.backend)
        specs = resolve_codecs(request.codecs, request.codec_options, backend=request.backend, without=lost)
        whole = open_dataset(request.dataset, data=request.data, clip=request.clip)
        images = whole.select(request.images, request.exclude)
        if request.sample is not None:
            images = whole.sample(images, request.sample, request.seed or 0)
        dataset = whole.part(images)
        metrics, lacking = metrics_for(request.metrics, dataset.kind)
        specs, found, without_target = _at_target(request, target, specs, crew=crew, dataset=dataset, opening=opening)
        the_plan = plan(specs, dataset.images, backend=request.backend, opening=opening)
    the_plan = replace(the_plan, shard=request.shard, lost={**the_plan.lost, **_lost(request, lost)})
    threads, remarks = request.threads_here, _remarks(dataset.images)
    device = request.codec_options.get("device", "cpu")
    not_loaded = {label_of(name): str(error) for name, error in lost.items()}
    run = describe_run(
        request.command,
        threads=threads,
        workers=request.crew_size,
        pictures=remarks,
        device=device,
        not_loaded=not_loaded,
    )
    repeats = request.repeats or REPEATS
    job = MeasuringJob.by(tuple(metrics))
    with crew_for(request, crew, run.run_id) as measuring, closing(Store.open(request.db, create=True)) as store:
        if request.timing and not request.force:
            done = store.timed(run.machine, threads, repeats)
            if any(task.key not in done for task in the_plan):
                require_quiet_machine()
        register(store, run, {one.name: one for one in (whole, dataset)}.values(), the_plan, metrics.values())
        outcomes = {"measured": run_measurements(store, run, the_plan, Work(job, request.limits), crew=measuring)}
        if request.timing:
            timing = TimingJob(repeats, threads)
            outcomes["timed"] = run_timings(store, run, the_plan, Work(timing, request.limits))
        failed = {image: line for outcome in outcomes.values() for image, line in outcome.failed_images.items()}
        skipped = failed if request.skip_failed and len(failed) < len(dataset.images) else {}
        result = whole.part([image for image in dataset.images if image.name not in skipped])
        describe_dataset(store, result)
        about = (*_own_weights(request), *found, *the_plan.about, *_left_behind(store, the_plan))
    points = frozenset((p.configuration.curve, p.configuration.quality) for p in the_plan.points)
    return Summary(
        result.name,
        points,
        (*the_plan.missing, *lacking),
        outcomes,
        skipped=skipped,
        notes=_notes(whole, remarks),
        left_out=(*(f"{name}: {reason}" for name, reason in not_loaded.items()), *without_target),
        about=about,
    )


def _own_weights(request: RunRequest) -> Iterator[str]:
    """Yield a line for each codec that was given by its name in CompressAI, but without weights."""
    for spec in map(CodecSpec.parse, request.codecs):
        if spec.name in ALIASES and "weights" not in request.codec_options:
            yield (
                f"{spec.name} is {ALIASES[spec.name]} with the weights of this package; "
                "--weights zoo selects CompressAI's"
            )


def _lost(request: RunRequest, errors: Mapping[str, CodecError]) -> dict[CodecPoint, CodecError]:
    """Points of codecs that cannot be loaded, if the user gave their qualities."""
    specs = [CodecSpec.parse(text) for text in request.codecs]
    return {
        CodecPoint.unopened(name, quality, request.backend): error
        for name, error in errors.items()
        for spec in specs
        if spec.matches(name)
        for quality in spec.qualities
    }


def _at_target(
    request: RunRequest,
    target: SearchTarget | None,
    specs: list[CodecSpec],
    *,
    crew: Crew | None,
    dataset: Dataset,
    opening: Opening,
) -> tuple[list[CodecSpec], list[str], list[str]]:
    """Return the codecs at the qualities nearest to the target, a line for each, and the errors of others.

    Without a target, the codecs are unchanged.

    Raises:
        BenchError: all codecs failed.
    """
    if target is None:
        return specs, [], []
    if not target.is_rate and dataset.kind != "rgb":
        raise UsageError("--psnr is for RGB pictures; use --bpp for planes")
    found: list[CodecSpec] = []
    lines: list[str] = []
    errors: list[BenchError] = []
    with crew_for(request, crew, "target") as measuring:
        probe = functools.partial(
            mean_point,
            dataset=dataset,
            backend=request.backend,
            limits=request.limits,
            crew=measuring,
            opening=opening,
        )
        for spec in specs:
            if codec_class(spec.name).missing(request.backend, **spec.options):
                found.append(spec)  # the plan reports it
                continue
            try:
                nearest, line = at_target(spec, target, probe)
            except (CodecError, MissingError) as error:
                errors.append(error)
            else:
                found.append(nearest)
                lines.append(line)
    if errors and not lines:
        raise errors[0]
    return found, lines, [str(error) for error in errors]


def _left_behind(store: Store, the_plan: Plan) -> tuple[str, ...]:
    """One line per curve that still has points of former weights files, which may be from another training."""
    lines = []
    for point in {point.configuration.curve: point for point in the_plan.points}.values():
        configuration, codec = point.configuration, codec_class(point.recipe.name)
        if configuration.weights is None:
            continue
        stored = store.qualities(configuration.curve)
        if gone := sorted(stored - set(codec.points(**{**codec.options, **dict(point.recipe.options)}))):
            listed = ", ".join(f"{quality:g}" for quality in gone)
            lines.append(
                f"{configuration.codec}@{listed} was measured with files that {configuration.weights} no longer "
                "matches, and stays on the curve; use another --db or other names for another training"
            )
    return tuple(lines)


def _remarks(images: Iterable[ImageFile]) -> dict[str, list[str]]:
    """Remarks on what reading the image files omits or converts, with the names of the pictures."""
    found: dict[str, list[str]] = {}
    for image in images:
        for remark in image.remarks:
            found.setdefault(remark, []).append(image.name)
    return found


def _notes(dataset: Dataset, remarks: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    lines = [f"note: {remark} ({listed(names)})" for remark, names in remarks.items()]
    if number := len(dataset.left_out):
        kinds = listed(sorted({path.suffix.lower() or path.name for path in dataset.left_out}))
        what = "file is not a picture" if number == 1 else "files are not pictures"
        lines.append(f"note: {number} {what} that can be read here, and left out ({kinds})")
    return tuple(lines)


@contextlib.contextmanager
def crew_for(request: RunRequest, crew: Crew | None, run_id: str) -> Iterator[Crew | None]:
    """Yield the workers of a run: the given crew, a cluster, new processes, or None for this process."""
    if crew is not None:
        yield crew
    elif request.scheduler:
        with cluster(request.scheduler, run_id) as theirs:
            yield theirs
    elif request.workers > 1:
        with LocalCrew(request.workers) as workers:
            yield workers
    else:
        yield None


def metrics_for(names: tuple[str, ...], kind: Kind) -> tuple[dict[str, Metric], list[str]]:
    """Return the metrics of a run by name, and a line for each member of a metric set that cannot run here.

    Raises:
        UsageError: a name is unknown or taken, or the metric does not apply to such pictures.
        MissingError: a metric given by its own name cannot run here.
    """
    standard = {name: load_metric(name) for name in METRICS}
    metrics = {name: metric for name, metric in standard.items() if kind in metric.kinds}
    lacking = []
    for name in names:
        for member in METRIC_SETS.get(name, (name,)):
            metric = _checked(member, kind, taken={one.name: one for one in metrics.values()})
            if metric in metrics.values():
                continue
            if (reason := metric.missing()) is None:
                metrics[member] = metric
            elif member != name:
                lacking.append(f"metric {member}: {reason}")
            else:
                raise MissingError(f"metric {name}: {reason}")
    return metrics, lacking


def _checked(name: str, kind: Kind, taken: Mapping[str, Metric]) -> Metric:
    """Load a metric, and check that it applies to such pictures and that its name is not taken in the results."""
    stored = DERIVED.get(name.lower().replace("_", "-"), ()) if name not in METRICS else ()
    if stored and taken.keys() >= set(stored):
        raise UsageError(f"{name} is computed from {', '.join(stored)}, which is always stored; omit it")
    metric = load_metric(name)
    if taken.get(metric.name, metric) != metric:
        raise UsageError(f"metric '{name}' is called {metric.name} like a built-in one; give it another name")
    if not is_measured_name(metric.name):
        raise UsageError(
            f"metric '{name}' is called '{metric.name}'; a name has letters, digits, '_', '.', '+' and '-'"
        )
    is_taken = is_column(metric.name) or metric.name in DIAGNOSTICS or metric.name.replace("_", "-") in DERIVED
    if name not in METRICS and is_taken:
        raise UsageError(
            f"metric '{name}' is called {metric.name}, which is a column of the results; give it another name"
        )
    if not metric.takes(kind):
        raise UsageError(f"metric '{name}' is for {' and '.join(metric.kinds)}, not for pictures of {kind}")
    return metric
