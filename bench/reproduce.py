"""The whole reproduction in one call: images, measurements, timings, report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.datasets import fetch_dataset, missing, open_dataset
from bench.errors import MissingError, UsageError
from bench.export import export_csv
from bench.report import write_report
from bench.request import RunRequest, execute
from bench.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TIMED_IMAGES = {"kodak": ("kodim01", "kodim08", "kodim13", "kodim23")}
"""Pictures that are timed: smooth and busy, upright and lying. Times vary less with the picture than the rate does."""

QUICK_IMAGES = {"kodak": ("kodim01", "kodim05", "kodim08", "kodim13", "kodim20", "kodim23")}
"""The stated subset that `--quick` measures."""

REPEATS = 3


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
    names = [image.name for image in open_dataset(request.dataset, data=request.data).images]
    timed = [n for n in TIMED_IMAGES.get(request.dataset, names) if not request.images or n in request.images]
    try:
        summary = execute(replace(request, images=tuple(timed), timing=True, repeats=REPEATS, force=options.force))
    except UsageError as error:
        say(f"no times taken: {error}")
        return []
    say(str(summary))
    return summary.failures
