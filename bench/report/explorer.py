"""Interactive figures: JSON in the page, drawn by static/explorer.js with plotly.

Values have six significant digits.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.report.against import difference_figure, front_figures, per_image_figure
from bench.report.rd_plot import rd_figure, window
from bench.report.style import MARKERS
from bench.report.views import script_json
from bench.report.views.table import records
from bench.system.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from bench.analysis.rd_curve import RdCurve
    from bench.report.content import Content
    from bench.report.figure import Figure, FigureAxis, Series
    from bench.report.style import Look

Notes = dict[tuple[str, ...], int]
"""Index in `notes` of each tuple of notes on points, such as picture names; many series share one."""


def explorer_json(content: Content) -> str:
    """JSON for static/explorer.js, safe within a script element."""
    notes: Notes = {}
    return script_json(
        {
            "metrics": [{"name": axis.name, "title": axis.label} for axis in content.results.axes],
            "anchors": [{"name": anchor.name, "title": anchor.title} for anchor in content.anchors],
            "curves": [_curve(rd_curve, content) for rd_curve in content.rd_curves if rd_curve.curves],
            "chosen": list(content.chosen),
            **_figures(content, notes),
            "notes": list(notes),
        }
    )


def _figures(content: Content, notes: Notes) -> dict[str, Any]:
    """Figures by view, metric, anchor and time, and descriptions of the times."""
    looks = content.looks
    names = [rd_curve.name for rd_curve in content.rd_curves]
    figures: dict[str, dict[str, Any]] = {"rd": {}, "difference": {}, "images": {}, "times": {}}
    timed: dict[tuple[str, str], None] = {}  # groups of comparable times and stages, in order
    for axis in content.results.axes:
        shown = [rd_curve for rd_curve in content.rd_curves if len(rd_curve.curves.get(axis.name, ()))]
        first = [rd_curve for rd_curve in shown if rd_curve.name in content.chosen] or shown
        if not shown:
            continue
        rd = rd_figure(axis, shown, content.curves, window(axis, first))
        figures["rd"][axis.name] = described(rd, looks, notes)
        difference, images, times = (
            figures[view].setdefault(axis.name, {}) for view in ("difference", "images", "times")
        )
        for anchor in content.anchors:
            if figure := difference_figure(content, axis, anchor.name, names):
                difference[anchor.name] = described(figure, looks, notes)
            if len(content.results.images) > 1 and (figure := per_image_figure(content, axis, anchor.name, names)):
                images[anchor.name] = described(figure, looks, notes)
            fronts = front_figures(content, axis, anchor.name, names)
            times[anchor.name] = {" ".join(key): described(front, looks, notes) for key, front in fronts.items()}
            timed |= dict.fromkeys(fronts)
    return {"times": [{"name": " ".join(key), "title": _time(content, *key)} for key in timed], "figures": figures}


def _time(content: Content, group: str, stage: str) -> str:
    """Description of a group of times: stage, machine, threads and device."""
    rows = content.tables["timings_summary"]
    first = records(rows[rows["group"].astype(str) == group].head(1))[0]
    threads = count(int(first["threads"]), "thread")
    return f"{stage}: {first['machine']}, {threads}, {first['device']}"


def described(figure: Figure, looks: Mapping[str, Look], notes: Notes) -> dict[str, Any]:
    """JSON form of a figure; defaults, and values that follow from the curve, are omitted."""
    return {
        "name": figure.name,
        "x": _axis(figure.x),
        "y": _axis(figure.y),
        "series": [_series(series, looks, notes) for series in figure.series if len(series.x)],
    }


def _axis(axis: FigureAxis) -> dict[str, Any]:
    whole = {
        "log": axis.log,
        "limits": [*map(_rounded, axis.limits)] if axis.limits else None,
        "rows": list(axis.ticks.values()) if axis.ticks else None,
        "descending": axis.descending,
        "percent": axis.percent,
        "zero": axis.zero,
    }
    return {"label": axis.label} | {name: value for name, value in whole.items() if value}


def _series(series: Series, looks: Mapping[str, Look], notes: Notes) -> dict[str, Any]:
    whole = {
        "curve": series.name,
        "look": None if series.look == looks.get(series.name) else look_json(series.look),
        **_places("x", series.x),
        "y": _list(series.y),
        "mode": "+".join(["lines"] * series.line + ["markers"] * series.markers),
        "every": series.every if series.every > 1 else None,
        "notes": notes.setdefault(tuple(series.notes), len(notes)) if series.notes else None,
        "faded": series.faded,
    }
    return {name: value for name, value in whole.items() if value or (name in ("x0", "notes") and value is not None)}


def _places(axis: str, values: NDArray[np.float64]) -> dict[str, Any]:
    """The values, or the first one and the step if they are evenly spaced; plotly accepts both."""
    steps = np.diff(values)
    if len(steps) > 3 and np.allclose(steps, steps[0], rtol=1e-6, atol=0):
        return {f"{axis}0": _rounded(values[0]), f"d{axis}": float(f"{steps[0]:.9g}")}
    return {axis: _list(values)}


def _list(values: Iterable[float]) -> list[float | None]:
    return [_rounded(value) if np.isfinite(value) else None for value in values]


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _curve(rd_curve: RdCurve, content: Content) -> dict[str, Any]:
    common = {
        "name": rd_curve.name,
        "title": content.titles[rd_curve.name],
        **look_json(content.looks[rd_curve.name]),
        "measured": bool(rd_curve.images),
    }
    if not rd_curve.images:
        return common | {"version": "published", "settings": ""}
    row = records(content.results.curves[content.results.curves["name"] == rd_curve.name])[0]
    return common | {
        "version": row["backend_version"] or row["backend"],
        "settings": ", ".join(f"{key} = {value}" for key, value in json.loads(row["settings"] or "{}").items()),
    }


def look_json(look: Look) -> dict[str, str | float]:
    """Style of a curve for plotly, with a role as its colour."""
    dash = ",".join(f"{length * 1.6:g}px" for length in look.dash) or "solid"
    symbol = (MARKERS[look.marker].plotly if look.marker else "circle") + ("-open" if look.hollow else "")
    return {"colour": look.colour, "symbol": symbol, "dash": dash, "width": look.width}
