"""Tables as LaTeX and Markdown, with the same cells as in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.cli.tables import is_number
from bench.system.latex import escaped

if TYPE_CHECKING:
    from collections.abc import Sequence


def latex(headers: Sequence[str], rows: Sequence[Sequence[str]], heading: str, notes: Sequence[str]) -> str:
    """Format a table as a LaTeX tabular for the package booktabs, with heading and notes as comments above it."""
    headers, rows = _without_empty_columns(headers, rows)
    columns = "".join("r" if numeric else "l" for numeric in _are_numeric(headers, rows))
    lines = [f"% {line}" for line in (heading, *notes, "Needs \\usepackage{booktabs}.")]
    lines += [f"\\begin{{tabular}}{{{columns}}}", "\\toprule", _tex_row(headers), "\\midrule"]
    lines += [*map(_tex_row, rows), "\\bottomrule", "\\end{tabular}"]
    return "\n".join(lines) + "\n"


def markdown(headers: Sequence[str], rows: Sequence[Sequence[str]], heading: str, notes: Sequence[str]) -> str:
    """Format a table as Markdown, with the heading above it and a list of notes below."""
    headers, rows = _without_empty_columns(headers, rows)
    rule = ["-:" if numeric else ":-" for numeric in _are_numeric(headers, rows)]
    lines = [_plain(heading), "", _md_row(headers), f"| {' | '.join(rule)} |", *map(_md_row, rows)]
    lines += [""] * bool(notes) + [f"- {_plain(note)}" for note in notes]
    return "\n".join(lines) + "\n"


def _without_empty_columns(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Leave out columns without any text, such as remarks if there are none."""
    filled = [place for place in range(len(headers)) if not rows or any(row[place] for row in rows)]
    return [headers[place] for place in filled], [[row[place] for place in filled] for row in rows]


def _are_numeric(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[bool]:
    """Whether each column contains only numbers."""
    return [all(is_number(row[place]) for row in rows) for place in range(len(headers))]


def _tex_row(cells: Sequence[str]) -> str:
    return " & ".join(_tex_cell(cell) for cell in cells) + r" \\"


def _tex_cell(cell: str) -> str:
    parts = cell.split(" to ")
    return " to ".join(map(_tex_number, parts)) if all(map(is_number, parts)) else escaped(cell)


def _tex_number(text: str) -> str:
    return f"$-${escaped(text[1:])}" if text.startswith("-") and text != "-" else escaped(text)


def _md_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")
