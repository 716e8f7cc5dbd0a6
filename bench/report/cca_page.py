"""Page on cross-component attention (Duan et al. 2023): YUV 4:2:0 planes, ablation, fixed point, portability."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from bench.analysis import cca, cca_ablation
from bench.analysis.ceiling import ceiling_table
from bench.report.experiment_plots import interval_figure
from bench.report.figure import drawable
from bench.report.pages import PAGE_SCRIPTS, Page
from bench.report.rd_plot import rd_figures
from bench.report.views import cca as views

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from bench.report.content import Content
    from bench.report.figure import Figure
    from bench.results.extras import Extras
    from bench.results.frames import Export


def cca_page(contents: Sequence[Content], export: Export, extras: Extras, files: Mapping[str, str]) -> Page | None:
    """Page with the results on cca and fixed point; None without any. `files` maps image sets to their pages."""
    all_results = [content.results for content in contents]
    ablation, decoded = extras.experiment("cca_ablation"), extras.experiment("portability")
    parts, portability = cca_ablation.table(ablation), cca.portability(decoded)
    fixed_point, times = cca.fixed_point_rates(all_results), cca.fixed_point_times(all_results, export)
    tables = {
        "cca_ablation": ablation,
        "cca_ablation_table": parts,
        "fixed_point_bd_rates": fixed_point,
        "fixed_point_times": times,
        "portability": portability,
        "portability_by_quality": decoded,
    }
    part_plots = _part_plots(parts)
    planes = cca.planar_study(all_results)
    variables, rd_plots = _of_planes(next((one for one in contents if one.results is planes), None), files, tables)
    filled = {name: table for name, table in tables.items() if len(table)}
    if not filled:
        return None
    variables |= {
        "heading": "Cross-component attention",
        "rd_plots": rd_plots,
        "parts": views.parts(parts),
        "parts_result": views.parts_result(parts),
        "part_plots": part_plots,
        "fixed_point": views.fixed_point(fixed_point),
        "fixed_point_result": views.fixed_point_result(fixed_point),
        "fixed_point_times": views.fixed_point_times(times),
        "portability": views.portability(portability),
        "portability_result": views.portability_result(portability),
    }
    return Page("cca.html", "CCA", "cca.html", variables, filled, (*rd_plots, *part_plots), scripts=PAGE_SCRIPTS)


def _of_planes(
    content: Content | None, files: Mapping[str, str], tables: dict[str, pd.DataFrame]
) -> tuple[dict[str, Any], list[Figure]]:
    """Template variables and figures of cca on YUV 4:2:0; adds their tables to `tables`."""
    if content is None:
        return dict.fromkeys(("dataset_title", "image_set_page", "rates", "ceilings")), []
    results = content.results
    rates, ceilings = cca.rates(results), ceiling_table(results)
    rates = rates.assign(**{f"{side}_title": rates[side].map(content.titles) for side in ("anchor", "test")})
    tables |= {"cca_bd_rates": rates, "round_trip_ceilings": ceilings}
    shown, remarks = views.rates(rates, results.axes)
    variables = {
        "dataset_title": results.title,
        "image_set_page": files[results.dataset],
        "rates": shown,
        "rate_remarks": remarks,
        "rates_result": views.rates_result(rates),
        "ceilings": views.ceilings(ceilings),
    }
    wanted = {cca.CODEC, cca.CODEC + cca.FIXED_POINT, *cca.ANCHORS}
    names = set(results.curves.loc[results.curves["codec"].isin(wanted), "name"])
    compared = [rd_curve for rd_curve in content.rd_curves if rd_curve.name in names]
    drawn = rd_figures(results.axes, compared, content.curves)
    return variables, [dataclasses.replace(figure, name=f"cca_{figure.name}") for figure in drawn]


def _part_plots(table: pd.DataFrame) -> list[Figure]:
    rows = table[table["variant"] != cca_ablation.REFERENCE]
    rows = rows.assign(label=[views.part_name(row) for row in rows.to_dict("records")])
    columns = ("label", *(f"loss_difference_{end}percent" for end in ("", "low_", "high_")))
    caption = "Difference in loss from cca without filter, with the 95 % interval over pictures."
    plot = interval_figure("cca_parts", caption, "difference in loss from guide IGU without filter", rows, columns)
    return drawable([plot])
