"""Objectives: batches, the loss on them, and validation. Here for whole models on crops of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch

from bench.learned.training import losses
from bench.learned.training.crops import Crops, generator, resident

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from bench.learned.models import Quantization, Trainable
    from bench.learned.training.phases import Phase
    from bench.learned.training.training_pictures import Pictures

VALIDATION_SIDE = 512


@dataclass(frozen=True, slots=True)
class Validation:
    """Means over the validation set, with rounded latents and averaged weights."""

    loss: float
    rate_bpp: float
    psnr_db: float
    latent_error_ratio: float | None = None
    """Error of the rectified latents relative to that of the decoded ones, if there is a rectifier."""


class Objective(Protocol):
    """Batches, the loss on them, and validation."""

    def network(self, model: Any) -> nn.Module:  # noqa: ANN401 - a model of the kind that the objective is for
        """The module that the engine wraps: its forward is the part of the model that the loss needs."""

    def batch(self, step: int, share: float) -> Any:  # noqa: ANN401 - what `loss` of the same objective takes
        """The batch of a step, a pure function of the step, at `share` (0..1) of the phase."""

    def loss(self, network: nn.Module, batch: Any, mode: Quantization) -> Tensor:  # noqa: ANN401 - of `batch`
        """The loss of a batch, with the given mode of quantisation."""

    def validate(self, model: Any) -> Validation:  # noqa: ANN401 - the same
        """Results of a model in evaluation mode."""


class PictureObjective:
    """Rate and distortion of whole models on crops of pictures.

    Args:
        pictures: split into training and validation set here; each is at least as large as a crop.
        phase: its loss terms, quantisation and crops.
        seed: of crops.
        device: of batches.
        rank: of this process; each process draws other crops.
    """

    def __init__(self, pictures: Pictures, phase: Phase, *, seed: int, device: torch.device, rank: int = 0) -> None:
        self.phase, self.seed, self.rank = phase, seed, rank
        training_set, validation_set = pictures.split()
        options: Any = {"device": device, "downscale": phase.downscale, "resident": resident(training_set, device)}
        self._crops = {
            stage: Crops(training_set, size=stage.size, batch=stage.batch, **options) for stage in phase.crops
        }
        self._validation_set = ValidationSet(validation_set, phase.weights, device)

    def network(self, model: Trainable) -> nn.Module:
        """The whole model."""
        return model

    def batch(self, step: int, share: float) -> Tensor:
        """Random crops, (batch, 3, size, size)."""
        return self._crops[self.phase.crop(share)](generator(self.seed, step, self.rank))

    def loss(self, network: nn.Module, batch: Tensor, mode: Quantization) -> Tensor:
        """The phase's weighted terms."""
        return losses.weighted(network(batch, mode), batch, self.phase.weights)

    def validate(self, model: Trainable, weights: Mapping[str, float] | None = None) -> Validation:
        """Loss, rate and PSNR on the validation set, optionally with other loss terms than the phase's."""
        return self._validation_set(model, weights)


class ValidationSet:
    """The validation set, each picture cropped to its central 512 x 512 pixels at most.

    Args:
        pictures: of the validation set.
        weights: the loss terms.
        device: of models.
    """

    def __init__(self, pictures: Pictures, weights: Mapping[str, float], device: torch.device) -> None:
        self._weights = weights
        self._device = device
        self._pictures = [middle_of(pictures, index) for index in range(len(pictures))]

    @torch.no_grad()
    def __call__(self, model: nn.Module, weights: Mapping[str, float] | None = None) -> Validation:
        """Mean loss, rate and PSNR of a model in evaluation mode, optionally with other loss terms."""
        rows = []
        for picture in self._pictures:
            x = picture.to(self._device)
            output = model(x, "round")
            loss = losses.weighted(output, x, weights or self._weights).item()
            rows.append((loss, losses.rate_bpp(output, x).item(), losses.psnr_db(output, x)))
        return Validation(*(sum(column) / len(rows) for column in zip(*rows, strict=True)))


def middle_of(pictures: Pictures, index: int) -> Tensor:
    """The centre of a picture, with sides of multiples of 64; smaller pictures are padded by repeating edges."""
    picture = torch.from_numpy(pictures[index].copy()).permute(2, 0, 1).float().div_(255)
    scale = 1 if pictures.channels == 3 else 2  # packed planes are of half the size
    multiple, most = 64 // scale, VALIDATION_SIDE // scale
    height, width = (min(most, max(multiple, side // multiple * multiple)) for side in picture.shape[1:])
    down, right = max(0, height - picture.shape[1]), max(0, width - picture.shape[2])
    picture = torch.nn.functional.pad(picture[None], (0, right, 0, down), mode="replicate")
    top, left = (picture.shape[2] - height) // 2, (picture.shape[3] - width) // 2
    return picture[:, :, top : top + height, left : left + width].contiguous(memory_format=torch.channels_last)


def whole_of(pictures: Pictures, index: int) -> Tensor:
    """A picture (1, 3, H, W) cropped to multiples of 64 pixels."""
    picture = pictures[index]
    height, width = (side // 64 * 64 for side in picture.shape[:2])
    return torch.from_numpy(picture[:height, :width].copy()).permute(2, 0, 1)[None].float().div_(255)
