"""The whole reproduction: images, weights, measurements, times, report."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.codecs.registry import codec_class, resolve_codecs
from bench.harness.request import RunRequest, Summary, execute
from bench.harness.workers import LocalCrew
from bench.images import ffmpeg
from bench.images.datasets import fetch_dataset, missing, open_dataset
from bench.learned.weights import catalogue, checkpoints
from bench.report import write_report
from bench.report.assets import add_assets
from bench.report.assets.records import copy_experiments
from bench.reproduction.budget import Budget, as_argument
from bench.reproduction.committed_evidence import require_own_folder, write_evidence
from bench.results.export import export_csv
from bench.results.store import Store
from bench.system import progress
from bench.system.errors import BusyError, MissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.codecs.codec import CodecSpec

TIMES_MISSING = (
    "times are missing because other work used the machine; the same command takes them once it is idle, "
    "or with --force at once"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """The options of `bench reproduce`."""

    db: Path
    out: Path
    threads: int
    """Number of threads of the codecs while times are measured."""
    workers: int
    """Number of worker processes that measure rate and distortion."""
    command: tuple[str, ...]
    data: Path | None = None
    weights: str = "compact"
    """Weights of the learned codecs; corresponding ones trained for MS-SSIM are measured, too."""
    quick: bool = False
    force: bool = False
    evidence: Path | None = None
    """Folder for the files of the report to commit."""


@dataclass(frozen=True, slots=True)
class Part:
    """Codecs with their qualities that are measured with the same options."""

    specs: tuple[CodecSpec, ...]
    weights: str | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """An image set, and the codecs to measure on it."""

    dataset: str
    budget: Budget
    parts: tuple[Part, ...]

    @property
    def images(self) -> tuple[str, ...]:
        """Pictures to measure; empty for all of the set."""
        return self.budget.pictures.get(self.dataset, ())

    @property
    def timed_images(self) -> tuple[str, ...]:
        """Pictures to time; empty for all of the set."""
        return self.budget.timing.pictures.get(self.dataset, ())

    def measuring_s(self, options: Reproduction) -> float:
        """Estimate the seconds of the measurements with the workers of the options."""
        pictures = self._number(self.images, options)
        return sum(self.budget.processor_s(spec, pictures) for spec in self._specs) / options.workers

    def timing_s(self, options: Reproduction) -> float:
        """Estimate the seconds for the times, which one process measures."""
        pictures = self._number(self.timed_images, options)
        return sum(self.budget.timing_s(spec, pictures) for spec in self._specs)

    @property
    def _specs(self) -> tuple[CodecSpec, ...]:
        return tuple(spec for part in self.parts for spec in part.specs)

    def _number(self, images: Sequence[str], options: Reproduction) -> int:
        return len(images) or len(open_dataset(self.dataset, data=options.data).images)

    def request(self, part: Part, options: Reproduction) -> RunRequest:
        """Create the run that measures a part."""
        return RunRequest(
            codecs=tuple(map(as_argument, part.specs)),
            codec_options={} if part.weights is None else {"weights": part.weights},
            dataset=self.dataset,
            images=self.images,
            data=options.data,
            db=options.db,
            threads=options.threads,
            workers=options.workers,
            command=options.command,
        )

    def timing_request(self, part: Part, options: Reproduction) -> RunRequest:
        """Create the run that times a part."""
        timing = self.budget.timing
        return replace(
            self.request(Part(tuple(map(timing.share, part.specs)), part.weights), options),
            images=self.timed_images,
            workers=1,
            timing=True,
            repeats=timing.repeats,
            force=options.force,
        )


class Durations:
    """Wall-clock time of each part of a reproduction.

    Args:
        expected_s: estimates of the parts in seconds, in order.
        say: receives the estimates, scaled by the pace of the parts measured before.
        clock: returns the time in seconds.
    """

    def __init__(
        self,
        expected_s: Mapping[str, float],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._seconds: dict[str, float] = {}
        self._left_s = dict(expected_s)
        self._say, self._clock = say, clock
        self._measured_s = self._estimated_s = 0.0
        parts = (f"{part} {_minutes(seconds)}" for part, seconds in expected_s.items())
        say(f"about {_minutes(sum(expected_s.values()))} if nothing is measured yet ({', '.join(parts)})")

    @contextlib.contextmanager
    def measured(self, part: str) -> Iterator[list[Summary]]:
        """Measure the duration of a block as that of a part, and report the remaining estimates.

        The block receives a list for the summaries of its runs. The part counts for the pace if most of its tasks were
        measured, not stored before.
        """
        pace = self._measured_s / self._estimated_s if self._estimated_s else 1.0
        left_s, expected_s = sum(self._left_s.values()), self._left_s.pop(part)
        self._say(f"{part}: about {_minutes(pace * expected_s)}; until the end about {_minutes(pace * left_s)}")
        start, summaries = self._clock(), list[Summary]()
        yield summaries
        self._seconds[part] = self._clock() - start
        outcomes = [outcome for summary in summaries for outcome in summary.outcomes.values()]
        measured, stored = (sum(counts) for counts in ([o.measured for o in outcomes], [o.skipped for o in outcomes]))
        if measured > stored:
            self._measured_s += self._seconds[part]
            self._estimated_s += expected_s * measured / (measured + stored)

    def __str__(self) -> str:
        parts = (f"{part} {_minutes(seconds)}" for part, seconds in self._seconds.items())
        return f"{_minutes(sum(self._seconds.values()))} ({', '.join(parts)})"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def reproduce(options: Reproduction, say: Callable[[str], None]) -> tuple[Path, list[str]]:
    """Measure every codec on Kodak, measure times, write the report, and return its path and the failures.

    Kodak is measured in RGB, and as planes of YUV 4:2:0 with the codecs that take these. Several processes measure
    rates and distortions; afterwards, this process alone measures times. On a busy machine times are missing, which is
    a warning and not a failure, because the report is complete without them. Stored tasks are not measured again, so
    that the same command resumes an interrupted reproduction. If Kodak cannot be downloaded, the built-in photographs
    are used instead, with a message.

    Raises:
        BenchError: nothing can be measured or written.
    """
    if options.evidence is not None:
        require_own_folder(options.out, options.evidence)
    dataset = _get_kodak(options, say)
    _get_weights(options.weights, say)
    found = rounds(dataset, options, say)
    durations = Durations(_expected_s(found, options), say)
    # One crew for all rounds, so that PyTorch is loaded once; it is closed before times are measured.
    with LocalCrew(options.workers) if options.workers > 1 else contextlib.nullcontext() as crew:
        failures = []
        for entry in found:
            with durations.measured(entry.dataset) as summaries:
                summaries += [_measure(entry.request(part, options), say, crew) for part in entry.parts]
            failures += _failures(summaries)
    with durations.measured("timings"):
        timed = [_take_times(entry.timing_request(part, options), say) for entry in found for part in entry.parts]
    failures += _failures([summary for summary in timed if summary])
    costs = not options.quick  # they take a process per model, to measure its memory
    with durations.measured(_assets_part(options)):
        with Store.open(options.db) as store:
            export_csv(store, options.out / "data")
        copy_experiments(options.out / "data" / "experiments")
        shown = found[0].timed_images
        failures += add_assets(
            options.out / "data", say, dataset=dataset, pictures=shown, costs=costs, data=options.data
        )
    with durations.measured("report"):
        page = write_report(options.out / "data", options.out, datasets=[entry.dataset for entry in found])
    say(f"duration: {durations}")
    if None in timed:
        progress.say(f"warning: {TIMES_MISSING}")
    if options.evidence is not None:
        write_evidence(options.out, options.evidence)
        say(f"evidence: {options.evidence}")
    return page, list(dict.fromkeys(failures))


def _assets_part(options: Reproduction) -> str:
    """Name of the part that adds the report assets."""
    return "pictures" if options.quick else "costs and pictures"


def _expected_s(found: Sequence[Round], options: Reproduction) -> dict[str, float]:
    """Estimate the seconds of each part, in order, if nothing is measured yet."""
    return {
        **{entry.dataset: entry.measuring_s(options) for entry in found},
        "timings": sum(entry.timing_s(options) for entry in found),
        _assets_part(options): found[0].budget.parts_s["pictures"],
        "report": found[0].budget.parts_s["report"],
    }


def rounds(dataset: str, options: Reproduction, say: Callable[[str], None]) -> list[Round]:
    """Plan the rounds on an RGB image set, and on its planes if they can be converted here.

    Raises:
        UsageError: there are no such weights.
    """
    left_out: dict[str, None] = {}  # each reason once, as it is the same on both sets
    budgets = {dataset: Budget.stated(quick=options.quick)}
    if (reason := ffmpeg.missing()) is None:
        budgets[f"{dataset}-yuv420"] = Budget.of_planes(quick=options.quick)
    else:
        say(f"left out: {dataset} in YUV 4:2:0: {reason}")
    found = [
        Round(name, budget, tuple(parts(options.weights, budget, left_out.setdefault)))
        for name, budget in budgets.items()
    ]
    for line in left_out:
        say(line)
    return [entry for entry in found if entry.parts]


def parts(weights: str, budget: Budget, say: Callable[[str], None]) -> list[Part]:
    """Find the codecs that can run here, with the qualities of the budget; `say` receives the reasons for others.

    Raises:
        UsageError: there are no such weights.
    """
    conventional = [spec for spec in _all(budget) if not _is_learned(spec)]
    found = [Part(_able(conventional, budget, say))]
    for name in (weights, catalogue.FOR_MS_SSIM.get(weights)):
        if name is not None:
            learned = [spec for spec in _all(budget, weights=name) if _is_learned(spec)]
            # Few models are trained for MS-SSIM; missing ones are not reported.
            found.append(Part(_able(learned, budget, say if name == weights else lambda _: None), name))
    return [part for part in found if part.specs]


def _all(budget: Budget, **options: str) -> list[CodecSpec]:
    return [spec for spec in resolve_codecs(("*",), options) if budget.includes(spec.name)]


def _is_learned(spec: CodecSpec) -> bool:
    return "weights" in codec_class(spec.name).options


def _able(specs: Sequence[CodecSpec], budget: Budget, say: Callable[[str], None]) -> tuple[CodecSpec, ...]:
    """Select the codecs that can run here, at the budget's qualities; learned codecs only at those with weights."""
    able = []
    for spec in specs:
        if (reason := codec_class(spec.name).missing(**spec.options)) is None:
            able.append(budget.share(spec, fixed=_is_learned(spec)))
        else:
            say(f"left out: {spec.name}: {reason}")
    return tuple(able)


