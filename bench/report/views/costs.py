"""Costs of published codecs: what is stated by whom, and of which curves nothing is."""

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
    """What is stated of the published curves of a page's pictures, as text."""
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
    """The learned curves of these pictures whose cost nobody states, by name."""
    return learned_without_cost(published_of(content.results, content.export), stated_costs())
