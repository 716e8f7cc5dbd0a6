"""Files that are never seen half-written, and their fingerprints."""

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
    """A binary file that replaces `path` in one step when the block ends, and leaves `path` alone if it fails.

    The data reaches the disk before the rename, so that a crash leaves the old file or the new one, whole.

    Raises:
        UsageError: what should be its folder is a file.
        OSError: the folder cannot be written, or the disk is full; the previous file is untouched. It names a file.
    """
    make_folder(path.parent)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield cast("BinaryIO", file)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files (0600); a result is as readable as any file that the user makes.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        # Of a full disk the system names no file.
        error.filename = error.filename or str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def remove_parts(folder: Path, names: Iterable[str]) -> None:
    """Remove what killed processes left of files of these names: halves of files that nobody writes on.

    Only for a folder that no other process writes such files into.
    """
    for name in names:
        for part in folder.glob(f".{glob.escape(name)}.*.part"):
            part.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder, and those that it lies in, unless it is there.

    Raises:
        UsageError: it is a file, or one of those that it lies in is.
        OSError: it cannot be made.
    """
    require_no_file(path)
    path.mkdir(parents=True, exist_ok=True)


def require_no_file(folder: Path) -> None:
    """See that a path can be a folder.

    Raises:
        UsageError: it is a file, or one of those that it lies in is.
    """
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            raise UsageError(f"{path} is a file, not a folder")


def fingerprint(path: Path) -> str:
    """The SHA-256 of a file that may be asked for often: it is read again only when it has changed."""
    state = path.stat()
    return _sha256(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, _modified_ns: int, _num_bytes: int) -> str:
    return sha256_of(path)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
