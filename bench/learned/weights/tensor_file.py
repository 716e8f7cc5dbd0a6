"""Weights files: a safetensors file with a JSON header and a checksum over header and tensors.

Tensors whose values need few bits are packed and compressed. `read_header` does not import torch.
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
"""Version of the header and of the tensors' names in new files."""

FORMATS = (1, 2, 3, 4)
"""Versions that can be read. Version 2 added packed tensors, 3 compressed ones, 4 differences."""

_KEY = "bench"

_DTYPES = {"F16", "F32", "I8", "I32", "U8"}
"""Accepted types of tensors, by their names in safetensors."""

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
"""Types of the header's fields, by path. The code that uses a field checks its value."""


def write(path: Path, header: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write a weights file atomically. With the same version of zlib, equal content gives equal bytes.

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
    """Read the header and tensors of a weights file.

    Raises:
        MissingError: there is no such file.
        UsageError: it is not a weights file, is of another version, truncated or damaged.
    """
    from bench.learned.weights import packing  # noqa: PLC0415 - imports torch

    _require_file(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            header = parse_header(text) if text else None
            names = list(file.keys())
            unsupported = {file.get_slice(name).get_dtype() for name in names} - _DTYPES
            _require(not unsupported, f"it has tensors of type {min(unsupported, default='')}")
            tensors = {name: file.get_tensor(name) for name in names}
    except (safetensors.SafetensorError, ValueError) as error:
        raise UsageError(f"{path}: not a weights file, or truncated ({error}); fetch or train it again") from error
    if header is None:
        raise UsageError(f"{path}: a safetensors file, but without the header of `bench` weights")
    if header.get("format") not in FORMATS:
        readable = " and ".join(map(str, FORMATS))
        raise UsageError(f"{path}: format {header.get('format')}; this version of bench reads {readable}")
    if header.pop("sha256", None) != _checksum(header, tensors):
        raise UsageError(f"{path}: damaged, its checksum does not match; fetch or train it again")
    try:
        stored = packing.inflate(header.pop("deflated", None) or {}, tensors)
        return header, packing.unpack(header.pop("packed", None) or (), stored)
    except ValueError as error:
        raise UsageError(f"{path}: not a weights file ({error}); fetch or train it again") from error


def read_header(path: Path) -> dict[str, Any]:
    """Read the header of a weights file without verifying the checksum.

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
    """Parse the JSON text of a header.

    Raises:
        ValueError: it is not a JSON object, or a field has the wrong type.
    """
    try:
        header = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("its header is nested too deep") from None
    _require(isinstance(header, dict), "its header is not a JSON object")
    for path, kind in _TYPES.items():
        owner, _, name = path.rpartition(".")
        fields = header.get(owner) if owner else header
        value = fields.get(name) if isinstance(fields, dict) else None
        is_right = value is None or (isinstance(value, kind) and not isinstance(value, bool))
        _require(is_right, f"its field '{path}' is {type(value).__name__}, not {kind.__name__}")
    card, base, fixed_point = (header.get(name) or {} for name in ("card", "base", "fixed_point"))
    quality, lmbda = card.get("quality", 0), card.get("lmbda", 0)
    _require(0 <= quality <= _MAX_QUALITY, f"its quality {quality} is not from 0 to {_MAX_QUALITY}")
    _require(type(lmbda) in {int, float}, f"its field 'card.lmbda' is {type(lmbda).__name__}, not a number")
    for field, names in (
        ("base.taken", base.get("taken")),
        ("base.added", base.get("added")),
        ("packed", header.get("packed")),
    ):
        _require(all(isinstance(name, str) for name in names or ()), f"its field '{field}' is not a list of names")
    shapes = (header.get("deflated") or {}).values()
    sides = [side for shape in shapes for side in (shape if isinstance(shape, list) else [None])]
    _require(all(type(side) is int and side >= 0 for side in sides), "its field 'deflated' has no shapes")
    spread = fixed_point.get("spread") or ()
    _require(all(type(value) is int for value in spread), "its field 'fixed_point.spread' is not a list of integers")
    _require(isinstance(header.get("rectifier"), dict | None), "its field 'rectifier' is not an object")
    return dict(header)


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
