"""Transposed convolutions as ordinary ones, which can be computed in bands (see `bands`).

A kernel of 5x5 with stride 2 is four kernels of at most 3x3, one for each pixel of a 2x2 block: one convolution with
four times the outputs, rearranged.
"""

from __future__ import annotations

from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

_GEOMETRY = ((5, 5), (2, 2), (2, 2), (1, 1))
"""Kernel, stride, padding and output padding of the transposed convolutions that the models have."""


class SubpixelConv2d(nn.Module):
    """What a transposed 5x5 convolution with stride 2 computes, up to rounding.

    It multiplies 36 times where 25 would do, and is still the quicker where there are few outputs: 3 times in the last
    layer of a synthesis, against 0.65 times in the others.
    """

    def __init__(self, layer: nn.ConvTranspose2d) -> None:
        super().__init__()
        inputs, self.outputs = layer.in_channels, layer.out_channels
        weight = layer.weight.new_zeros(2, 2, self.outputs, inputs, 3, 3)
        for row in (0, 1):
            for column in (0, 1):
                # Even outputs see taps 4, 2, 0 of the rows before, at and behind them; odd ones taps 3 and 1.
                taps = layer.weight.detach()[:, :, row::2, column::2].flip(2, 3).transpose(0, 1)
                weight[row, column, :, :, row:, column:] = taps
        bias = torch.zeros(self.outputs) if layer.bias is None else layer.bias.detach()
        self.weight = nn.Parameter(weight.flatten(0, 2), requires_grad=False)
        self.bias = nn.Parameter(bias.repeat(4), requires_grad=False)
        # Autocast leaves alone what the model keeps in float32; see `bench.learned.models.layers.keep_float32`.
        self._keeps_float32 = type(layer) is not nn.ConvTranspose2d

    @classmethod
    def fits(cls, layer: nn.Module) -> TypeGuard[nn.ConvTranspose2d]:
        """Whether a layer is of the kind that this stands for."""
        if not isinstance(layer, nn.ConvTranspose2d) or layer.groups != 1 or layer.dilation != (1, 1):
            return False
        return (layer.kernel_size, layer.stride, layer.padding, layer.output_padding) == _GEOMETRY

    @classmethod
    def throughout(cls, part: nn.Sequential) -> nn.Sequential:
        """A sub-network with these in the place of its transposed convolutions; all other layers are shared."""
        return nn.Sequential(*(cls(layer) if cls.fits(layer) else layer for layer in part))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, outputs, 2H, 2W), channels last in memory."""
        if self._keeps_float32:
            with torch.autocast(x.device.type, enabled=False):
                return self._blocks(F.conv2d(x.float(), self.weight, self.bias, padding=1))
        return self._blocks(F.conv2d(x, self.weight, self.bias, padding=1))

    def _blocks(self, values: Tensor) -> Tensor:
        batch, _, height, width = values.shape
        blocks = values.permute(0, 2, 3, 1).view(batch, height, width, 2, 2, self.outputs)
        picture = blocks.transpose(2, 3).reshape(batch, 2 * height, 2 * width, self.outputs)
        return picture.permute(0, 3, 1, 2)
