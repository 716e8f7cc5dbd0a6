r"""RD curves as LaTeX: a tikzpicture for pgfplots, whose fonts are those of the paper that \input{}s it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.canvas import scale_of
from bench.report.rd_plot import MARKERS, RATE_LABEL, RATE_TICKS
from bench.report.style import css_variables
from bench.system.latex import escaped

if TYPE_CHECKING:
    from bench.analysis.rd_curve import RdCurve
    from bench.report.canvas import Size
    from bench.report.rd_plot import RdDrawing

_MARKS = {
    "o": "*",
    "s": "square*",
    "^": "triangle*",
    "D": "diamond*",
    "v": "triangle*",
    "P": "+",
    "X": "x",
    "h": "pentagon*",
    "p": "pentagon*",
}
"""Markers by pgfplots' names. There is one pentagon; the line tells the two apart."""


NEEDS = r"% Needs \usepackage{pgfplots} and \usetikzlibrary{plotmarks}; use it by \input."


def pgf_text(drawing: RdDrawing, size: Size) -> str:
    """A figure as the text of a .pgf file."""
    (left, right), (bottom, top) = drawing.window
    if not drawing.axis.higher_is_better:
        bottom, top = drawing.axis.shown(top), drawing.axis.shown(bottom)
    ticks = ",".join(f"{rate:g}" for rate in RATE_TICKS if left <= rate <= right)
    label = escaped(drawing.axis.label)
    options = [
        f"width={size.width_inches:.3f}in, height={size.height_inches:.3f}in, scale only axis=false",
        f"xmode=log, xmin={left:.6g}, xmax={right:.6g}, xtick={{{ticks}}}, log ticks with fixed point",
        f"ymin={bottom:.6g}, ymax={top:.6g}" + ("" if drawing.axis.higher_is_better else ", y dir=reverse"),
        f"xlabel={{{escaped(RATE_LABEL)}}}, ylabel={{{label}}}",
        "axis lines=left, grid=major, grid style={line width=.3pt, black!15}",
        "label style={font=\\footnotesize}, tick label style={font=\\footnotesize}",
        "legend style={at={(0.5,-0.25)}, anchor=north, draw=none, font=\\scriptsize}",
        "legend columns=2, legend cell align=left",
    ]
    lines = [NEEDS, "\\begin{tikzpicture}"]
    for place, rd_curve in enumerate(drawing.rd_curves):
        colour = css_variables(dark=False)[drawing.looks[rd_curve.name].colour].lstrip("#").upper()
        lines.append(f"\\definecolor{{curve{place}}}{{HTML}}{{{colour}}}")
    lines += ["\\begin{axis}[", *(f"  {option}," for option in options), "]"]
    for place, rd_curve in enumerate(drawing.rd_curves):
        lines += _curve(rd_curve, drawing, size, f"curve{place}")
    return "\n".join([*lines, "\\end{axis}", "\\end{tikzpicture}", ""])


def _curve(rd_curve: RdCurve, drawing: RdDrawing, size: Size, colour: str) -> list[str]:
    look, curve = drawing.looks[rd_curve.name], rd_curve.curves[drawing.axis.name]
    width = look.width * scale_of(size)
    dash = " ".join(f"{'off' if place % 2 else 'on'} {length * width:.2f}pt" for place, length in enumerate(look.dash))
    repeat = 1 if rd_curve.images else max(1, len(curve) // MARKERS)
    turned = ", rotate=180" if look.marker == "v" else ""
    fill = "white" if look.hollow else colour
    options = f"color={colour}, line width={width:.2f}pt" + (f", dash pattern={dash}" if dash else "")
    marks = f"mark={_MARKS[look.marker]}, mark size={2.6 * scale_of(size):.2f}pt, mark repeat={repeat}"
    pairs = zip(curve.rate_bpp, map(drawing.axis.shown, curve.quality), strict=True)
    points = " ".join(f"({rate:.6g},{value:.6g})" for rate, value in pairs)
    return [
        f"\\addplot[{options}, {marks}, mark options={{solid, line width={width / 2:.2f}pt, fill={fill}{turned}}}]",
        f"  coordinates {{{points}}};",
        f"\\addlegendentry{{{escaped(rd_curve.title)}}}",
    ]
