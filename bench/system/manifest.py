"""Lists of the files that bench has written to a folder; only listed files are ever deleted."""

from __future__ import annotations

import contextlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bench.system.errors import UsageError
from bench.system.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

REPORT, EVIDENCE = "manifest.txt", "evidence.txt"
"""File names of the lists. Each writer has its own, so that it does not remove files of another in the same folder."""


def listed(path: Path) -> frozenset[str] | None:
    """Read the files on a list, relative to its folder; None if there is no list.

    Raises:
        UsageError: it names a file outside the folder.
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
    """Replace the files on a list by `names`, which the block writes; other listed files are deleted afterwards.

    If the block fails, the list contains both the old and the new files.

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
    write_bytes(path, "".join(f"{name}\n" for name in sorted(names)).encode())
