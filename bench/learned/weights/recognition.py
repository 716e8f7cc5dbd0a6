"""Recognise the architecture and widths of a checkpoint from the names and shapes of its tensors."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.overrides import TorchFunctionMode

from bench.learned.architectures import ALIASES, FURTHER, compressai_name
from bench.learned.weights import state_dicts
from bench.learned.weights.state_dicts import require_sound
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor, nn

Shapes = dict[str, tuple[int, ...]]

WIDEST = 2048
"""Maximum number of channels, far above published models."""

_FIRST_CONV = ("g_a.0.weight", "g_a.0.conv1.weight")
_LAST_CONV = ("g_a.6.weight", "g_a.13.weight")
"""First and last convolutions of g_a: their numbers of output channels are N and M."""

CDF_BUFFERS = ("_offset", "_quantized_cdf", "_cdf_length", "scale_table")
"""Names of the buffers of CDFs. Missing ones are built, and their shapes are not checked."""

_BOTTLENECK = re.compile(r"\b_?(bias|matri|factor)(?:es|ces|x|s)?\.?(\d)$")


@dataclass(frozen=True, slots=True)
class RecognizedModel:
    """The architecture of a checkpoint."""

    name: str
    """The family in bench, or else CompressAI's name."""
    N: int
    M: int
    place: str
    """Key of the tensors in the file; see `state_dicts.StateDict`."""
    has_tables: bool
    """Whether the file has all CDFs."""

    def __str__(self) -> str:
        place = f", {self.place}" if self.place not in {"", "state_dict"} else ""
        tables = "" if self.has_tables else ", CDFs built by bench"
        return f"{compressai_name(self.name)}, N={self.N}, M={self.M}{place}{tables}"


@dataclass(frozen=True, slots=True)
class _Fit:
    """Comparison of a file's tensors with an architecture of the same widths."""

    name: str
    N: int
    M: int
    tensors: Mapping[str, Tensor]
    has_tables: bool
    agreeing: int
    """Number of parameters with the same name and shape."""
    difference: str
    """The first difference; "" if there is none."""


def identify(path: Path) -> RecognizedModel:
    """Identify the architecture of a checkpoint. The result is cached until the file changes.

    Raises:
        MissingError: there is no such file.
        UsageError: it is not a checkpoint, its architecture is unknown (the message names the closest one), or its
            tensors cannot be used for coding.
    """
    if not path.is_file():
        state_dicts.read(path)
    state = path.stat()
    return _identify(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=256)
def _identify(path: Path, _modified_ns: int, _num_bytes: int) -> RecognizedModel:
    checkpoint = state_dicts.read(path)
    fit = _best(path, checkpoint.tensors)
    dropped = () if fit.has_tables else CDF_BUFFERS
    require_sound(path, {name: value for name, value in fit.tensors.items() if not name.endswith(tuple(dropped))})
    return RecognizedModel(fit.name, fit.N, fit.M, checkpoint.place, fit.has_tables)


