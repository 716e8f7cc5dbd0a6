"""Results of cca on YUV 4:2:0 planes, and of fixed-point codecs against the same codecs in floats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bench.analysis.axis import MS_SSIM, PSNR, PSNR_YUV
from bench.analysis.comparison import COLUMNS, bd_rows, bd_table
from bench.analysis.rd_curve import curves_at_shared_qualities, measured_curve
from bench.analysis.rectifier_gain import TIMES, time_ratios
from bench.analysis.timing import STAGE_ORDER, task_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.dataset_results import DatasetResults
    from bench.results.frames import Export

CODEC = "cca"

ANCHORS = ("joint-yuv", "joint", "bpg-420", "vvc", "avif-420", "jpeg")
"""Anchors of cca on planes: its baseline without attention and filter, an RGB codec, and codecs that take planes."""

FIXED_POINT = "-int"
"""Suffix of the names of codecs with an integer entropy model."""

PORTABILITY = ("codec", "decoded", "files", "failed")
"""Columns of `portability`."""


def planar_study(all_results: Sequence[DatasetResults]) -> DatasetResults | None:
    """Results on the image set of planes on which cca was measured; of several, that with the most pictures."""
    found = [results for results in all_results if PSNR_YUV in results.axes and CODEC in set(results.curves["codec"])]
    return max(found, key=lambda results: len(results.images)) if found else None


def rates(results: DatasetResults) -> pd.DataFrame:
    """BD-rates of cca against each of `ANCHORS` that was measured, on every axis, with the columns of `bd_table`.

    A curve of cca is compared only with anchors that have no weights or weights of the same name.
    """
    rows = []
    for test in results.curves[results.curves["codec"] == CODEC].to_dict("records"):
        comparable = results.curves[results.curves["weights"].isin(["", test["weights"]])]
        curve = measured_curve(results, test["name"])
        for codec in ANCHORS:
            for name in comparable.loc[comparable["codec"] == codec, "name"]:
                rows += bd_rows(measured_curve(results, name), curve, results.axes)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def fixed_point_rates(all_results: Sequence[DatasetResults]) -> pd.DataFrame:
    """BD-rates of codecs in fixed point against their float siblings, with the image sets.

    Weights and settings are equal. Qualities whose weights are missing in fixed point are left out of the float curve:
    with other points, the interpolation would change by more than fixed point costs.
    """
    found = []
    for results in all_results:
        axes = [axis for axis in results.axes if PSNR_YUV in results.axes or axis in {PSNR, MS_SSIM}]
        for test in results.curves[results.curves["codec"].str.endswith(FIXED_POINT)].to_dict("records"):
            same = (results.curves[["weights", "settings"]] == [test["weights"], test["settings"]]).all(axis=1)
            base = results.curves[same & (results.curves["codec"] == test["codec"].removesuffix(FIXED_POINT))]
            for name in base["name"]:
                anchor, *tests = curves_at_shared_qualities(results, name, test["name"])
                rows = bd_table(anchor, tests, axes)
                found.append(rows.assign(dataset=results.dataset, dataset_title=results.title))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def fixed_point_times(all_results: Sequence[DatasetResults], export: Export) -> pd.DataFrame:
    """Paired ratios of times in fixed point and in floats; see `bench.analysis.rectifier_gain.time_ratios`."""
    found = [
        time_ratios(task_times(results, export), results.curves, (FIXED_POINT,)).assign(dataset=results.dataset)
        for results in all_results
    ]
    filled = [rows for rows in found if len(rows)]
    if not filled:
        return pd.DataFrame(columns=[*TIMES, "dataset"])
    rows = pd.concat(filled, ignore_index=True)
    ranked = rows.assign(rank=rows["stage"].map(STAGE_ORDER))
    return ranked.sort_values(["dataset", "model", "rank"], kind="stable", ignore_index=True).drop(columns="rank")


def portability(observed: pd.DataFrame) -> pd.DataFrame:
    """Number of files and of failures (latents that differ from the encoder's) by codec and decoding environment.

    Counts are summed over qualities. `observed` is the output of benchmarks/portability.py: codec with quality,
    environment, files, failures.
    """
    families = [str(codec).partition("@")[0] for codec in observed["codec"]]
    rows = observed.assign(codec=families).groupby(["codec", "decoded"], sort=False)[["pictures", "failed"]].sum()
    return rows.reset_index().rename(columns={"pictures": "files"})[list(PORTABILITY)]
