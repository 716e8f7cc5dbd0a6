"""Stated costs of published curves with their sources, and the curves without stated costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.costs import learned_without_cost
from bench.analysis.rd_curve import published_of
from bench.report.numbers import plain
from bench.report.views.table import records
from bench.results.published import published_names, stated_costs

if TYPE_CHECKING:
    from bench.report.content import Content


def stated(content: Content) -> list[dict[str, str]]:
    """Stated costs of the published curves on these pictures, formatted."""
    costs = stated_costs()
    names = set(published_names(published_of(content.results, content.export)))
    return [
        {
            **{key: row[key] for key in ("curve", "by", "source", "obtained", "note")},
            "kmac": ("at most " if row["at_most"] else "") + plain(row["kmac_per_pixel"], 1),
            "parameters": plain(row["parameters"] / 1e6, 1),
        }
        for row in records(costs[costs["curve"].isin(names)])
    ]


def not_stated(content: Content) -> list[str]:
    """Names of the published learned curves on these pictures without a stated cost."""
    return learned_without_cost(published_of(content.results, content.export), stated_costs())
