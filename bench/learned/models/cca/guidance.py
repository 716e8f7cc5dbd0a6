"""Inter-component guidance of chroma by luma, sample by sample.

    raw luma, four planes  (Y_1 ... Y_4) ---+
                                            * ---> + ---> softmax over the four ---> A_1 ... A_4
    raw chroma             (U, V) ----------+                                          |
                                                                                       v
    luma features, of the four planes  (F_1 ... F_4) --------------------------------> * ---> + ---> guide

The products are Y_i (a U + b V + c). In the summary of the paper, a = b = 1 and c = 0. Learning them is our choice:
otherwise, samples in [0, 1] with small differences would get nearly equal weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from bench.learned.models.planes import LUMA_PLANES

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.learned.models.config import ModelConfig


def guide_width(config: ModelConfig) -> int:
    """Return the number of feature channels in the guidance, for chroma and for each luma plane."""
    return config.N // 8


class ComponentAttention(nn.Module):
    """Weights of the four luma planes at each sample of chroma."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Conv2d(2, 1, 1)
        nn.init.ones_(self.query.weight)
        nn.init.zeros_(cast("Tensor", self.query.bias))

    def forward(self, luma: Tensor, chroma: Tensor) -> Tensor:
        """Map (B, 4, h, w) and (B, 2, h, w) to weights (B, 4, h, w) that sum to 1 over the four planes."""
        # bfloat16 cannot represent the differences between neighbouring samples.
        with torch.autocast(luma.device.type, enabled=False):
            return torch.softmax(luma.float() * cast("Tensor", self.query(chroma.float())), dim=1)


def attended(features: Tensor, attention: Tensor) -> Tensor:
    """Multiply the features of the four planes (B, 4C, h, w) by their weights; return (B, 4, C, h, w)."""
    planes: Tensor = features.unflatten(1, (LUMA_PLANES, -1))  # type: ignore[no-untyped-call]
    return planes * attention.to(features.dtype).unsqueeze(2)


class Igu(nn.Module):
    """IGU: guidance from luma features is added to chroma features; luma is unchanged."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = ComponentAttention()

    def forward(self, raw: tuple[Tensor, Tensor], features: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Return guided features, given raw planes and features (B, 4C, h, w) of luma and (B, C, h, w) of chroma."""
        luma, chroma = features
        return luma, chroma + attended(luma, self.attention(*raw)).sum(1)


class Bgu(nn.Module):
    """BGU: guidance in both directions. From chroma to each luma plane it has its own attention (our choice)."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = ComponentAttention()
        self.back = ComponentAttention()

    def forward(self, raw: tuple[Tensor, Tensor], features: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """See `Igu`."""
        luma, chroma = features
        guide = attended(luma, self.attention(*raw)).sum(1)
        back = self.back(*raw).to(chroma.dtype).unsqueeze(2) * chroma.unsqueeze(1)
        return luma + back.flatten(1, 2), chroma + guide


class NoGuidance(nn.Module):
    """No guidance between the branches."""

    def forward(self, raw: tuple[Tensor, Tensor], features: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the features unchanged."""
        del raw
        return features


GUIDES: dict[str, Callable[[], nn.Module]] = {"igu": Igu, "bgu": Bgu, "none": NoGuidance}
"""Guidance by its name in `ModelConfig`."""
