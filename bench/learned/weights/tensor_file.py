"""Weights files: tensors in a safetensors file, with a JSON header and a checksum over both.

Tensors with few bits are stored packed and compressed. `read_header` does not import torch.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

import safetensors

from bench.system.errors import MissingError, UsageError
from bench.system.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

FORMAT = 4
"""Version of the header and of the tensors' names, as written."""

FORMATS = (1, 2, 3, 4)
"""Versions that can be read; 1 has no packed tensors, 2 no compressed ones, 3 no differences."""

_KEY = "bench"

_DTYPES = {"F16", "F32", "I8", "I32", "U8"}
"""Types of the tensors, by their names in safetensors."""

_MAX_QUALITY = 255  # one byte in a coded file

_TYPES: dict[str, type] = {
    "format": int,
    "sha256": str,
    "packed": list,
    "deflated": dict,
    "modifier": str,
    "config": dict,
    "card": dict,
    "base": dict,
    "fixed_point": dict,
    "config.family": str,
    "card.quality": int,
    "card.metric": str,
    "card.record": dict,
    "base.file": str,
    "base.sha256": str,
    "base.taken": list,
    "base.scaled": dict,
    "base.added": list,
    "base.weights": str,
    "base.family": str,
    "fixed_point.grid": int,
    "fixed_point.hyper_layers": int,
    "fixed_point.entropy_layers": int,
    "fixed_point.spread": list,
    "rectifier.width": int,
}
"""Types of a header's fields, by path. Further checks are up to the reader of a field."""


def write(path: Path, header: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write a file atomically; equal content gives equal bytes with the same zlib.

    Raises:
        OSError: the file cannot be written; an earlier file is untouched.
    """
    import safetensors.torch  # noqa: PLC0415

    from bench.learned.weights import packing  # noqa: PLC0415 - imports torch

    packed, stored = packing.pack(tensors)
    deflated, stored = packing.deflate(stored)
    header = {**header, "format": FORMAT, "packed": packed, "deflated": deflated}
    header["sha256"] = _checksum(header, stored)
    with atomic_write(path) as file:
        file.write(safetensors.torch.save(stored, {_KEY: _json(header)}))


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Header and tensors of a file of `write`.

    Raises:
        MissingError: there is no such file.
        UsageError: it is not such a file, is of another version, truncated or damaged.
    """
    from bench.learned.weights import packing  # noqa: PLC0415 - imports torch

    _require_file(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            header = parse_header(text) if text else None
            names = list(file.keys())
            strange = {file.get_slice(name).get_dtype() for name in names} - _DTYPES
            _require(not strange, f"it has tensors of type {min(strange, default='')}")
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
        stored = packing.inflate(header.pop("deflated", None) or {}, tensors)
        return header, packing.unpack(header.pop("packed", None) or (), stored)
    except ValueError as error:
        raise UsageError(f"{path}: not a weights file ({error}); fetch or train it again") from error


def read_header(path: Path) -> dict[str, Any]:
    """The header of a file, without verifying the checksum.

    Raises:
        MissingError: there is no such file.
        UsageError: it is not a weights file of bench.
    """
    _require_file(path)
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return parse_header(file.metadata()[_KEY])
    except (safetensors.SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: not a weights file of bench ({error})") from error


def parse_header(text: str) -> dict[str, Any]:
    """Parse a header.

    Raises:
        ValueError: it is not a JSON object, or a field has the wrong type.
    """
    try:
        found = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("its header is nested too deep") from None
    _require(isinstance(found, dict), "its header is no JSON object")
    for path, kind in _TYPES.items():
        owner, _, name = path.rpartition(".")
        fields = found.get(owner) if owner else found
        value = fields.get(name) if isinstance(fields, dict) else None
        is_right = value is None or (isinstance(value, kind) and not isinstance(value, bool))
        _require(is_right, f"its field '{path}' is {type(value).__name__}, not {kind.__name__}")
    card, base, numbers = (found.get(name) or {} for name in ("card", "base", "fixed_point"))
    quality, lmbda = card.get("quality", 0), card.get("lmbda", 0)
    _require(0 <= quality <= _MAX_QUALITY, f"its quality {quality} is not from 0 to {_MAX_QUALITY}")
    _require(type(lmbda) in {int, float}, f"its field 'card.lmbda' is {type(lmbda).__name__}, not a number")
    for field in ("taken", "added"):
        listed = all(isinstance(name, str) for name in base.get(field) or ())
        _require(listed, f"its field 'base.{field}' is not a list of names")
    spread = numbers.get("spread") or ()
    packed, deflated = found.get("packed") or (), found.get("deflated") or {}
    _require(all(isinstance(name, str) for name in packed), "its field 'packed' is not a list of names")
    sides = [side for shape in deflated.values() for side in (shape if isinstance(shape, list) else [None])]
    _require(all(type(side) is int and side >= 0 for side in sides), "its field 'deflated' has no shapes")
    _require(all(type(value) is int for value in spread), "its field 'fixed_point.spread' is not a list of integers")
    _require(isinstance(found.get("rectifier"), dict | None), "its field 'rectifier' is not an object")
    return dict(found)


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(otherwise)


def _refuse(constant: str) -> None:
    raise ValueError(f"its header has {constant}, which is not a number")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        _refuse(text)
    return number


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise MissingError(f"there is no weights file {path}")


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _checksum(header: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(_json(header).encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
