"""Wavefront order for coding latents with a context model.

A causal kernel of radius r covers r rows above, up to r columns to the right, and positions to the left in its own row.
All positions with the same x + (r+1) y are therefore independent of each other:

    r = 2, step of each position       0  1  2  3  4  5
                                       3  4  5  6  7  8
                                       6  7  8  9 10 11

There are W + (r+1) (H-1) steps instead of W H: 141 instead of 1536 for a picture of 768x512.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Wavefront:
    """Steps for a grid of latents, and the context of each position.

    The latents are stored as rows of a padded buffer of (H + r) (W + 2r) positions, whose border is 0.
    """

    steps: tuple[slice, ...]
    """Slice of the coding order for each step."""
    order: Tensor
    """Positions y W + x in coding order."""
    rows: Tensor
    """Buffer row of each position, in coding order."""
    context: Tensor
    """Buffer rows of each position's context, (positions, taps), in coding order, taps in raster order."""
    num_rows: int
    """Number of rows of the buffer."""


@functools.lru_cache(maxsize=16)
def wavefront(height: int, width: int, kernel: int) -> Wavefront:
    """Return the wavefront of a grid of latents for a causal kernel with an odd side."""
    radius = kernel // 2
    y, x = np.divmod(np.arange(height * width), width)
    step = x + (radius + 1) * y
    order = np.argsort(step, kind="stable")
    counts = np.bincount(step)
    ends = np.cumsum(counts[counts > 0])  # some steps are empty in narrow grids
    pitch = width + 2 * radius
    rows = ((y + radius) * pitch + x + radius)[order]
    taps = causal_taps(kernel)
    offsets = (taps // kernel - radius) * pitch + taps % kernel - radius
    return Wavefront(
        steps=tuple(slice(int(start), int(end)) for start, end in zip([0, *ends[:-1]], ends, strict=True)),
        order=torch.from_numpy(order),
        rows=torch.from_numpy(rows),
        context=torch.from_numpy(rows[:, None] + offsets),
        num_rows=(height + radius) * pitch,
    )


def causal_taps(kernel: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the indices of a kernel's taps before its centre, in raster order."""
    return np.arange(kernel * kernel // 2)
