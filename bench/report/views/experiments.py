"""Tables of experiments: the rectifier and its ablations, and the ablation of entropy models."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bench.analysis import ablation
from bench.analysis.rectifier_gain import ERROR_REDUCTION
from bench.report.numbers import NOTHING, plain, signed
from bench.report.views.table import QUALITY, Column, Table, interval, number
from bench.system.wording import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from bench.report.figure import Figure


def gains(table: pd.DataFrame) -> Table:
    """Table of gains with one row per model, modifier and quality."""
    return Table.of(
        table,
        *_CODEC,
        QUALITY,
        _gain("PSNR", "psnr_gain", "dB"),
        _gain("PSNR beyond +ft", "psnr_beyond_ft", "dB"),
        _gain("MS-SSIM", "ms_ssim_gain", "dB"),
        _gain("MS-SSIM beyond +ft", "ms_ssim_beyond_ft", "dB"),
        number("Files of equal size", lambda row: f"{100 * row['equal_files']:.0f} %"),
        number("‖ŷ − y‖", lambda row: plain(row["latent_error_quantized"], 1)),  # noqa: RUF001
        number("‖ŷ − y‖ rectified", lambda row: plain(row["latent_error_rectified"], 1)),  # noqa: RUF001
        _reduction("Reduced"),
    )


def summary_rows(table: pd.DataFrame) -> Table:
    """Table of mean gains over the qualities and largest gains, with one row per model and modifier."""
    return Table.of(
        table,
        *_CODEC,
        number("Qualities", "qualities"),
        _gain("PSNR", "psnr_gain", "mean, dB"),
        _gain("PSNR beyond +ft", "psnr_beyond_ft", "mean, dB"),
        number("PSNR", lambda row: signed(row["psnr_gain_largest_db"], 3), "largest, dB"),
        _gain("MS-SSIM", "ms_ssim_gain", "mean, dB"),
        _gain("MS-SSIM beyond +ft", "ms_ssim_beyond_ft", "mean, dB"),
        number("MS-SSIM", lambda row: signed(row["ms_ssim_gain_largest_db"], 3), "largest, dB"),
        _reduction("Error reduced"),
    )


_CODEC = (Column("Codec", lambda row: row["model"] + row["modifier"]), Column("Weights", "weights"))


def _gain(title: str, of: str, unit: str) -> Column:
    return interval(title, (f"{of}_db", f"{of}_low_db", f"{of}_high_db"), 3, unit)


def _reduction(title: str) -> Column:
    return interval(title, ERROR_REDUCTION, 1, "%")


def searches(table: pd.DataFrame) -> Table:
    """Table of the values of alpha that were tested."""
    return Table.of(
        table,
        Column("Model", "model"),
        QUALITY,
        Column("For", "metric"),
        number("Alpha", lambda row: f"{row['alpha']:g}"),
        number("PSNR", lambda row: plain(row["psnr_db"], 3), "dB"),
        Column("Chosen", lambda row: "yes" if row["chosen"] else ""),
    )


def variant_rows(means: pd.DataFrame) -> Table:
    """Table of means over pictures, with one row per trained variant."""

    def mean(title: str, column: str, digits: int, unit: str = "") -> Column:
        return number(title, lambda row: plain(row.get(column), digits), unit)

    return Table.of(
        means,
        Column("Variant", "variant"),
        Column("Model", "model"),
        QUALITY,
        Column("For", lambda row: row.get("metric", "")),
        number("Pictures", "images"),
        mean("Rate", "rate_bpp", 4, "bpp"),
        mean("PSNR", "psnr_db", 3, "dB"),
        mean("MS-SSIM", "ms_ssim", 5),
        mean("Loss", "rd_loss", 4),
        mean("Error reduced", "error_reduction_percent", 1, "%"),
    )


def ablations(table: pd.DataFrame, plots: Sequence[Figure]) -> list[dict[str, Any]]:
    """Tables of `bench.analysis.ablation`, one per setting, each with its figure if there is one."""
    return [
        {
            "id": ablation_id(place),
            "setting": _setting_title(group.iloc[0]),
            "table": _ablation_rows(group),
            "plots": [plot for plot in plots if plot.name == ablation_id(place)],
        }
        for place, (_, group) in enumerate(table.groupby(ablation.SETTING, sort=False))
    ]


def ablation_id(place: int) -> str:
    """Name of the figure of a setting, also the prefix of the id of its heading."""
    return f"ablation-{place + 1}"


def _setting_title(row: pd.Series) -> str:
    pictures = f"{row['dataset']}, {count(int(row['pictures']), 'picture')}"
    return f"Latents of {row['transforms']}, lambda {row['lambda']:g}, {row['steps']:g} steps, {pictures}"


def _ablation_rows(table: pd.DataFrame) -> Table:
    return Table.of(
        table,
        Column("Variant", "variant"),
        Column("Distribution", lambda row: row["distribution"] or NOTHING),
        number("Kernel", lambda row: "" if math.isnan(row["kernel"]) else f"{row['kernel']:g}"),
        number("Parameters", lambda row: f"{row['parameters'] / 1e6:.2f}", "M"),
        number("Rate", lambda row: plain(row["bpp"], 4), "bpp"),
        number("Rate of z", lambda row: plain(row["bpp_z"], 4), "bpp"),
        number("Rate of joint, same seeds", lambda row: plain(row["reference_bpp"], 4), "bpp"),
        interval("Difference", ablation.DIFFERENCE, 2, "%"),
        number("Spread", lambda row: plain(row["spread_percent"], 2), "%"),
        number("Seeds", "seeds"),
    )
