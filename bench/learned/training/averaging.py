"""Exponential moving average of the weights, which is validated and saved."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from bench.learned.models import Trainable


class Average:
    """A copy of a model with the moving average of its weights.

    The average moves faster in the first steps, so that the random initialisation has little weight.
    """

    def __init__(self, model: Trainable, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._ours = list(self.model.parameters())
        self._theirs = list(model.parameters())

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the model's weights after step `step` (counted from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._ours, self._theirs, 1 - decay)