def tensors_of(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by their names in its architecture, without prefixes of wrappers.

    Raises:
        MissingError, UsageError: see `identify`.
    """
    return dict(_best(path, state_dicts.read(path).tensors).tensors)


def require(path: Path, name: str) -> RecognizedModel:
    """Identify a checkpoint and check that it is of the given family or architecture.

    Raises:
        MissingError, UsageError: see `identify`; or it is of another architecture.
    """
    found = identify(path)
    if found.name != name:
        raise UsageError(f"{path}: a checkpoint of {found}, not of {name}; use --codec {found.name}")
    return found


class without_initialisation(TorchFunctionMode):  # noqa: N801 - used as a function
    """Context in which models are created with uninitialised parameters, to be loaded afterwards."""

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Skip the functions of `torch.nn.init`."""
        del types
        given = dict(kwargs or {})
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else given["tensor"]
        return func(*args, **given)


def build(name: str, N: int, M: int, tensors: Mapping[str, Tensor] | None = None) -> nn.Module:  # noqa: N803
    """Create CompressAI's model of an architecture, with uninitialised parameters."""
    import compressai.models  # noqa: F401, PLC0415 - registers the architectures
    from compressai.registry import MODELS  # noqa: PLC0415

    cls = MODELS[compressai_name(name)]
    entry = FURTHER.get(name)
    has_one_width = entry.widths == "N" if entry else name == "attn"
    options = {}
    if entry and entry.has_variable_z:
        options["vr_entbttlnck"] = any(key.startswith("gayn2zqstep.") for key in tensors or ())
    with without_initialisation(), torch.random.fork_rng(devices=()):
        model: nn.Module = cls(N, **options) if has_one_width else cls(N, M, **options)
    return model


def widths_of(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """N and M from the shapes of the first and last convolutions of g_a; empty if these are missing."""
    first = next((tensors[key] for key in _FIRST_CONV if key in tensors and tensors[key].ndim == 4), None)
    if first is None:
        return {}
    last = next((tensors[key] for key in _LAST_CONV if key in tensors and tensors[key].ndim == 4), first)
    widths = {"N": int(first.shape[0]), "M": int(last.shape[0])}
    return widths if all(1 <= width <= WIDEST for width in widths.values()) else {}


def _best(path: Path, tensors: state_dicts.State) -> _Fit:
    """The first architecture that fits all tensors, with or without prefixes in their names.

    Raises:
        UsageError: there is none.
    """
    fits = []
    for variant in state_dicts.variants(tensors):
        for name in (*ALIASES.values(), *FURTHER):
            fit = _fit(name, variant)
            if fit is None:
                continue
            if not fit.difference:
                return fit
            fits.append(fit)
    nearest = max(fits, key=lambda fit: fit.agreeing, default=None)
    if nearest is None or not nearest.agreeing:
        first = next(iter(tensors))
        raise UsageError(f"{path}: its architecture is unknown to bench (its first tensor is {first}); {_OWN}")
    near = f"{compressai_name(nearest.name)} (N={nearest.N}, M={nearest.M})"
    raise UsageError(f"{path}: nearest to {near}, but {nearest.difference}; {_OWN}")


_OWN = "for your own model class use --codec mymodel.py:MyModel"


def _fit(name: str, tensors: Mapping[str, Tensor]) -> _Fit | None:
    """Compare tensors with an architecture; None if the widths are missing or invalid."""
    if not (widths := widths_of(tensors)):
        return None
    N, M = widths["N"], widths["M"]  # noqa: N806 - the papers' names
    try:
        model = build(name, N, M, tensors)
    except (ValueError, RuntimeError, AssertionError):
        return None
    wanted, allowed = _shapes(dict(model.named_parameters())), _shapes(model.state_dict())
    held = _shapes(tensors)
    tables = [tensors.get(key) for key in allowed if key.endswith(CDF_BUFFERS)]
    has_tables = all(table is not None and table.numel() for table in tables)
    agreeing = sum(held.get(key) == shape for key, shape in wanted.items())
    return _Fit(name, N, M, tensors, has_tables, agreeing, _difference(held, wanted, allowed))


def _difference(held: Shapes, wanted: Shapes, allowed: Shapes) -> str:
    for key, shape in wanted.items():
        if key not in held:
            return f"it has no {key} {shape}"
        if held[key] != shape:
            return f"its {key} is {held[key]}, not {shape}"
    extra = [key for key in held if key not in allowed and not key.endswith(CDF_BUFFERS)]
    return f"it has a {extra[0]} {held[extra[0]]} in addition" if extra else ""


def _shapes(tensors: Mapping[str, Tensor]) -> Shapes:
    """Shapes by names that are independent of CompressAI's version."""
    shapes = {}
    for key, value in tensors.items():
        name = key.replace(".downsample.", ".skip.")
        shapes[_BOTTLENECK.sub(r"\1\2", name) if "entropy_bottleneck" in name else name] = tuple(value.shape)
    return shapes
