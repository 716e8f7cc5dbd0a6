"""Image sets that are distributed as an archive, which is verified and unpacked.

The hashes of the pictures are recorded in a file SHA256SUMS in the same folder, which `sha256sum --check` can read. If
no hash of an archive was published, the pictures of the first download are trusted, and the note of the set says so.
"""

from __future__ import annotations

import fnmatch
import lzma
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from bench.system.download import download
from bench.system.errors import MissingError
from bench.system.files import sha256_of, write_bytes
from bench.system.progress import progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RECORD = "SHA256SUMS"

MAX_PICTURE_BYTES = 2**28
"""Maximum unpacked size of a picture: even a small archive can unpack to any size."""

_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, NotImplementedError, RuntimeError)
"""Errors of `zipfile` for damaged or encrypted files and unsupported compression."""


def recorded(folder: Path) -> dict[str, str]:
    """Return the SHA-256 by name of the files that were unpacked to a folder; empty if there are none."""
    path = folder / RECORD
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()  # invalid names match no file
    return {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines) if name}


def fetch_archive(folder: Path, entry: Mapping[str, Any]) -> None:
    """Download the archive of a set, and unpack its pictures to a folder. The record is written last.

    Raises:
        MissingError: the download failed, or the archive does not contain the expected pictures.
    """
    archive = entry["archive"]
    path = folder / f"{folder.name}.zip"
    with progress(f"downloading {path.name}", archive.get("bytes", 0), unit="bytes") as advance:
        download(
            entry["urls"],
            path,
            archive.get("sha256", ""),
            advance=lambda number: advance(number, path.name),
            max_bytes=archive.get("max_bytes"),
        )
    unpack(path, folder, archive)
    path.unlink()


def unpack(path: Path, folder: Path, archive: Mapping[str, Any]) -> None:
    """Unpack the pictures of an archive to a folder, and record their hashes there.

    Raises:
        MissingError: it is not an archive, and was removed; or it does not contain the expected pictures.
    """
    try:
        files = _unpacked(path, folder, archive)
    except _DAMAGED as error:
        path.unlink()
        raise MissingError(f"{path.name} is not an archive ({error}); fetch it again") from None
    write_bytes(folder / RECORD, "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(files.items())).encode())


def _unpacked(path: Path, folder: Path, archive: Mapping[str, Any]) -> dict[str, str]:
    """Unpack the pictures of an archive to a folder, and return their SHA-256 by name."""
    with zipfile.ZipFile(path) as content:
        found = [
            member
            for member in content.infolist()
            if fnmatch.fnmatchcase(member.filename, archive["members"]) and not member.filename.startswith("__MACOSX")
        ]
        names = [PurePosixPath(member.filename).name for member in found]
        if len(set(names)) != archive["pictures"]:
            raise MissingError(f"{path} has {len(set(names))} pictures, and the set {archive['pictures']}; remove it")
        if large := [member.filename for member in found if member.file_size > MAX_PICTURE_BYTES]:
            limit = f"{MAX_PICTURE_BYTES >> 20} MiB"
            raise MissingError(f"{path}: {large[0]} has more than {limit} unpacked; remove {path}")
        for name, member in zip(names, found, strict=True):
            try:
                data = content.read(member)
            except OSError as error:  # an offset before the start of the file
                raise zipfile.BadZipFile(str(error)) from None
            write_bytes(folder / name, data)
    return {name: sha256_of(folder / name) for name in names}
