"""What of a report is worth committing: tables, figures and pages, without decoded pictures and libraries."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UsageError
from bench.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

KEPT = (
    ("data", "*.csv"),
    ("data/experiments", "*.csv"),
    ("tables", "**/*.csv"),
    ("figures", "**/*.svg"),
    ("assets", "tables.js"),
    (".", "references.bib"),
    (".", "*.html"),
)
"""Folders of a report, and the files in them that are evidence."""

LEFT_OUT = frozenset(
    {
        "published.csv",
        "rate_differences.csv",
        "per_image.csv",
        "per_image_bd_rates.csv",
        "pictures.csv",
        "pictures.html",
    }
)
"""What comes with the package, what is large and follows from the measurements, and what is of pictures."""

EXPERIMENTS = "experiments"
"""They are kept apart from the data: they outlive a reproduction, and the report takes them from there."""


def write_evidence(report: Path, folder: Path) -> list[Path]:
    """Copy a report's evidence, and remove what an earlier one left; the files, relative to the folder.

    Its pages lose what leads to files that are not copied: links, scripts, and the numbers that only scripts draw.
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
    names = {place.as_posix() for place in files}
    for place, path in files.items():
        data = path.read_bytes()
        if path.suffix == ".html":
            data = without_dead_links(data.decode(), names).encode()
        with atomic_write(folder / place) as file:
            file.write(data)
    return sorted(files)


_ELEMENT = re.compile(r'<(li|p|script)\b[^>]* data-needs="([^"]*)"[^>]*>.*?</\1>\n?', re.DOTALL)
_SCRIPT = re.compile(r'<(script) defer src="([^"]*)"></script>\n?')
_LINK = re.compile(r'<a href="([^":#]+)(?:#[^"]*)?"[^>]*>(.*?)</a>', re.DOTALL)


def without_dead_links(page: str, files: AbstractSet[str]) -> str:
    """A page of a report beside these files alone: what `data-needs` others goes, and of links only the text stays."""
    for pattern in (_ELEMENT, _SCRIPT):
        page = pattern.sub(lambda found: found[0] if html.unescape(found[2]) in files else "", page)
    return _LINK.sub(lambda found: found[0] if html.unescape(found[1]) in files else found[2], page)


def _found(report: Path) -> list[Path]:
    found = [path for name, glob in KEPT for path in sorted((report / name).glob(glob))]
    return [path for path in found if path.name not in LEFT_OUT]


def _place(path: Path) -> Path:
    return Path(EXPERIMENTS) / path.name if path.parent == Path("data") / EXPERIMENTS else path
