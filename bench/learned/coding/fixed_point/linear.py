"""The float networks between z and the entropy parameters, as linear layers with leaky ReLUs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from bench.learned.coding.subpixel import SubpixelConv2d
from bench.learned.coding.wavefront import causal_taps
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from bench.learned.models import LearnedModel


@dataclass(frozen=True, slots=True)
class Linear:
    """A zero-padded convolution in float64, optionally with a pixel shuffle, and a leaky ReLU."""

    weight: Tensor
    """(outputs, inputs, kernel, kernel)"""
    bias: Tensor
    """(outputs)"""
    spread: int = 1
    slope: float = 1.0
    """For negative values; 1 without an activation."""

    def sums(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h, w), before pixel shuffle and activation."""
        return F.conv2d(x, self.weight, self.bias, padding=self.weight.shape[-1] // 2)

    def finished(self, sums: Tensor) -> Tensor:
        """The input of the next layer."""
        values = F.pixel_shuffle(sums, self.spread) if self.spread > 1 else sums
        return torch.where(values < 0, values * self.slope, values)


@dataclass(frozen=True, slots=True)
class LinearNetwork:
    """Hyper-synthesis, context model and entropy parameters, with consecutive linear layers merged."""

    hyper: tuple[Linear, ...]
    """From z_hat to its part of the first entropy layer."""
    context: Tensor
    """(outputs, taps, M): from the context to its part of the first entropy layer."""
    entropy: tuple[Linear, ...]
    """The further entropy layers."""
    bias: Tensor
    """Of the first entropy layer, with all constants of the layers before."""
    slope: float
    """Of the first entropy layer's activation."""


@torch.no_grad()
def linear_network(model: LearnedModel) -> LinearNetwork:
    """The networks of an autoregressive model with a hyperprior.

    Raises:
        UsageError: the model has none, or unsupported layers.
    """
    if not (hasattr(model, "h_s") and hasattr(model, "context_prediction")):
        raise UsageError(
            f"fixed point is for models with a hyperprior and a context model, not '{model.config.family}'"
        )
    *before, last = _layers(cast("nn.Sequential", model.h_s))
    first, *entropy = _layers(cast("nn.Sequential", model.entropy_parameters))
    causal = cast("nn.Conv2d", model.context_prediction)
    taps = causal.weight.double().flatten(2)[..., causal_taps(model.config.kernel)]  # (2M, M, taps)
    from_hyper, from_context = first.weight[..., 0, 0].tensor_split(2, dim=1)
    bias = first.bias + from_context @ cast("Tensor", causal.bias).double() + from_hyper @ last.bias
    merged = torch.einsum("ho,oikl->hikl", from_hyper, last.weight)
    return LinearNetwork(
        hyper=(*before, Linear(merged, torch.zeros_like(bias))),
        context=torch.einsum("ho,oit->hti", from_context, taps),
        entropy=tuple(entropy),
        bias=bias,
        slope=first.slope,
    )


def _layers(part: nn.Sequential) -> list[Linear]:
    layers: list[Linear] = []
    for layer in part:
        if isinstance(layer, nn.LeakyReLU):
            last = layers.pop()
            layers.append(Linear(last.weight, last.bias, last.spread, layer.negative_slope))
        else:
            layers.append(_linear(layer))
    return layers


def _linear(layer: nn.Module) -> Linear:
    if isinstance(layer, nn.Sequential) and len(layer) == 2 and isinstance(layer[1], nn.PixelShuffle):
        shuffle = layer[1]
        inner = _linear(layer[0])
        return Linear(inner.weight, inner.bias, int(shuffle.upscale_factor))
    if SubpixelConv2d.fits(layer):
        ours = SubpixelConv2d(layer)
        # The outputs are ordered by pixel and channel; a pixel shuffle needs the order of channel and pixel.
        order = torch.arange(4 * ours.outputs).view(4, ours.outputs).t().flatten()
        return Linear(ours.weight[order].double(), ours.bias[order].double(), 2)
    if isinstance(layer, nn.Conv2d) and layer.stride == (1, 1) and layer.padding[0] == layer.kernel_size[0] // 2:
        return Linear(layer.weight.double(), cast("Tensor", layer.bias).double())
    raise UsageError(f"fixed point does not support the layer {layer}")
