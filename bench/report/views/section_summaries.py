"""One-line results of the sections, shown beside their headings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bench.analysis.ablation import SETTING
from bench.analysis.comparison import doubts
from bench.analysis.costs import COSTS
from bench.report.numbers import plain, signed, span
from bench.report.views import answer, points
from bench.report.views.table import records
from bench.system.wording import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.report.content import Content


def results_of(content: Content, tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Results of the sections on an image set by section id; sections without a result are omitted."""
    results = content.results
    found = {
        "curves": f"interactive: {count(len(content.rd_curves), 'curve')}, all metrics, per picture",
        "rates": _rates(content),
        "component-gain": component_gain(tables["component_gains"], content.titles),
        "quantization": _quantization(content, tables["quantization"]),
        "differences": _difference(content),
        "anchors": _anchors(tables["anchors"]),
        "times": _times(content),
        "costs": _costs(content),
        "points": f"{count(len(results.points), 'RD point')} of {count(len(results.curves), 'codec')}",
        "missing": _missing(content),
        "provenance": f"{count(len(content.tables['runs']), 'run')}, software, weights, sources, tables",
    }
    return {name: text for name, text in found.items() if text}


def _rates(content: Content) -> str:
    if content.anchor is None:
        return ""
    own = content.rows("bd_rates", content.results.axes[0], content.anchor.name)
    doubted = int(own["doubt"].ne("").sum())
    ranked = f"{count(int(own['bd_rate_pchip_percent'].notna().sum()) - doubted, 'curve')} ranked"
    return f"{ranked} against {content.anchor.title}" + (f", {doubted} unreliable" if doubted else "")


def component_gain(table: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """Largest gain of a component; doubtful ones are used only if there are no others."""
    known = records(table.dropna(subset=["bd_rate_pchip_percent"]))
    if not known:
        return ""
    reliable = [row for row in known if not doubts(row["notes"])] or known
    row = min(reliable, key=lambda row: float(row["bd_rate_pchip_percent"]))
    rate = f"{signed(row['bd_rate_pchip_percent'], 1)} %"
    return f"largest: {row['adds']}, {rate} bits ({titles[row['test']]} over {titles[row['anchor']]})"


def _quantization(content: Content, table: pd.DataFrame) -> str:
    """Range of the cost of rounding for the subject over its qualities."""
    own = table[table["name"] == content.subject]
    if own.empty:
        return ""
    low, high = plain(own["lost_db"].min(), 2), plain(own["lost_db"].max(), 2)
    costs = low if low == high else f"{low} to {high}"
    return f"rounding costs {answer.title(content, str(content.subject))} {costs} dB"


def _difference(content: Content) -> str:
    """Rate of the subject relative to the main anchor at the lowest and the highest quality."""
    if content.anchor is None or content.tables["rate_differences"].empty:
        return ""
    axis = content.results.axes[0]
    rows = content.rows("rate_differences", axis, content.anchor.name)
    rows = rows[rows["test"] == content.subject].dropna(subset=["rate_difference_percent"]).sort_values("quality")
    if len(rows) < 2:
        return ""
    ends = [
        f"{signed(row['rate_difference_percent'], 0)} % at {axis.shown(row['quality']):.1f} {axis.unit}".rstrip()
        for row in records(rows.iloc[[0, -1]])
    ]
    return f"{answer.title(content, str(content.subject))} against {content.anchor.title}: {' and '.join(ends)}"


def _anchors(table: pd.DataFrame) -> str:
    rates = pd.to_numeric(table["bd_rate_percent"]).dropna() if len(table) else pd.Series(dtype=float)
    if rates.empty:
        return ""
    return f"within {span(rates.min(), rates.max(), 1)} % of the bits of {count(len(rates), 'published curve')}"


def _times(content: Content) -> str:
    seconds, _ = answer.times(content)
    own = seconds.get(str(content.subject), {})
    if not own.keys() >= {"encode", "decode"}:
        return ""
    return f"{content.titles[str(content.subject)]} {own['encode']} s to encode and {own['decode']} s to decode"


def _costs(content: Content) -> str:
    """Codecs on the Pareto front of multiply-accumulates and rate."""
    if content.anchor is None:
        return ""
    rows = content.rows("cost_and_rate", content.results.axes[0], content.anchor.name)
    front = rows[rows["cost"].eq(COSTS[0].name) & rows["on_front"].astype(bool)].sort_values("value")
    return f"Pareto front (multiply-accumulates and rate): {', '.join(front['label'])}" if len(front) > 1 else ""


def _missing(content: Content) -> str:
    found = {"incomplete point": len(content.results.incomplete), "failure": len(content.tables["failures"])}
    parts = [count(number, thing) for thing, number in found.items() if number]
    if absent := len(points.absent(content)):
        parts.append(f"{count(absent, 'codec')} not measured here")
    return ", ".join(parts)


def rectifier(summary: pd.DataFrame) -> str:
    """Gain of the rectifier over its baselines and beyond the control, as means over the models."""
    if summary.empty:
        return ""
    own = summary[summary["modifier"] == "+qr"]
    gain = pd.to_numeric(own["psnr_gain_db"]).mean()
    beyond = pd.to_numeric(own["psnr_beyond_ft_db"]).dropna()
    text = f"{signed(gain, 3)} dB of PSNR on average over {count(len(own), 'model')}"
    return text + (f"; beyond the control (+ft): {signed(beyond.mean(), 3)} dB" if len(beyond) else "")


def ablation(table: pd.DataFrame) -> str:
    """Rates of the hyperprior alone and the context model alone relative to the joint model, in the first setting."""
    for _, group in table.groupby(SETTING, sort=False):
        differences = group.set_index("variant")["difference_percent"]
        parts = [f"{name} {signed(differences[name], 2)} %" for name in ("hyper", "context") if name in differences]
        if parts:
            return f"rate relative to the joint model: {', '.join(parts)}"
    return ""


def searches(table: pd.DataFrame) -> str:
    """Values of alpha that were chosen."""
    parts = [f"{row['alpha']:g} for {row['model']}@{row['quality']:g}" for row in records(table) if row["chosen"]]
    return f"chosen: {', '.join(parts)}" if parts else ""


def trial(means: pd.DataFrame) -> str:
    """Variant with the lowest loss for the first model and quality; empty unless all variants have a loss."""
    if means.empty or "rd_loss" not in means:
        return ""
    first = means[(means["model"] == means["model"].iloc[0]) & (means["quality"] == means["quality"].iloc[0])]
    if len(first) < 2 or first["rd_loss"].isna().any():
        return ""
    best = first.loc[first["rd_loss"].astype(float).idxmin()]
    return f"lowest loss of {len(first)} variants: {best['variant']}"
