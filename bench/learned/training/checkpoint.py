"""Checkpoints: one file that holds all that changes while training, replaced in one step."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import torch

from bench.errors import BenchError, MissingError, UsageError
from bench.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 1
"""Version of what a checkpoint holds. Files of another version are refused."""


def save(path: Path, identity: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a checkpoint; it replaces the previous one only when it is whole and on the disk.

    Args:
        path: the file.
        identity: what is trained; `load` compares it.
        state: tensors, numbers, text, lists and dictionaries.

    Raises:
        BenchError: it cannot be written (a full disk, say); the previous checkpoint is untouched.
    """
    try:
        with atomic_write(path) as file:
            torch.save({"format": FORMAT, "identity": dict(identity), "state": dict(state)}, file)
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
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        version, theirs, state = content["format"], content["identity"], content["state"]
    except (OSError, RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise UsageError(f"{path}: not a checkpoint of bench, or damaged; begin again without --resume") from error
    if version != FORMAT:
        raise UsageError(f"{path}: checkpoint format {version}, this version of bench reads format {FORMAT}")
    for key, ours in identity.items():
        if theirs.get(key) != ours:
            raise UsageError(f"{path}: its {key} is {theirs.get(key)}, not {ours}; give another --out, or no --resume")
    return dict(state)
