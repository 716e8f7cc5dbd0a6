"""Tensors that are another one with each channel multiplied: what a file stores of them is one factor a channel.

The models of several lambdas that are trained as one (`models.gained`) differ in little else. A tensor is float16, and
so is the other one times float32 factors, rounded: IEEE arithmetic, the same on every machine.
"""

from __future__ import annotations

import torch
from torch import Tensor

_SMALLEST = 2.0**-24
"""The distance of neighbouring float16 numbers below 2^-13."""

_TRIED = 16
"""float32 numbers on either side of an estimate that are tried."""


def scaled(tensor: Tensor, factors: Tensor, axis: int) -> Tensor:
    """A float16 tensor with each channel along an axis multiplied by its float32 factor.

    Raises:
        ValueError: the factors do not fit the tensor.
    """
    if tensor.dtype != torch.half or not 0 <= axis < tensor.dim() or factors.shape != tensor.shape[axis : axis + 1]:
        raise ValueError(f"factors {tuple(factors.shape)} for axis {axis} of {tuple(tensor.shape)}")
    along = [-1 if other == axis else 1 for other in range(tensor.dim())]
    return (tensor.float() * factors.view(along)).half()


def find(tensor: Tensor, base: Tensor) -> tuple[int, Tensor] | None:
    """Axis (0 or 1) and factors that make `tensor` of a base, exactly; None if there are none, or nothing is saved."""
    if tensor.shape != base.shape or not tensor.dtype == base.dtype == torch.half or tensor.dim() < 2:
        return None
    for axis in (0, 1):
        factors = _factors(tensor.movedim(axis, 0).flatten(1), base.movedim(axis, 0).flatten(1))
        if 4 * len(factors) < tensor.nbytes and torch.equal(scaled(base, factors, axis), tensor):
            return axis, factors
    return None


def _factors(rows: Tensor, base: Tensor) -> Tensor:
    """A factor for each row that makes it of the base's, where there is one.

    How each element was rounded bounds the factor of its row. With many elements the bounds are so near to each other
    that the rounding of products to float32 matters, too, and the numbers next to their middle are tried.
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
    """The middle of what the factor of each row can be; of no meaning where it cannot be anything."""
    half_step = torch.exp2(torch.frexp(rows).exponent - 12.0).clamp(min=_SMALLEST / 2)
    ratio, width, known = rows / base, (half_step / base).abs(), base != 0
    low = torch.where(known, ratio - width, -torch.inf).amax(1)
    high = torch.where(known, ratio + width, torch.inf).amin(1)
    return torch.where(known.any(1), (low + high) / 2, 1.0)
