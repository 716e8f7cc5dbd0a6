"""Layers: the masked convolution of the context model, GDN, faster gradients, and float32 under autocast."""

from __future__ import annotations

from typing import Any, cast

import torch
from compressai.layers import GDN, AttentionBlock, MaskedConv2d
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it
from torch.overrides import handle_torch_function, has_torch_function_unary


class CausalConv2d(MaskedConv2d):  # type: ignore[misc]
    """A convolution over the positions before each position in raster order (mask type A).

    CompressAI's layer overwrites its weights with the masked ones in each forward pass. Here, the mask is part of the
    graph, so that masked taps get no gradient and the layer can be compiled. The values are the same.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, out_channels, H, W) of the causal neighbourhood of each position."""
        return cast("Tensor", self._conv_forward(x, self.weight * self.mask, self.bias))


class StridedPointwise(nn.Conv2d):
    """A strided 1x1 convolution with a workaround for a bug of oneDNN.

    In channels-last order with few input channels, oneDNN's gradient of the weights writes outside its buffer
    (uxlfoundation/oneDNN issue 6035; PyTorch 2.15 on a CPU), which causes crashes or wrong gradients in the first layer
    of attn. Selecting every other pixel before the convolution is equivalent and avoids this.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, out_channels, H/stride, W/stride)."""
        if torch.is_grad_enabled() and not x.is_contiguous():
            return F.conv2d(x[..., :: self.stride[0], :: self.stride[1]], self.weight, self.bias)
        return super().forward(x)


def normalised(x: Tensor, beta: Tensor, gamma: Tensor, *, inverse: bool) -> Tensor:
    """Apply GDN, or its inverse, to (B, C, H, W) with parameters (C) and (C, C), bit-identical to CompressAI.

    It supports `__torch_function__`, so that a mode can replace it.
    """
    if has_torch_function_unary(x):
        return handle_torch_function(normalised, (x,), x, beta, gamma, inverse=inverse)
    n = F.conv2d(x.square(), gamma[:, :, None, None], beta)
    return x * (n.sqrt_() if inverse else n.rsqrt_())


class FusedGDN(GDN):  # type: ignore[misc]
    """CompressAI's GDN, in float32 under autocast, with a faster gradient for channels-last tensors.

    y_i = x_i / sqrt(beta_i + sum_j gamma_ij x_j^2), or x_i times that root in the inverse (Ballé et al. 2016, arXiv
    1511.06281, with fixed exponents). Without gradients, the values are bit-identical to CompressAI's.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised (B, C, H, W), in float32."""
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

    Only x and r are saved for the gradient. Let g be the gradient of the output and d = 2 g x dr/dn, which is -g x r^3,
    or g x / r in the inverse. Then dx = g r + x (d gamma), dgamma = d^T x^2 / 2, dbeta = sum d / 2.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, beta: Tensor, gamma: Tensor, inverse: bool) -> Tensor:  # noqa: ANN401
        """Return the normalised rows."""
        n = (x.square() @ gamma.t()).add_(beta)  # addmm would copy beta to all rows first
        r = n.sqrt_() if inverse else n.rsqrt_()
        ctx.save_for_backward(x, r, gamma)
        ctx.inverse = inverse
        return x * r

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # noqa: ANN401
        """Return the gradients of x, beta and gamma."""
        x, r, gamma = ctx.saved_tensors
        (g,) = gradients
        d = torch.mul(g, x)
        d = d.div_(r) if ctx.inverse else d.mul_(r).mul_(r).mul_(r).neg_()
        dgamma = (d.t() @ x.square()).mul_(0.5)
        dx = (d @ gamma).mul_(x).addcmul_(g, r)
        return dx, d.sum(0).mul_(0.5), dgamma, None


