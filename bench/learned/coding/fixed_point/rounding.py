"""Rounding of float weights to 8 bits with the smallest change of a layer's sums on given inputs.

Errors of weights that are rounded independently add up. Here weights are rounded input by input, and the remaining ones
are adjusted to compensate for the error (Frantar and Alistarh 2022, arXiv 2208.11580: optimal brain quantiser; here in
one order for all outputs, as in arXiv 2210.17323).
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.learned.coding.fixed_point.arithmetic import WEIGHT_LIMIT

DAMPING = 0.01
"""Added to the inputs' mean square, relative to it, to avoid large weights for inputs that were not observed."""

_BLOCK = 128


def steps(weight: Tensor) -> Tensor:
    """The step of each output's weights (outputs, inputs): the largest weight is WEIGHT_LIMIT steps."""
    largest = weight.abs().amax(1)
    return (largest / WEIGHT_LIMIT).clamp_min(float(largest.max()) * 1e-6 + 1e-30)


def second_moments(inputs: Tensor) -> Tensor:
    """The damped second moments of inputs (n, inputs) for `rounded`, in float64."""
    inputs = inputs.double()
    moments = inputs.t() @ inputs / len(inputs)
    damping = DAMPING * float(moments.diagonal().mean()) + 1e-9
    moments.diagonal().add_(damping)
    return moments


def rounded(weight: Tensor, moments: Tensor) -> Tensor:
    """Integers (outputs, inputs) for weights in units of their steps, float64."""
    weight = weight.clone()
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(moments))
    factor = torch.linalg.cholesky(inverse, upper=True)
    result = torch.empty_like(weight)
    inputs = weight.shape[1]
    for start in range(0, inputs, _BLOCK):
        end = min(start + _BLOCK, inputs)
        errors = torch.empty(weight.shape[0], end - start, dtype=weight.dtype)
        for column in range(start, end):
            result[:, column] = weight[:, column].round().clamp_(-WEIGHT_LIMIT, WEIGHT_LIMIT)
            error = (weight[:, column] - result[:, column]) / factor[column, column]
            weight[:, column:end] -= error[:, None] * factor[column, column:end]
            errors[:, column - start] = error
        weight[:, end:] -= errors @ factor[start:end, end:]
    return result
