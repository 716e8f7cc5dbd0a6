"""Training for several lambdas at once: each step draws a few of them, and each gets a part of the step's crops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from bench.learned.training import losses
from bench.learned.training.crops import generator
from bench.learned.training.task import PictureTask, Validation

if TYPE_CHECKING:
    from torch import Tensor

    from bench.learned.models import Quantization, Trainable
    from bench.learned.models.gained import Gained
    from bench.learned.training.phases import Phase
    from bench.learned.training.pictures import Pictures

GROUPS = 2
"""Lambdas in one step; each more makes a step slower, fewer make its gradient noisier."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Crops, and the lambdas that equal parts of them are for."""

    x: Tensor
    which: tuple[int, ...]
    """Indices into the phase's qualities."""


class GainedTask(PictureTask):
    """Rate and distortion at the phase's qualities; see `PictureTask`.

    Each lambda's loss is divided by the root of lambda, so that all are of about the same size: otherwise the largest
    one, whose rate and distortion weigh most, would have the gradients to itself.
    """

    def __init__(self, pictures: Pictures, phase: Phase, **options: Any) -> None:  # noqa: ANN401 - of PictureTask
        super().__init__(pictures, phase, **options)
        metric = next(term for term in phase.weights if term != "rate")
        self._weights = [losses.rate_distortion(quality, metric) for quality in phase.qualities]
        self._scales = [(phase.weights[metric] / weights[metric]) ** 0.5 for weights in self._weights]
        self.validated: dict[int, Validation] = {}
        """Quality to what its plain model came out at, when all were validated last."""

    def batch(self, step: int, share: float) -> Batch:  # type: ignore[override]
        """Random crops, (batch, 3, size, size), and as many different lambdas as there are groups of them."""
        x = super().batch(step, share)
        random = generator(self.seed, step, 2000 + self.rank)
        groups = min(GROUPS, len(x), len(self._weights))
        return Batch(x, tuple(int(index) for index in random.permutation(len(self._weights))[:groups]))

    def loss(self, network: nn.Module, batch: Batch, mode: Quantization) -> Tensor:  # type: ignore[override]
        """The mean over the groups, each at its lambda."""
        parts = []
        for x, index in zip(batch.x.tensor_split(len(batch.which)), batch.which, strict=True):
            output = network(x, torch.tensor(index, device=x.device), mode)
            parts.append(self._scales[index] * losses.weighted(output, x, self._weights[index]))
        return torch.stack(parts).mean()

    def validate(self, model: Trainable) -> Validation:
        """The means over all qualities, of the plain models."""
        gained = cast("Gained", model)
        for index, quality in enumerate(self.phase.qualities):
            self.validated[quality] = self._held_out(gained.plain(index), self._weights[index])
        rows = self.validated.values()
        scaled = [scale * row.loss for scale, row in zip(self._scales, rows, strict=True)]
        means = (sum(column) / len(rows) for column in (scaled, [r.rate_bpp for r in rows], [r.psnr_db for r in rows]))
        return Validation(*means)
