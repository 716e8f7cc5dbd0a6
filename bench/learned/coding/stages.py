"""Stages of a model that codes by itself, reported by hooks on its transforms."""

from __future__ import annotations

import contextlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import torch

from bench.codecs.probe import stage
from bench.system.environment import synchronise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn


def encoding(model: nn.Module) -> contextlib.AbstractContextManager[None]:
    """Report the stages of `compress`: g_a, then entropy encoding."""
    return _around(model, "g_a", "", "analysis", "entropy encoding")


def decoding(model: nn.Module) -> contextlib.AbstractContextManager[None]:
    """Report the stages of `decompress`: entropy decoding, then g_s."""
    return _around(model, "g_s", "entropy decoding", "synthesis", "")


@contextlib.contextmanager
def _around(model: nn.Module, part: str, before: str, inside: str, behind: str) -> Iterator[None]:
    """Report stages before, during and after the first call of a sub-network, if the model has one of this name."""
    network = getattr(model, part, None)
    if not isinstance(network, torch.nn.Module):
        yield
        return
    with ExitStack() as hooks, _Stages(before) as stages:
        names = iter((inside, behind))
        for register in (network.register_forward_pre_hook, network.register_forward_hook):
            hooks.enter_context(_removing(register(lambda *_: stages.next(next(names, None)))))
        yield


@contextlib.contextmanager
def _removing(handle: Any) -> Iterator[None]:  # noqa: ANN401 - of PyTorch's hooks
    try:
        yield
    finally:
        handle.remove()


class _Stages:
    """Consecutive stages; "" is none."""

    def __init__(self, first: str) -> None:
        self._open = ExitStack()
        self._first = first

    def __enter__(self) -> Self:
        self.next(self._first)
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def next(self, name: str | None) -> None:
        """End the stage and begin another; None continues the current one."""
        if name is None:
            return
        synchronise()  # pending work belongs to the current stage
        self._open.close()
        if name:
            self._open.enter_context(stage(name))
