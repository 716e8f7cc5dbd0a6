"""A model that is ready to code: its transforms, the coder of its latents, and what it expects a file to take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

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

    def estimated_bits(self, latents: Latents) -> dict[str, float]:
        """What a file spends on the coded latents, for "y" and, where there is one, "z"; see `diagnosis`."""
        return {part: float(bits.sum()) for part, bits in self.coder.bits(latents).items()}