def _get_kodak(options: Reproduction, say: Callable[[str], None]) -> str:
    try:
        if missing("kodak", options.data):
            fetch_dataset("kodak", data=options.data)
    except MissingError as error:
        say(f"NOT KODAK: {error}")
        say("scikit-image's photographs are used instead; results are not comparable with published ones.")
        return "builtin"
    return "kodak"


def _get_weights(weights: str, say: Callable[[str], None]) -> None:
    """Download weights if possible; otherwise only those on this machine are measured."""
    if weights in catalogue.ZOOS:
        try:
            checkpoints.fetch(checkpoints.select(metric=catalogue.ZOOS[weights]))
        except MissingError as error:
            say(f"weights are missing: {error}")


def _measure(request: RunRequest, say: Callable[[str], None], crew: LocalCrew | None = None) -> Summary:
    summary = execute(request, crew)
    say(str(summary))
    return summary


def _failures(summaries: Iterable[Summary]) -> list[str]:
    return [line for summary in summaries for line in summary.failures]


def _take_times(request: RunRequest, say: Callable[[str], None]) -> Summary | None:
    """Measure the times of a part; None if the machine is too busy."""
    try:
        return _measure(request, say)
    except BusyError as error:
        say(f"no times taken on {request.dataset}: {error}")
        return None
