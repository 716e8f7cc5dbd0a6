"""CSV files that are safe to open in a spreadsheet and can be read back unchanged.

A spreadsheet evaluates text that begins with =, +, -, @ or a tab. Such text is written with a leading apostrophe.
Numbers are written as they are.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Literal

from bench.system.errors import UsageError
from bench.system.files import write_bytes
from bench.system.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

SHOWN = 40
"""Maximum length of an invalid value or row in a message, in characters."""

_ACTIVE = re.compile("'*[=+@\t\r-]")
"""Start of a formula, or of text that looks like a guarded formula."""

_GUARDED = re.compile("'" + _ACTIVE.pattern)


def guarded(cell: object) -> object:
    """Add an apostrophe in front of text that a spreadsheet would evaluate; other cells are returned unchanged."""
    return f"'{cell}" if isinstance(cell, str) and _ACTIVE.match(cell) else cell


def unguarded(cell: str) -> str:
    """Remove the apostrophe that `guarded` added."""
    return cell[1:] if _GUARDED.match(cell) else cell


def unguarded_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Remove the apostrophes that `guarded` added from a frame that pandas has read."""
    frame = frame.rename(columns=unguarded)
    for place in range(frame.shape[1]):
        cells = frame.iloc[:, place].tolist()  # several times faster to iterate over than the column
        if any(isinstance(cell, str) and cell.startswith("'") for cell in cells):
            frame.isetitem(place, [unguarded(cell) if isinstance(cell, str) else cell for cell in cells])
    return frame


def csv_text(frame: pd.DataFrame, *, digits: int | None = None) -> str:
    """Format a frame as CSV; floats have the given number of significant digits, or are exact."""
    written = frame.rename(columns=guarded)
    columns = [frame.iloc[:, place].tolist() for place in range(frame.shape[1])]
    texts = [[cell for cell in cells if isinstance(cell, str)] for cells in columns]
    for place, cells in enumerate(texts):
        if any(map(_ACTIVE.match, cells)):
            written.isetitem(place, list(map(guarded, columns[place])))
    # Python's csv module quotes a carriage return only if it quotes all text.
    has_return = any("\r" in cell for cells in [list(frame.columns), *texts] for cell in cells)
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if has_return else csv.QUOTE_MINIMAL
    float_format = None if digits is None else f"%.{digits}g"
    return str(written.to_csv(index=False, lineterminator="\n", quoting=quoting, float_format=float_format))


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame to a CSV file.

    Raises:
        OSError: the folder cannot be written.
    """
    write_bytes(path, csv_text(frame).encode())


def read_csv(path: Path) -> dict[str, list[str]]:
    """Read the columns of an exported CSV file as text.

    Raises:
        UsageError: there is no such file, it is not a CSV file, or two of its columns have the same name.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return columns_of(file)
    except FileNotFoundError:
        raise UsageError(f"{path.parent}: there is no {path.name}; write the folder with `bench export`") from None
    except ValueError as error:
        raise UsageError(f"{path}: {error}; write the folder again with `bench export`") from None


def columns_of(lines: Iterable[str], delimiter: str = ",") -> dict[str, list[str]]:
    """Parse the columns of a table as text, by the names in its first line; empty without lines.

    Raises:
        ValueError: it is not a CSV file, two columns have the same name, or a row has the wrong number of cells.
    """
    try:
        header, *rows = [row for row in csv.reader(lines, delimiter=delimiter, strict=True) if row] or [[]]
    except (UnicodeError, csv.Error) as error:
        raise ValueError(f"not a CSV file: {error}") from None
    names = [unguarded(name) for name in header]
    if len(set(names)) < len(names):
        raise ValueError("two columns have the same name")
    for number, row in enumerate(rows, 1):
        if len(row) != len(names):
            raise ValueError(f"row {number} has {count(len(row), 'cell')}, not {len(names)}: {' | '.join(row)[:SHOWN]}")
    return {name: [unguarded(row[place]) for row in rows] for place, name in enumerate(names)}
