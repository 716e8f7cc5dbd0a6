"""Models with more channels and the function of a trained one, from which training goes on.

A new channel begins as a mixture of a trained channel and noise, and nothing trained takes from it at first. The output
is therefore unchanged, but the weights that take from it learn at once (after Net2Net, Chen et al. 2016, arXiv
1511.05641, section 2.2, whose copies share the outgoing weights instead).
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
"""Families whose sub-networks are sequences of convolutions, with N channels between them."""

COPIED = math.sqrt(0.5)
"""Share of a trained channel in a new one; the rest is noise of the same strength."""

Z_STRENGTH = 0.004
"""Strength of the new channels of z, which cost next to nothing at first."""


def can_widen(model: LearnedModel, target: LearnedModel) -> bool:
    """Whether `widened` gives a model the N of another one, with the same M; the families may differ."""
    ours, theirs = model.config, target.config
    return {ours.family, theirs.family} <= set(FAMILIES) and ours.N < theirs.N and ours.M == theirs.M


@torch.no_grad()
def widened(model: LearnedModel, N: int) -> LearnedModel:  # noqa: N803 - the papers' name
    """A model with N channels between its layers that computes the same as `model`, which has fewer (`can_widen`).

    Its random numbers are PyTorch's; its integer CDFs are not built.
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
    """Fill a convolution; the input channels that are new have no weight in the trained output channels."""
    weight, old = _by_output(layer), _by_output(trained)
    outputs, inputs = old.shape[:2]
    source = torch.arange(len(weight)) % outputs
    # Latents, for one, differ in scale, and so do the weights that take from them.
    strength = old.square().mean((0, 2, 3), keepdim=True).sqrt()[:, torch.arange(weight.shape[1]) % inputs]
    weight.copy_(torch.randn_like(weight) * strength * math.sqrt(1 - COPIED**2))
    weight[:, :inputs] += COPIED * old[source]
    weight[:outputs, :inputs] = old
    weight[:outputs, inputs:] = 0
    if layer.bias is not None and trained.bias is not None:
        layer.bias.copy_(trained.bias[source])


def _by_output(layer: Convolution) -> Tensor:
    """The weights of a convolution (outputs, inputs, height, width), a view of them."""
    return layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight


def _widen_normalisation(layer: GDN, trained: GDN) -> None:
    """Fill a GDN: a new channel is divided by what its source is divided by, with itself in its source's place."""
    beta, gamma = trained.beta, trained.gamma
    source = torch.arange(len(layer.beta)) % len(beta)
    new = torch.arange(len(beta), len(source))
    layer.beta.copy_(beta[source])
    layer.gamma.fill_(float(gamma.min()))
    layer.gamma[:, : len(beta)] = gamma[source]
    layer.gamma[new, new] = gamma[source[new], source[new]]


def _widen_bottleneck(layer: EntropyBottleneck, trained: EntropyBottleneck) -> None:
    """Fill an entropy bottleneck: new channels have the density of the channel with the narrowest one."""
    narrowest = int((trained.quantiles[:, 0, 2] - trained.quantiles[:, 0, 0]).argmin())
    for parameter, old in zip(layer.parameters(), trained.parameters(), strict=True):
        parameter.copy_(old[narrowest].expand_as(parameter))
        parameter[: len(old)] = old
