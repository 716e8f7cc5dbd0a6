"""Figures as bytes, the same every time: inline in the page, where they follow its theme, and as files for a paper."""

from __future__ import annotations

import hashlib
import io
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.report.style import css_variables, themed_colours

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from matplotlib.axes import Axes

WIDTH_INCHES = 6.0
HEIGHT_INCHES = 4.3
FONT_POINTS = 11.5
NAME_POINTS = 10
"""Of the names of rows, points and lines."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure that can be drawn in any palette."""

    name: str  # of its file, and unique in a page
    caption: str
    draw: Callable[[Axes, Mapping[str, str]], None]  # on axes, in the colours of the roles
    height_inches: float = HEIGHT_INCHES


def slug(name: str) -> str:
    """A name as part of a file name and an id: letters, digits, hyphens; different names stay different."""
    safe = re.sub(r"[^A-Za-z0-9_]", "-", name)
    return safe if safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def inline_svg(plot: Plot) -> str:
    """The figure as an SVG element of an HTML page: text stays text, colours are the page's CSS variables."""
    colours = themed_colours()
    svg = _saved(plot, "svg", colours, {"svg.fonttype": "none"}, alone=False).decode()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    # Several figures share a page, so their ids must differ.
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{plot.name}-", svg)
    for role, colour in colours.items():
        svg = svg.replace(colour, f"var(--{role})")
    # The page gives size, font and words; the caption beside the figure is what a screen reader reads.
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', svg, count=1)
    svg = re.sub(r"font(?:-size)?: ([\d.]+)px[^;\"]*", r"font-size: \1px", svg)
    svg = re.sub(r" font-family: [^;\"]*;", "", svg)
    return re.sub(r"\n\s*", "\n", svg).strip()


def file_bytes(plot: Plot, form: str) -> bytes:
    """The figure as a file: "svg" with text as paths, or "pdf" with embedded fonts; colours for white paper."""
    options = {"svg.fonttype": "path", "pdf.fonttype": 42}
    return _saved(plot, form, css_variables(dark=False), options, alone=True)


def _saved(plot: Plot, form: str, colours: Mapping[str, str], options: dict[str, Any], *, alone: bool) -> bytes:
    import matplotlib as mpl  # noqa: PLC0415  # 0.5 s that only a report needs to pay
    from matplotlib.figure import Figure  # noqa: PLC0415

    # Dates, versions and random ids would make two equal reports differ.
    metadata = {"svg": {"Date": None, "Creator": None}, "pdf": dict.fromkeys(("CreationDate", "Creator", "Producer"))}
    content = io.BytesIO()
    settings: Any = {**_settings(colours), "svg.hashsalt": plot.name, **options}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(WIDTH_INCHES, plot.height_inches), layout="constrained")
        axes = figure.add_subplot()
        plot.draw(axes, colours)
        entries = len(axes.get_legend_handles_labels()[0]) if alone else 0
        if entries:
            figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=FONT_POINTS - 2.5)
            figure.set_figheight(plot.height_inches + 0.2 * math.ceil(entries / 2))
        # Alone, a figure brings its paper along: dark ink would be lost on a dark page.
        figure.savefig(content, format=form, transparent=not alone, metadata=metadata[form])
    return content.getvalue()


def _settings(colours: Mapping[str, str]) -> dict[str, Any]:
    return {
        "font.family": "DejaVu Sans",
        "text.parse_math": False,  # a codec's title may hold a dollar sign
        "font.size": FONT_POINTS,
        "axes.titlesize": FONT_POINTS,
        "axes.titlelocation": "left",
        "axes.titlepad": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.linewidth": 0.8,
        "grid.linewidth": 0.6,
        "lines.linewidth": 1.6,
        "lines.markersize": 4.6,
        "text.color": colours["ink"],
        "axes.labelcolor": colours["muted"],
        "axes.edgecolor": colours["muted"],
        "xtick.color": colours["muted"],
        "ytick.color": colours["muted"],
        "grid.color": colours["rule"],
    }
