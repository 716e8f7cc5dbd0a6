"""The order in which latents with a context model are coded: in wavefronts, not one by one.

A causal kernel of radius r sees the r rows above, up to r columns to the right, and what is left in its own row. So all
positions with the same x + (r+1) y are independent of each other:

    r = 2, step of each position       0  1  2  3  4  5
                                       3  4  5  6  7  8
                                       6  7  8  9 10 11

W + (r+1) (H-1) steps instead of W H: 141 instead of 1536 for a picture of 768x512.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Wavefront:
    """The steps of a grid of latents, and where each position finds its context.

    The latents lie in rows of a padded buffer, (H + r) (W + 2r) positions of which the border stays 0.
    """

    steps: tuple[slice, ...]
    """Each step's part of the positions in coding order."""
    order: Tensor
    """The positions in coding order, each as y W + x."""
    rows: Tensor
    """The buffer's row of each position, in coding order."""
    context: Tensor
    """The buffer's rows that each position sees, in raster order: (positions, taps), in coding order."""
    num_rows: int
    """Rows of the buffer."""


@functools.lru_cache(maxsize=16)
def wavefront(height: int, width: int, kernel: int) -> Wavefront:
    """The wavefront of a grid of latents under a causal kernel of odd side `kernel`."""
    radius = kernel // 2
    y, x = np.divmod(np.arange(height * width), width)
    step = x + (radius + 1) * y
    order = np.argsort(step, kind="stable")
    counts = np.bincount(step)
    ends = np.cumsum(counts[counts > 0])  # in a narrow grid some steps are empty
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
    """Which elements of a kernel's window come before its centre in raster order."""
    return np.arange(kernel * kernel // 2)
