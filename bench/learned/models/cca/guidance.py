"""Inter-component guidance: what luma tells chroma, sample by sample.

    raw luma, four planes  (Y_1 ... Y_4) ---+
                                            * ---> + ---> softmax over the four ---> A_1 ... A_4
    raw chroma             (U, V) ----------+                                          |
                                                                                       v
    luma features, of the four planes  (F_1 ... F_4) --------------------------------> * ---> + ---> guide

The products are Y_i (a U + b V + c). The summary has the plain sum, a = b = 1 and c = 0; that a, b and c are learnt is
our choice: samples in 0..1 that hardly differ would otherwise be attended to alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable

PLANES = 4
"""Of luma: one for each place in a block of 2x2."""


class ComponentAttention(nn.Module):
    """How much each of the four planes of luma matters at each sample of chroma."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Conv2d(2, 1, 1)
        nn.init.ones_(self.query.weight)
        nn.init.zeros_(cast("Tensor", self.query.bias))

    def forward(self, luma: Tensor, chroma: Tensor) -> Tensor:
        """(B, 4, h, w) and (B, 2, h, w) to weights (B, 4, h, w) that add up to 1 over the four."""
        # Neighbouring samples differ by less than bf16 can tell.
        with torch.autocast(luma.device.type, enabled=False):
            return torch.softmax(luma.float() * cast("Tensor", self.query(chroma.float())), dim=1)


def attended(features: Tensor, attention: Tensor) -> Tensor:
    """The features of the four planes (B, 4C, h, w), each times its weight: (B, 4, C, h, w)."""
    planes: Tensor = features.unflatten(1, (PLANES, -1))  # type: ignore[no-untyped-call]
    return planes * attention.to(features.dtype).unsqueeze(2)


class Igu(nn.Module):
    """IGU: the features of chroma plus a guide from those of luma, which stay as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = ComponentAttention()

    def forward(self, raw: tuple[Tensor, Tensor], features: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Features (B, 4C, h, w) and (B, C, h, w) of luma and chroma, by raw planes (B, 4, h, w) and (B, 2, h, w)."""
        luma, chroma = features
        return luma, chroma + attended(luma, self.attention(*raw)).sum(1)


class Bgu(nn.Module):
    """BGU: both ways. What chroma adds to each plane of luma is weighted by an attention of its own (our choice)."""

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
    """Neither: the branches do not see each other."""

    def forward(self, raw: tuple[Tensor, Tensor], features: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The features as they are."""
        del raw
        return features


GUIDES: dict[str, Callable[[], nn.Module]] = {"igu": Igu, "bgu": Bgu, "none": NoGuidance}
"""Guidance by the name that a configuration gives it."""
