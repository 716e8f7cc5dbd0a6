"""Layers: the masked convolution of the context model, and layers that stay in float32 under autocast."""

from __future__ import annotations

from typing import Any, cast

import torch
from compressai.layers import GDN, AttentionBlock, MaskedConv2d
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from bench.learned.models.gdn import FusedGDN


class CausalConv2d(MaskedConv2d):  # type: ignore[misc]
    """A convolution over the positions before each position in raster order (mask type A).

    CompressAI's layer overwrites its weights with the masked ones in each forward pass; here the mask is part of the
    graph, so that masked taps get no gradient and the layer can be compiled. The values are the same.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, out_channels, H, W) of the causal neighbourhood of each position."""
        return cast("Tensor", self._conv_forward(x, self.weight * self.mask, self.bias))


class StridedPointwise(nn.Conv2d):
    """A 1x1 convolution with a stride, with a workaround for a bug of oneDNN.

    In channels-last order with few input channels, oneDNN's gradient of the weights writes outside its buffer
    (uxlfoundation/oneDNN issue 6035; PyTorch 2.15 on a CPU): crashes or wrong gradients in the first layer of attn.
    Selecting every other pixel before the convolution is equivalent and avoids this.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, out_channels, H/stride, W/stride)."""
        if torch.is_grad_enabled() and not x.is_contiguous():
            return F.conv2d(x[..., :: self.stride[0], :: self.stride[1]], self.weight, self.bias)
        return super().forward(x)


class _Float32(nn.Module):
    """A layer that computes in float32, and returns it, also under autocast."""

    def forward(self, x: Tensor, *rest: Any) -> Tensor:  # noqa: ANN401 - what else the layer takes
        with torch.autocast(x.device.type, enabled=False):
            return cast("Tensor", super().forward(x.float(), *rest))


class _Float32Conv2d(_Float32, nn.Conv2d):
    pass


class _Float32ConvTranspose2d(_Float32, nn.ConvTranspose2d):
    pass


class _Float32AttentionBlock(_Float32, AttentionBlock):  # type: ignore[misc]
    pass


_FLOAT32: dict[type, type[nn.Module]] = {
    GDN: FusedGDN,
    nn.Conv2d: _Float32Conv2d,
    nn.ConvTranspose2d: _Float32ConvTranspose2d,
    AttentionBlock: _Float32AttentionBlock,
}


def keep_float32(model: nn.Module) -> None:
    """Keep a model's sensitive layers in float32 under autocast; without autocast nothing changes.

    These are GDN and its inverse, whose divisions made training in bf16 diverge, and the last layer of each
    sub-network: its output is a latent, a parameter of a distribution or a picture, for which the 8 bits of bf16 are
    too coarse. Only the classes of these layers change, not the names or values of their parameters.
    """
    ends = [_last_layer(part) for part in model.children() if isinstance(part, nn.Sequential)]
    for layer in (*(module for module in model.modules() if isinstance(module, GDN)), *ends):
        layer.__class__ = _FLOAT32.get(type(layer), type(layer))


def _last_layer(part: nn.Sequential) -> nn.Module:
    """The last layer with parameters: a convolution, also if an activation or a pixel shuffle follows."""
    layer = [child for child in part if next(child.parameters(), None) is not None][-1]
    return _last_layer(layer) if isinstance(layer, nn.Sequential) else layer
