"""Checkpoints: one file with the whole state of a training run, written atomically, with a checksum."""

from __future__ import annotations

import contextlib
import hashlib
import io
import warnings
from typing import TYPE_CHECKING, Any

import torch

from bench.learned.weights.state_dicts import UNREADABLE
from bench.system.errors import BenchError, MissingError, UsageError, reason_of
from bench.system.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FORMAT = 1
"""Version of the content of checkpoints. Files of other versions are rejected."""

_SEALED = b"bench checkpoint\0"
"""First bytes of a file, followed by the SHA-256 of the rest and the output of `torch.save`.

`torch.load` does not verify the checksums in the zip file of `torch.save`, so a flipped bit would load as another
tensor."""


def save(path: Path, identity: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a checkpoint. The previous one is replaced only after the new one is completely on disk.

    Args:
        path: the file.
        identity: what is trained, which `load` compares.
        state: tensors, numbers, text, lists and dictionaries.

    Raises:
        BenchError: the file cannot be written, for example because the disk is full; the previous one is untouched.
    """
    content = io.BytesIO()
    try:
        torch.save({"format": FORMAT, "identity": dict(identity), "state": dict(state)}, content)
        with atomic_write(path) as file:
            file.write(_SEALED + hashlib.sha256(content.getbuffer()).digest())
            file.write(content.getbuffer())
    except (OSError, RuntimeError) as error:
        raise BenchError(
            f"{path}: cannot write the checkpoint ({reason_of(error)}); the previous one is intact"
        ) from error


def require(path: Path) -> None:
    """Check that a checkpoint exists.

    Raises:
        MissingError: it does not.
    """
    if not path.is_file():
        raise MissingError(f"no checkpoint {path}: omit --resume to start, or give its folder with --out")


def load(path: Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Load the state of a checkpoint, with tensors on the CPU.

    Raises:
        MissingError: there is no such file.
        UsageError: it is not a checkpoint, is damaged, or is of another version or training run.
    """
    require(path)
    with usable(path):
        with warnings.catch_warnings():
            # A warning about an unusual pickle protocol: the content is checked below.
            warnings.simplefilter("ignore", UserWarning)
            content = torch.load(_content(path), map_location="cpu", weights_only=True)
        version, saved_identity, state = content["format"], dict(content["identity"]), dict(content["state"])
    if version != FORMAT:
        raise UsageError(f"{path}: checkpoint format {version}; this version of bench reads format {FORMAT}")
    for key, wanted in identity.items():
        if (stored := saved_identity.get(key)) != wanted:
            shown, expected = _shown_difference(stored, wanted)
            raise UsageError(f"{path}: its {key} is {shown}, not {expected}; choose another --out, or omit --resume")
    return state


def _shown_difference(stored: object, wanted: object) -> tuple[str, str]:
    """Two different values for a message; of dictionaries, only the entries that differ."""
    if not (isinstance(stored, dict) and isinstance(wanted, dict)):
        return str(stored), str(wanted)
    names = [name for name in {**stored, **wanted} if stored.get(name) != wanted.get(name)]
    shown, expected = (", ".join(f"{name}={table.get(name)}" for name in names) for table in (stored, wanted))
    return shown, expected


@contextlib.contextmanager
def usable(path: Path) -> Iterator[None]:
    """Context manager that reports errors caused by unexpected content of a checkpoint.

    Raises:
        UsageError: the block raised one of `UNREADABLE`.
    """
    try:
        yield
    except (BenchError, torch.OutOfMemoryError):
        raise
    except UNREADABLE as error:
        raise UsageError(f"{path}: not a checkpoint of bench, or damaged; start again without --resume") from error


def _content(path: Path) -> io.BytesIO:
    """The output of `torch.save` in a file, verified unless the file is an older one without a checksum."""
    data = path.read_bytes()
    if not data.startswith(_SEALED):
        return io.BytesIO(data)
    begins = len(_SEALED) + hashlib.sha256().digest_size
    content = memoryview(data)[begins:]
    if hashlib.sha256(content).digest() != data[len(_SEALED) : begins]:
        raise ValueError("its checksum does not match")
    return io.BytesIO(content)
