"""The CSV files of experiments: one row per picture and training, completed and replaced measurement by measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.results.extras import read_rows
from bench.system.csv_files import write_csv
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Observations:
    """The file of an experiment."""

    path: Path
    columns: Sequence[str]
    """Columns that the file has at least."""
    identity: Sequence[str]
    """Columns whose values identify a measurement: new rows replace those with the same values."""
    command: str
    """The command that writes the file, for messages."""

    def read(self) -> pd.DataFrame:
        """All rows; none if there is no file.

        Raises:
            UsageError: the file was not written by the command.
        """
        try:
            return read_rows(self.path, self.columns)
        except ValueError as error:
            raise UsageError(f"{self.path}: not a file of `{self.command}`: {error}") from error

    def replace(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Write rows, in place of earlier ones of the same measurements; all rows of the file.

        Raises:
            UsageError: the file was not written by the command.
            OSError: it cannot be written.
        """
        identity = list(self.identity)
        earlier = self.read()
        new = pd.MultiIndex.from_frame(rows[identity])
        kept = earlier[~pd.MultiIndex.from_frame(earlier[identity]).isin(new)]
        found = pd.concat([kept, rows], ignore_index=True) if len(kept) else rows.reset_index(drop=True)
        write_csv(found, self.path)
        return found


def alike(rows: pd.DataFrame, wanted: Mapping[str, Any]) -> pd.DataFrame:
    """The rows with all the given values."""
    return rows[(rows[list(wanted)] == pd.Series(dict(wanted))).all(axis=1)]
