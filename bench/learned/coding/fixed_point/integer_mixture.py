"""Gaussian mixtures in integers: from the outputs of the network to the frequencies of each element.

    scales s             in 1/1024
    means m              in 1/64
    logits               in 1/64; `exponential` tabulates exp(-difference from the largest), in 2^-16
    weights w            integers with a sum of 2^14: differences of floor(2^14 * sum of the first k / sum of all)
    steps of an edge     floor((edge - m) floor(2^32 / s) / 2^18): standard deviations, in 1/1024
    below an edge        sum over k of w_k normal[steps]; `normal` tabulates the distribution function, in 2^-20
    frequencies          1 + floor(difference of two edges * room / 2^34)
    window               centre floor(sum of w m + 1/2); half-width of max over k of |m - centre| + t(w) s, where
                         `spreads` tabulates the largest weight of each t, in 1/8

`normal` is non-decreasing, so that every frequency is at least 1.

All values are float64 below 2^53, so that products and sums are exact. A quotient of integers is rounded, but not past
the next integer, from which it differs by at least 1 / divisor: its floor is exact.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from bench.learned.coding.cdfs import OUTSIDE, REACHES, MixtureCdfs
from bench.learned.coding.fixed_point.network import Outputs
from bench.learned.coding.mixture_latent_codec import integer_frequencies
from bench.learned.models.mixture import COMPONENTS, SCALE_BOUND

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCALE_GRID = 1024
MEAN_GRID = 64
LOGIT_GRID = 64
"""Units per 1."""

LIMIT = 1 << 20
"""Bound of the outputs' magnitude: means are up to 16,384, and scales up to 1024."""

WEIGHT_BITS = 14
EXPONENTIAL_BITS = 16
NORMAL_BITS = 20
RECIPROCAL_BITS = 32
STEP_BITS = 10
"""Steps per standard deviation. An interval of a Gaussian with a scale of 64 is 16 steps wide."""

TAIL = 5
"""Range of `normal` in standard deviations; probabilities beyond it are less than its unit."""

