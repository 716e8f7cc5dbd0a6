"""The header of a weights file: JSON whose known fields have known types.

It is read with torch (`weights.tensor_file`) and without (`catalogue`).
"""

from __future__ import annotations

import json
import math
from typing import Any

_MAX_QUALITY = 255  # one byte in a coded file

_TYPES: dict[str, type] = {
    "format": int,
    "sha256": str,
    "packed": list,
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
    "base.weights": str,
    "base.family": str,
    "fixed_point.grid": int,
    "fixed_point.hyper_layers": int,
    "fixed_point.entropy_layers": int,
    "fixed_point.spread": list,
    "rectifier.width": int,
}
"""Types of a header's fields, by path. Further checks are up to the reader of a field."""


def parse(text: str) -> dict[str, Any]:
    """Parse a header.

    Raises:
        ValueError: it is not a JSON object, or a field has the wrong type.
    """
    try:
        found = json.loads(text, parse_constant=_refused, parse_float=_finite)
    except RecursionError:
        raise ValueError("its header is nested too deep") from None
    _require(isinstance(found, dict), "its header is no JSON object")
    for path, kind in _TYPES.items():
        owner, _, name = path.rpartition(".")
        fields = found.get(owner) if owner else found
        value = fields.get(name) if isinstance(fields, dict) else None
        is_right = value is None or (isinstance(value, kind) and not isinstance(value, bool))
        _require(is_right, f"its field '{path}' is {type(value).__name__}, not {kind.__name__}")
    _check_values(found)
    return dict(found)


def _check_values(header: dict[str, Any]) -> None:
    card, base, numbers = (header.get(name) or {} for name in ("card", "base", "fixed_point"))
    quality, lmbda = card.get("quality", 0), card.get("lmbda", 0)
    _require(0 <= quality <= _MAX_QUALITY, f"its quality {quality} is none from 0 to {_MAX_QUALITY}")
    _require(type(lmbda) in {int, float}, f"its field 'card.lmbda' is {type(lmbda).__name__}, not a number")
    names, spread = base.get("taken") or (), numbers.get("spread") or ()
    _require(all(isinstance(name, str) for name in names), "its field 'base.taken' is no list of names")
    packed = header.get("packed") or ()
    _require(all(isinstance(name, str) for name in packed), "its field 'packed' is no list of names")
    _require(all(type(value) is int for value in spread), "its field 'fixed_point.spread' is no list of integers")
    _require(isinstance(header.get("rectifier"), dict | None), "its field 'rectifier' is no object")


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(otherwise)


def _refused(constant: str) -> None:
    raise ValueError(f"its header holds {constant}, which is no number")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        _refused(text)
    return number
