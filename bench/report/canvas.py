"""Drawing of figures with matplotlib, with reproducible bytes: inline SVG in the theme of the page, and files."""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench.report.figure import HEIGHT_INCHES, WIDTH_INCHES
from bench.report.labels import MARKER_POINTS, places
from bench.report.numbers import percent_tick, tick
from bench.report.style import css_variables, themed_colours

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from bench.report.figure import Figure, FigureAxis, Series

FONT_POINTS = 11.5
NAME_POINTS = 10
"""Font sizes: of axes, and of rows, names and legends."""

CHARACTER = 0.6
"""Approximate width of a character relative to the font size."""

PNG_DPI = 600
"""Resolution that journals require for line art."""

FADED = 0.3
"""Opacity of unreliable curves and points."""


@dataclass(frozen=True, slots=True)
class Size:
    """Size of a figure without its legend, and its font size, by which lines and markers are scaled."""

    width_inches: float = WIDTH_INCHES
    height_inches: float = HEIGHT_INCHES
    font_points: float = FONT_POINTS

    @classmethod
    def of(cls, figure: Figure) -> Size:
        """Size of a figure on a page."""
        return cls(figure.width_inches, figure.height_inches)

    @property
    def scale(self) -> float:
        """Scale of lines, markers and names relative to those on a page."""
        return self.font_points / FONT_POINTS


def drawing(figure: Figure) -> str:
    """Draw a figure as SVG with placeholder colours, which `inline_svg` and `svg_file` replace."""
    svg = _saved(figure, "svg", themed_colours(), {"svg.fonttype": "none"}, Size.of(figure))
    text = re.sub(r"<metadata>.*?</metadata>", "", svg.decode(), flags=re.DOTALL)
    return re.sub(r"\n\s*", "\n", text[text.index("<svg") :]).strip()


def inline_svg(name: str, svg: str) -> str:
    """Convert a drawing to an SVG element for an HTML page, with CSS variables as colours."""
    # Ids must be unique on the page.
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    for role, colour in themed_colours().items():
        svg = svg.replace(colour, f"var(--{role})")
    # The page sets size and font. Screen readers read the caption.
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', svg, count=1)
    svg = re.sub(r"font(?:-size)?: ([\d.]+)px[^;\"]*", r"font-size: \1px", svg)
    return re.sub(r" font-family: [^;\"]*;", "", svg)


def svg_file(svg: str) -> bytes:
    """Convert a drawing to an SVG file in colours for white paper; text is kept as text."""
    light = css_variables(dark=False)
    for role, colour in themed_colours().items():
        svg = svg.replace(colour, light[role])
    return f'<?xml version="1.0" encoding="utf-8"?>\n{svg}\n'.encode()


def file_bytes(figure: Figure, form: str, size: Size | None = None) -> bytes:
    """Draw a figure for a paper, in colours for white paper.

    `form` is "svg" (text as paths), "pdf" (embedded fonts) or "png". The default `size` is that on a page.
    """
    options = {"svg.fonttype": "path", "pdf.fonttype": 42}
    return _saved(figure, form, css_variables(dark=False), options, size or Size.of(figure))


def _saved(figure: Figure, form: str, colours: Mapping[str, str], options: dict[str, Any], size: Size) -> bytes:
    import matplotlib as mpl  # noqa: PLC0415  # slow: half a second
    from matplotlib.figure import Figure as Canvas  # noqa: PLC0415

    # No dates, versions and random ids: equal reports have equal bytes.
    metadata = {
        "svg": {"Date": None, "Creator": None},
        "pdf": dict.fromkeys(("CreationDate", "Creator", "Producer")),
        "png": {"Software": None},
    }
    content = io.BytesIO()
    settings: Any = {**_settings(colours, size), "svg.hashsalt": figure.name, **options}
    with mpl.rc_context(settings):
        layout = _Layout(figure, size)
        canvas = Canvas(figsize=(size.width_inches, layout.height / 72))
        axes = canvas.add_axes(layout.axes)
        _Drawing(figure, axes, colours, size, layout).draw()
        dpi = PNG_DPI if form == "png" else "figure"
        canvas.savefig(content, format=form, metadata=metadata[form], dpi=dpi)
    return content.getvalue()


