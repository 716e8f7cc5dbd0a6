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
    from matplotlib.figure import Figure

WIDTH_INCHES = 6.0
HEIGHT_INCHES = 4.3
FONT_POINTS = 11.5
NAME_POINTS = 10
"""Of the names of rows, points and lines."""


LEGEND_POINTS = 9
PAPER_LEGEND = {"handlelength": 2.4, "handletextpad": 0.5, "columnspacing": 1.0, "borderpad": 0.0}
"""That of a paper's figure, in its font's sizes: lines long enough for their dashes, and narrow columns."""

PNG_DPI = 600
"""What journals ask for of line art."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a figure is, without its legend: in inches, and its font in points. Lines and markers follow the font.

    `legend_columns` is None where as many columns are taken as fit.
    """

    width_inches: float = WIDTH_INCHES
    height_inches: float = HEIGHT_INCHES
    font_points: float = FONT_POINTS
    legend_columns: int | None = 2


def scale_of(size: Size) -> float:
    """How much smaller than in a report lines, markers and names are."""
    return size.font_points / FONT_POINTS


def scale() -> float:
    """The same of the figure that is being drawn."""
    import matplotlib as mpl  # noqa: PLC0415  # 0.5 s that only a report needs to pay

    return float(mpl.rcParams["font.size"]) / FONT_POINTS


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
    svg = _saved(plot, "svg", colours, {"svg.fonttype": "none"}, Size(height_inches=plot.height_inches)).decode()
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


def file_bytes(plot: Plot, form: str, size: Size | None = None) -> bytes:
    """The figure as a file, with its legend and in colours for white paper.

    `form` is "svg" with text as paths, "pdf" with embedded fonts, or "png". Without a `size` it is as in a report.
    """
    options = {"svg.fonttype": "path", "pdf.fonttype": 42}
    size = size or Size(height_inches=plot.height_inches)
    return _saved(plot, form, css_variables(dark=False), options, size, alone=True)


def _saved(
    plot: Plot, form: str, colours: Mapping[str, str], options: dict[str, Any], size: Size, *, alone: bool = False
) -> bytes:
    import matplotlib as mpl  # noqa: PLC0415  # 0.5 s that only a report needs to pay
    from matplotlib.figure import Figure  # noqa: PLC0415

    # Dates, versions and random ids would make two equal reports differ.
    metadata = {
        "svg": {"Date": None, "Creator": None},
        "pdf": dict.fromkeys(("CreationDate", "Creator", "Producer")),
        "png": {"Software": None},
    }
    content = io.BytesIO()
    settings: Any = {**_settings(colours, size.font_points), "svg.hashsalt": plot.name, **options}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(size.width_inches, size.height_inches), layout="constrained")
        axes = figure.add_subplot()
        plot.draw(axes, colours)
        if alone:
            _add_legend(figure, axes, size)
        # Alone, a figure brings its paper along: dark ink would be lost on a dark page.
        dpi = PNG_DPI if form == "png" else "figure"
        figure.savefig(content, format=form, transparent=not alone, metadata=metadata[form], dpi=dpi)
    return content.getvalue()


def _add_legend(figure: Figure, axes: Axes, size: Size) -> None:
    """The legend below the axes, in as many columns as fit, and the figure as much higher as it needs."""
    entries = len(axes.get_legend_handles_labels()[0])
    if not entries:
        return
    points = LEGEND_POINTS * size.font_points / FONT_POINTS
    spaces: Mapping[str, float] = {} if size.legend_columns else PAPER_LEGEND
    for columns in (size.legend_columns,) if size.legend_columns else range(min(entries, 4), 0, -1):
        legend = figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize=points, **spaces)
        figure.set_figheight(size.height_inches + 0.2 * points / LEGEND_POINTS * math.ceil(entries / columns))
        if size.legend_columns or columns == 1:
            return
        figure.draw_without_rendering()
        if legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def _settings(colours: Mapping[str, str], font_points: float) -> dict[str, Any]:
    factor = font_points / FONT_POINTS
    return {
        "font.family": "DejaVu Sans",
        "text.parse_math": False,  # a codec's title may hold a dollar sign
        "font.size": font_points,
        "axes.titlesize": font_points,
        "axes.titlelocation": "left",
        "axes.titlepad": 10 * factor,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.linewidth": 0.8 * factor,
        "grid.linewidth": 0.6 * factor,
        "lines.linewidth": 1.6 * factor,
        "lines.markersize": 4.6 * factor,
        "lines.markeredgewidth": factor,
        "text.color": colours["ink"],
        "axes.labelcolor": colours["muted"],
        "axes.edgecolor": colours["muted"],
        "xtick.color": colours["muted"],
        "ytick.color": colours["muted"],
        "grid.color": colours["rule"],
    }
