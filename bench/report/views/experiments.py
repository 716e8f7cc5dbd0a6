"""The rectifier's gains and errors, its experiments, and the ablation of entropy models, as rows of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.analysis import ablation
from bench.report.numbers import NOTHING, plain, signed
from bench.report.views.rows import count, records, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from bench.report.figure import Figure


def gains(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One row a model, modifier and quality."""
    return [
        {
            "codec": row["model"] + row["modifier"],
            "weights": row["weights"],
            "quality": f"{row['quality']:g}",
            "equal": f"{100 * row['equal_files']:.0f} %",
            "before": plain(row["latent_error_quantized"], 1),
            "after": plain(row["latent_error_rectified"], 1),
            **_means(row),
        }
        for row in records(table)
    ]


def summary_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One row a model and modifier: means over the qualities, and the largest gains."""
    return [
        {
            "codec": row["model"] + row["modifier"],
            "weights": row["weights"],
            "qualities": row["qualities"],
            "psnr_largest": signed(row["psnr_gain_largest_db"], 3),
            "ms_ssim_largest": signed(row["ms_ssim_gain_largest_db"], 3),
            **_means(row),
        }
        for row in records(table)
    ]


def _means(row: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Gains, what of them is beyond the control, and the reduction of the error, each with its interval."""
    shown = {
        "psnr": ("psnr_gain", "db", 3),
        "psnr_own": ("psnr_beyond_ft", "db", 3),
        "ms_ssim": ("ms_ssim_gain", "db", 3),
        "ms_ssim_own": ("ms_ssim_beyond_ft", "db", 3),
        "reduction": ("error_reduction", "percent", 1),
    }
    return {
        name: {
            "mean": signed(row[f"{column}_{unit}"], digits),
            "interval": span(row[f"{column}_low_{unit}"], row[f"{column}_high_{unit}"], digits),
        }
        for name, (column, unit, digits) in shown.items()
    }


def searches(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The alphas that were tried."""
    return [
        {
            **{key: row[key] for key in ("model", "metric")},
            "quality": f"{row['quality']:g}",
            "alpha": f"{row['alpha']:g}",
            "psnr": plain(row["psnr_db"], 3),
            "chosen": str(row["chosen"]).lower() in {"1", "1.0", "true", "yes"},
        }
        for row in records(table)
    ]


def variant_rows(means: pd.DataFrame) -> list[dict[str, Any]]:
    """Means of trained variants as text."""
    digits = {"rate_bpp": 4, "psnr_db": 3, "ms_ssim": 5, "rd_loss": 4, "error_reduction_percent": 1}
    return [
        {
            "variant": row["variant"],
            "model": row["model"],
            "quality": f"{row['quality']:g}",
            "metric": row.get("metric", ""),
            "images": row["images"],
            **{name: plain(row.get(name), number) for name, number in digits.items()},
        }
        for row in records(means)
    ]


def ablations(table: pd.DataFrame, plots: Sequence[Figure]) -> list[dict[str, Any]]:
    """The table of bench.analysis.ablation as text, one group a setting, each with its figure if it has one."""
    return [
        {
            "id": ablation_id(place),
            "setting": _ablated(group.iloc[0]),
            "rows": _ablation_rows(group),
            "plots": [plot for plot in plots if plot.name == ablation_id(place)],
        }
        for place, (_, group) in enumerate(table.groupby(ablation.SETTING, sort=False))
    ]


def ablation_id(place: int) -> str:
    """The name of a setting's figure, and the id of its heading's section."""
    return f"ablation-{place + 1}"


def _ablated(row: pd.Series) -> str:
    pictures = f"{row['dataset']}, {count(int(row['pictures']), 'picture')}"
    return f"Latents of {row['transforms']}, lambda {row['lambda']:g}, {row['steps']:g} steps, {pictures}"


def _ablation_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            **{key: row[key] for key in ("variant", "prior", "seeds", "pictures")},
            "distribution": row["distribution"] if isinstance(row["distribution"], str) else NOTHING,
            "kernel": "" if row["kernel"] != row["kernel"] else f"{row['kernel']:g}",
            "mean": row["mean"] if isinstance(row["mean"], str) else NOTHING,
            "parameters": f"{row['parameters'] / 1e6:.2f}",
            "bpp": plain(row["bpp"], 4),
            "reference": plain(row["reference_bpp"], 4),
            "bpp_z": plain(row["bpp_z"], 4),
            "difference": signed(row["difference_percent"], 2),
            "interval": span(row["low_percent"], row["high_percent"], 2),
            "spread": plain(row["spread_percent"], 2),
        }
        for row in records(table)
    ]
