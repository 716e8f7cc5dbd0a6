"""Load checkpoints into a user's own model class."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

import torch
from torch import nn

from bench.learned.weights import recognition, state_dicts
from bench.learned.weights.state_dicts import require_sound
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torch import Tensor

_CDF_BUFFER = re.compile(rf"^[\w.]+\.({'|'.join(recognition.CDF_BUFFERS)})$")


@torch.no_grad()
def load_own(cls: type[nn.Module], path: Path) -> nn.Module:
    """Load all tensors of a checkpoint into a user's model class.

    The model is created by the class's `from_state_dict`, by its constructor without arguments, or by its constructor
    with the N and M of the checkpoint's first and last convolutions. The first of these that loads all tensors is used.

    Returns:
        The model in evaluation mode, with CDFs.

    Raises:
        MissingError: there is no such file.
        UsageError: it is not a checkpoint, its tensors cannot be used for coding, or the class cannot load it. The
            message says why each attempt failed.
    """
    tensors, reasons = state_dicts.read(path).tensors, []
    require_sound(path, tensors)
    for variant in state_dicts.variants(tensors):
        for title, make in _constructors(cls, variant):
            try:
                with torch.random.fork_rng(devices=()):
                    model = _with_tables(make, variant)
            except Exception as error:  # noqa: BLE001 - a user's class may raise anything
                reasons.append(f"{title}: {_reason(error)}")
            else:
                model.update()  # type: ignore[operator]
                return model.eval()
    raise UsageError(f"{path} is not of {cls.__name__}: {'; '.join(dict.fromkeys(reasons))}")


def _constructors(
    cls: type[nn.Module], tensors: dict[str, Tensor]
) -> Iterator[tuple[str, Callable[[dict[str, Tensor]], nn.Module]]]:
    """Functions that create a model and load tensors into it, each with a title for messages."""
    if hasattr(cls, "from_state_dict"):
        yield "from_state_dict", cls.from_state_dict
    named = [p for p in inspect.signature(cls).parameters.values() if p.kind is not p.VAR_KEYWORD]
    if all(p.default is not p.empty or p.kind is p.VAR_POSITIONAL for p in named):
        yield f"{cls.__name__}()", lambda state: _loaded(cls(), state)
    widths = {name: value for name, value in recognition.widths_of(tensors).items() if name in {p.name for p in named}}
    if widths:
        text = ", ".join(f"{name}={value}" for name, value in widths.items())
        yield f"{cls.__name__}({text})", lambda state: _loaded(cls(**widths), state)


def _loaded(model: nn.Module, state: dict[str, Tensor]) -> nn.Module:
    fresh = model.state_dict()
    model.load_state_dict({**{name: value for name, value in fresh.items() if _CDF_BUFFER.match(name)}, **state})
    return model


def _with_tables(make: Callable[[dict[str, Tensor]], nn.Module], tensors: dict[str, Tensor]) -> nn.Module:
    """The model that `make` creates; CDFs that are missing because `update()` was not called are empty."""
    state = dict(tensors)
    while True:
        try:
            return make(dict(state))
        except KeyError as error:
            name = str(error.args[0]) if error.args else ""
            if not _CDF_BUFFER.match(name) or name in state:
                raise
            state[name] = torch.empty(0, dtype=torch.float32 if name.endswith("scale_table") else torch.int32)


def _reason(error: Exception) -> str:
    """The first line of an error's message that says something, shortened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    message = lines[1] if lines and lines[0].startswith("Error(s) in loading") and lines[1:] else " ".join(lines)
    return f"{type(error).__name__}: {message[:160]}" if not isinstance(error, RuntimeError) else message[:160]
