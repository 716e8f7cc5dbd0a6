"""Validation of recipes: types and bounds of all values."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

from bench.learned.models import ModelConfig, Quantization
from bench.learned.training import stp
from bench.learned.training.phases import CropStage, Phase
from bench.learned.weights.packing import MOST_BITS, WeightBits
from bench.system.errors import UsageError

_STEP = {
    "train": tuple[str, ...],
    "phases": tuple[str, ...],
    "start": str,
    "seed": int,
    "width": int,
    "options": Mapping,
}

_LEAST: Mapping[str, float] = {
    "steps": 1,
    "size": 1,
    "batch": 1,
    "begins": 0,
    "validate_steps": 1,
    "patience": 1,
    "warmup_steps": 0,
    "lr": 1e-12,
    "lr_floor": 0,
    "ema_decay": 0,
    "alpha": 0,
    "seed": 0,
    "mixed_begins": 0,
    "downscale": 1,
    "width": 1,
    "N": 1,
    "M": 1,
    "kernel": 1,
}
"""Lower bounds of numbers."""


def require_step(entry: Any) -> None:  # noqa: ANN401 - any value in a file
    """Check the types of the values of a [[steps]] entry; `training_recipe` checks that none is missing.

    Raises:
        UsageError: a value has the wrong type.
    """
    _require("[[steps]]", entry, _STEP)
    _require("[[steps]] options", entry.get("options", {}), get_type_hints(ModelConfig))


def require_phase(name: str, settings: Any) -> None:  # noqa: ANN401 - any value in a file
    """Check the names and types of the settings of a phase.

    Raises:
        UsageError: a setting is unknown or has the wrong type.
    """
    named = {"Mapping": Mapping, "Quantization": Quantization}
    of_decoders = {**get_type_hints(stp.StpRecipe), "kind": str}
    _require(f"[phases.{name}]", settings, {**get_type_hints(Phase, localns=named), **of_decoders, "steps": int})
    for crop in settings.get("crops", ()):
        _require(f"[phases.{name}] crops", crop, get_type_hints(CropStage))


def require_names(place: str, names: Any) -> None:  # noqa: ANN401 - any value in a file
    """Check that a value is a list of strings.

    Raises:
        UsageError: it is not.
    """
    _require(place, {"value": names}, {"value": tuple[str, ...]})


def require_formerly(names: Any, phases: Mapping[str, Any]) -> None:  # noqa: ANN401 - any value in a file
    """Check that [formerly] has a string for some of the phases, and nothing else.

    Raises:
        UsageError: it has.
    """
    _require("[formerly]", names, dict.fromkeys(phases, str))


def weight_bits(entry: Any) -> WeightBits | None:  # noqa: ANN401 - any value in a file
    """The values of [weight_bits]; None if there are none.

    Raises:
        UsageError: a value is missing, or has the wrong type or size.
    """
    if entry is None:
        return None
    _require("[weight_bits]", entry, get_type_hints(WeightBits))
    if len(entry) < 2 or not all(2 <= bits <= MOST_BITS for bits in entry.values()):
        raise UsageError(f"[weight_bits] has {_shown(entry)}; transforms and entropy_model are from 2 to {MOST_BITS}")
    return WeightBits(**entry)


def _require(place: str, entry: Any, hints: Mapping[str, Any]) -> None:  # noqa: ANN401 - any value in a file
    if not isinstance(entry, Mapping):
        raise UsageError(f"{place} is no table but {_shown(entry)}")
    for key, value in entry.items():
        if key not in hints:
            raise UsageError(f"{place} has '{key}', which is not a setting; leave it out")
        if not _fits(value, hints[key]):
            raise UsageError(f"{place} has {key} = {_shown(value)}, a value of another type")
        if isinstance(value, int | float) and value < _LEAST.get(key, -math.inf):
            raise UsageError(f"{place} has {key} = {_shown(value)}; it is {_LEAST[key]:g} or more")


def _fits(value: Any, hint: Any) -> bool:  # noqa: ANN401 - a value and a type hint
    origin, within = get_origin(hint), get_args(hint)
    if origin is Literal:
        return isinstance(value, str) and value in within
    if origin in {typing.Union, types.UnionType}:
        return any(_fits(value, one) for one in within)
    if origin is tuple:
        return isinstance(value, list) and all(_fits(each, within[0]) for each in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, Mapping if dataclasses.is_dataclass(hint) else origin or hint)


def _shown(value: Any) -> str:  # noqa: ANN401 - any value in a file
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
