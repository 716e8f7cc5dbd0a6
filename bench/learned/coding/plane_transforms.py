"""Transforms of models of YUV 4:2:0: planes to latents and back, and the choice of the filter's indicator."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from bench.codecs.probe import stage
from bench.learned.coding.row_tiles import RowTiled
from bench.learned.coding.synthesis import Precision, Transforms
from bench.learned.models.cca.enhancement import Indicator
from bench.learned.models.packing import LUMA_PLANES, pack, unpack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.images.picture import Yuv420
    from bench.learned.models import LearnedModel

PLAIN = Indicator(luma=False, chroma=False)


class PlanesTransforms(Transforms):
    """Transforms of planes, and the filter. They keep no state between pictures."""

    def __init__(self, model: LearnedModel, device: str = "cpu", precision: Precision = "fp32") -> None:
        super().__init__(model, device, precision)
        filtered = cast("nn.Module | None", getattr(model, "acem", None))
        self._acem = filtered and filtered.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def analysis_of_planes(self, picture: Yuv420) -> Tensor:
        """The latents y (1, M, h, w) of a picture, on the CPU; the picture is padded by repeating its edges."""
        samples = torch.from_numpy(pack(picture)).to(self._device)
        x = samples.permute(2, 0, 1)[None].float().div_(255)
        height, width = (self._padded(side) // 2 for side in (picture.height, picture.width))
        with RowTiled():
            y: Tensor = self._g_a(F.pad(x, (0, width - x.shape[3], 0, height - x.shape[2]), mode="replicate"))
        return y.cpu()

    @torch.inference_mode()
    def synthesis_of_planes(self, y_hat: Tensor, size: tuple[int, int], indicator: Indicator = PLAIN) -> Yuv420:
        """The picture of latents, in full range: clamped, rounded to 8 bits, cropped to its height and width."""
        x_hat = self._decoded(y_hat)
        if indicator != PLAIN and self._acem is not None:
            x_hat = indicator.choose(x_hat, self._filtered(x_hat))
        return unpack(_eight_bits(x_hat), *size)

    @torch.inference_mode()
    def best_indicator(self, y_hat: Tensor, picture: Yuv420) -> Indicator:
        """The components, luma and chroma, whose squared error the filter reduces."""
        if self._acem is None:
            return PLAIN
        with stage("choice of the filter"):
            x_hat = self._decoded(y_hat)
            original = pack(picture)
            plain, filtered = (_squared_errors(_eight_bits(x), original) for x in (x_hat, self._filtered(x_hat)))
        return Indicator(luma=filtered[0] < plain[0], chroma=filtered[1] < plain[1])

    def _decoded(self, y_hat: Tensor) -> Tensor:
        y_hat = y_hat.to(self._device, memory_format=torch.channels_last)
        with RowTiled(), torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bf16"):
            x_hat: Tensor = self._g_s(y_hat)
        return x_hat.float()

    def _filtered(self, x_hat: Tensor) -> Tensor:
        with RowTiled(), torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bf16"):
            return cast("Tensor", cast("nn.Module", self._acem)(x_hat))


def _eight_bits(x_hat: Tensor) -> NDArray[np.uint8]:
    """Packed samples (h, w, 6) of a packed picture (1, 6, h, w)."""
    samples: NDArray[np.uint8] = x_hat[0].permute(1, 2, 0).clamp(0, 1).mul(255).round_().byte().cpu().numpy()
    return samples


def _squared_errors(samples: NDArray[np.uint8], original: NDArray[np.uint8]) -> tuple[int, int]:
    """Sums over luma and over chroma, inside the original picture."""
    height, width = original.shape[:2]
    errors = np.square(samples[:height, :width].astype(np.int64) - original)
    return int(errors[..., :LUMA_PLANES].sum()), int(errors[..., LUMA_PLANES:].sum())
