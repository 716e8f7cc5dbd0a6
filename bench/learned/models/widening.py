"""Widening of trained models: more channels that initially compute the same function, as a start for further training.

A new channel is initialised to a mixture of a trained channel and noise, with outgoing weights of 0 to the trained
channels. The output is therefore unchanged, but these weights get gradients from the first step (after Net2Net, Chen et
al. 2016, arXiv 1511.05641, section 2.2, whose copies share the outgoing weights instead).
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, cast

import torch
from compressai.entropy_models import EntropyBottleneck
from compressai.layers import GDN
from torch import Tensor, nn

from bench.learned.models import build

if TYPE_CHECKING:
    from bench.learned.models.base import LearnedModel

Convolution = nn.Conv2d | nn.ConvTranspose2d

FAMILIES = ("factorized", "scale", "hyper", "context", "joint")
"""Families whose sub-networks are sequences of convolutions with N channels in between."""

COPIED = math.sqrt(0.5)
"""Weight of the trained channel in a new one; the rest is noise of the same strength."""

Z_STRENGTH = 0.004
"""Factor of the new channels of z, with which they initially need almost no bits."""


def can_widen(model: LearnedModel, target: LearnedModel) -> bool:
    """Whether `widened` can give a model the N of another one, with the same M. The families may differ."""
    ours, theirs = model.config, target.config
    return {ours.family, theirs.family} <= set(FAMILIES) and ours.N < theirs.N and ours.M == theirs.M


@torch.no_grad()
def widened(model: LearnedModel, N: int) -> LearnedModel:  # noqa: N803 - the papers' name
    """Return a model with N channels between its layers that computes the same as `model`, which has fewer.

    See `can_widen`. Random numbers are drawn from PyTorch's global generator; integer CDFs are not built.
    """
    config = model.config
    wide = build(dataclasses.replace(config, N=N))
    layers: dict[str, Any] = dict(model.named_modules())
    for name, layer in wide.named_modules():
        if isinstance(layer, Convolution):
            _widen_convolution(layer, layers[name])
        elif isinstance(layer, GDN):
            _widen_normalisation(layer, layers[name])
        elif isinstance(layer, EntropyBottleneck):
            _widen_bottleneck(layer, layers[name])
    if hasattr(wide, "h_a"):
        last = cast("nn.Conv2d", wide.h_a[-1])
        last.weight[config.N :] *= Z_STRENGTH
        cast("Tensor", last.bias)[config.N :] = wide.entropy_bottleneck.quantiles[config.N :, 0, 1]
    return wide


def _widen_convolution(layer: Convolution, trained: Convolution) -> None:
    """Fill a convolution. New input channels have weights of 0 to the trained output channels."""
    weight, old = _by_output(layer), _by_output(trained)
    outputs, inputs = old.shape[:2]
    source = torch.arange(len(weight)) % outputs
    # Input channels differ in scale, latents for example, and so do the weights applied to them.
    strength = old.square().mean((0, 2, 3), keepdim=True).sqrt()[:, torch.arange(weight.shape[1]) % inputs]
    weight.copy_(torch.randn_like(weight) * strength * math.sqrt(1 - COPIED**2))
    weight[:, :inputs] += COPIED * old[source]
    weight[:outputs, :inputs] = old
    weight[:outputs, inputs:] = 0
    if layer.bias is not None and trained.bias is not None:
        layer.bias.copy_(trained.bias[source])


def _by_output(layer: Convolution) -> Tensor:
    """Return a view of a convolution's weights, (outputs, inputs, height, width)."""
    return layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight


def _widen_normalisation(layer: GDN, trained: GDN) -> None:
    """Fill a GDN: a new channel is normalised as its source is, with itself in place of the source."""
    beta, gamma = trained.beta, trained.gamma
    source = torch.arange(len(layer.beta)) % len(beta)
    new = torch.arange(len(beta), len(source))
    layer.beta.copy_(beta[source])
    layer.gamma.fill_(float(gamma.min()))
    layer.gamma[:, : len(beta)] = gamma[source]
    layer.gamma[new, new] = gamma[source[new], source[new]]


def _widen_bottleneck(layer: EntropyBottleneck, trained: EntropyBottleneck) -> None:
    """Fill an entropy bottleneck: new channels get the narrowest density of the trained ones."""
    narrowest = int((trained.quantiles[:, 0, 2] - trained.quantiles[:, 0, 0]).argmin())
    for parameter, old in zip(layer.parameters(), trained.parameters(), strict=True):
        parameter.copy_(old[narrowest].expand_as(parameter))
        parameter[: len(old)] = old
