"""Entropy-model fine-tuning: the transforms are frozen, so that latents are computed once.

A crop of 32 x 32 latents corresponds to 512 x 512 pixels, but costs a small part of a step on pictures. Nearly all of
its latents have a complete context, whereas in a crop of 128 x 128 pixels, with 8 x 8 latents, most are at the border.
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
from bench.learned.training.objective import ValidationSet, whole_of
from bench.system.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from bench.learned.models import LearnedModel, Quantization
    from bench.learned.training.objective import Validation
    from bench.learned.training.phases import Phase
    from bench.learned.training.training_pictures import Pictures


_FORMAT = 1
"""Version of cached latents; those of another version are computed again."""


class EntropyOf(nn.Module):
    """A model's entropy model as a module: from latents to likelihoods."""

    def __init__(self, model: LearnedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, y: Tensor, mode: Quantization) -> dict[str, Tensor]:
        """The likelihoods of latents (B, M, H, W) and of their side information."""
        return self.model.entropy(y, mode)[1]


class LatentObjective:
    """Rate of latents under an entropy model; validation is on whole pictures, as in other trainings.

    Args:
        model: its g_a computes the latents.
        pictures: split into training and validation set here; each is at least as large as a crop.
        phase: its crops are in latents; the loss is the rate, independently of its terms.
        seed: of crops.
        device: of g_a and the entropy model.
        rank: see `PictureObjective`.
        cache: folder of the latents, which all families with the same g_a share.
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
        training_set, validation_set = pictures.split()
        self._validation_set = ValidationSet(validation_set, {"rate": 1.0}, device)
        self._latents = _analysed(model, training_set, device, cache)
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
        """Bits per pixel."""
        likelihoods = network(batch, mode)
        pixels = LATENT_STRIDE**2 * batch.shape[0] * batch.shape[2] * batch.shape[3]
        return losses.bits(likelihoods) / pixels

    def validate(self, model: LearnedModel) -> Validation:
        """Rate and PSNR on the validation set; the loss is the rate."""
        return self._validation_set(model)


@torch.no_grad()
def _analysed(model: LearnedModel, pictures: Pictures, device: torch.device, cache: Path) -> list[Tensor]:
    """The latents (M, H/16, W/16) of each picture as float16, cached per g_a."""
    digest = hashlib.sha256(f"{_FORMAT} {[entry.sha256 for entry in pictures.entries]}".encode())
    for value in model.g_a.state_dict().values():
        digest.update(value_bytes(value))
    path = cache / f"latents-{digest.hexdigest()[:24]}.pt"
    if not path.is_file():
        pixels = (whole_of(pictures, index).to(device) for index in range(len(pictures)))
        latents = [model.g_a.to(device)(x)[0].half().cpu() for x in pixels]
        with atomic_write(path) as file:
            torch.save(latents, file)
    kept: list[Tensor] = torch.load(path, weights_only=True)
    return kept