class TransposedConv2d(nn.ConvTranspose2d):
    """A transposed convolution with a faster gradient.

    Its gradients are computed as those of the corresponding convolution. In bfloat16 on a CPU, oneDNN takes three times
    as long for the same numbers, mostly for the bias.
    """

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return features (B, out_channels, stride H, stride W)."""
        if not torch.is_grad_enabled() or output_size is not None:
            return super().forward(x, output_size)
        device = x.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
        x, weight, bias = (tensor.to(dtype) for tensor in (x, self.weight, cast("Tensor", self.bias)))
        return cast("Tensor", Transposition.apply(x, weight, bias, self.stride, self.padding, self.output_padding))


class Transposition(torch.autograd.Function):
    """`conv_transpose2d` of x (B, I, H, W) with weights (I, O, k, k)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, *geometry: tuple[int, int]) -> Tensor:  # noqa: ANN401
        """Return features (B, O, ...); `geometry` is stride, padding and output padding."""
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding, output_padding = geometry
        return F.conv_transpose2d(x, weight, bias, ctx.stride, ctx.padding, output_padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """Return the gradients of x, weight and bias."""
        x, weight = ctx.saved_tensors
        (g,) = gradients
        dx = F.conv2d(g, weight, None, ctx.stride, ctx.padding)
        of_weight = (False, True, False)
        dweight = torch.ops.aten.convolution_backward(
            x, g, weight, None, ctx.stride, ctx.padding, (1, 1), False, (0, 0), 1, of_weight
        )[1]
        return dx, dweight, g.sum((0, 2, 3)), None, None, None


class Float32(nn.Module):
    """Mixin for layers that compute and return float32, even under autocast."""

    def forward(self, x: Tensor, *rest: Any) -> Tensor:  # noqa: ANN401 - what else the layer takes
        """Return the layer's output in float32."""
        with torch.autocast(x.device.type, enabled=False):
            return cast("Tensor", super().forward(x.float(), *rest))


class _Float32Conv2d(Float32, nn.Conv2d):
    pass


class _Float32AttentionBlock(Float32, AttentionBlock):  # type: ignore[misc]
    pass


class _Picture(Float32):
    """Mixin for layers that return a picture in float32, and compute it in float32 unless gradients are needed.

    Rounding a picture to bfloat16 adds 0.08 to its mean squared error in 8-bit levels, far less than a codec does.
    """

    def forward(self, x: Tensor, *rest: Any) -> Tensor:  # noqa: ANN401 - what else the layer takes
        if torch.is_grad_enabled():
            return cast("Tensor", super(Float32, self).forward(x, *rest)).float()
        return super().forward(x, *rest)


class _PictureConv2d(_Picture, nn.Conv2d):
    pass


class _PictureConvTranspose2d(_Picture, TransposedConv2d):
    pass


_PICTURE: dict[type, type[nn.Module]] = {nn.Conv2d: _PictureConv2d, TransposedConv2d: _PictureConvTranspose2d}
_FLOAT32: dict[type, type[nn.Module]] = {nn.Conv2d: _Float32Conv2d, AttentionBlock: _Float32AttentionBlock}


def prepare(model: nn.Module) -> None:
    """Give a model's layers faster gradients, and keep the sensitive ones in float32 under autocast.

    Sensitive layers are GDN and its inverse, whose divisions made training in bfloat16 diverge, and the last layer of
    each sub-network: it outputs latents, parameters of a distribution or a picture, for which the 8 bits of bfloat16
    are too coarse. The exception is h_s if entropy parameters follow, because its output is none of these. Only the
    classes of layers change, not the names or values of their parameters.
    """
    for layer in model.modules():
        layer.__class__ = {GDN: FusedGDN, nn.ConvTranspose2d: TransposedConv2d}.get(type(layer), type(layer))
    for name, part in model.named_children():
        if isinstance(part, nn.Sequential) and not (name == "h_s" and hasattr(model, "entropy_parameters")):
            layer = _last_layer(part)
            layer.__class__ = (_PICTURE if name == "g_s" else _FLOAT32).get(type(layer), type(layer))


def _last_layer(part: nn.Sequential) -> nn.Module:
    """Return the last layer with parameters: a convolution, even if an activation or a pixel shuffle follows."""
    layer = [child for child in part if next(child.parameters(), None) is not None][-1]
    return _last_layer(layer) if isinstance(layer, nn.Sequential) else layer
