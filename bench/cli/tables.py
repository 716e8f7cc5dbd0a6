"""Tables for the terminal, and the same cells as LaTeX and Markdown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from bench.system.latex import escaped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from bench.analysis.dataset_results import DatasetResults


def show(headers: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """Print a table to standard output; columns of numbers are aligned to the right."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    cells = [[str(cell) for cell in row] for row in rows]
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for index, header in enumerate(headers):
        numeric = bool(cells) and all(is_number(row[index]) for row in cells)
        table.add_column(header, justify="right" if numeric else "left")
    for row in cells:
        table.add_row(*map(Text, row))  # Text, because names from outside may look like markup
    console = Console()
    # In a pipe, each row is one line of any length, for grep and awk.
    console = console if console.is_terminal else Console(width=10_000)
    console.print(table)


def show_all(tables: Iterable[tuple[Sequence[str], Iterable[Sequence[str]]]]) -> None:
    """Print tables (headers, rows), separated by blank lines; tables without rows are left out."""
    filled = ((headers, rows) for headers, given in tables if (rows := list(given)))
    for index, (headers, rows) in enumerate(filled):
        if index:
            click.echo()
        show(headers, rows)


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


def plain(frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of a frame, with floats to six digits."""
    rows = [[f"{value:.6g}" if isinstance(value, float) else str(value) for value in row] for row in frame.to_numpy()]
    return list(frame.columns), rows


INFINITE, UNDEFINED, NOTHING = "\N{INFINITY}", "n/a", "-"
"""Placeholders for numbers: for identical pictures, for an undefined metric, and for a missing measurement."""


def rd_points(points: pd.DataFrame, results: DatasetResults) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of RD points, with one row per codec and quality."""
    headers = ["codec", "quality", "pictures", "bpp", *(axis.label for axis in results.axes)]
    undefined = {axis.name: results.undefined_points(axis) for axis in results.axes}
    rows = [
        [row["name"], f"{row['quality']:g}", str(row["images"]), f"{row['bpp']:.4f}"]
        + [
            _value(row[axis.name], defined=(row["name"], row["quality"]) not in undefined[axis.name])
            for axis in results.axes
        ]
        for row in points.to_dict("records")
    ]
    return headers, rows


def _value(value: float, *, defined: bool) -> str:
    if math.isnan(value):
        return NOTHING if defined else UNDEFINED
    return INFINITE if math.isinf(value) else f"{value:.3f}"


def incomplete(points: pd.DataFrame) -> Iterator[str]:
    """Yield a line per codec with incomplete points: number of points, and number of their pictures."""
    for name, rows in points.groupby("name", sort=False):
        fewest, most = rows["have"].min(), rows["have"].max()
        have = str(most) if fewest == most else f"{fewest} to {most}"
        subject = "1 point has" if len(rows) == 1 else f"{len(rows)} points have"
        yield f"{name}: {subject} {have} of {rows['need'].iloc[0]} pictures"


def stale(rows: pd.DataFrame, curves: Collection[str]) -> Iterator[str]:
    """Yield a line for each of the curves that is not shown because another version of it is current."""
    for row in rows[rows["curve"].isin(curves)].to_dict("records"):
        version = row["backend_version"] or row["backend"]
        yield f"{row['name']} of {version}: not shown, because another version was measured later or has more points"


def comparison(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of a comparison, with one row per metric.

    There are columns for BD-rates, for differences at a point, or, if a glob matches curves and points, for both. Rows
    of several curves begin with the name of the curve.
    """
    with_points = any("rate_at_equal_quality_percent" in row for row in rows)
    with_rates = not with_points or any(row["bd_rate_pchip_percent"] is not None for row in rows)
    interval = "95 % interval"
    headers = ["metric"]
    headers += ["BD-rate", interval, "Akima", "cubic", "BD-quality", "overlap", "points"] * with_rates
    headers += ["rate at equal quality", interval, "quality at equal rate", interval] * with_points
    headers += ["remarks"]
    cells = [
        [row["axis_title"], *_bd_cells(row) * with_rates, *_point_cells(row) * with_points, row["notes"]]
        for row in rows
    ]
    if len({row["test"] for row in rows}) <= 1:
        return headers, cells
    return ["curve", *headers], [[row["test"], *cell] for row, cell in zip(rows, cells, strict=True)]


def _bd_cells(row: Mapping[str, Any]) -> list[str]:
    return [
        _number(row["bd_rate_pchip_percent"], "+z.2f", " %"),
        _span(row["interval_low_percent"], row["interval_high_percent"], "+z.2f"),
        _number(row["bd_rate_akima_percent"], "+z.2f"),
        _number(row["bd_rate_cubic_percent"], "+z.2f"),
        _number(row["bd_quality_pchip"], "+z.3f"),
        _span(row["overlap_low"], row["overlap_high"], "#.4g"),
        f"{row['test_points_in_overlap']}, {row['anchor_points_in_overlap']}",
    ]


def _point_cells(row: Mapping[str, Any]) -> list[str]:
    return [
        _number(row.get("rate_at_equal_quality_percent"), "+z.2f", " %"),
        _span(row.get("rate_low_percent"), row.get("rate_high_percent"), "+z.2f"),
        _number(row.get("quality_at_equal_rate"), "+z.3f"),
        _span(row.get("quality_low"), row.get("quality_high"), "+z.3f"),
    ]


def _number(value: float | None, form: str, unit: str = "") -> str:
    return NOTHING if value is None else f"{value:{form}}{unit}"


def _span(low: float | None, high: float | None, form: str) -> str:
    return NOTHING if low is None or high is None else f"{low:{form}} to {high:{form}}"


def ablation(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of an ablation, with one row per variant."""
    headers = ["variant", "parameters", "fits", "bpp", "bpp of z", "against joint", "95 % interval", "spread of seeds"]
    return headers, [_ablation_row(row) for row in table.to_dict("records")]


def _ablation_row(row: Mapping[Any, Any]) -> list[str]:
    return [
        row["variant"],
        f"{row['parameters']:,}",
        f"{row['seeds']}",
        f"{row['bpp']:.4f}",
        f"{row['bpp_z']:.4f}",
        _percent(row["difference_percent"], "+z.2f"),
        f"{_percent(row['low_percent'], '+z.2f')} to {_percent(row['high_percent'], '+z.2f')}",
        _percent(row["spread_percent"], ".2f"),
    ]


def _percent(value: float, form: str) -> str:
    return NOTHING if math.isnan(value) else f"{value:{form}} %"


def is_number(text: str) -> bool:
    """Whether a cell is a number, with or without a percent sign, or a placeholder for one."""
    is_placeholder = text in {"", NOTHING, UNDEFINED, INFINITE}
    return is_placeholder or text.lstrip("+-").replace(".", "", 1).removesuffix("%").strip().isdigit()
