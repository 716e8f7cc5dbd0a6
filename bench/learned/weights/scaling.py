"""Tensors that differ from another one by one factor per channel, stored as these factors.

Models trained together for several lambdas (`models.gained`) differ in little else. Such a float16 tensor is the other
one times float32 factors, rounded. This is IEEE arithmetic and therefore equal on every machine.
"""

from __future__ import annotations

import torch
from torch import Tensor

_SMALLEST = 2.0**-24
"""Spacing of float16 numbers below 2^-13."""

_TRIED = 16
"""Number of float32 values to try on each side of an estimate."""


def scaled(tensor: Tensor, factors: Tensor, axis: int) -> Tensor:
    """Multiply each channel of a float16 tensor along an axis by its float32 factor.

    Raises:
        ValueError: the factors do not fit the tensor.
    """
    if tensor.dtype != torch.half or not 0 <= axis < tensor.dim() or factors.shape != tensor.shape[axis : axis + 1]:
        raise ValueError(f"factors {tuple(factors.shape)} for axis {axis} of {tuple(tensor.shape)}")
    along = [-1 if other == axis else 1 for other in range(tensor.dim())]
    return (tensor.float() * factors.view(along)).half()


def find(tensor: Tensor, base: Tensor) -> tuple[int, Tensor] | None:
    """Axis (0 or 1) and factors that give exactly `tensor` from `base`; None if none exist or they save nothing."""
    if tensor.shape != base.shape or not tensor.dtype == base.dtype == torch.half or tensor.dim() < 2:
        return None
    for axis in (0, 1):
        factors = _factors(tensor.movedim(axis, 0).flatten(1), base.movedim(axis, 0).flatten(1))
        if 4 * len(factors) < tensor.nbytes and torch.equal(scaled(base, factors, axis), tensor):
            return axis, factors
    return None


def _factors(rows: Tensor, base: Tensor) -> Tensor:
    """The factor that gives each row from the base's row; arbitrary where there is none.

    The rounding of each element bounds the factor of its row. With many elements, the bounds are so narrow that the
    rounding of products to float32 matters too, so neighbours of the middle are tried.
    """
    middle = _middle(rows.double(), base.double()).float()
    found, right = middle, torch.zeros(len(rows), dtype=torch.bool)
    for away in sorted(range(-_TRIED, _TRIED + 1), key=abs):
        tried = (middle.view(torch.int32) + away).view(torch.float)
        fits = (scaled(base, tried, 0) == rows).all(1)
        found, right = torch.where(fits & ~right, tried, found), right | fits
        if right.all():
            break
    return found


def _middle(rows: Tensor, base: Tensor) -> Tensor:
    """The middle of the interval that contains each row's factor; meaningless if the interval is empty."""
    mantissa, exponent = torch.frexp(rows)
    away = torch.exp2(exponent - 12.0).clamp(min=_SMALLEST / 2)
    # Below a power of two, float16 numbers are twice as dense.
    towards_zero = torch.where(mantissa.abs() == 0.5, away / 2, away).clamp(min=_SMALLEST / 2)
    ratio, known = rows / base, base != 0
    below, above = torch.where(ratio < 0, away, towards_zero), torch.where(ratio < 0, towards_zero, away)
    low = torch.where(known, ratio - (below / base).abs(), -torch.inf).amax(1)
    high = torch.where(known, ratio + (above / base).abs(), torch.inf).amin(1)
    return torch.where(known.any(1), (low + high) / 2, 1.0)
