"""Analysis and synthesis transforms for inference: pictures to latents and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from bench.images.picture import Picture
from bench.learned.coding.row_tiles import RowTiled
from bench.learned.coding.subpixel import SubpixelConv2d
from bench.learned.models.config import LATENT_STRIDE
from bench.system.errors import DecodeError

if TYPE_CHECKING:
    from bench.learned.models import LearnedModel

Precision = Literal["fp32", "bf16"]
"""Of the synthesis. bf16 is faster on processors that support it; some pixels then differ by a level or two."""


class Transforms:
    """Analysis and synthesis networks of one model on one device, for any kind of picture."""

    def __init__(self, model: LearnedModel, device: str = "cpu", precision: Precision = "fp32") -> None:
        self._device = torch.device(device)
        self._precision = precision
        # oneDNN and cuDNN are fastest with channels-last tensors.
        self._g_a = model.g_a.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        g_s = SubpixelConv2d.throughout(cast("nn.Sequential", model.g_s))
        self._g_s = g_s.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._multiple = int(model.downsampling_factor)
        self._width = model.config.N

    def require_memory(self, height: int, width: int) -> None:
        """Refuse a picture if this machine does not have the memory for its synthesis, before it is decoded.

        A valid payload of a hundred bytes may belong to a picture of any size that a header can have.

        Raises:
            DecodeError: it is too large.
        """
        import psutil  # noqa: PLC0415

        # Lower bound: input of the last layer and of the layer before, N channels of half the height and width.
        needed = 2 * self._width * self._padded(height) * self._padded(width)
        if self._device.type == "cpu" and needed > (there := psutil.virtual_memory().total):
            raise DecodeError(
                f"a picture of {width}x{height}: its synthesis takes {needed / 2**30:.1f} GiB of memory or more, "
                f"this machine has {there / 2**30:.1f} GiB"
            )

    def latent_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the latents of a picture."""
        return self._padded(height) // LATENT_STRIDE, self._padded(width) // LATENT_STRIDE

    def _padded(self, side: int) -> int:
        return -(-side // self._multiple) * self._multiple


class PictureTransforms(Transforms):
    """Transforms of RGB pictures. They keep no state between pictures."""

    @torch.inference_mode()
    def analysis(self, picture: Picture) -> Tensor:
        """The latents y (1, M, h, w) of a picture, on the CPU; the picture is padded by repeating its edges."""
        pixels = torch.tensor(picture.pixels, device=self._device)  # a copy: pictures are read-only
        x = pixels.permute(2, 0, 1)[None].float().div_(255)  # channels-last, as the pixels are
        below, right = self._padded(picture.height) - picture.height, self._padded(picture.width) - picture.width
        with RowTiled():
            y: Tensor = self._g_a(F.pad(x, (0, right, 0, below), mode="replicate"))
        return y.cpu()

    @torch.inference_mode()
    def synthesis(self, y_hat: Tensor, height: int, width: int) -> Picture:
        """The picture of latents: clamped, rounded to 8 bits, cropped to its size."""
        y_hat = y_hat.to(self._device, memory_format=torch.channels_last)
        with RowTiled(), torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bf16"):
            x_hat: Tensor = self._g_s(y_hat)
        pixels = x_hat[0, :, :height, :width].permute(1, 2, 0).float()
        return Picture(np.ascontiguousarray(pixels.clamp(0, 1).mul_(255).round_().byte().cpu().numpy()))
