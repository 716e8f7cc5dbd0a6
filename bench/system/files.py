"""Atomic writes, folders, and hashes of files."""

from __future__ import annotations

import contextlib
import functools
import glob
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a binary file that atomically replaces `path` when the block ends; if the block fails, `path` is unchanged.

    The data is flushed to the disk before the rename, so that a crash leaves either the old file or the new one.

    Raises:
        UsageError: the folder of `path` is a file.
        OSError: the folder cannot be written, or the disk is full; the previous file is unchanged. The error has a file
            name.
    """
    make_folder(path.parent)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield cast("BinaryIO", file)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files (0600); results get the user's default permissions.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        # The error of a full disk has no file name.
        error.filename = error.filename or str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically; raises the errors of `atomic_write`."""
    with atomic_write(path) as file:
        file.write(data)


def remove_parts(folder: Path, names: Iterable[str]) -> None:
    """Remove the temporary files of these names that killed processes have left behind.

    No other process may be writing such files to the folder.
    """
    for name in names:
        for part in folder.glob(f".{glob.escape(name)}.*.part"):
            part.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Create a folder and its parents, unless they exist.

    Raises:
        UsageError: it is a file, or one of its parents is.
        OSError: it cannot be created.
    """
    require_no_file(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        # The system's reason alone can mislead: in /proc it is "No such file or directory".
        error.strerror = f"the folder cannot be created ({error.strerror})"
        raise


def require_no_file(folder: Path) -> None:
    """Check that a path and its parents are folders, as far as they exist.

    Raises:
        UsageError: one of them is a file.
    """
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            raise UsageError(f"{path} is a file, not a folder")


def fingerprint(path: Path) -> str:
    """SHA-256 of a file, cached until its size or modification time changes."""
    state = path.stat()
    return _sha256(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, _modified_ns: int, _num_bytes: int) -> str:
    return sha256_of(path)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
