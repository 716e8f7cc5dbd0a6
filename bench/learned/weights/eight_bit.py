"""Weights of convolutions in 8 bits with a float32 scale for each output channel, as a file holds them.

A weight is off by a 254th of the channel's largest one at most. Transforms do not bear that: g_s in 8 bits costs .1 to
.16 dB, g_a up to .1 dB, an entropy model .1 to .5 % of the rate. A rectifier only corrects what it is given, and does:
joint+qr loses .002 dB at lambda .025 and .004 dB at .0067. See docs/training.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from bench.learned.weights.stored_cdfs import Tensors

_SCALE = ".scale"
"""How the name of the scales ends, behind that of the weights."""
_LARGEST = 127


def encoded(tensors: Tensors) -> Tensors:
    """Tensors whose weights of convolutions are in 8 bits, and the scales of these; the others as they are."""
    found: Tensors = {}
    for name, value in tensors.items():
        if value.dim() != 4:
            found[name] = value
            continue
        weights = value.float()
        scales = (weights.abs().amax((1, 2, 3)) / _LARGEST).clamp(min=torch.finfo(torch.float).tiny)
        found[name] = (weights / scales.view(-1, 1, 1, 1)).round().to(torch.int8)
        found[name + _SCALE] = scales
    return found


def decoded(tensors: Tensors) -> Tensors:
    """The tensors of which `encoded` made these; those in 8 bits in float32, their products the same on every machine.

    Raises:
        ValueError: scales do not fit their weights, or there are none.
    """
    return {name: _decoded(name, value, tensors) for name, value in tensors.items() if not name.endswith(_SCALE)}


def _decoded(name: str, value: Tensor, tensors: Tensors) -> Tensor:
    if value.dtype != torch.int8:
        return value
    scales = tensors.get(name + _SCALE)
    if scales is None or value.dim() != 4 or scales.dtype != torch.float or scales.shape != value.shape[:1]:
        raise ValueError(f"'{name}' is in 8 bits, and has no scales that fit")
    return value.float() * scales.view(-1, 1, 1, 1)
