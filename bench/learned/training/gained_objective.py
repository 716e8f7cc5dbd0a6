"""Training for several lambdas at once: each step draws some of them, for equal parts of its crops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from bench.learned.training import losses
from bench.learned.training.crops import generator
from bench.learned.training.objective import Validation

if TYPE_CHECKING:
    from torch import Tensor

    from bench.learned.models import Gained, Quantization
    from bench.learned.training.objective import PictureObjective

GROUPS = 2
"""Lambdas per step: more make a step slower, fewer make its gradient noisier."""


@dataclass(frozen=True, slots=True)
class GainedBatch:
    """Crops, and the lambdas of equal parts of them."""

    x: Tensor
    which: tuple[int, ...]
    """Indices into the phase's qualities."""


class GainedObjective:
    """Rate and distortion at the phase's qualities.

    Each loss is divided by the root of its lambda, so that all have a similar magnitude; otherwise the largest lambda
    would dominate the gradients.

    Args:
        objective: of pictures or planes; its crops are used for training, its pictures for validation.
    """

    def __init__(self, objective: PictureObjective) -> None:
        self._objective, self.phase = objective, objective.phase
        metric = next(term for term in self.phase.weights if term != "rate")
        self._weights = [losses.rate_distortion(quality, metric) for quality in self.phase.qualities]
        self._scales = [(self.phase.weights[metric] / weights[metric]) ** 0.5 for weights in self._weights]
        self.validated: dict[int, Validation] = {}
        """Quality to the results of its plain model in the last validation."""

    def network(self, model: Gained) -> nn.Module:
        """The whole model, with its gains."""
        return model

    def batch(self, step: int, share: float) -> GainedBatch:
        """Random crops, (batch, channels, size, size), and one lambda for each group of them."""
        x = self._objective.batch(step, share)
        random = generator(self._objective.seed, step, 2000 + self._objective.rank)
        groups = min(GROUPS, len(x), len(self._weights))
        return GainedBatch(x, tuple(int(index) for index in random.permutation(len(self._weights))[:groups]))

    def loss(self, network: nn.Module, batch: GainedBatch, mode: Quantization) -> Tensor:
        """Mean loss of the groups, each at its lambda."""
        parts = []
        for x, index in zip(batch.x.tensor_split(len(batch.which)), batch.which, strict=True):
            output = network(x, torch.tensor(index, device=x.device), mode)
            parts.append(self._scales[index] * losses.weighted(output, x, self._weights[index]))
        return torch.stack(parts).mean()

    def validate(self, model: Gained) -> Validation:
        """Means over all qualities, with the plain models."""
        for index, quality in enumerate(self.phase.qualities):
            self.validated[quality] = self._objective.validate(model.plain(index), self._weights[index])
        rows = self.validated.values()
        scaled = [scale * row.loss for scale, row in zip(self._scales, rows, strict=True)]
        means = (sum(column) / len(rows) for column in (scaled, [r.rate_bpp for r in rows], [r.psnr_db for r in rows]))
        return Validation(*means)
