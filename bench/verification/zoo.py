"""CompressAI's weights, coded by us, against the points that CompressAI published for them.

The published points are the means over Kodak of pictures rounded to 8 bits, coded on a GPU. Their rate is that of the
strings alone; ours is of whole files, whose 22 bytes of header are 0.4 % at the lowest rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.analysis.dataset_results import DatasetResults
from bench.harness.request import RunRequest, execute
from bench.learned.weights import checkpoints
from bench.results import published
from bench.results.export import read_results
from bench.results.store import Store
from bench.system.errors import MissingError
from bench.verification.check import CheckRequest, Row, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from bench.learned.weights.checkpoints import PublishedCheckpoint

DATASET = "kodak"
DATABASE = Path("reports/verified.sqlite")
SOURCE = "compressai-8bit"

RATE_BOUND = 0.005
"""Of the published rate."""

PSNR_BOUND_DB = 0.01

HEADERS = ("weights", "bpp published", "measured", "difference", "PSNR published", "measured", "difference", "verdict")


@dataclass(frozen=True, slots=True)
class PublishedComparison:
    """One RD point as published and as measured: means over the pictures of rate and PSNR."""

    published_bpp: float
    published_db: float
    measured_bpp: float
    measured_db: float

    @property
    def rate_difference(self) -> float:
        """Relative: 0.01 where our files are 1 % larger."""
        return self.measured_bpp / self.published_bpp - 1

    @property
    def psnr_difference_db(self) -> float:
        """Positive where our pictures are better."""
        return self.measured_db - self.published_db

    @property
    def verdict(self) -> str:
        """What agrees or does not, within the bounds."""
        wrong = ["rate"] * (abs(self.rate_difference) > RATE_BOUND)
        wrong += ["PSNR"] * (abs(self.psnr_difference_db) > PSNR_BOUND_DB)
        return " and ".join(wrong) + (" differs" if len(wrong) == 1 else " differ") if wrong else "agrees"

    @property
    def cells(self) -> Row:
        """The figures as a table shows them."""
        return (
            f"{self.published_bpp:.4f}",
            f"{self.measured_bpp:.4f}",
            f"{100 * self.rate_difference:+.2f} %",
            f"{self.published_db:.3f}",
            f"{self.measured_db:.3f}",
            f"{self.psnr_difference_db:+.3f}",
            self.verdict,
        )


def verify_zoo(request: CheckRequest) -> Verdict:
    """Measure the zoo's weights on Kodak and compare; those that are not on this machine are left out.

    Raises:
        MissingError: none of the weights, or not the pictures, are on this machine.
        UsageError: the zoo has no such family or quality.
    """
    chosen = checkpoints.select(request.families, request.qualities)
    here = [checkpoint for checkpoint in chosen if checkpoints.locate(checkpoint)]
    if not here:
        raise MissingError(f"none of these weights is on this machine; `{_fetch_command(request)}` downloads them")
    measured, failures = _measure(request, here)
    points = published.load()
    rows: list[Row] = []
    for checkpoint in here:
        name = f"{checkpoint.family}@{checkpoint.quality}"
        comparison = _compare(checkpoint, measured, points)
        rows.append((name, *(comparison.cells if comparison else ("",) * (len(HEADERS) - 2) + ("not measured",))))
        if comparison and comparison.verdict != "agrees":
            failures.append(f"{name}: {comparison.verdict}")
    title = f"means over {DATASET}; bounds: rate {RATE_BOUND:.1%}, PSNR {PSNR_BOUND_DB} dB"
    left_out = (f"{checkpoint}: `{checkpoint.fetch_command}`" for checkpoint in chosen if checkpoint not in here)
    return Verdict(title, HEADERS, tuple(rows), tuple(failures), tuple(left_out))


def _fetch_command(request: CheckRequest) -> str:
    families = "".join(f" --family {family}" for family in request.families)
    return f"bench fetch weights{families}" + "".join(f" --quality {quality}" for quality in request.qualities)


def _measure(request: CheckRequest, here: Sequence[PublishedCheckpoint]) -> tuple[pd.DataFrame, list[str]]:
    """The complete points of these weights, and a line for each file that failed."""
    db = request.db or DATABASE
    run = RunRequest(
        codecs=tuple(f"{checkpoint.family}@{checkpoint.quality}" for checkpoint in here),
        dataset=DATASET,
        data=request.data,
        db=db,
        codec_options={"weights": "zoo"},
        threads=request.threads,
        command=request.command,
    )
    summary = execute(run)
    with Store.open(db) as store:
        points = DatasetResults.of(read_results(store), summary.dataset).points
    return summary.of(points), [*summary.failures, *summary.missing]


def _compare(
    checkpoint: PublishedCheckpoint, measured: pd.DataFrame, points: pd.DataFrame
) -> PublishedComparison | None:
    """The published and the measured point of one checkpoint; None where not all pictures are measured."""
    found = measured[(measured["codec"] == checkpoint.family) & (measured["quality"] == checkpoint.quality)]
    if found.empty:
        return None
    bpp, psnr_db = published_point(checkpoint, points)
    return PublishedComparison(bpp, psnr_db, float(found["bpp"].iloc[0]), float(found["psnr_db"].iloc[0]))


def published_point(checkpoint: PublishedCheckpoint, points: pd.DataFrame) -> tuple[float, float]:
    """Rate in bpp and PSNR in dB; the curve has a point for each quality, and the rate rises with it."""
    method = f"compressai-{checkpoint.architecture}_{checkpoint.metric}_ans_cuda"
    curve = points[(points["source"] == SOURCE) & (points["method"] == method) & (points["metric"] == "psnr_rgb")]
    point = curve.sort_values("rate_bpp").iloc[checkpoint.quality - 1]
    return float(point["rate_bpp"]), float(point["value"])
