"""Layers: the masked convolution of the context model, GDN, and layers that stay in float32 under autocast."""

from __future__ import annotations

from typing import Any, cast

import torch
from compressai.layers import GDN, AttentionBlock, MaskedConv2d
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it
from torch.overrides import handle_torch_function, has_torch_function_unary


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


def normalised(x: Tensor, beta: Tensor, gamma: Tensor, *, inverse: bool) -> Tensor:
    """GDN of (B, C, H, W), or its inverse, with parameters (C) and (C, C); values equal CompressAI's to the bit.

    It is a function with `__torch_function__`, so that a mode can compute it in another way.
    """
    if has_torch_function_unary(x):
        return handle_torch_function(normalised, (x,), x, beta, gamma, inverse=inverse)
    n = F.conv2d(x.square(), gamma[:, :, None, None], beta)
    return x * (n.sqrt_() if inverse else n.rsqrt_())


class FusedGDN(GDN):  # type: ignore[misc]
    """CompressAI's GDN, in float32 under autocast, with a faster gradient for channels-last tensors.

    y_i = x_i / sqrt(beta_i + sum_j gamma_ij x_j^2), or x_i times that root in the inverse (Balle et al. 2016, arXiv
    1511.06281, with its exponents fixed). Without gradients the values equal CompressAI's to the bit.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The normalised (B, C, H, W), in float32."""
        with torch.autocast(x.device.type, enabled=False):
            x, inverse = x.float(), bool(self.inverse)
            if torch.is_grad_enabled() and not x.is_contiguous(memory_format=torch.channels_last):
                return cast("Tensor", super().forward(x))
            beta, gamma = self.beta_reparam(self.beta), self.gamma_reparam(self.gamma)
            if not torch.is_grad_enabled():
                return normalised(x, beta, gamma, inverse=inverse)
            pixels = x.permute(0, 2, 3, 1)
            rows = Normalisation.apply(pixels.reshape(-1, x.shape[1]), beta, gamma, inverse)
            return cast("Tensor", rows.view(pixels.shape).permute(0, 3, 1, 2))


class Normalisation(torch.autograd.Function):
    """Rows of x (P, C) times r = n^(-1/2), or n^(1/2) in the inverse, where n = beta + x^2 gamma^T.

    Only x and r are kept. With g the gradient of the output and d = 2 g x dr/dn, which is -g x r^3, or g x / r in the
    inverse: dx = g r + x (d gamma), dgamma = d^T x^2 / 2, dbeta = sum d / 2.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, beta: Tensor, gamma: Tensor, inverse: bool) -> Tensor:  # noqa: ANN401
        """The normalised rows."""
        n = torch.addmm(beta, x.square(), gamma.t())
        r = n.sqrt_() if inverse else n.rsqrt_()
        ctx.save_for_backward(x, r, gamma)
        ctx.inverse = inverse
        return x * r

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # noqa: ANN401
        """The gradients of x, beta and gamma."""
        x, r, gamma = ctx.saved_tensors
        (g,) = gradients
        d = torch.mul(g, x)
        d = d.div_(r) if ctx.inverse else d.mul_(r).mul_(r).mul_(r).neg_()
        dgamma = (d.t() @ x.square()).mul_(0.5)
        dx = (d @ gamma).mul_(x).addcmul_(g, r)
        return dx, d.sum(0).mul_(0.5), dgamma, None


class _Float32(nn.Module):
    """Mixin for layers that compute and return float32, even under autocast."""

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
