"""Axes of RD curves: the quality metrics, and how each is computed from stored values.

Every axis starts from one column of per-image values. The mean over images of that column is a point's value, and
`quality` turns it into what the axis shows, where higher is better. PSNR is thus the mean of the images' PSNRs, and
MS-SSIM in dB is -10 log10(1 - mean MS-SSIM), as in the published curves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.codecs.registry import FURTHER_METRICS
from bench.system.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray


def psnr_db(mse: ArrayLike) -> NDArray[np.float64]:
    """PSNR in dB of mean squared errors on 8-bit samples; infinite for equal pictures."""
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10(255**2 / np.asarray(mse, dtype=np.float64)))


def ratio_to_db(similarity: ArrayLike) -> NDArray[np.float64]:
    """Convert a similarity from 0 to 1 to dB: -10 log10(1 - x); infinite for 1."""
    # An MS-SSIM computed in 32 bits may exceed 1 by a rounding error.
    rest = np.maximum(1 - np.asarray(similarity, dtype=np.float64), 0)
    with np.errstate(divide="ignore"):
        return np.asarray(-10 * np.log10(rest))


def _unchanged(value: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(value, dtype=np.float64)


def _negative(value: ArrayLike) -> NDArray[np.float64]:
    return -np.asarray(value, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Axis:
    """One quality of an RD diagram."""

    name: str  # "psnr_db"; also the column of the points frame
    title: str
    unit: str
    column: str  # per-image values that are averaged
    quality: Callable[[ArrayLike], NDArray[np.float64]]  # from a mean to the axis
    published: tuple[tuple[str, bool], ...] = ()  # published metrics of this axis, and whether each needs `quality`

    @property
    def label(self) -> str:
        """Title and unit, as in "PSNR, RGB (dB)"."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def short_name(self) -> str:
        """Name on the command line, such as "psnr-y"."""
        return self.name.removesuffix("_db").replace("_", "-")

    @property
    def higher_is_better(self) -> bool:
        """Whether higher stored values are better; otherwise, quality is their negative."""
        return self.quality is not _negative

    @property
    def metrics(self) -> tuple[str, ...]:
        """Stored metrics that it is computed from."""
        found = tuple(metric for metric, axis in _STORED.items() if axis.name == self.name)
        return found or (tuple(_YUV_STORED) if self.column == PSNR_YUV.column else (self.column,))

    def shown(self, quality: float) -> float:
        """Convert a quality for display: if lower is better, back to the stored value from its negative."""
        return quality if self.higher_is_better else -quality


PSNR = Axis("psnr_db", "PSNR, RGB", "dB", "psnr_db", _unchanged, (("psnr_rgb", False),))
PSNR_Y = Axis("psnr_y_db", "PSNR, luma", "dB", "psnr_y_db", _unchanged, (("psnr_y", False),))
PSNR_U = Axis("psnr_u_db", "PSNR, U", "dB", "psnr_u_db", _unchanged)
PSNR_V = Axis("psnr_v_db", "PSNR, V", "dB", "psnr_v_db", _unchanged)
PSNR_YUV = Axis("psnr_yuv_db", "PSNR, YUV 6:1:1", "dB", "psnr_yuv_db", _unchanged)
MS_SSIM = Axis(
    "ms_ssim_db", "MS-SSIM, RGB", "dB", "ms_ssim", ratio_to_db, (("ms_ssim_rgb", True), ("ms_ssim_db_rgb", False))
)
MS_SSIM_Y = Axis("ms_ssim_y_db", "MS-SSIM, luma", "dB", "ms_ssim_y", ratio_to_db, (("ms_ssim_y", True),))
"""Measured on RGB pictures only on request; published curves of RGB pictures have it, too."""

PUBLISHED_AXES = (PSNR, PSNR_Y, MS_SSIM, MS_SSIM_Y)
"""Axes of published curves."""

_STORED = {"mse": PSNR, "mse_y": PSNR_Y, "mse_u": PSNR_U, "mse_v": PSNR_V, "ms_ssim": MS_SSIM, "ms_ssim_y": MS_SSIM_Y}

_YUV_STORED = ("mse_y", "mse_u", "mse_v")

DERIVED = {axis.short_name: (metric,) for metric, axis in _STORED.items()} | {PSNR_YUV.short_name: _YUV_STORED}
"""Names of axes, such as "psnr-y", and the stored metrics that they are computed from."""

_PSNRS = {metric: axis.column for metric, axis in _STORED.items() if metric.startswith("mse")}

SIMILARITIES = tuple(metric for metric, axis in _STORED.items() if axis.quality is ratio_to_db)
"""Stored metrics that are also given in dB."""

_YUV_WEIGHTS = {"psnr_y_db": 6, "psnr_u_db": 1, "psnr_v_db": 1}


def with_decibels(values: pd.DataFrame) -> pd.DataFrame:
    """Add the derived decibels to per-image values.

    PSNR of YUV 6:1:1 is the weighted mean of an image's decibels, (6 Y + U + V) / 8, as is usual, and not the PSNR of
    a weighted mean squared error.
    """
    found = {column: psnr_db(values[metric]) for metric, column in _PSNRS.items() if metric in values}
    found |= {f"{metric}_db": ratio_to_db(values[metric]) for metric in SIMILARITIES if metric in values}
    if set(_YUV_WEIGHTS) <= set(found):
        weighted = sum(weight * found[column] for column, weight in _YUV_WEIGHTS.items())
        found[PSNR_YUV.column] = np.asarray(weighted / sum(_YUV_WEIGHTS.values()))
    return values.assign(**found)


def of_mean_errors(means: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """PSNR of the mean squared error over all images (the other common average), by column name."""
    columns = {metric: column.removesuffix("_db") for metric, column in _PSNRS.items() if metric in means}
    return {f"{column}_of_mean_mse_db": psnr_db(means[metric]) for metric, column in columns.items()}


def measured_axes(metric_columns: list[str], metrics: pd.DataFrame) -> tuple[Axis, ...]:
    """Axes of stored metrics: built-in ones first, then the user's; PSNR of YUV 6:1:1 precedes that of the planes."""
    titles = metrics.set_index("metric")["title"].to_dict()
    rising = metrics.set_index("metric")["higher_is_better"].to_dict()
    single = [
        _STORED[metric]
        if metric in _STORED
        else Axis(metric, titles.get(metric, metric), "", metric, _unchanged if rising.get(metric, 1) else _negative)
        for metric in sorted(metric_columns, key=lambda metric: [*_STORED, metric].index(metric))
    ]
    return (PSNR_YUV, *single) if {PSNR_Y, PSNR_U, PSNR_V} <= set(single) else tuple(single)


def unknown_metric(name: str, known: Collection[str], dataset: str = "") -> UsageError:
    """Create the error for a metric that is not among the known axes.

    Args:
        name: name given by the user.
        known: short names of the axes.
        dataset: image set with measured points, to which metrics can be added; "" if there is none.
    """
    metric = name.lower().replace("-", "_")
    if dataset and metric in FURTHER_METRICS and metric.replace("_", "-") not in known:
        return UsageError(
            f"{metric} is not measured on {dataset}; `bench run --add-metric {metric} --dataset {dataset}` adds it"
        )
    return unknown("metric", name, known)


def published_axes(metrics: Iterable[str]) -> tuple[Axis, ...]:
    """Axes of published points with these metrics."""
    known = set(metrics)
    return tuple(axis for axis in PUBLISHED_AXES if known & dict(axis.published).keys())
