"""A model that is ready to code: its transforms, the coder of its latents, and what it expects a file to take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch

from bench.learned.coding.latents import LatentCoder
from bench.learned.coding.synthesis import Precision, Transforms

if TYPE_CHECKING:
    from bench.learned.coding.paths import Latents
    from bench.learned.models import LearnedModel


@dataclass(frozen=True, slots=True)
class System:
    """One loaded model. Any number of codecs may share it: it holds nothing of any picture."""

    model: LearnedModel
    transforms: Transforms
    coder: LatentCoder

    @classmethod
    def of(cls, model: LearnedModel, device: str = "cpu", precision: Precision = "fp32") -> Self:
        """Make a finished model ready; its transforms move to the device."""
        for parameter in model.parameters():
            parameter.requires_grad_(requires_grad=False)
        return cls(model, Transforms(model, device, precision), LatentCoder(model))

    def estimated_bits(self, latents: Latents) -> float:
        """What the coded latents take by the model's own probabilities, all parts together."""
        return sum(bits for bits in estimate_bits(self.model, latents).values())


@torch.inference_mode()
def estimate_bits(model: LearnedModel, latents: Latents) -> dict[str, float]:
    """The bits of the coded latents by the model's own probabilities, for "y" and, where there is one, "z"."""
    likelihoods = {}
    if latents.scales is None:
        _, likelihoods["y"] = model.entropy_bottleneck(latents.y_hat, "round")
    else:
        _, likelihoods["y"] = model.gaussian_conditional(latents.y_hat, latents.scales, latents.means, "round")
    if latents.z_hat is not None:
        _, likelihoods["z"] = model.entropy_bottleneck(latents.z_hat, "round")
    return {part: float(-values.log2().sum(dtype=torch.float64)) for part, values in likelihoods.items()}
