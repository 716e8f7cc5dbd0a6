"""Detail pages of a report: pictures, the rectifier, the ablation of entropy models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.analysis import ablation, rectifier_gain
from bench.analysis.experiments import FLAT_DB, SEARCH, variant_means
from bench.analysis.rectifier_gain import ERROR_REDUCTION
from bench.report.assets.pictures import FARTHEST
from bench.report.experiment_plots import gain_figure, interval_figure, psnr_figure
from bench.report.figure import FigureAxis, drawable
from bench.report.views import experiments, script_json, section_summaries
from bench.report.views.pictures import picture_file, picture_sets, shown_pictures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from bench.report.content import Content
    from bench.report.figure import Figure
    from bench.results.extras import Extras


@dataclass(frozen=True, slots=True)
class Page:
    """One HTML file."""

    file: str
    title: str  # in the navigation
    template: str
    variables: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    plots: Sequence[Figure]
    folder: str = ""  # subfolder of its tables and figures
    scripts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()  # files of the export that are copied to the report
    dataset: str = ""  # image set of the page, or empty


PAGE_SCRIPTS = ("figures.js", "tables.js")
"""Scripts of pages with figures and tables."""


def pictures_page(content: Content, extras: Extras) -> Page | None:
    """Page with decoded pictures side by side; None if the export has no pictures of the image set."""
    shown = shown_pictures(extras.pictures, content)
    sets = picture_sets(shown)
    if not sets:
        return None
    files = shown.drop_duplicates("sha256")
    variables = {
        "heading": "Pictures",
        "sets": sets,
        "sets_json": script_json(sets),
        "count": len(files),
        "megabytes": f"{files['num_bytes'].sum() / 1e6:.1f}",
        "farthest": FARTHEST,
    }
    return Page(
        "pictures.html",
        "Pictures",
        "pictures.html",
        variables,
        {"pictures": shown},
        (),
        scripts=("pictures.js", "tables.js"),
        files=tuple(map(picture_file, files["sha256"])),
    )


TRIALS = {
    "feature_distances": "Distances between features",
    "stp_end_to_end": "Soft-to-predictive and end-to-end training",
    "ms_ssim": "Decoders of models trained for MS-SSIM",
    "rectifier_seeds": "Decoders trained from several seeds",
}
"""Headings of the rectifier experiments that compare trained variants, by the name of the experiment."""


def rectifier_page(content: Content, extras: Extras) -> Page | None:
    """Page with gains, quantisation errors and experiments of the rectifier; None without any of these."""
    paired = rectifier_gain.pairs(content.results)
    gains = rectifier_gain.gains(paired)
    search = extras.experiment("alpha_search")
    trials = {name: variant_means(extras.experiment(name)) for name in TRIALS}
    if gains.empty and search.empty and all(means.empty for means in trials.values()):
        return None
    summary = rectifier_gain.summary(paired, gains)
    epochs = extras.experiment("alpha_epochs")
    gain_plots, alpha_plots = _gain_plots(gains, content), [*epoch_plots(epochs), *_alpha_plots(search)]
    tables = {
        "rectifier_pairs": paired,
        "rectifier_gains": gains,
        "rectifier_summary": summary,
        "alpha_search": search,
        "alpha_epochs": epochs,
        **trials,
    }
    variables: dict[str, Any] = {
        "heading": "Quantization rectifier",
        "flat_db": FLAT_DB,
        "dataset_title": content.results.title,
        "result": section_summaries.rectifier(summary),
        "summary": experiments.summary_rows(summary),
        "gains": experiments.gains(gains),
        "gain_plots": gain_plots,
        "searches": experiments.searches(search),
        "alpha_result": section_summaries.searches(search),
        "alpha_plots": alpha_plots,
        "epochs": len(epochs),
        "trials": [
            {
                "name": name,
                "title": TRIALS[name],
                "table": experiments.variant_rows(means),
                "result": section_summaries.trial(means),
            }
            for name, means in trials.items()
            if len(means)
        ],
    }
    filled = {name: frame for name, frame in tables.items() if len(frame)}
    plots = (*gain_plots, *alpha_plots)
    return Page("rectifier.html", "Rectifier", "rectifier.html", variables, filled, plots, scripts=PAGE_SCRIPTS)


GAINS = (
    ("psnr_gain_db", "Gain in PSNR (dB)", None),
    ("ms_ssim_gain_db", "Gain in MS-SSIM (dB)", None),
    ("error_reduction_percent", "Reduction of the quantisation error (%)", ERROR_REDUCTION[1:]),
)
"""Columns of gains: name, title, and the columns of the ends of the interval if it is drawn."""


def _gain_plots(gains: pd.DataFrame, content: Content) -> list[Figure]:
    several = len(set(gains["weights"])) > 1
    rows = gains.assign(panel=gains["model"] + (("\n[" + gains["weights"] + "]") if several else ""))
    curves = content.results.curves
    looks = {
        (codec, weights): content.looks[name]
        for name, codec, weights in zip(curves["name"], curves["codec"], curves["weights"], strict=True)
    }
    panels = zip(rows["panel"], rows["model"], rows["weights"], strict=True)
    colours = {panel: looks[model, weights].colour for panel, model, weights in panels}
    return drawable(gain_figure(column, title, rows, colours, ends) for column, title, ends in GAINS)


def _alpha_plots(search: pd.DataFrame) -> list[Figure]:
    if search.empty:
        return []
    varied = [name for name in SEARCH if name in search and len(set(search[name])) > 1]
    lines = search[varied].astype(str).agg(", ".join, axis=1) if varied else search["model"]
    caption, axis = "PSNR over the weight of the feature distance.", FigureAxis("alpha (logarithmic)", log=True)
    return drawable([psnr_figure("alpha_search", caption, search.assign(line=lines), "alpha", axis)])


def epoch_plots(epochs: pd.DataFrame) -> list[Figure]:
    """One figure per search, with one line per alpha."""
    plots = []
    for place, (setting, group) in enumerate(epochs.groupby(["model", "quality", "metric"], sort=False)):
        rows = group.assign(line="alpha " + group["alpha"].map("{:g}".format))
        caption = f"PSNR over epochs for each alpha, {setting[0]}@{setting[1]:g} for {setting[2]}."
        axis = FigureAxis("epoch", whole=True)
        plots.append(psnr_figure(f"alpha_epochs-{place + 1}", caption, rows, "epoch", axis))
    return drawable(plots)


def ablation_page(extras: Extras) -> Page | None:
    """Page on entropy models trained on the same latents; None if the export has no ablation."""
    rates = extras.experiment("ablation")
    if rates.empty:
        return None
    table = ablation.table(rates)
    plots = _ablation_plots(table)
    groups = experiments.ablations(table, plots)
    variables = {
        "heading": "Ablation of the entropy model",
        "result": section_summaries.ablation(table),
        "groups": groups,
    }
    tables = {"ablation_table": table, "ablation": rates}
    return Page("ablation.html", "Ablation", "ablation.html", variables, tables, plots, scripts=PAGE_SCRIPTS)


def _ablation_plots(table: pd.DataFrame) -> list[Figure]:
    title = "difference in rate from the joint model"
    caption = "Difference in rate from the joint model, with the 95 % interval over pictures."
    columns = ("variant", *ablation.DIFFERENCE)
    plots = []
    for place, (_, group) in enumerate(table.groupby(ablation.SETTING, sort=False)):
        others = group[group["variant"] != ablation.REFERENCE].sort_values("difference_percent", kind="stable")
        plots.append(interval_figure(experiments.ablation_id(place), caption, title, others, columns))
    return drawable(plots)
