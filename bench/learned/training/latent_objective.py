"""Entropy models fitted on latents: the transforms stay as they are, so that their latents are computed once.

A crop of 32 x 32 latents stands for 512 x 512 pixels, yet costs a small part of a step on pictures. It gives a context
model its whole neighbourhood nearly everywhere; a crop of 128 x 128 pixels is 8 x 8 latents, most of them at the edge.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from bench.learned.models.config import LATENT_STRIDE
from bench.learned.models.parts import value_bytes
from bench.learned.training import losses
from bench.learned.training.crops import generator
from bench.learned.training.objective import HeldOut, whole_of
from bench.system.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from bench.learned.models import LearnedModel, Quantization
    from bench.learned.training.objective import Validation
    from bench.learned.training.phases import Phase
    from bench.learned.training.training_pictures import Pictures


_FORMAT = 1
"""Of what is kept. Latents kept in another one are computed again."""


class EntropyOf(nn.Module):
    """A model's entropy part as a module of its own: latents in, likelihoods out."""

    def __init__(self, model: LearnedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, y: Tensor, mode: Quantization) -> dict[str, Tensor]:
        """The likelihoods of latents (B, M, H, W) and of what is sent about them."""
        return self.model.entropy(y, mode)[1]


class LatentObjective:
    """Rate of latents under an entropy model; validation looks at whole pictures as in any other training.

    Args:
        model: its g_a makes the latents.
        pictures: split into training and validation here; a whole crop fits into each.
        phase: crops in latents; its loss is the rate, whatever its terms.
        seed: of crops.
        device: where g_a and the entropy model compute.
        rank: see `PictureObjective`.
        cache: where latents are kept; all families with one g_a share them.
    """

    def __init__(
        self,
        model: LearnedModel,
        pictures: Pictures,
        phase: Phase,
        *,
        seed: int,
        device: torch.device,
        cache: Path,
        rank: int = 0,
    ) -> None:
        self.phase, self.seed, self.rank = phase, seed, rank
        learn, held = pictures.split()
        self._held_out = HeldOut(held, {"rate": 1.0}, device)
        self._latents = _analysed(model, learn, device, cache)
        self._device = device

    def network(self, model: LearnedModel) -> nn.Module:
        """The entropy model."""
        return EntropyOf(model)

    def batch(self, step: int, share: float) -> Tensor:
        """Random crops of latents, (batch, M, size, size)."""
        random, stage = generator(self.seed, step, self.rank), self.phase.crop(share)
        crops = []
        for _ in range(stage.batch):
            latents = self._latents[random.integers(len(self._latents))]
            top, left = (random.integers(side - stage.size + 1) for side in latents.shape[1:])
            crops.append(latents[:, top : top + stage.size, left : left + stage.size])
        batch = torch.stack(crops).to(self._device, non_blocking=True).float()
        return batch.contiguous(memory_format=torch.channels_last)

    def loss(self, network: nn.Module, batch: Tensor, mode: Quantization) -> Tensor:
        """Bits a pixel."""
        likelihoods = network(batch, mode)
        pixels = LATENT_STRIDE**2 * batch.shape[0] * batch.shape[2] * batch.shape[3]
        return losses.bits(likelihoods) / pixels

    def validate(self, model: LearnedModel) -> Validation:
        """Rate and PSNR of the held-out pictures; the loss is the rate."""
        return self._held_out(model)


def _analysed(model: LearnedModel, pictures: Pictures, device: torch.device, cache: Path) -> list[Tensor]:
    """The latents (M, H/16, W/16) of each picture as float16, computed once for each g_a."""
    digest = hashlib.sha256(f"{_FORMAT} {[entry.sha256 for entry in pictures.entries]}".encode())
    for value in model.g_a.state_dict().values():
        digest.update(value_bytes(value))
    path = cache / f"latents-{digest.hexdigest()[:24]}.pt"
    if not path.is_file():
        latents = [_analyse(model, pictures, index, device) for index in range(len(pictures))]
        with atomic_write(path) as file:
            torch.save(latents, file)
    kept: list[Tensor] = torch.load(path, weights_only=True)
    return kept


@torch.no_grad()
def _analyse(model: LearnedModel, pictures: Pictures, index: int, device: torch.device) -> Tensor:
    """The latents of one picture."""
    y: Tensor = model.g_a.to(device)(whole_of(pictures, index).to(device))
    return y[0].half().cpu()
