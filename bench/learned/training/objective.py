"""Training objectives (batches, loss and validation), and those of models on crops of pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from bench.learned.training import losses
from bench.learned.training.training_pictures import Crops, generator, resident

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from bench.learned.models import Gained, Quantization, Trainable
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
    """Error of the rectified latents relative to that of the decoded ones; None without a rectifier."""


def mean_of(rows: Collection[tuple[float, ...]]) -> Validation:
    """Means over rows of values in the order of the fields of `Validation`."""
    return Validation(*(sum(column) / len(rows) for column in zip(*rows, strict=True)))


class Objective(ABC):
    """Batches, the loss on them, and validation."""

    def network(self, model: Any) -> nn.Module:  # noqa: ANN401 - the kind of model depends on the objective
        """The module to compile and distribute, whose forward is the part of the model that the loss needs.

        By default, this is the whole model.
        """
        return cast("nn.Module", model)

    @abstractmethod
    def batch(self, step: int, share: float) -> Any:  # noqa: ANN401 - the input of `loss`
        """The batch of a step, a pure function of the step, at `share` (0..1) of the phase."""

    @abstractmethod
    def loss(self, network: nn.Module, batch: Any, mode: Quantization) -> Tensor:  # noqa: ANN401 - from `batch`
        """The loss of a batch with the given quantisation."""

    @abstractmethod
    def validate(self, model: Any) -> Validation:  # noqa: ANN401 - as for `network`
        """Validate a model in evaluation mode."""


class PartOf(nn.Module):
    """A part of a model as a module, whose forward is a function of the model and the inputs."""

    def __init__(self, model: nn.Module, part: Callable[..., Any]) -> None:
        super().__init__()
        self.model, self._part = model, part

    def forward(self, *inputs: Any) -> Any:  # noqa: ANN401 - those of the part
        """Output of the part."""
        return self._part(self.model, *inputs)


class CropObjective(Objective):
    """Base class of objectives on random crops. Validation is on the centres of whole pictures (see `middle_of`).

    Args:
        pictures: to be split into training and validation set; each is at least as large as a crop.
        phase: loss terms, quantisation and crops.
        seed: of crops.
        device: of batches and models.
        rank: of this process; each process draws different crops.
    """

    def __init__(self, pictures: Pictures, phase: Phase, *, seed: int, device: torch.device, rank: int = 0) -> None:
        self.phase, self.seed, self.rank, self.device = phase, seed, rank, device
        self._training_set, self._validation_set = pictures.split()
        self._validated = [middle_of(self._validation_set, index) for index in range(len(self._validation_set))]

    def random(self, step: int) -> np.random.Generator:
        """Random numbers for the crops of a step."""
        return generator(self.seed, step, self.rank)

    @torch.no_grad()
    def _validation(self, network: nn.Module, weights: Mapping[str, float]) -> Validation:
        """Mean weighted loss, rate and PSNR of a network from pictures to outputs on the validation set."""
        rows = []
        for picture in self._validated:
            x = picture.to(self.device)
            output = network(x, "round")
            loss = losses.weighted(output, x, weights).item()
            rows.append((loss, losses.rate_bpp(output, x).item(), losses.psnr_db(output, x)))
        return mean_of(rows)


class PictureObjective(CropObjective):
    """Rate and distortion of whole models on crops of pictures; for the arguments see `CropObjective`."""

    def __init__(self, pictures: Pictures, phase: Phase, **options: Any) -> None:  # noqa: ANN401
        super().__init__(pictures, phase, **options)
        training_set = self._training_set
        shared: Any = {"downscale": phase.downscale, "resident": resident(training_set, self.device)}
        self._crops = {
            stage: Crops(training_set, size=stage.size, batch=stage.batch, device=self.device, **shared)
            for stage in phase.crops
        }

    def batch(self, step: int, share: float) -> Tensor:
        """Random crops (batch, 3, size, size)."""
        return self._crops[self.phase.crop(share)](self.random(step))

    def loss(self, network: nn.Module, batch: Tensor, mode: Quantization) -> Tensor:
        """The phase's weighted terms."""
        return losses.weighted(network(batch, mode), batch, self.phase.weights)

    def validate(self, model: Trainable, weights: Mapping[str, float] | None = None) -> Validation:
        """Loss, rate and PSNR on the validation set; `weights` replaces the loss terms of the phase."""
        return self._validation(self.network(model), weights or self.phase.weights)


