"""The files of a report to commit: pages with scripts, tables and figures, but no decoded pictures."""

from __future__ import annotations

import html
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bench.system import manifest
from bench.system.errors import UsageError
from bench.system.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from pathlib import Path

KEPT = frozenset({".bib", ".csv", ".html", ".js", ".svg"})
"""Suffixes of the files to commit, including scripts, so that pages stay interactive."""

LEFT_OUT = frozenset(
    {
        "published.csv",
        "rate_differences.csv",
        "time_and_rate.csv",
        "cost_and_rate.csv",
        "per_image.csv",
        "per_image_bd_rates.csv",
        "pictures.csv",
        "pictures.html",
        "pictures.js",
    }
)
"""Files that come with the package, that are large and follow from the measurements, or that belong to pictures."""

EXPERIMENTS = "experiments"
"""Folder of the experiments, separate from the data because they outlive a reproduction; reports read them there."""


def write_evidence(report: Path, folder: Path) -> list[str]:
    """Copy the files to commit, remove those of an earlier call, and return the names relative to the folder.

    Links to files that are not copied are removed from the pages. From the copy, `bench import FOLDER/data` creates a
    database, from which `bench report` creates the same figures.

    Raises:
        UsageError: both folders are the same, there is no report, or the folder contains foreign files.
        OSError: the folder cannot be written.
    """
    require_own_folder(report, folder)
    files = _found(report)
    if "data/measurements.csv" not in files:
        raise UsageError(f"{report} has no report; write one with `bench report`")
    with manifest.replacing(folder / manifest.EVIDENCE, (name for name in files if not _is_experiment(name))):
        for name, path in files.items():
            data = path.read_bytes()
            if path.suffix == ".html":
                data = without_dead_links(data.decode(), files.keys()).encode()
            write_bytes(folder / name, data)
    return sorted(files)


def require_own_folder(report: Path, folder: Path) -> None:
    """Check that a folder was written by `write_evidence`, is new, or contains only experiments.

    Raises:
        UsageError: it is the folder of the report, or contains files but no list of those written by bench.
    """
    if report.resolve() == folder.resolve():
        raise UsageError(f"--evidence {folder}: use another folder than that of the report")
    if manifest.listed(folder / manifest.EVIDENCE) is not None:
        return
    files = (path for path in folder.rglob("*") if path.is_file())
    if foreign := next((path for path in files if not _is_experiment(path.relative_to(folder).as_posix())), None):
        raise UsageError(
            f"--evidence {folder}: without {manifest.EVIDENCE}, files such as {foreign} may not be bench's; "
            f"use another folder, or empty this one ({EXPERIMENTS}/ may stay)"
        )


_ELEMENT = re.compile(r'<(li|p|script|span)\b[^>]* data-needs="([^"]*)"[^>]*>.*?</\1>\n?', re.DOTALL)
_SCRIPT = re.compile(r'<(script) defer src="([^"]*)"></script>\n?')
_LINK = re.compile(r'<a href="([^":#]+)(?:#[^"]*)?"[^>]*>(.*?)</a>', re.DOTALL)


def without_dead_links(page: str, files: AbstractSet[str]) -> str:
    """Remove the elements of a page that need missing files (`data-needs`), and unlink links to them."""
    for pattern in (_ELEMENT, _SCRIPT):
        page = pattern.sub(lambda found: found[0] if html.unescape(found[2]) in files else "", page)
    return _LINK.sub(lambda found: found[0] if html.unescape(found[1]) in files else found[2], page)


def _found(report: Path) -> dict[str, Path]:
    """Find the files of a report to commit: target name to path."""
    data = report / "data"
    files = {f"data/{path.name}": path for path in sorted(data.glob("*.csv"))}
    files |= {f"{EXPERIMENTS}/{path.name}": path for path in sorted((data / EXPERIMENTS).glob("*.csv"))}
    written = sorted(manifest.listed(report / manifest.REPORT) or ())
    files |= {name: report / name for name in written if PurePosixPath(name).suffix in KEPT}
    return {name: path for name, path in files.items() if path.name not in LEFT_OUT}


def _is_experiment(name: str) -> bool:
    return name.startswith(f"{EXPERIMENTS}/")
