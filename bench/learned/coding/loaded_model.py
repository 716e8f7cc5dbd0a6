"""A model that is ready to code: its transforms, the coder of its latents, and what it expects a file to take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch

from bench.learned.coding.entropy_parameters import one_thread
from bench.learned.coding.latents import LatentCoder
from bench.learned.coding.plane_transforms import PlanesTransforms
from bench.learned.coding.row_tiles import RowTiled
from bench.learned.coding.synthesis import PictureTransforms, Precision, Transforms
from bench.learned.families import YUV420
from bench.learned.models import Rectified, Rectifier
from bench.system.memory import share_freed_memory

if TYPE_CHECKING:
    from torch import Tensor

    from bench.learned.coding.latent_codecs import LatentCodec, Latents
    from bench.learned.models import Codable, LearnedModel


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """One loaded model. Any number of codecs may share it: it holds nothing of any picture."""

    model: LearnedModel
    transforms: Transforms
    coder: LatentCoder
    rectifier: Rectifier | None = None
    """What the decoded latents go through before the synthesis, on the device of the transforms."""

    @classmethod
    def of(
        cls,
        model: Codable,
        device: str = "cpu",
        precision: Precision = "fp32",
        *,
        path: LatentCodec | None = None,
    ) -> Self:
        """Make a finished model ready; its transforms and rectifier move to the device.

        Its own entropy path is the default.
        """
        share_freed_memory()
        for parameter in model.parameters():
            parameter.requires_grad = False
        codec, rectifier = (model.codec, model.rectifier) if isinstance(model, Rectified) else (model, None)
        if not isinstance(rectifier, Rectifier):
            rectifier = None  # +ft: the synthesis alone was trained
        else:
            rectifier.to(torch.device(device), memory_format=torch.channels_last)  # type: ignore[call-overload]
        transforms = PlanesTransforms if codec.config.family in YUV420 else PictureTransforms
        return cls(codec, transforms(codec, device, precision), LatentCoder(codec, path), rectifier)

    @property
    def whole(self) -> Codable:
        """The model, with its rectifier where it has one."""
        return self.model if self.rectifier is None else Rectified(self.model, self.rectifier).eval()

    @torch.inference_mode()
    def rectified(self, y_hat: Tensor) -> Tensor:
        """The decoded latents (1, M, h, w), nearer to those of the encoder; in float32 whatever the precision.

        All but the convolutions on one thread: group normalisation and SiLU differ in the last bits with the number of
        threads, and a picture may not.
        """
        if self.rectifier is None:
            return y_hat
        device = self.rectifier.last.weight.device
        with RowTiled(), one_thread():
            rectified: Tensor = self.rectifier(y_hat.to(device, memory_format=torch.channels_last))
        return rectified.cpu()

    def coder_bits(self, latents: Latents) -> dict[str, float]:
        """Bits of the coded latents in a file, for "y" and, if the model has it, "z"; see `diagnosis`."""
        return {part: float(bits.sum()) for part, bits in self.coder.bits(latents).items()}
