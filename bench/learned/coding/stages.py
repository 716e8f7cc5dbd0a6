"""Stages of a model with its own entropy coder, reported through hooks on its transforms."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import torch

from bench.codecs.probe import stage
from bench.system.environment import synchronize

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from torch import nn


def encoding(model: nn.Module) -> AbstractContextManager[None]:
    """Report the stages of `compress`: g_a, then entropy encoding."""
    return _around(model, "g_a", "", "analysis", "entropy encoding")


def decoding(model: nn.Module) -> AbstractContextManager[None]:
    """Report the stages of `decompress`: entropy decoding, then g_s."""
    return _around(model, "g_s", "entropy decoding", "synthesis", "")


@contextlib.contextmanager
def _around(model: nn.Module, part: str, *names: str) -> Iterator[None]:
    """Report stages before, during and after the first call of a sub-network, if the model has it; "" reports none."""
    network = getattr(model, part, None)
    if not isinstance(network, torch.nn.Module):
        yield
        return
    following = iter(names)
    with contextlib.ExitStack() as current, contextlib.ExitStack() as hooks:

        def advance(*_: object) -> None:
            if (name := next(following, None)) is not None:
                synchronize()  # pending work belongs to the current stage
                current.close()
                current.enter_context(stage(name) if name else contextlib.nullcontext())

        advance()
        for register in (network.register_forward_pre_hook, network.register_forward_hook):
            hooks.callback(register(advance).remove)
        yield
