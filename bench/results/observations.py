"""The CSV files of experiments: one row per picture and training, completed and replaced measurement by measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.system.csv_files import unguarded_frame, write_csv
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TEXT = frozenset({
    "acem", "attention", "codec", "dataset", "distance", "distribution", "encoder", "guide", "image", "mean", "metric",
    "model", "prior", "stage", "start_sha256", "synthesis", "transforms", "transforms_sha256", "variant",
    "weights_sha256",
})  # fmt: skip
"""Columns with text, even where it looks like a number."""


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
        if not self.path.is_file():
            return pd.DataFrame(columns=list(self.columns))
        types = dict.fromkeys(TEXT, str)
        blanks = {name: [""] for name in self.columns if name not in TEXT}
        try:
            frame = pd.read_csv(
                self.path, dtype=types, keep_default_na=False, na_values=blanks, float_precision="round_trip"
            )
        except ValueError as error:
            reason = " ".join(str(error).split())
            raise UsageError(f"{self.path}: not a file of `{self.command}`: {reason}") from error
        frame = unguarded_frame(frame)
        if missing := [name for name in self.columns if name not in frame]:
            raise UsageError(f"{self.path}: not a file of `{self.command}`: it has no column '{missing[0]}'")
        return frame

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
