"""What of a report is worth committing: tables, figures and pages, without decoded pictures and libraries."""

from __future__ import annotations

from pathlib import Path

from bench.errors import UsageError
from bench.files import atomic_write

KEPT = {
    "data": "*.csv",
    "data/experiments": "*.csv",
    "tables": "**/*.csv",
    "figures": "**/*.svg",
    ".": "*.html",
}
"""Folder of a report to the files in it that are evidence."""

LEFT_OUT = frozenset({"published.csv", "rate_differences.csv", "per_image.csv", "per_image_bd_rates.csv"})
"""Tables that come with the package, or that are large and follow from the measurements."""

EXPERIMENTS = "experiments"
"""They are kept apart from the data: they outlive a reproduction, and the report takes them from there."""


def write_evidence(report: Path, folder: Path) -> list[Path]:
    """Copy a report's evidence, and remove what an earlier one left; the files, relative to the folder.

    `bench import FOLDER/data` makes a database of it, from which `bench report` makes the same figures again.

    Raises:
        UsageError: the two folders are one, or the report is none.
        OSError: the folder cannot be written.
    """
    if report.resolve() == folder.resolve():
        raise UsageError(f"--evidence {folder}: it needs a folder of its own, not that of the report")
    files = {_place(path.relative_to(report)): path for path in _found(report)}
    if Path("data/measurements.csv") not in files:
        raise UsageError(f"{report} holds no report; write one with `bench report`")
    for path in _found(folder):
        if path.parent.name != EXPERIMENTS and path.relative_to(folder) not in files:
            path.unlink()
    for place, path in files.items():
        with atomic_write(folder / place) as file:
            file.write(path.read_bytes())
    return sorted(files)


def _found(report: Path) -> list[Path]:
    found = [path for name, glob in KEPT.items() for path in sorted((report / name).glob(glob))]
    return [path for path in found if path.name not in LEFT_OUT]


def _place(path: Path) -> Path:
    return Path(EXPERIMENTS) / path.name if path.parent == Path("data") / EXPERIMENTS else path