class _Layout:
    """Layout of axes and legend in points, estimated from the lengths of the texts to avoid a second drawing."""

    def __init__(self, figure: Figure, size: Size) -> None:
        letter = CHARACTER * NAME_POINTS * size.scale
        self.width = 72 * size.width_inches
        rows = [len(text) for text in (figure.y.ticks or {}).values()]
        left = letter * max(rows, default=0) + 8 if rows else (5.2 if figure.y.percent else 4.4) * size.font_points
        self.above = 10 + size.font_points * (bool(figure.y.label) * 1.4 + bool(figure.headings) * 1.6)
        below = size.font_points * 3.6
        entries = [len(series.title) for series in figure.legend]
        longest = max(entries, default=0) * 0.92 * letter + 46 * size.scale
        self.columns = max(1, min(len(entries), int((self.width - 8) // longest))) if entries else 1
        self.legend = 1.45 * NAME_POINTS * size.scale * math.ceil(len(entries) / self.columns) + 4 * bool(entries)
        self.height = 72 * size.height_inches + self.legend
        # The last tick label is centred below the end of the axis.
        right = 10 + 1.2 * size.font_points * (figure.x.percent or figure.names_at_points)
        self.inner = np.array([self.width - left - right, self.height - self.above - below - self.legend])
        bottom = (below + self.legend) / self.height
        self.axes = (left / self.width, bottom, self.inner[0] / self.width, self.inner[1] / self.height)


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Drawing of a figure on matplotlib axes, with a colour for each role."""

    figure: Figure
    axes: Axes
    colours: Mapping[str, str]
    size: Size
    layout: _Layout

    def draw(self) -> None:
        x, y = self.figure.x, self.figure.y
        for axis, line in ((x, self.axes.axvline), (y, self.axes.axhline)):
            if axis.zero:
                line(0, color=self.colours["muted"], linewidth=self.size.scale)
        drawn = {id(series): self._draw_series(series) for series in (*self.figure.series, *self.figure.key)}
        self._set_axis("x", x)
        self._set_axis("y", y)
        # Below names of rows the axis is short: its label extends to the left.
        self.axes.set_xlabel(x.label, loc="right" if y.ticks else "center")
        # Above the axis, where the label is horizontal.
        self.axes.set_title(y.label, pad=self.size.font_points * (2.2 if self.figure.headings else 0.8))
        if self.figure.names_at_points:
            self._name_points()
        self._draw_headings()
        self._draw_legend([drawn[id(series)] for series in self.figure.legend])

    def _draw_series(self, series: Series) -> Line2D:
        look, factor = series.look, self.size.scale
        (line,) = self.axes.plot(
            series.x,
            series.y,
            label=series.title,
            color=self.colours[look.colour],
            alpha=FADED if series.faded else None,
            marker=look.marker if series.markers else "",
            markersize=factor * (4.6 if series.line else MARKER_POINTS if len(series.x) == 1 else 6),
            markevery=(min(series.every - 1, series.every // 2), series.every),
            markerfacecolor=self.colours["paper"] if look.hollow else self.colours[look.colour],
            linewidth=factor * look.width * series.line,
            dashes=look.dash if series.line else (),
            zorder=2 if look.hollow or not series.name else 3,
        )
        return line

    def _set_axis(self, which: Literal["x", "y"], axis: FigureAxis) -> None:
        from matplotlib import ticker  # noqa: PLC0415

        drawn = self.axes.xaxis if which == "x" else self.axes.yaxis
        if axis.log:
            self.axes.set(**{f"{which}scale": "log"})
        self.axes.margins(0.05)
        if axis.limits:
            self.axes.set(**{f"{which}lim": axis.limits})
        if axis.ticks is not None:
            drawn.set_ticks(list(axis.ticks), labels=list(axis.ticks.values()))
            self.axes.grid(visible=False, axis=which)
            if which == "y":
                self.axes.tick_params(
                    axis="y", length=0, labelcolor=self.colours["ink"], labelsize=NAME_POINTS * self.size.scale
                )
                self.axes.spines["left"].set_visible(False)
        elif axis.log:
            drawn.set_major_locator(ticker.FixedLocator(log_ticks(*drawn.get_view_interval())))
            drawn.set_minor_locator(ticker.NullLocator())
        else:
            # A tick label takes the width of five letters and a space.
            most = self.layout.inner[0] / (5.5 * self.size.font_points) if which == "x" else 6
            drawn.set_major_locator(
                ticker.MaxNLocator(min(6, max(2, int(most))), steps=[1, 2, 5, 10], integer=axis.whole)
            )
        if axis.ticks is None:
            drawn.set_major_formatter(percent_tick if axis.percent else tick)
        if axis.descending:
            drawn.set_inverted(True)

    def _name_points(self) -> None:
        """Write the title of each series near its point (`bench.report.labels.places`)."""
        to_points = (self.axes.transScale + self.axes.transLimits).transform
        named = [series for series in self.figure.series if series.title]
        spots = np.array([(series.x[0], series.y[0]) for series in named])
        lines = [to_points(np.column_stack([s.x, s.y])) * self.layout.inner for s in self.figure.series if s.line]
        letter = CHARACTER * NAME_POINTS * self.size.scale
        found = places(to_points(spots) * self.layout.inner, [s.title for s in named], lines, self.layout.inner, letter)
        leader: dict[str, Any] = {"arrowstyle": "-", "color": self.colours["muted"], "linewidth": 0.6}
        leader |= {"shrinkA": 0, "shrinkB": MARKER_POINTS / 2}
        for series, spot, place in zip(named, spots, found, strict=True):
            self.axes.annotate(
                series.title,
                spot,
                place.offset,
                textcoords="offset points",
                horizontalalignment=place.side,
                verticalalignment="center",
                fontsize=NAME_POINTS * self.size.scale,
                color=self.colours["muted"],
                arrowprops=leader if place.has_leader else None,
            )

    def _draw_headings(self) -> None:
        for x, text, role in self.figure.headings:
            self.axes.annotate(
                text,
                (x, 1),
                (0, 4),
                xycoords=self.axes.get_xaxis_transform(),
                textcoords="offset points",
                horizontalalignment="center",
                fontsize=NAME_POINTS * self.size.scale,
                color=self.colours[role],
            )

    def _draw_legend(self, lines: Sequence[Line2D]) -> None:
        if lines:
            self.axes.figure.legend(
                lines,
                [series.title for series in self.figure.legend],
                loc="lower left",
                bbox_to_anchor=(self.layout.axes[0] / 3, 0),
                ncols=self.layout.columns,
                frameon=False,
                fontsize=NAME_POINTS * self.size.scale,
                handlelength=2.6,
                handletextpad=0.6,
                columnspacing=1.2,
                labelspacing=0.3,
                borderpad=0.2,
            )


_STEPS = {1.0: (1, 2, 3, 5, 7), 2.2: (1, 2, 5), 3.5: (1, 3)}
"""Ticks in each decade, by the maximum length of a logarithmic axis in decades."""


def log_ticks(low: float, high: float) -> list[float]:
    """Positions of ticks on a logarithmic axis; longer axes have fewer ticks per decade."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    width = math.log10(high / low)
    steps = next((steps for widest, steps in _STEPS.items() if width <= widest), (1,))
    return [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]


def _settings(colours: Mapping[str, str], size: Size) -> dict[str, Any]:
    factor = size.scale
    return {
        "font.family": "DejaVu Sans",
        "text.parse_math": False,  # titles of codecs may contain dollar signs
        "font.size": size.font_points,
        "axes.titlesize": size.font_points,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.linewidth": 0.8 * factor,
        "grid.linewidth": 0.6 * factor,
        "lines.markeredgewidth": factor,
        "figure.facecolor": colours["paper"],
        "axes.facecolor": colours["paper"],
        "savefig.facecolor": colours["paper"],
        "text.color": colours["ink"],
        "axes.labelcolor": colours["muted"],
        "axes.edgecolor": colours["muted"],
        "xtick.color": colours["muted"],
        "ytick.color": colours["muted"],
        "grid.color": colours["rule"],
    }
