"""Optimisers of phases, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from bench.learned.training.soap import Soap
from bench.system.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from torch import nn

AUXILIARY_LR = 1e-3


def _adam(parameters: Iterable[nn.Parameter], lr: float, dtype: torch.dtype) -> torch.optim.Optimizer:
    del dtype
    return torch.optim.Adam(parameters, lr=lr, fused=True)


def _soap(parameters: Iterable[nn.Parameter], lr: float, dtype: torch.dtype) -> torch.optim.Optimizer:
    return Soap(parameters, lr, rotate_in=dtype)


OPTIMIZERS: Mapping[str, Callable[[Iterable[nn.Parameter], float, torch.dtype], torch.optim.Optimizer]] = {
    "adam": _adam,
    "soap": _soap,
}


def make(name: str, parameters: Mapping[str, nn.Parameter], lr: float, dtype: torch.dtype) -> torch.optim.Optimizer:
    """The optimiser of a phase for `parameters` without quantiles; `dtype` is the type of matrix products.

    Raises:
        UsageError: there is no such optimiser.
    """
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    return OPTIMIZERS[name]([p for key, p in parameters.items() if not key.endswith("quantiles")], lr, dtype)


def make_auxiliary(parameters: Mapping[str, nn.Parameter]) -> torch.optim.Optimizer | None:
    """The optimiser of the auxiliary loss for the quantiles; None if the phase trains none."""
    quantiles = [p for key, p in parameters.items() if key.endswith("quantiles")]
    return torch.optim.Adam(quantiles, lr=AUXILIARY_LR, fused=True) if quantiles else None
