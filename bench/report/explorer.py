"""The numbers of the interactive figures, as JSON inside the page: the same as in its CSV files, to six digits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.report.front_plot import STAGES
from bench.report.rd_plot import window
from bench.report.views.rows import records

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from bench.analysis.axis import Axis
    from bench.analysis.rd_curve import RdCurve
    from bench.report.content import Content
    from bench.report.style import Look

_SYMBOLS = {
    "": "circle",
    "o": "circle",
    "s": "square",
    "^": "triangle-up",
    "D": "diamond",
    "v": "triangle-down",
    "P": "cross",
    "X": "x",
    "h": "hexagon",
    "p": "pentagon",
}
"""Markers of the static figures by plotly's names."""


def explorer_json(content: Content) -> str:
    """What static/explorer.js draws, safe inside a script element."""
    text = json.dumps(_explorer(content), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # A name from outside must not end the element.
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _explorer(content: Content) -> dict[str, Any]:
    shown = [rd_curve for rd_curve in content.rd_curves if rd_curve.curves]
    return {
        "axes": [_axis(axis, content) for axis in content.results.axes],
        "curves": [_curve(rd_curve, content) for rd_curve in shown],
        "anchors": [{"name": anchor.name, "title": anchor.title} for anchor in content.anchors],
        "differences": _differences(content.tables["rate_differences"]),
        "images": list(content.results.images),
        "perImage": _per_image(content.tables["per_image_bd_rates"]),
        "rates": _rates(content.tables["bd_rates"]),
        "times": _times(content.tables["time_and_rate"]),
    }


def _axis(axis: Axis, content: Content) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": axis.name,
        "label": axis.label,
        "title": axis.title,
        "unit": axis.unit,
        "sign": 1 if axis.higher_is_better else -1,
    }
    if any(rd_curve.images and len(rd_curve.curves.get(axis.name, ())) for rd_curve in content.rd_curves):
        rates, qualities = window(axis, content.rd_curves)
        found["window"] = {"rates": [*map(_rounded, rates)], "qualities": [*map(_rounded, qualities)]}
    return found


def _curve(rd_curve: RdCurve, content: Content) -> dict[str, Any]:
    look = content.looks[rd_curve.name]
    common = {"name": rd_curve.name, "title": rd_curve.title, **_look(look), "measured": bool(rd_curve.images)}
    common["leading"] = not rd_curve.images or rd_curve.name in content.results.leading
    if not rd_curve.images:
        curves = {
            axis.name: [_point(r, q) for r, q in zip(curve.rate_bpp, curve.quality, strict=True)]
            for axis in content.results.axes
            if (curve := rd_curve.curves.get(axis.name)) is not None
        }
        return common | {"version": "published", "settings": "", "points": curves}
    row = records(content.results.curves[content.results.curves["name"] == rd_curve.name])[0]
    return common | {
        "version": row["backend_version"] or row["backend"],
        "settings": ", ".join(f"{key} = {value}" for key, value in json.loads(row["settings"] or "{}").items()),
        "points": {axis.name: _measured(rd_curve.name, axis, content) for axis in content.results.axes},
    }


def _look(look: Look) -> dict[str, str | float]:
    dash = ",".join(f"{length * 1.6:g}px" for length in look.dash) or "solid"
    symbol = _SYMBOLS[look.marker] + ("-open" if look.hollow else "")
    return {"colour": look.colour, "symbol": symbol, "dash": dash, "width": look.width, "tag": look.tag}


def _measured(name: str, axis: Axis, content: Content) -> list[list[float]]:
    points = content.results.points
    rows = points[(points["name"] == name) & points[axis.column].notna()]
    quality = axis.quality(rows[axis.column])
    finite = rows.assign(shown=quality)[np.isfinite(quality)].sort_values("bpp")
    return [[*_point(r["bpp"], r["shown"]), r["quality"]] for r in records(finite)]


def _point(rate: float, quality: float) -> list[float]:
    return [_rounded(rate), _rounded(quality)]


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _list(values: Iterable[float]) -> list[float | None]:
    return [float(f"{value:.4g}") if np.isfinite(value) else None for value in values]


def _nested(table: pd.DataFrame, entry: Any) -> dict[str, Any]:  # noqa: ANN401 - a function of rows to JSON
    """The rows of each axis, anchor and test as {axis: {anchor: {test: entry(rows)}}}."""
    found: dict[str, Any] = {}
    if table.empty:
        return found
    for (axis, anchor, test), rows in table.groupby(["axis", "anchor", "test"], sort=False):
        found.setdefault(str(axis), {}).setdefault(str(anchor), {})[str(test)] = entry(rows)
    return found


def _differences(table: pd.DataFrame) -> dict[str, Any]:
    """The grid of qualities is even, so its ends are enough."""
    return _nested(
        table,
        lambda rows: {
            "from": _rounded(rows["quality"].iloc[0]),
            "to": _rounded(rows["quality"].iloc[-1]),
            "percent": _list(rows["rate_difference_percent"]),
        },
    )


def _per_image(table: pd.DataFrame) -> dict[str, Any]:
    return _nested(table, lambda rows: _list(rows["bd_rate_pchip_percent"]))


def _rates(table: pd.DataFrame) -> dict[str, Any]:
    return _nested(table, lambda rows: _list(rows["bd_rate_pchip_percent"].astype(float))[0])


def _times(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One entry a group of comparable times and stage: seconds by curve, and which curves are on the front."""
    found = []
    # The whole way comes first: its parts are of learned codecs alone.
    place = table["stage"].map({stage: place for place, stage in enumerate(STAGES)}).fillna(len(STAGES))
    for (group, _, stage), rows in table.groupby(["group", place.rename("place"), "stage"], sort=True):
        first = records(rows.head(1))[0]
        where = (
            f"{first['machine']}, {first['threads']:g} thread{'' if first['threads'] == 1 else 's'}, {first['device']}"
        )
        seconds = {row["test"]: _rounded(row["median_s"]) for row in records(rows)}
        front = _nested(rows, lambda own: bool(own["on_front"].iloc[0]))
        found.append({"group": group, "stage": stage, "where": where, "seconds": seconds, "front": front})
    return found
