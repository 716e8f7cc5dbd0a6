"""A model prepared for coding: transforms, latent codec, and rectifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch

from bench.learned.coding.entropy_parameters import one_thread
from bench.learned.coding.latent_codecs import (
    AutoregressiveLatentCodec,
    FactorizedLatentCodec,
    HyperpriorLatentCodec,
    LatentCodec,
    summed,
)
from bench.learned.coding.mixture_latent_codec import MixtureLatentCodec
from bench.learned.coding.row_tiles import RowTiled
from bench.learned.coding.transforms import PictureTransforms, PlanesTransforms, Precision, Transforms
from bench.learned.families import YUV420
from bench.learned.models import Rectified, Rectifier
from bench.learned.models.mixture import MixtureModel
from bench.system.allocator import share_freed_memory

if TYPE_CHECKING:
    from torch import Tensor

    from bench.learned.coding.latent_codecs import Latents
    from bench.learned.models import Codable, LearnedModel


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model prepared for coding. It keeps no state between pictures, so that codecs can share it."""

    model: LearnedModel
    transforms: Transforms
    coder: LatentCodec
    rectifier: Rectifier | None = None
    """Applied to decoded latents before the synthesis, on the device of the transforms."""

    @classmethod
    def of(
        cls,
        model: Codable,
        device: str = "cpu",
        precision: Precision = "fp32",
        *,
        coder: LatentCodec | None = None,
    ) -> Self:
        """Prepare a trained model for coding, and move its transforms and rectifier to the device.

        The latent codec defaults to `latent_codec(model)`.
        """
        share_freed_memory()
        for parameter in model.parameters():
            parameter.requires_grad = False
        codec, rectifier = (model.codec, model.rectifier) if isinstance(model, Rectified) else (model, None)
        if not isinstance(rectifier, Rectifier):
            rectifier = None  # +ft: only the synthesis was trained
        else:
            rectifier.to(torch.device(device), memory_format=torch.channels_last)  # type: ignore[call-overload]
        transforms = PlanesTransforms if codec.config.family in YUV420 else PictureTransforms
        return cls(codec, transforms(codec, device, precision), coder or latent_codec(codec), rectifier)

    @property
    def whole(self) -> Codable:
        """The model, including its rectifier if it has one."""
        return self.model if self.rectifier is None else Rectified(self.model, self.rectifier).eval()

    @torch.inference_mode()
    def rectified(self, y_hat: Tensor) -> Tensor:
        """Rectify the decoded latents (1, M, h, w), in float32 for any precision.

        Everything but the convolutions is computed on one thread: the last bits of group normalisation and SiLU depend
        on the number of threads, and pictures must not.
        """
        if self.rectifier is None:
            return y_hat
        device = self.rectifier.last.weight.device
        with RowTiled(), one_thread():
            rectified: Tensor = self.rectifier(y_hat.to(device, memory_format=torch.channels_last))
        return rectified.cpu()

    @torch.inference_mode()
    def coder_bits(self, latents: Latents) -> dict[str, float]:
        """Return the coder bits of the latents, for "y" and, if the model has it, "z"; see `diagnosis`."""
        return summed(
            {part: float(bits.sum()) for part, bits in self.coder.bits(strip).items()} for strip in latents.strips()
        )


def latent_codec(model: LearnedModel) -> LatentCodec:
    """Return the latent codec of a model."""
    if isinstance(model, MixtureModel):
        return MixtureLatentCodec(model)
    if hasattr(model, "context_prediction"):
        return AutoregressiveLatentCodec(model)
    return HyperpriorLatentCodec(model) if hasattr(model, "h_s") else FactorizedLatentCodec(model)
