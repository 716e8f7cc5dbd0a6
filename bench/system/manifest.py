"""Lists of the files that bench wrote into a folder, kept there: nothing that they do not name is ever deleted."""

from __future__ import annotations

import contextlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bench.system.errors import UsageError
from bench.system.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

REPORT, EVIDENCE = "manifest.txt", "evidence.txt"
"""Names of such lists: each writer has its own, so that none removes what another wrote into the same folder."""


def listed(path: Path) -> frozenset[str] | None:
    """The files that a list names, relative to the folder that it lies in; None if there is no list.

    Raises:
        UsageError: it names a file that is not in the folder.
        OSError: it cannot be read.
    """
    try:
        names = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    for name in map(PurePosixPath, names):
        if name.is_absolute() or ".." in name.parts:
            raise UsageError(f"{path} names {name}, which is not in its folder; delete that line")
    return frozenset(names)


@contextlib.contextmanager
def replacing(path: Path, names: Iterable[str]) -> Iterator[None]:
    """A block that writes these files; after it, those that the list of before names and that are not among them go.

    If the block fails, the list has what was there and what may have come, so that the next call finds both.

    Raises:
        UsageError: as `listed`.
        OSError: the folder cannot be written.
    """
    before, after = listed(path) or frozenset(), frozenset(names)
    _write(path, before | after)
    yield
    for name in before - after:
        (path.parent / name).unlink(missing_ok=True)
    _write(path, after)


def _write(path: Path, names: Iterable[str]) -> None:
    with atomic_write(path) as file:
        file.write("".join(f"{name}\n" for name in sorted(names)).encode())
