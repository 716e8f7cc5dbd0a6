"""Cost against BD-rate, one cost at a time: multiply-accumulates, parameters or memory, and the Pareto front.

Costs of measured codecs are counted or measured here; those of published curves are stated by their authors or others.
Published times were taken on other machines and are not compared: see `bench.analysis.front` for times measured here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.analysis.front import on_front
from bench.results.published import optimised_for, published_names


@dataclass(frozen=True, slots=True)
class Cost:
    """A kind of cost: `measured` is its column in complexity.csv, `stated` that in the published costs, or None."""

    name: str
    title: str
    """Title on the axis of a figure, with the unit."""
    measured: str
    stated: str | None
    unit: float = 1.0
    """Divisor for display."""


COSTS = (
    Cost("macs", "kMAC per pixel to decode", "decoder_kmac_per_pixel", "kmac_per_pixel"),
    Cost("parameters", "million parameters", "parameters", "parameters", 1e6),
    Cost("memory", "peak memory in MiB", "peak_memory_bytes", None, 2**20),
)
"""Costs that do not depend on the speed of the machine, in the order of the figures."""

COLUMNS = (
    "cost", "axis", "anchor", "test", "label", "value", "at_most", "by", "bd_rate_percent", "doubt", "on_front",
    "source",
)  # fmt: skip
"""Columns of `cost_table`. `by` is "measured" for codecs measured here; for published curves, it is "counted" if the
cost was counted here, and otherwise who states it."""

MEASURED, COUNTED = "measured", "counted"


def largest_models(complexity: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """Complexity of each curve's largest model, with the curve's `name`; memory is the maximum over all its models."""
    rows = complexity.merge(curves[["name", "codec", "weights"]], on=["codec", "weights"])
    memory = rows.groupby("name")["peak_memory_bytes"].max()
    ordered = rows.sort_values("decoder_kmac_per_pixel", kind="stable", na_position="first")
    largest = ordered.groupby("name", sort=False).tail(1)
    return largest.assign(peak_memory_bytes=largest["name"].map(memory))


def cost_table(models: pd.DataFrame, stated: pd.DataFrame, rates: pd.DataFrame) -> pd.DataFrame:
    """One row per codec, cost, axis and anchor in `rates`, with the Pareto front marked; columns of `COLUMNS`.

    `models` are those of `largest_models` with a `title`, `stated` those of `bench.results.published.stated_costs`, and
    `rates` rows as in `bench.analysis.comparison.bd_table` with a `doubt`. The anchor itself has a BD-rate of zero.
    Codecs with an unreliable BD-rate are ignored by the front; an upper bound counts as the cost itself.
    """
    found = [
        _rows_of_cost(cost, models, stated, own)
        for _, own in rates.groupby(["axis", "anchor"], sort=False)
        for cost in COSTS
    ]
    filled = [rows for rows in found if len(rows)]
    return pd.concat(filled, ignore_index=True)[list(COLUMNS)] if filled else pd.DataFrame(columns=list(COLUMNS))


def _rows_of_cost(cost: Cost, models: pd.DataFrame, stated: pd.DataFrame, rates: pd.DataFrame) -> pd.DataFrame:
    anchor = str(rates["anchor"].iloc[0])
    saved = dict(zip(rates["test"], rates["bd_rate_pchip_percent"], strict=True)) | {anchor: 0.0}
    doubts = dict(zip(rates["test"], rates["doubt"], strict=True))
    measured = {"test": models["name"], "label": models["title"], "value": models[cost.measured] / cost.unit}
    parts = [pd.DataFrame(measured).assign(at_most=False, by=MEASURED, source="")]
    if cost.stated:
        own = stated.rename(columns={"curve": "test", cost.stated: "value"})
        # Only multiply-accumulates may be bounds.
        bounds = own["at_most"] if cost.stated == "kmac_per_pixel" else False
        parts.append(own.assign(value=own["value"] / cost.unit, at_most=bounds))
    rows = pd.concat([part[["test", "label", "value", "at_most", "by", "source"]] for part in parts], ignore_index=True)
    rows = rows.assign(cost=cost.name, axis=rates["axis"].iloc[0], anchor=anchor)
    rows["bd_rate_percent"] = rows["test"].map(saved).astype(float)
    rows["doubt"] = rows["test"].map(doubts).fillna("")
    rows = rows[np.isfinite(rows["value"].astype(float)) & rows["bd_rate_percent"].notna()]
    sure = rows[rows["doubt"].eq("")]
    front = pd.Series(on_front(sure["value"], sure["bd_rate_percent"]), sure.index, dtype=bool)
    return rows.assign(on_front=front.reindex(rows.index, fill_value=False))


def learned_without_cost(points: pd.DataFrame, stated: pd.DataFrame) -> list[str]:
    """Names of curves of networks trained for MSE without stated multiply-accumulates."""
    counted = stated[stated["kmac_per_pixel"].notna()]
    known = {*counted["curve"], *(name for names in counted["same"] for name in names.split())}
    of_networks = optimised_for("mse") - known
    return [name for name in dict.fromkeys(published_names(points)) if name in of_networks]
