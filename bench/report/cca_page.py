"""The page on cross-component attention (Duan et al. 2023): planes of YUV 4:2:0, and fixed point."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.analysis import cca, cca_ablation
from bench.analysis.ceiling import ceiling_table
from bench.report.experiment_plots import interval_figure
from bench.report.pages import PAGE_SCRIPTS, Page
from bench.report.rd_plot import rd_figures
from bench.report.views import cca as views

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.report.content import Content
    from bench.report.figure import Figure
    from bench.results.extras import Extras
    from bench.results.frames import Export


def cca_page(contents: Sequence[Content], export: Export, extras: Extras, files: Mapping[str, str]) -> Page | None:
    """Everything that an export holds of cca and of fixed point; None where that is nothing.

    `files` are the pages on image sets, by the name of the set.
    """
    all_results = [content.results for content in contents]
    results = cca.planar_study(all_results)
    content = next((content for content in contents if content.results is results), None)
    tables = _tables(all_results, export, extras)
    if content is not None:
        rates = cca.rates(content.results)
        titles = {f"{side}_title": rates[side].map(content.titles) for side in ("anchor", "test")}
        tables |= {"cca_bd_rates": rates.assign(**titles), "round_trip_ceilings": ceiling_table(content.results)}
    filled = {name: table for name, table in tables.items() if len(table)}
    if not filled:
        return None
    rd, parts = _rd_plots(content), _part_plots(tables["cca_ablation_table"])
    shown = views.rates(tables["cca_bd_rates"], content.results.axes) if content else None
    rates_table, remarks = shown or ((), ())
    variables = _variables(tables) | {
        "heading": "Cross-component attention",
        "dataset_title": content.results.title if content else "",
        "image_set_page": files[content.results.dataset] if content else "",
        "rates": rates_table,
        "rate_remarks": remarks,
        "rates_result": views.rates_result(tables["cca_bd_rates"]) if content else "",
        "rd_plots": rd,
        "part_plots": parts,
    }
    return Page("cca.html", "CCA", "cca.html", variables, filled, (*rd, *parts), scripts=PAGE_SCRIPTS)


def _tables(all_results: Sequence[Any], export: Export, extras: Extras) -> dict[str, pd.DataFrame]:
    """The tables that do not hang on measurements of cca on planes."""
    observed = extras.experiment("cca_ablation")
    tried = extras.experiment("portability")
    return {
        "cca_ablation": observed,
        "cca_ablation_table": cca_ablation.table(observed),
        "fixed_point_bd_rates": cca.fixed_point_rates(all_results),
        "fixed_point_times": cca.fixed_point_times(all_results, export),
        "portability": cca.portability(tried),
        "portability_by_quality": tried,
    }


def _variables(tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    return {
        "ceilings": views.ceilings(tables.get("round_trip_ceilings", pd.DataFrame())),
        "parts": views.parts(tables["cca_ablation_table"]),
        "parts_result": views.parts_result(tables["cca_ablation_table"]),
        "fixed_point_result": views.fixed_point_result(tables["fixed_point_bd_rates"]),
        "portability_result": views.portability_result(tables["portability"]),
        "fixed_point": views.fixed_point(tables["fixed_point_bd_rates"]),
        "fixed_point_times": views.fixed_point_times(tables["fixed_point_times"]),
        "portability": views.portability(tables["portability"]),
    }


def _shown(content: Content) -> list[Any]:
    wanted = {cca.CODEC, cca.CODEC + cca.FIXED_POINT, *cca.ANCHORS}
    names = set(content.results.curves.loc[content.results.curves["codec"].isin(wanted), "name"])
    return [rd_curve for rd_curve in content.rd_curves if rd_curve.name in names]


def _rd_plots(content: Content | None) -> list[Figure]:
    if content is None:
        return []
    drawn = rd_figures(content.results.axes, _shown(content), content.against.curves)
    return [dataclasses.replace(figure, name=f"cca_{figure.name}") for figure in drawn]


def _part_plots(table: pd.DataFrame) -> list[Figure]:
    rows = table[table["variant"] != cca_ablation.REFERENCE]
    rows = rows.assign(label=[views.part_name(row) for row in rows.to_dict("records")])
    columns = ("label", *(f"loss_difference_{end}percent" for end in ("", "low_", "high_")))
    caption = "Difference in loss to cca without its filter, with the 95 % interval over pictures."
    plot = interval_figure("cca_parts", caption, "difference in loss to guide IGU without filter", rows, columns)
    return [] if plot is None else [plot]
