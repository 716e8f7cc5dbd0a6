"""Transforms of models of YUV 4:2:0: planes to latents and back, and the choice of the filter's indicator."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import nn

from bench.codecs.probe import stage
from bench.learned.coding.synthesis import Precision, Transforms, eight_bits
from bench.learned.coding.tiles import WHOLE
from bench.learned.models.cca.enhancement import Indicator
from bench.learned.models.config import LATENT_STRIDE
from bench.learned.models.packing import CHANNELS, LUMA_PLANES, pack, unpack

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from bench.images.picture import Yuv420
    from bench.learned.coding.tiles import Tile
    from bench.learned.models import LearnedModel

PLAIN = Indicator(luma=False, chroma=False)

STRIDE = LATENT_STRIDE // 2
"""Samples of a packed picture between neighbouring latents."""


class PlanesTransforms(Transforms):
    """Transforms of planes, and the filter. They keep no state between pictures."""

    def __init__(self, model: LearnedModel, device: str = "cpu", precision: Precision = "fp32") -> None:
        super().__init__(model, device, precision)
        filtered = cast("nn.Module | None", getattr(model, "acem", None))
        self._acem = filtered and filtered.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def analysis(self, picture: Yuv420, side: int = WHOLE) -> Tensor:
        """The latents y (1, M, h, w) of a picture, on the CPU; the picture is padded by repeating its edges.

        Args:
            picture: of any size.
            side: of the tiles in pixels of luma; see `tiles`.
        """
        samples = torch.from_numpy(pack(picture))
        return self.latents(self._grid(picture.height, picture.width, side), samples, STRIDE)

    @torch.inference_mode()
    def synthesis(
        self, y_hat: Tensor, size: tuple[int, int], indicator: Indicator = PLAIN, *, side: int = WHOLE
    ) -> Yuv420:
        """The picture of latents, in full range: clamped, rounded to 8 bits, cropped to its height and width."""
        grid = self._grid(*size, side)
        samples = np.empty((*(STRIDE * length for length in grid.size), CHANNELS), np.uint8)

        def compute(tile: Tile) -> None:
            x_hat = self._decoded(y_hat, tile)
            if indicator != PLAIN and self._acem is not None:
                x_hat = indicator.choose(x_hat, self._filtered(x_hat))
            samples[tile.kept_at(STRIDE)] = eight_bits(x_hat[..., *tile.inner(STRIDE)])

        with self._exactly():
            grid.compute(compute)
        return unpack(samples, *size)

    @torch.inference_mode()
    def best_indicator(self, y_hat: Tensor, picture: Yuv420, side: int = WHOLE) -> Indicator:
        """The components, luma and chroma, whose squared error the filter reduces."""
        if self._acem is None:
            return PLAIN
        original = pack(picture)
        errors: dict[str, NDArray[np.int64]] = {}
        """By tile: of the picture without and with the filter, luma and chroma each."""

        def compute(tile: Tile) -> None:
            x_hat, seen = self._decoded(y_hat, tile), original[tile.kept_at(STRIDE)]
            both = (eight_bits(x[..., *tile.inner(STRIDE)]) for x in (x_hat, self._filtered(x_hat)))
            errors[str(tile)] = np.array([_squared_errors(samples, seen) for samples in both])

        with stage("choice of the filter"), self._exactly():
            self._grid(picture.height, picture.width, side).compute(compute)
        plain, filtered = np.sum(list(errors.values()), axis=0)
        return Indicator(luma=bool(filtered[0] < plain[0]), chroma=bool(filtered[1] < plain[1]))

    def _filtered(self, x_hat: Tensor) -> Tensor:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bf16"):
            return cast("Tensor", cast("nn.Module", self._acem)(x_hat))


def _squared_errors(samples: NDArray[np.uint8], original: NDArray[np.uint8]) -> tuple[int, int]:
    """Sums over luma and over chroma, inside the original picture."""
    height, width = original.shape[:2]
    errors = np.square(samples[:height, :width].astype(np.int64) - original)
    return int(errors[..., :LUMA_PLANES].sum()), int(errors[..., LUMA_PLANES:].sum())
