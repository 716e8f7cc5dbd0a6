"""The whole reproduction in one call: images, measurements, timings, report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.datasets import fetch_dataset, missing
from bench.errors import MissingError, UsageError
from bench.export import export_csv
from bench.registry import resolve_codecs
from bench.report import write_report
from bench.request import RunRequest, execute
from bench.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bench.codec import CodecSpec

QUICK_IMAGES = {"kodak": ("kodim01", "kodim08", "kodim13", "kodim23")}
"""The stated subset that `--quick` measures: smooth and busy, upright and lying."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What is timed: these pictures at a few points of each codec's ladder, since times vary less than rates do."""

    images: Mapping[str, tuple[str, ...]]
    ladder: tuple[float, ...]  # positions on a codec's list of qualities, 0 to 1
    repeats: int


WHOLE_TIMING = Timing(QUICK_IMAGES, ladder=(0.25, 0.5, 0.75), repeats=3)
QUICK_TIMING = Timing({"kodak": ("kodim01", "kodim23"), "builtin": ("chelsea",)}, ladder=(0.5,), repeats=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """The options of `bench reproduce`."""

    db: Path
    out: Path
    threads: int
    command: tuple[str, ...]
    data: Path | None = None
    quick: bool = False
    force: bool = False


def reproduce(options: Reproduction, say: Callable[[str], None]) -> tuple[Path, list[str]]:
    """Measure every codec on Kodak, take times, and write the report; its path, and the cells that failed.

    Without Kodak and without a way to get it, everything runs on the built-in photographs, and says so.

    Raises:
        BenchError: nothing can be measured or written.
    """
    dataset = _get_kodak(options, say)
    images = QUICK_IMAGES.get(dataset, ()) if options.quick else ()
    request = RunRequest(
        codecs=("*",),
        dataset=dataset,
        images=images,
        data=options.data,
        db=options.db,
        threads=options.threads,
        command=options.command,
    )
    summary = execute(request)
    say(str(summary))
    failures = summary.failures + _take_times(options, request, say)
    with Store.open(options.db) as store:
        export_csv(store, options.out / "data")
    return write_report(options.out / "data", options.out, dataset=dataset, images=images), failures


def _get_kodak(options: Reproduction, say: Callable[[str], None]) -> str:
    try:
        if missing("kodak", options.data):
            fetch_dataset("kodak", data=options.data)
    except MissingError as error:
        say(f"NOT KODAK: {error}")
        say("Everything runs on scikit-image's photographs instead; the figures cannot be set beside published ones.")
        return "builtin"
    return "kodak"


def _take_times(options: Reproduction, request: RunRequest, say: Callable[[str], None]) -> list[str]:
    timing = QUICK_TIMING if options.quick else WHOLE_TIMING
    timed = replace(
        request,
        codecs=tuple(_some_points(spec, timing.ladder) for spec in resolve_codecs(request.codecs)),
        images=timing.images.get(request.dataset, ()),
        timing=True,
        repeats=timing.repeats,
        force=options.force,
    )
    try:
        summary = execute(timed)
    except UsageError as error:
        say(f"no times taken: {error}")
        return []
    say(str(summary))
    return summary.failures


def _some_points(spec: CodecSpec, ladder: tuple[float, ...]) -> str:
    """A codec with a few of its qualities, as on the command line."""
    chosen = dict.fromkeys(spec.qualities[round(position * (len(spec.qualities) - 1))] for position in ladder)
    return f"{spec.name}@{','.join(f'{quality:g}' for quality in chosen)}"
