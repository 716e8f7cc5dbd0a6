"""What measurements on planes of YUV 4:2:0 say of cca, and those of codecs in fixed point of their float siblings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bench.analysis.axis import MS_SSIM, PSNR, PSNR_YUV
from bench.analysis.comparison import bd_table
from bench.analysis.rd_curve import measured_subject
from bench.analysis.rectifier import TIMES, time_ratios
from bench.analysis.timing import cell_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.dataset_results import Study
    from bench.results.frames import Export

CODEC = "cca"

ANCHORS = ("joint-yuv", "joint", "bpg-420", "vvc", "avif-420", "jpeg")
"""What it is compared with on planes: its equal without attention and filter, a codec of RGB, and those that take
planes."""

FIXED_POINT = "-int"
"""How the name of a codec whose entropy model is in integers ends."""

PORTABILITY = ("codec", "decoded", "files", "failed")
"""Columns of `portability`."""


def planar_study(studies: Sequence[Study]) -> Study | None:
    """The study of planes on which cca was measured; of several the one with most pictures."""
    found = [study for study in studies if PSNR_YUV in study.axes and CODEC in set(study.curves["codec"])]
    return max(found, key=lambda study: len(study.images)) if found else None


def rates(study: Study) -> pd.DataFrame:
    """BD-rates of cca against each of `ANCHORS` that was measured, on every axis: rows of `bd_table`, or none at all.

    An anchor with other weights than a curve of cca is not compared with it.
    """
    tests = study.curves[study.curves["codec"] == CODEC]
    found = []
    for test in tests.to_dict("records"):
        for codec in ANCHORS:
            curves = study.curves[study.curves["codec"] == codec]
            for name in curves.loc[curves["weights"].isin(["", test["weights"]]), "name"]:
                subjects = measured_subject(study, name), measured_subject(study, test["name"])
                found.append(bd_table(subjects[0], subjects[1:], study.axes))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def fixed_point_rates(studies: Sequence[Study]) -> pd.DataFrame:
    """BD-rates of codecs in fixed point over their float siblings of equal weights and settings, with the data sets."""
    found = []
    for study in studies:
        axes = [axis for axis in study.axes if PSNR_YUV in study.axes or axis in {PSNR, MS_SSIM}]
        for test in study.curves[study.curves["codec"].str.endswith(FIXED_POINT)].to_dict("records"):
            same = (study.curves[["weights", "settings"]] == [test["weights"], test["settings"]]).all(axis=1)
            base = study.curves[same & (study.curves["codec"] == test["codec"].removesuffix(FIXED_POINT))]
            for name in base["name"]:
                subjects = measured_subject(study, name), measured_subject(study, test["name"])
                rows = bd_table(subjects[0], subjects[1:], axes)
                found.append(rows.assign(dataset=study.dataset, dataset_title=study.title))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def fixed_point_times(studies: Sequence[Study], export: Export) -> pd.DataFrame:
    """Times in fixed point over those in floats, in pairs; see `bench.analysis.rectifier.time_ratios`."""
    found = [
        time_ratios(cell_times(study, export), study.curves, (FIXED_POINT,)).assign(dataset=study.dataset)
        for study in studies
    ]
    filled = [rows for rows in found if len(rows)]
    if not filled:
        return pd.DataFrame(columns=[*TIMES, "dataset"])
    rows = pd.concat(filled, ignore_index=True)
    order = {"encode": 0, "decode": 1}  # what a user waits for, and then the parts of it
    ranked = rows.assign(rank=[order.get(stage, len(order)) for stage in rows["stage"]])
    return ranked.sort_values(["dataset", "model", "rank"], kind="stable", ignore_index=True).drop(columns="rank")


def portability(observed: pd.DataFrame) -> pd.DataFrame:
    """Files by codec and way of decoding, all qualities together, and how many gave other latents than the encoder's.

    `observed` is what benchmarks/portability.py wrote: a codec with its quality, a way, files, failures.
    """
    families = [str(codec).partition("@")[0] for codec in observed["codec"]]
    rows = observed.assign(codec=families).groupby(["codec", "decoded"], sort=False)[["pictures", "failed"]].sum()
    return rows.reset_index().rename(columns={"pictures": "files"})[list(PORTABILITY)]