SPREAD_GRID = 8
POSITION_SHIFT = RECIPROCAL_BITS - STEP_BITS - int(math.log2(SCALE_GRID // MEAN_GRID))
LOOKUPS = ("exponential", "normal", "spreads")


def outputs(channels: int) -> Outputs:
    """Return the outputs of a mixture's network for M channels: scales, means, logits; K M each."""
    each = COMPONENTS * channels
    least = math.ceil(SCALE_BOUND * SCALE_GRID)
    return Outputs(
        grids=torch.tensor([SCALE_GRID, MEAN_GRID, LOGIT_GRID]).repeat_interleave(each),
        low=torch.tensor([least, -LIMIT, -LIMIT]).repeat_interleave(each),
        high=torch.full((3 * each,), LIMIT),
        lookups=lookups(),
    )


def lookups() -> dict[str, Tensor]:
    """Return the integer tables, as in a weights file."""
    # At the largest difference, 2^EXPONENTIAL_BITS exp(-x) is less than 1/2.
    differences = torch.arange(math.ceil((EXPONENTIAL_BITS + 1) * math.log(2)) * LOGIT_GRID + 1) / LOGIT_GRID
    steps = torch.arange(-TAIL << STEP_BITS, (TAIL << STEP_BITS) + 1, dtype=torch.float64)
    normal = torch.special.ndtr((steps + 0.5) / (1 << STEP_BITS))
    spreads = torch.arange(math.ceil(math.sqrt(-2 * math.log(OUTSIDE)) * SPREAD_GRID), dtype=torch.float64)
    largest = OUTSIDE * ((spreads / SPREAD_GRID).square() / 2).exp() * (1 << WEIGHT_BITS)
    return {
        "exponential": (differences.double().neg().exp() * (1 << EXPONENTIAL_BITS)).round().int(),
        "normal": (normal * (1 << NORMAL_BITS)).round().int(),
        "spreads": largest.floor().int(),
    }


@dataclass(frozen=True, slots=True)
class _MixtureElements:
    """Mixtures of elements, (K, n), and the centres of their windows, (n)."""

    means: Tensor
    reciprocals: Tensor
    weights: Tensor
    centres: Tensor


class IntegerMixture:
    """Computes distributions from a network's outputs. It keeps no state between pictures.

    Raises:
        ValueError: scales could be 0, values could exceed 2^53, or a table is invalid.
    """

    def __init__(self, found: Outputs) -> None:
        tables = found.lookups
        exponential, normal = tables["exponential"], tables["normal"]
        if int(torch.maximum(found.low.abs(), found.high.abs()).max()) > LIMIT or found.low.chunk(3)[0].min() < 1:
            raise ValueError("the outputs of the last layer are out of bounds")
        if len(normal) != (2 * TAIL << STEP_BITS) + 1 or len(exponential) < 1 or int(exponential[0]) < 1:
            raise ValueError("the tables of the mixture have the wrong length")
        if int(normal.diff().min()) < 0 or int(normal[0]) < 0 or int(normal[-1]) > 1 << NORMAL_BITS:
            raise ValueError("the table of the normal distribution decreases or is out of bounds")
        if int(exponential.min()) < 0 or int(exponential.max()) > 1 << EXPONENTIAL_BITS:
            raise ValueError("the table of the exponential function is out of bounds")
        self._exponential, self._normal = exponential.double(), normal.double()
        self._spreads = tables["spreads"].double()
        self._reaches = torch.tensor(REACHES, dtype=torch.float64) * (SCALE_GRID * SPREAD_GRID)

    def rows(self, values: Tensor) -> MixtureCdfs:
        """Return the distributions of elements, in the order of positions, for float64 outputs (positions, 3 K M)."""
        scales, means, logits = (
            part.reshape(len(values), COMPONENTS, -1).transpose(0, 1).flatten(1) for part in values.chunk(3, 1)
        )
        weights = self._weights(logits)
        centres = (weights * means).sum(0).mul_(1 / (MEAN_GRID << WEIGHT_BITS)).add_(0.5).floor_()
        reciprocals = ((1 << RECIPROCAL_BITS) / scales).floor_()
        found = _MixtureElements(means, reciprocals, weights, centres)
        frequencies = functools.partial(self._frequencies, found)
        return MixtureCdfs.of(centres.int().numpy(), self._reaches_of(found, scales).numpy(), frequencies)

    def _weights(self, logits: Tensor) -> Tensor:
        differences = (logits.amax(0) - logits).clamp_(max=len(self._exponential) - 1)
        sums = self._exponential[differences.long()].cumsum(0)
        shares = (sums * (1 << WEIGHT_BITS) / sums[-1]).floor_()
        return torch.cat((shares[:1], shares.diff(dim=0)))

    def _reaches_of(self, found: _MixtureElements, scales: Tensor) -> Tensor:
        """Return the index of each window's half-width. Lengths are in 1 / (SCALE_GRID SPREAD_GRID)."""
        unit = SCALE_GRID * SPREAD_GRID
        spreads = torch.bucketize(found.weights, self._spreads)
        away = (found.means - found.centres * MEAN_GRID).abs_().mul_(unit // MEAN_GRID)
        needed = torch.where(spreads > 0, away.addcmul_(spreads.double(), scales), 0).amax(0).sub_(unit // 2)
        return torch.bucketize(needed, self._reaches).clamp_(max=len(REACHES) - 1)

    def _frequencies(self, found: _MixtureElements, elements: NDArray[np.intp], reach: int) -> NDArray[np.float64]:
        """Return the frequencies of the integers around the centres of elements, and of the escape."""
        chosen = torch.from_numpy(elements)
        means, reciprocals, weights = (
            part[:, chosen, None] for part in (found.means, found.reciprocals, found.weights)
        )
        steps = reciprocals.mul_(2.0**-POSITION_SHIFT)
        first = (found.centres[chosen, None] - reach) * MEAN_GRID - MEAN_GRID // 2 - means
        first.mul_(steps).add_(TAIL << STEP_BITS)
        edges = torch.arange(2 * reach + 2, dtype=torch.float64) * MEAN_GRID
        # Truncation equals floor, because negative values are clamped first.
        places = torch.addcmul(first, steps, edges).clamp_(0, len(self._normal) - 1).int()
        below = self._normal.index_select(0, places.flatten()).view(places.shape).mul_(weights).sum(0)
        return integer_frequencies(below, 1 << (WEIGHT_BITS + NORMAL_BITS))
