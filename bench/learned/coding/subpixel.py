"""Transposed convolutions as ordinary convolutions, which can be computed in row tiles (see `row_tiles`).

A 5x5 kernel with stride 2 is equivalent to four kernels of at most 3x3, one for each pixel of a 2x2 block.
"""

from __future__ import annotations

import itertools
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from bench.learned.models.layers import Float32

_GEOMETRY = ((5, 5), (2, 2), (2, 2), (1, 1))
"""Kernel, stride, padding and output padding of the models' transposed convolutions."""

FEW = 16
"""Outputs that a processor computes at a time. With fewer, one 3x3 convolution is faster than four kernels."""


class SubpixelConv2d(nn.Module):
    """A transposed 5x5 convolution with stride 2, up to rounding.

    With few outputs, it is computed as one convolution with four times as many outputs, rearranged: 36 multiplications
    instead of 25, but three times as fast as the transposed convolution. With more outputs, it is computed as four
    convolutions without additional multiplications.
    """

    def __init__(self, layer: nn.ConvTranspose2d) -> None:
        super().__init__()
        inputs, self.outputs = layer.in_channels, layer.out_channels
        weight = layer.weight.new_zeros(2, 2, self.outputs, inputs, 3, 3)
        for row, column in itertools.product((0, 1), repeat=2):
            # Even outputs use taps 4, 2, 0 for the rows before, at and after them; odd ones use taps 3 and 1.
            taps = layer.weight.detach()[:, :, row::2, column::2].flip(2, 3).transpose(0, 1)
            weight[row, column, :, :, row:, column:] = taps
        bias = torch.zeros(self.outputs) if layer.bias is None else layer.bias.detach()
        self.weight = nn.Parameter(weight.flatten(0, 2), requires_grad=False)
        self.bias = nn.Parameter(bias.repeat(4), requires_grad=False)
        self._keeps_float32 = isinstance(layer, Float32)

    @classmethod
    def fits(cls, layer: nn.Module) -> TypeGuard[nn.ConvTranspose2d]:
        """Whether a layer can be replaced."""
        if not isinstance(layer, nn.ConvTranspose2d) or layer.groups != 1 or layer.dilation != (1, 1):
            return False
        return (layer.kernel_size, layer.stride, layer.padding, layer.output_padding) == _GEOMETRY

    @classmethod
    def throughout(cls, part: nn.Sequential) -> nn.Sequential:
        """Return a sub-network with its transposed convolutions replaced; other layers are shared."""
        return nn.Sequential(*(cls(layer) if cls.fits(layer) else layer for layer in part))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, outputs, 2H, 2W), channels last in memory."""
        if self._keeps_float32:
            with torch.autocast(x.device.type, enabled=False):
                return self._spread(x.float())
        return self._spread(x)

    def _spread(self, x: Tensor) -> Tensor:
        if torch.is_autocast_enabled(x.device.type):  # once for all kernels
            x = x.to(torch.get_autocast_dtype(x.device.type))
        batch, inputs, height, width = x.shape
        if self.outputs < FEW:
            blocks = F.conv2d(x, self.weight, self.bias, padding=1).permute(0, 2, 3, 1)
            blocks = blocks.view(batch, height, width, 2, 2, self.outputs).transpose(2, 3)
            return blocks.reshape(batch, 2 * height, 2 * width, self.outputs).permute(0, 3, 1, 2)
        kernels = self.weight.view(2, 2, self.outputs, inputs, 3, 3)
        size = (batch, self.outputs, 2 * height, 2 * width)
        picture = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
        for row, column in itertools.product((0, 1), repeat=2):
            kernel = kernels[row, column, :, :, row:, column:].contiguous(memory_format=torch.channels_last)
            # Kernels with two rows give one additional output, the first.
            values = F.conv2d(x, kernel, self.bias[: self.outputs], padding=1)[:, :, row:, column:]
            picture[:, :, row::2, column::2] = values
        return picture
