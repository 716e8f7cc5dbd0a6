r"""Figures as LaTeX: a tikzpicture for pgfplots, for \input in a paper, whose fonts it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.report.canvas import Size, log_ticks
from bench.report.style import MARKERS, css_variables
from bench.system.latex import escaped

if TYPE_CHECKING:
    from bench.report.figure import Figure, FigureAxis, Series

NEEDS = r"% Needs \usepackage{pgfplots} and \usetikzlibrary{plotmarks}; use it by \input."


def pgf_text(figure: Figure, size: Size | None = None) -> str:
    """Text of the .pgf file of a figure, by default in the size that it has on a page."""
    size = size or Size.of(figure)
    options = [
        f"width={size.width_inches:.3f}in, height={size.height_inches:.3f}in, scale only axis=false",
        *_axis("x", figure.x),
        *_axis("y", figure.y),
        "axis lines=left, grid=major, grid style={line width=.3pt, black!15}, unbounded coords=jump",
        "label style={font=\\footnotesize}, tick label style={font=\\footnotesize}",
        "legend style={at={(0.5,-0.25)}, anchor=north, draw=none, font=\\scriptsize}",
        "legend columns=2, legend cell align=left",
    ]
    roles = {role: f"curve{place}" for place, role in enumerate(dict.fromkeys(s.look.colour for s in figure.series))}
    light = css_variables(dark=False)
    return "\n".join(
        [
            NEEDS,
            "\\begin{tikzpicture}",
            *(f"\\definecolor{{{name}}}{{HTML}}{{{light[role].lstrip('#').upper()}}}" for role, name in roles.items()),
            "\\begin{axis}[",
            *(f"  {option}," for option in options),
            "]",
            *(line for series in figure.series for line in _series(series, figure, size, roles[series.look.colour])),
            *(line for series in figure.key for line in _key(series, size, roles[series.look.colour])),
            "\\end{axis}",
            "\\end{tikzpicture}",
            "",
        ]
    )


def _axis(which: str, axis: FigureAxis) -> list[str]:
    options = [f"{which}label={{{escaped(axis.label)}}}"] if axis.label else []
    if axis.log:
        options.append(f"{which}mode=log, log ticks with fixed point")
        if axis.limits:
            options.append(f"{which}tick={{{','.join(f'{tick:g}' for tick in log_ticks(*axis.limits))}}}")
    if axis.limits:
        options.append(f"{which}min={axis.limits[0]:.6g}, {which}max={axis.limits[1]:.6g}")
    if axis.ticks is not None:
        texts = ",".join(f"{{{escaped(text)}}}" for text in axis.ticks.values())
        options.append(
            f"{which}tick={{{','.join(f'{place:g}' for place in axis.ticks)}}}, {which}ticklabels={{{texts}}}"
        )
    if axis.descending:
        options.append(f"{which} dir=reverse")
    if axis.zero:
        options.append(
            f"extra {which} ticks={{0}}, extra {which} tick labels={{}}, "
            f"extra {which} tick style={{grid style={{black!50}}}}"
        )
    return options


def _series(series: Series, figure: Figure, size: Size, colour: str) -> list[str]:
    options = _options(series, size, colour)
    if not series.title or figure.names_at_points:
        options += ", forget plot"
    if series.faded:
        options += ", opacity=0.3"
    points = " ".join(f"({_number(x)},{_number(y)})" for x, y in zip(series.x, series.y, strict=True))
    lines = [f"\\addplot[{options}]", f"  coordinates {{{points}}};"]
    if series.title and figure.names_at_points:
        lines.append(
            f"\\node[anchor=west, font=\\scriptsize] at (axis cs:{series.x[0]:.6g},{series.y[0]:.6g}) "
            f"{{{escaped(series.title)}}};"
        )
    elif series.title:
        lines.append(f"\\addlegendentry{{{escaped(series.title)}}}")
    return lines


def _key(series: Series, size: Size, colour: str) -> list[str]:
    return [
        f"\\addlegendimage{{{_options(series, size, colour)}}}",
        f"\\addlegendentry{{{escaped(series.title)}}}",
    ]


def _options(series: Series, size: Size, colour: str) -> str:
    """Options for line and marker of a series."""
    look = series.look
    width = look.width * size.scale
    dash = " ".join(f"{'off' if place % 2 else 'on'} {length * width:.2f}pt" for place, length in enumerate(look.dash))
    options = f"color={colour}, line width={width:.2f}pt" + (f", dash pattern={dash}" if dash and series.line else "")
    if not series.line:
        options += ", only marks"
    if series.markers and look.marker:
        turned = ", rotate=180" if look.marker == "v" else ""
        fill = "white" if look.hollow else colour
        options += f", mark={MARKERS[look.marker].pgf}, mark size={2.6 * size.scale:.2f}pt, mark repeat={series.every}"
        options += f", mark options={{solid, line width={width / 2:.2f}pt, fill={fill}{turned}}}"
    else:
        options += ", no marks"
    return options


def _number(value: float) -> str:
    return f"{value:.6g}" if np.isfinite(value) else "nan"
