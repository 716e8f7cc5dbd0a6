"""Checkpoints: one file that holds all that changes while training, replaced in one step, with its own checksum."""

from __future__ import annotations

import contextlib
import hashlib
import io
import pickle
import warnings
from typing import TYPE_CHECKING, Any

import torch

from bench.system.errors import BenchError, MissingError, UsageError
from bench.system.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FORMAT = 1
"""Version of what a checkpoint holds. Files of another version are refused."""

_SEALED = b"bench checkpoint\0"
"""What a file begins with. Then come the SHA-256 of all that follows, and what `torch.save` writes.

The zip file of `torch.save` has checksums that `torch.load` does not look at: a flipped bit loads as another tensor.
"""

_UNUSABLE = (
    RuntimeError,
    KeyError,
    IndexError,
    TypeError,
    ValueError,
    AttributeError,
    EOFError,
    pickle.UnpicklingError,
)
"""What a file raises that holds something else than it should."""


def save(path: Path, identity: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a checkpoint; it replaces the previous one only when it is whole and on the disk.

    Args:
        path: the file.
        identity: what is trained; `load` compares it.
        state: tensors, numbers, text, lists and dictionaries.

    Raises:
        BenchError: it cannot be written (a full disk, say); the previous checkpoint is untouched.
    """
    content = io.BytesIO()
    try:
        torch.save({"format": FORMAT, "identity": dict(identity), "state": dict(state)}, content)
        with atomic_write(path) as file:
            file.write(_SEALED + hashlib.sha256(content.getbuffer()).digest())
            file.write(content.getbuffer())
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise BenchError(f"{path}: cannot write the checkpoint ({reason}); the previous one is still good") from error


def load(path: Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """The state that `save` was given, its tensors on the CPU.

    Raises:
        MissingError: there is no such file.
        UsageError: it is no checkpoint, damaged, of another version, or of another training.
    """
    if not path.is_file():
        raise MissingError(f"no checkpoint {path}: leave out --resume to begin, or name its folder with --out")
    with usable(path):
        with warnings.catch_warnings():
            # Of another pickle protocol than its own, which what was not written here may have: it is refused or not.
            warnings.simplefilter("ignore", UserWarning)
            content = torch.load(_content(path), map_location="cpu", weights_only=True)
        version, theirs, state = content["format"], dict(content["identity"]), dict(content["state"])
    if version != FORMAT:
        raise UsageError(f"{path}: checkpoint format {version}, this version of bench reads format {FORMAT}")
    for key, ours in identity.items():
        if theirs.get(key) != ours:
            raise UsageError(f"{path}: its {key} is {theirs.get(key)}, not {ours}; give another --out, or no --resume")
    return state


@contextlib.contextmanager
def usable(path: Path) -> Iterator[None]:
    """Say of a checkpoint that what it holds is something else than it should, where that comes out in the block.

    Raises:
        UsageError: it came out.
    """
    try:
        yield
    except (BenchError, torch.OutOfMemoryError):
        raise
    except (OSError, *_UNUSABLE) as error:
        raise UsageError(f"{path}: not a checkpoint of bench, or damaged; begin again without --resume") from error


def _content(path: Path) -> io.BytesIO:
    """What `torch.save` wrote; files from before there was a checksum are taken as they are."""
    data = path.read_bytes()
    if not data.startswith(_SEALED):
        return io.BytesIO(data)
    begins = len(_SEALED) + hashlib.sha256().digest_size
    content = memoryview(data)[begins:]
    if hashlib.sha256(content).digest() != data[len(_SEALED) : begins]:
        raise ValueError("its checksum is another")
    return io.BytesIO(content)