def tensor_of(pixels: NDArray[np.uint8]) -> Tensor:
    """Pixels (H, W, C) in 8 bits as a float tensor (C, H, W) in [0, 1]."""
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float().div_(255)


def middle_of(pictures: Pictures, index: int) -> Tensor:
    """The centre of a picture, with sides that are multiples of 64 pixels.

    Smaller pictures are padded by repeating the edges.
    """
    picture = tensor_of(pictures[index])
    scale = 1 if pictures.channels == 3 else 2  # packed planes have half the size
    multiple, most = 64 // scale, VALIDATION_SIDE // scale
    height, width = (min(most, max(multiple, side // multiple * multiple)) for side in picture.shape[1:])
    down, right = max(0, height - picture.shape[1]), max(0, width - picture.shape[2])
    picture = torch.nn.functional.pad(picture[None], (0, right, 0, down), mode="replicate")
    top, left = (picture.shape[2] - height) // 2, (picture.shape[3] - width) // 2
    return picture[:, :, top : top + height, left : left + width].contiguous(memory_format=torch.channels_last)


GROUPS = 2
"""Number of lambdas per step: more make a step slower, fewer make its gradient noisier."""


@dataclass(frozen=True, slots=True)
class GainedBatch:
    """Crops, divided into equal groups with one lambda each."""

    x: Tensor
    which: tuple[int, ...]
    """For each group, the index of its lambda in the phase's qualities."""


class GainedObjective(Objective):
    """Rate and distortion at several qualities.

    Each loss is divided by the square root of its lambda, so that all have a similar magnitude; otherwise the largest
    lambda would dominate the gradients.

    Args:
        objective: of pictures or planes, which provides crops and the validation set.
    """

    def __init__(self, objective: PictureObjective) -> None:
        self._objective, self.phase = objective, objective.phase
        metric = next(term for term in self.phase.weights if term != "rate")
        self._weights = [losses.rate_distortion(quality, metric) for quality in self.phase.qualities]
        self._scales = [(self.phase.weights[metric] / weights[metric]) ** 0.5 for weights in self._weights]
        self.validated: dict[int, Validation] = {}
        """Results of the plain models in the last validation, by quality."""

    def batch(self, step: int, share: float) -> GainedBatch:
        """Random crops (batch, channels, size, size), and a random lambda for each group."""
        x = self._objective.batch(step, share)
        random = generator(self._objective.seed, step, 2000 + self._objective.rank)
        groups = min(GROUPS, len(x), len(self._weights))
        return GainedBatch(x, tuple(int(index) for index in random.permutation(len(self._weights))[:groups]))

    def loss(self, network: nn.Module, batch: GainedBatch, mode: Quantization) -> Tensor:
        """Mean of the groups' losses, each at its lambda."""
        parts = []
        for x, index in zip(batch.x.tensor_split(len(batch.which)), batch.which, strict=True):
            output = network(x, torch.tensor(index, device=x.device), mode)
            parts.append(self._scales[index] * losses.weighted(output, x, self._weights[index]))
        return torch.stack(parts).mean()

    def validate(self, model: Gained) -> Validation:
        """Validate the plain models; returns means over all qualities."""
        for index, quality in enumerate(self.phase.qualities):
            self.validated[quality] = self._objective.validate(model.plain(index), self._weights[index])
        results = zip(self._scales, self.validated.values(), strict=True)
        return mean_of([(scale * result.loss, result.rate_bpp, result.psnr_db) for scale, result in results])
