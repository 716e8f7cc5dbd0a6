"""The exponential moving average of the weights: what is validated and shipped."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from bench.learned.models import Trainable


class Average:
    """A copy of a model whose weights follow it slowly.

    The first steps follow faster, so that the random start is soon forgotten.
    """

    def __init__(self, model: Trainable, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._ours = list(self.model.parameters())
        self._theirs = list(model.parameters())

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the model's weights after step number `step` (counted from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._ours, self._theirs, 1 - decay)
