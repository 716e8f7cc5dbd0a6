"""A safetensors file with a JSON header and a checksum over both. Tensors with few bits are stored packed."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch

from bench.learned.weights import packing
from bench.learned.weights.header import parse
from bench.system.errors import MissingError, UsageError
from bench.system.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

FORMAT = 2
"""Version of the header and of the tensors' names, as written."""

FORMATS = (1, 2)
"""Versions that can be read; version 1 has no packed tensors."""

_KEY = "bench"

_TYPES = {"F16", "F32", "I8", "I32", "U8"}
"""Types of the tensors, by their names in safetensors."""


def write(path: Path, header: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write a file atomically; equal content gives equal bytes.

    Raises:
        OSError: the file cannot be written; an earlier file is untouched.
    """
    packed, stored = packing.pack(tensors)
    header = {**header, "format": FORMAT, "packed": packed}
    header["sha256"] = _checksum(header, stored)
    with atomic_write(path) as file:
        file.write(safetensors.torch.save(stored, {_KEY: _json(header)}))


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Header and tensors of a file of `write`.

    Raises:
        MissingError: there is no such file.
        UsageError: it is not such a file, is of another version, truncated or damaged.
    """
    if not path.is_file():
        raise MissingError(f"there is no weights file {path}")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            header = parse(text) if text else None
            names = list(file.keys())
            _require_types({file.get_slice(name).get_dtype() for name in names})
            tensors = {name: file.get_tensor(name) for name in names}
    except (safetensors.SafetensorError, ValueError) as error:
        raise UsageError(f"{path}: not a weights file, or cut off ({error}); fetch or train it again") from error
    if header is None:
        raise UsageError(f"{path}: a safetensors file, but without the header of `bench` weights")
    if header.get("format") not in FORMATS:
        readable = " and ".join(map(str, FORMATS))
        raise UsageError(f"{path}: format {header.get('format')}, this version of bench reads {readable}")
    if header.pop("sha256", None) != _checksum(header, tensors):
        raise UsageError(f"{path}: damaged, its checksum does not match; fetch or train it again")
    try:
        return header, packing.unpack(header.pop("packed", ()), tensors)
    except ValueError as error:
        raise UsageError(f"{path}: not a weights file ({error}); fetch or train it again") from error


def _require_types(found: set[str]) -> None:
    if strange := found - _TYPES:
        raise ValueError(f"it holds tensors of type {min(strange)}")


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _checksum(header: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(_json(header).encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
