"""Convolutions of rectifiers in 8 bits, with a float32 scale per output channel.

The error of a weight is at most 1/254 of the channel's largest weight. That is too much for transforms: g_s in 8 bits
costs .1 to .16 dB, g_a up to .1 dB, an entropy model .1 to .5 % of the rate. For a rectifier it is not: joint+qr loses
.002 dB at lambda .025 and .004 dB at .0067. See docs/training.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from bench.learned.weights.stored_cdfs import Tensors

_SCALE = ".scale"
"""Suffix of the names of scales."""
_LARGEST = 127


def encoded(tensors: Tensors) -> Tensors:
    """Tensors with the weights of convolutions in 8 bits, and their scales; others are unchanged."""
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
    """The tensors of `encoded`'s output; those in 8 bits as float32, equal on every machine.

    Raises:
        ValueError: scales are missing or do not fit their weights.
    """
    return {name: _decoded(name, value, tensors) for name, value in tensors.items() if not name.endswith(_SCALE)}


def _decoded(name: str, value: Tensor, tensors: Tensors) -> Tensor:
    if value.dtype != torch.int8:
        return value
    scales = tensors.get(name + _SCALE)
    if scales is None or value.dim() != 4 or scales.dtype != torch.float or scales.shape != value.shape[:1]:
        raise ValueError(f"'{name}' is in 8 bits, and has no scales that fit")
    return value.float() * scales.view(-1, 1, 1, 1)
