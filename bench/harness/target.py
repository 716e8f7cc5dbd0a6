"""Search for the quality that meets a target mean rate or PSNR on an image set: `bench run --bpp` and `--psnr`."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.analysis.axis import psnr_db
from bench.codecs.codec import CodecSpec
from bench.codecs.registry import codec_class, label_of
from bench.harness.dispatch import Work
from bench.harness.jobs import MeasuringJob
from bench.harness.plan import plan
from bench.harness.workers import execute_tasks
from bench.metrics.rate import bits_per_pixel
from bench.system.errors import CodecError, UsageError, one_line
from bench.system.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.harness.dispatch import Crew
    from bench.harness.opening import Opening
    from bench.harness.task import Task
    from bench.images.datasets import Dataset
    from bench.system.worker_process import Limits

TOLERANCE = 0.005
"""Distance from the target at which a search on a continuous scale ends: 0.5 % of a rate, or 0.05 dB."""

MOST_STEPS = 12
"""Maximum number of tried qualities on a continuous scale."""

DIGITS = 4
"""Significant digits of a quality on a continuous scale."""

Probe = Callable[["CodecSpec"], tuple[float, float]]
"""Measures a codec at its one quality: mean bits per pixel and mean PSNR in dB."""


@dataclass(frozen=True, slots=True)
class SearchTarget:
    """A target rate in bits per pixel, or a target PSNR in dB."""

    value: float
    is_rate: bool

    def distance(self, value: float) -> float:
        """Return the signed distance of a value: log ratio of rates, or a tenth of the difference in dB."""
        if not self.is_rate:
            return (value - self.value) / 10
        return math.log(value / self.value) if value else -math.inf  # empty files have rate 0

    def __str__(self) -> str:
        return self.shown(self.value)

    def shown(self, value: float) -> str:
        """Format a value with its unit."""
        return f"{value:.4g} bpp" if self.is_rate else f"{value:.2f} dB"


def target_of(bpp: float | None, psnr: float | None, texts: Iterable[str]) -> SearchTarget | None:
    """Create the target from options; `texts` are the codecs as given by the user.

    Raises:
        UsageError: both are given, or a codec is named with qualities.
    """
    if bpp is None and psnr is None:
        return None
    option = "--psnr" if bpp is None else "--bpp"
    if bpp is not None and psnr is not None:
        raise UsageError("--bpp and --psnr are alternative targets; use only one of them")
    for text in texts:
        if (spec := CodecSpec.parse(text)).qualities:
            raise UsageError(f"{option} finds the quality; use {spec.name} instead of {text}")
    return SearchTarget(bpp, is_rate=True) if bpp is not None else SearchTarget(psnr or math.nan, is_rate=False)


def mean_point(
    spec: CodecSpec,
    *,
    dataset: Dataset,
    backend: str | None,
    limits: Limits,
    crew: Crew | None,
    opening: Opening,
) -> tuple[float, float]:
    """Measure the mean bits per pixel and mean PSNR in dB of a codec at its only quality; nothing is stored.

    Raises:
        CodecError: the codec fails on a picture.
    """
    metric = "mse" if dataset.kind == "rgb" else "mse_y"
    work = Work(MeasuringJob.by([metric]), limits)
    tasks = plan([spec], dataset.images, backend=backend, opening=opening)
    for task, error in tasks.failing:
        raise _needed(task, error)
    results = execute_tasks(work, {tasks.points[0]: tasks.of(0)}, crew)
    rates_bpp, errors = [], []
    with progress(f"{spec.name}@{spec.qualities[0]:g}", len(tasks), unit="tasks") as advance, closing(results):
        for task, measured in results:
            if isinstance(measured, BaseException):
                raise _needed(task, measured)
            rates_bpp.append(bits_per_pixel(measured.num_bytes, measured.width, measured.height))
            errors.append(measured.values[metric] or 0.0)
            advance(1, str(task))
    # Results arrive in any order, on which the exact sum does not depend.
    return math.fsum(rates_bpp) / len(rates_bpp), math.fsum(psnr_db(errors)) / len(errors)


def _needed(task: Task, error: BaseException) -> CodecError:
    return CodecError(f"{task}: {one_line(error)}; a search for a target needs every picture: --exclude leaves one out")


def at_target(spec: CodecSpec, target: SearchTarget, probe: Probe) -> tuple[CodecSpec, str]:
    """Find the quality of a codec that is nearest to the target, and describe the result in a line.

    For a codec with weights, all points are tried, because weights may be numbered in any order. For other codecs, rate
    and PSNR are assumed to increase along the scale.
    """
    cls = codec_class(spec.name)
    has_weights = "weights" in cls.options
    tried: dict[float, float] = {}

    def distance(quality: float) -> float:
        if quality not in tried:
            rate_bpp, psnr_db = probe(replace(spec, qualities=(quality,)))
            tried[quality] = rate_bpp if target.is_rate else psnr_db
        return target.distance(tried[quality])

    scale = cls.scale
    if has_weights:
        for quality in spec.qualities:
            distance(quality)
    elif scale.integral:
        whole = range(math.ceil(scale.lowest), math.floor(scale.highest) + 1)
        _bisect_list(list(reversed(whole) if scale.falling else whole), distance)
    else:
        ends = (scale.highest, scale.lowest) if scale.falling else (scale.lowest, scale.highest)
        _bisect_interval(*ends, distance)
    nearest = min(tried, key=lambda quality: abs(distance(quality)))
    of = f", the nearest of its {len(spec.qualities)} points" if has_weights else ""
    distances = [distance(quality) for quality in tried]
    if abs(distance(nearest)) >= TOLERANCE and (min(distances) > 0 or max(distances) < 0):
        of += f", its {'lowest' if min(distances) > 0 else 'highest'}: the target is out of reach"
    line = f"{label_of(spec.name)}: {target} requested; quality {nearest:g} has {target.shown(tried[nearest])}{of}"
    return replace(spec, qualities=(nearest,)), line


def _bisect_list(qualities: Sequence[float], distance: Callable[[float], float]) -> None:
    """Evaluate the qualities of a binary search, including the last one below the target and the first one above.

    If the values are not monotonic, these may not be the nearest ones.
    """
    low, high = 0, len(qualities) - 1
    while low < high:
        middle = (low + high) // 2
        if distance(qualities[middle]) < 0:
            low = middle + 1
        else:
            high = middle
    distance(qualities[low])
    if low:
        distance(qualities[low - 1])


def _bisect_interval(worst: float, best: float, distance: Callable[[float], float]) -> None:
    """Bisect an interval until a quality is within the tolerance; positive scales are bisected geometrically."""
    for _ in range(MOST_STEPS):
        middle = math.sqrt(worst * best) if min(worst, best) > 0 else (worst + best) / 2
        middle = float(f"{middle:.{DIGITS}g}")
        found = distance(middle)
        if abs(found) < TOLERANCE:
            return
        worst, best = (middle, best) if found < 0 else (worst, middle)
