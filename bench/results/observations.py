"""Files of observations that experiments keep: a row a picture, and in each row all that it was observed with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.system.csv_files import unguarded_frame
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


def read_observations(path: Path, columns: Sequence[str], text: Iterable[str], command: str) -> pd.DataFrame:
    """The columns of a file that a command wrote; those of `text` are no numbers, even where they look like some.

    Raises:
        UsageError: the file is none of that command's.
    """
    types = dict.fromkeys(text, str)
    blanks = {name: [""] for name in columns if name not in types}
    try:
        frame = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=blanks)
    except ValueError as error:
        raise UsageError(f"{path}: not a file of `{command}`: {' '.join(str(error).split())}") from error
    if missing := [name for name in columns if name not in frame]:
        raise UsageError(f"{path}: not a file of `{command}`: it has no column '{missing[0]}'")
    return unguarded_frame(frame[list(columns)])


def alike(rows: pd.DataFrame, wanted: Mapping[str, Any]) -> pd.DataFrame:
    """The rows that have all the wanted values."""
    return rows[(rows[list(wanted)] == pd.Series(dict(wanted))).all(axis=1)]
