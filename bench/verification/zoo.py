"""Check of CompressAI's weights, used by bench, against the points that CompressAI published for them.

The published points are means over Kodak, with decoded pictures rounded to 8 bits, and were coded on a GPU. Their rate
is that of the strings alone. The rate measured here is that of whole files, whose 22 bytes of header are 0.4 % at the
lowest rates.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.analysis.dataset_results import DatasetResults
from bench.harness.request import RunRequest, execute
from bench.learned.weights import checkpoints
from bench.results import published
from bench.results.export import read_results
from bench.results.store import Store
from bench.system.errors import MissingError
from bench.verification.check import CheckRequest, CheckResult, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from bench.learned.weights.checkpoints import PublishedCheckpoint

DATASET = "kodak"
DATABASE = Path("reports/verified.sqlite")
SOURCE = "compressai-8bit"

RATE_BOUND = 0.005
"""Maximum relative difference from the published rate."""

PSNR_BOUND_DB = 0.01
"""Maximum difference from the published PSNR."""

HEADERS = ("weights", "bpp published", "measured", "difference", "PSNR published", "measured", "difference", "verdict")


def verdict(rate_difference: float, psnr_difference_db: float) -> str:
    """Compare differences with the bounds; a rate difference of 0.01 means that files here are 1 % larger."""
    wrong = ["rate"] * (abs(rate_difference) > RATE_BOUND) + ["PSNR"] * (abs(psnr_difference_db) > PSNR_BOUND_DB)
    return " and ".join(wrong) + (" differs" if len(wrong) == 1 else " differ") if wrong else "agrees"


def verify_zoo(request: CheckRequest) -> CheckResult:
    """Measure the zoo's weights on Kodak, and compare with published points; missing weights are left out.

    Raises:
        MissingError: the pictures or all of the weights are missing on this machine.
        UsageError: the zoo has no such family or quality.
    """
    chosen = checkpoints.select(request.families, request.qualities)
    here = [checkpoint for checkpoint in chosen if checkpoints.locate(checkpoint)]
    if not here:
        raise MissingError(f"none of these weights are on this machine; `{_fetch_command(request)}` downloads them")
    measured, failures = _measure(request, here)
    points = published.load()
    rows: list[Row] = []
    for checkpoint in here:
        name = f"{checkpoint.family}@{checkpoint.quality}"
        rows.append((name, *_compare(checkpoint, measured, points)))
        if rows[-1][-1] not in {"agrees", "not measured"}:
            failures.append(f"{name}: {rows[-1][-1]}")
    title = f"means over {DATASET}; bounds: rate {RATE_BOUND:.1%}, PSNR {PSNR_BOUND_DB} dB"
    left_out = (f"{checkpoint}: `{checkpoint.fetch_command}`" for checkpoint in chosen if checkpoint not in here)
    return CheckResult(title, HEADERS, tuple(rows), tuple(failures), tuple(left_out))


def _fetch_command(request: CheckRequest) -> str:
    families = "".join(f" --family {family}" for family in request.families)
    return f"bench fetch weights{families}" + "".join(f" --quality {quality}" for quality in request.qualities)


def _measure(request: CheckRequest, here: Sequence[PublishedCheckpoint]) -> tuple[pd.DataFrame, list[str]]:
    """Measure these weights; return the complete points and the failures."""
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


def _compare(checkpoint: PublishedCheckpoint, measured: pd.DataFrame, points: pd.DataFrame) -> Row:
    """Return the published and the measured point of a checkpoint and the verdict, as cells of a table."""
    found = measured[(measured["codec"] == checkpoint.family) & (measured["quality"] == checkpoint.quality)]
    if found.empty:
        return ("",) * (len(HEADERS) - 2) + ("not measured",)
    bpp, psnr_db = published_point(checkpoint, points)
    our_bpp, our_db = float(found["bpp"].iloc[0]), float(found["psnr_db"].iloc[0])
    larger, better_db = our_bpp / bpp - 1, our_db - psnr_db
    rate = f"{bpp:.4f}", f"{our_bpp:.4f}", f"{100 * larger:+.2f} %"
    return (*rate, f"{psnr_db:.3f}", f"{our_db:.3f}", f"{better_db:+.3f}", verdict(larger, better_db))


def published_point(checkpoint: PublishedCheckpoint, points: pd.DataFrame) -> tuple[float, float]:
    """Return rate in bpp and PSNR in dB. The curve has one point per quality, and the rate increases with quality."""
    method = f"compressai-{checkpoint.architecture}_{checkpoint.metric}_ans_cuda"
    curve = points[(points["source"] == SOURCE) & (points["method"] == method) & (points["metric"] == "psnr_rgb")]
    point = curve.sort_values("rate_bpp").iloc[checkpoint.quality - 1]
    return float(point["rate_bpp"]), float(point["value"])
