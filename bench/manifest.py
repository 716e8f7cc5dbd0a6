"""The list that bench keeps, in a folder, of the files that it wrote there: nothing else there is ever deleted."""

from __future__ import annotations

import contextlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bench.errors import UsageError
from bench.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

NAME = "manifest.txt"


def listed(folder: Path) -> frozenset[str] | None:
    """The files of a folder that bench wrote, relative to it; None if there is no list.

    Raises:
        UsageError: the list names a file that is not in the folder.
        OSError: it cannot be read.
    """
    path = folder / NAME
    try:
        names = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    for name in map(PurePosixPath, names):
        if name.is_absolute() or ".." in name.parts:
            raise UsageError(f"{path} names {name}, which is not in its folder; delete that line")
    return frozenset(names)


@contextlib.contextmanager
def replacing(folder: Path, names: Iterable[str]) -> Iterator[None]:
    """A block that writes these files into a folder; after it, those of the previous list that are not among them go.

    If the block fails, the list has what was there and what may have come, so that the next call finds both.

    Raises:
        UsageError: as `listed`.
        OSError: the folder cannot be written.
    """
    before, after = listed(folder) or frozenset(), frozenset(names)
    _write(folder, before | after)
    yield
    for name in before - after:
        (folder / name).unlink(missing_ok=True)
    _write(folder, after)


def _write(folder: Path, names: Iterable[str]) -> None:
    with atomic_write(folder / NAME) as file:
        file.write("".join(f"{name}\n" for name in sorted(names)).encode())
