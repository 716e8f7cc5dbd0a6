"""Checkpoints of any make as tensors by name: .pth, .pth.tar, .pt, .ckpt and safetensors, in the layouts of the field.

Nothing in a file is run: a pickle of anything but tensors, numbers and plain containers is refused.
"""

from __future__ import annotations

import argparse
import pickle
import re
import warnings
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from bench.system.errors import MissingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

State = dict[str, Tensor]

LAYOUTS = (
    *("state_dict_ema", "ema_state_dict", "model_ema", "params_ema", "ema"),
    *("state_dict", "model_state_dict", "network", "model", "net", "params", "module"),
)
"""Where training scripts put a model's tensors in their files. Averaged weights first: they are what is evaluated."""

PREFIXES = ("module.", "net.", "model.", "ema_model.")
"""What wrappers put in front of the names: DataParallel, Lightning, averages."""

_COMPILED = "_orig_mod."

_HARMLESS: tuple[Any, ...] = (
    argparse.Namespace,
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8", "?")),
    (np.float64(0).__reduce__()[0], "numpy._core.multiarray.scalar"),
    (np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar"),
)
"""What training scripts put beside the tensors, and can run nothing: options, and numbers of NumPy."""


@dataclass(frozen=True, slots=True)
class StateDict:
    """The tensors of a file."""

    tensors: State
    place: str
    """Where in the file they were, as in "state_dict"; "" if the file is nothing else."""


def read(path: Path) -> StateDict:
    """The tensors of a model in a file.

    Raises:
        MissingError: there is no such file.
        UsageError: it is no checkpoint, cut off, would run code, or holds no tensors by name.
    """
    if not path.is_file():
        raise MissingError(f"there is no file {path}")
    content = _safetensors(path) if path.suffix == ".safetensors" else _pickle(path)
    found = _find(content, ())
    if found is None:
        raise UsageError(f"{path}: no tensors by name in it, such as a state_dict")
    place, tensors = found
    return StateDict({name.replace(_COMPILED, ""): value for name, value in tensors.items()}, ".".join(place))


def variants(tensors: State) -> Iterator[State]:
    """The tensors under their names, and under those without what wrappers put in front, outermost first.

    Others beside the wrapped ones, such as those of a loss, are left out.
    """
    yield tensors
    for prefix in PREFIXES:
        inner = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        if inner:
            yield from variants(inner)


def _safetensors(path: Path) -> State:
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, ValueError) as error:
        raise UsageError(f"{path}: not a safetensors file, or cut off ({error})") from error


def _pickle(path: Path) -> Any:  # noqa: ANN401 - whatever a file holds
    try:
        with torch.serialization.safe_globals(list(_HARMLESS)), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of another pickle protocol than its own
            # What is mapped is read from the disk only where it is looked at: names and shapes cost nothing.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        if foreign := re.search(r"GLOBAL ([\w.]+)", str(error)):
            raise UsageError(
                f"{path}: holds an object of {foreign[1]} beside tensors, which could run code, and is not opened; "
                "save the model's state_dict() alone"
            ) from error
        # What PyTorch says of a file that it cannot unpickle is advice to load it without protection.
        reason = "" if isinstance(error, pickle.UnpicklingError) else f" ({_first_words(error)})"
        raise UsageError(f"{path}: not a checkpoint of PyTorch, or cut off{reason}") from error


def _first_words(error: Exception) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__


def _find(content: object, place: tuple[str, ...]) -> tuple[tuple[str, ...], State] | None:
    """A model's tensors in what a file holds, and where they are."""
    if not isinstance(content, dict) or len(place) > 3:
        return None
    named = _tensors(content)
    if any("." in name for name in named):
        return place, named
    for key in LAYOUTS:
        if (found := _find(content.get(key), (*place, key))) is not None:
            return found
    return None


def _tensors(content: Mapping[Any, Any]) -> State:
    return {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
