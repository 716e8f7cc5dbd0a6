"""Figure of selected curves in the width of a paper's column or page, with its data and citations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.report.canvas import Size, file_bytes
from bench.report.citations import citations
from bench.report.figure import Curves
from bench.report.pgfplots import pgf_text
from bench.report.rd_plot import Window, qualities_between, rd_figure, window_around
from bench.report.style import looks_of_few
from bench.system.csv_files import csv_text
from bench.system.errors import UsageError, unknown
from bench.system.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.analysis.choice import Choice
    from bench.report.figure import Figure

FORMS = ("pdf", "svg", "png", "csv", "pgf")
"""File formats of a figure: csv has the points, pgf is LaTeX for pgfplots."""

WIDTHS_MM = {"column": 88.9, "page": 181.9}
"""Widths in two-column papers: 3.5 and 7.16 inches."""

FONT_POINTS = 8.0
"""Font size of figures in papers, printed without scaling."""

_MM = 25.4
_HIGHEST_INCHES = 3.6


def paper_figure(choice: Choice, rates: str = "") -> Figure:
    """Description of the figure of the given curves; arguments and errors as for `write_figure`."""
    own = {rd_curve.name for rd_curve in choice.leading}
    looks = looks_of_few({s.name: not s.images and s.name not in own for s in choice.rd_curves})
    titles = {rd_curve.name: rd_curve.title for rd_curve in choice.rd_curves}
    return rd_figure(choice.axis, choice.rd_curves, Curves(titles, looks), _window(choice, rates))


def _window(choice: Choice, rates: str) -> Window:
    if not rates:
        return window_around(choice.axis, choice.leading, choice.rd_curves)
    try:
        low, high = map(float, rates.split(":"))
    except ValueError:
        low = high = 0.0
    if not 0 < low < high:
        raise UsageError(f"--rates {rates}: give two rates in bits per pixel, as in 0.1:1.5")
    try:
        return (low, high), qualities_between(choice.axis, choice.rd_curves, low, high)
    except ValueError:
        raise UsageError(f"--rates {rates}: no curve has points in this range") from None


def _size(width: str) -> Size:
    try:
        width_mm = WIDTHS_MM.get(width) or float(width.removesuffix("mm"))
    except ValueError:
        raise UsageError(
            f"--width {width}: give {', '.join(WIDTHS_MM)}, or a width in millimetres, as in 120"
        ) from None
    if not 40 <= width_mm <= 400:
        raise UsageError(f"--width {width}: the width must be 40 to 400 mm")
    inches = width_mm / _MM
    return Size(inches, min(0.75 * inches, _HIGHEST_INCHES), FONT_POINTS)


def forms_of(text: str) -> tuple[str, ...]:
    """Parse a list of formats such as "pdf,csv".

    Raises:
        UsageError: a format is unknown, or the list is empty.
    """
    forms = tuple(dict.fromkeys(form for form in re.split(r"[,\s]+", text.lower()) if form))
    for form in forms:
        if form not in FORMS:
            raise unknown("format", form, FORMS)
    if not forms:
        raise UsageError(f"--format needs one or more of {', '.join(FORMS)}")
    return forms


def write_figure(
    choice: Choice, out: Path, forms: Sequence[str], *, width: str = "column", rates: str = ""
) -> list[Path]:
    """Write a figure in the given formats, and a .bib file of the works that it is based on.

    Args:
        choice: Curves of the figure.
        out: Common path of the files; a suffix that is one of the formats is removed.
        forms: Formats, from `FORMS`.
        width: A name of `WIDTHS_MM`, or a number of millimetres.
        rates: Range of rates, "LOW:HIGH" in bits per pixel; "" for automatic limits.

    Returns:
        The paths written.

    Raises:
        UsageError: the width or the range of rates is invalid, no curve has points in it, or the folder is a file.
        OSError: the folder cannot be written.
    """
    size, figure = _size(width), paper_figure(choice, rates)
    stem = out.with_suffix("") if out.suffix.removeprefix(".").lower() in FORMS else out
    texts = {"csv": lambda: csv_text(choice.points), "pgf": lambda: pgf_text(figure, size)}
    data = {form: texts[form]().encode() if form in texts else file_bytes(figure, form, size) for form in forms}
    data["bib"] = citations(choice).encode()
    paths = []
    for form, content in data.items():
        path = stem.with_name(f"{stem.name}.{form}")
        write_bytes(path, content)
        paths.append(path)
    return paths
