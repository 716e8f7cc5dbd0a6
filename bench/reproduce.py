"""The whole reproduction in one call: images, weights, measurements, timings, report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.budget import Budget
from bench.datasets import fetch_dataset, missing, open_dataset
from bench.errors import MissingError, UsageError
from bench.evidence import write_evidence
from bench.exhibits import add_exhibits
from bench.export import export_csv
from bench.learned import catalogue, checkpoints
from bench.registry import codec_class, resolve_codecs
from bench.report import write_report
from bench.request import RunRequest, execute
from bench.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bench.codec import CodecSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """The options of `bench reproduce`."""

    db: Path
    out: Path
    threads: int
    """Of the codecs while times are taken."""
    workers: int
    """Processes that measure rate and distortion."""
    command: tuple[str, ...]
    data: Path | None = None
    weights: str = "compact"
    """Of the learned codecs; where there are such trained for MS-SSIM, those are measured, too."""
    quick: bool = False
    force: bool = False
    evidence: Path | None = None
    """Folder for what of the report is worth committing."""

    @property
    def budget(self) -> Budget:
        """What is measured of each codec."""
        return Budget.stated(quick=self.quick)


@dataclass(frozen=True, slots=True)
class Part:
    """Codecs that are measured with the same options, each with its qualities."""

    specs: tuple[CodecSpec, ...]
    weights: str | None = None

    def request(self, options: Reproduction, dataset: str, images: tuple[str, ...]) -> RunRequest:
        """The run that measures them."""
        return RunRequest(
            codecs=tuple(options.budget.measured(spec) for spec in self.specs),
            codec_options={} if self.weights is None else {"weights": self.weights},
            dataset=dataset,
            images=images,
            data=options.data,
            db=options.db,
            threads=options.threads,
            workers=options.workers,
            command=options.command,
        )


def reproduce(options: Reproduction, say: Callable[[str], None]) -> tuple[Path, list[str]]:
    """Measure every codec on Kodak, take times, and write the report; its path, and the cells that failed.

    Rates and distortions come from several processes at once, times from this one alone, afterwards. What is stored is
    not measured again: a reproduction that was killed is gone on with by the same command. Without Kodak and without
    a way to get it, everything runs on the built-in photographs, and says so.

    Raises:
        BenchError: nothing can be measured or written.
    """
    dataset = _get_kodak(options, say)
    _get_weights(options.weights, say)
    images, found = options.budget.pictures.get(dataset, ()), parts(options.weights, options.budget, say)
    pictures = len(images) or len(open_dataset(dataset, data=options.data).images)
    work_s = sum(options.budget.processor_s(spec, pictures) for part in found for spec in part.specs)
    minutes = work_s / 60 / options.workers
    say(f"{dataset}: {pictures} pictures, about {minutes:.0f} min and the time of timings, if nothing is there yet")
    failures = [line for part in found for line in _measure(part.request(options, dataset, images), say)]
    failures += [line for part in found for line in _take_times(part, options, dataset, say)]
    with Store.open(options.db) as store:
        export_csv(store, options.out / "data")
    shown = options.budget.timing.pictures.get(dataset, ())
    costs = not options.quick  # a process for each model, to see its memory
    add_exhibits(options.out / "data", say, dataset=dataset, pictures=shown, costs=costs, data=options.data)
    page = write_report(options.out / "data", options.out, dataset=dataset, images=images)
    if options.evidence is not None:
        write_evidence(options.out, options.evidence)
        say(f"evidence: {options.evidence}")
    return page, list(dict.fromkeys(failures))


def parts(weights: str, budget: Budget, say: Callable[[str], None]) -> list[Part]:
    """All codecs that can run here, with the qualities of the budget; the others are told, with what they lack.

    Raises:
        UsageError: there are no such weights.
    """
    conventional = [spec for spec in resolve_codecs(("*",)) if not _is_learned(spec)]
    found = [Part(_able(conventional, budget, say))]
    for name in (weights, catalogue.FOR_MS_SSIM.get(weights)):
        if name is not None:
            learned = [spec for spec in resolve_codecs(("*",), {"weights": name}) if _is_learned(spec)]
            # Few models are trained for MS-SSIM; that the others are not is nothing to tell.
            found.append(Part(_able(learned, budget, say if name == weights else lambda _: None), name))
    return [part for part in found if part.specs]


def _is_learned(spec: CodecSpec) -> bool:
    return "weights" in codec_class(spec.name).options


def _able(specs: Sequence[CodecSpec], budget: Budget, say: Callable[[str], None]) -> tuple[CodecSpec, ...]:
    able = []
    for spec in specs:
        if (reason := codec_class(spec.name).missing(**spec.options)) is None:
            able.append(replace(spec, qualities=budget.points.get(spec.name, spec.qualities)))
        else:
            say(f"left out: {spec.name}: {reason}")
    return tuple(able)


def _get_kodak(options: Reproduction, say: Callable[[str], None]) -> str:
    try:
        if missing("kodak", options.data):
            fetch_dataset("kodak", data=options.data)
    except MissingError as error:
        say(f"NOT KODAK: {error}")
        say("Everything runs on scikit-image's photographs instead; the figures cannot be set beside published ones.")
        return "builtin"
    return "kodak"


def _get_weights(weights: str, say: Callable[[str], None]) -> None:
    """Download weights that can be downloaded; without a network, those that are here are measured."""
    if weights in catalogue.ZOOS:
        try:
            checkpoints.fetch(checkpoints.select(metric=catalogue.ZOOS[weights]))
        except MissingError as error:
            say(f"weights are missing: {error}")


def _measure(request: RunRequest, say: Callable[[str], None]) -> list[str]:
    summary = execute(request)
    say(str(summary))
    return summary.failures


def _take_times(part: Part, options: Reproduction, dataset: str, say: Callable[[str], None]) -> list[str]:
    timing = options.budget.timing
    request = part.request(options, dataset, timing.pictures.get(dataset, ()))
    codecs = tuple(timing.points(spec) for spec in part.specs)
    timed = replace(request, codecs=codecs, workers=1, timing=True, repeats=timing.repeats, force=options.force)
    try:
        return _measure(timed, say)
    except UsageError as error:
        say(f"no times taken: {error}")
        return []
