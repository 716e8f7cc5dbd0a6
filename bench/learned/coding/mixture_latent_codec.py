"""Latent codec with Gaussian mixtures: the integer frequencies of each element are computed when it is coded.

A table per scale, as for a single Gaussian, is not possible, because a mixture of three has nine parameters. Instead,
the frequencies of a wavefront are computed together, over windows of integers around the mixtures' centres (`rows_of`).

This module computes mixtures in floating point; `fixed_point.integer_mixture` computes them in integers.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from bench.learned.coding.cdfs import FEWEST_BITS, OUTSIDE, REACHES, MixtureCdfs
from bench.learned.coding.entropy_parameters import ContextNetwork, one_thread
from bench.learned.coding.latent_codecs import AutoregressiveLatentCodec, Hyperprior, Latents, in_order
from bench.learned.models.entropy import PRECISION
from bench.learned.models.mixture import SCALE_BOUND, Mixture
from bench.learned.models.quantization import MAX_SYMBOL, symbols_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from bench.learned.coding.cdfs import RangeCoder
    from bench.learned.models import LearnedModel

_PIECE = 64
"""Number of positions whose distributions are computed together if no order is needed; limits memory."""


def rows_of(mixture: Mixture) -> MixtureCdfs:
    """Return the distributions of elements, given their mixtures (K, n) in float64."""
    centres, reaches = _windows(mixture)
    return MixtureCdfs.of(centres.int().numpy(), reaches.numpy(), functools.partial(_frequencies, mixture, centres))


def _windows(mixture: Mixture) -> tuple[Tensor, Tensor]:
    """Return the centre of each element's window, an integer, and the index of its half-width in `REACHES`."""
    centres = (mixture.weights * mixture.means).sum(0).round().clamp(-MAX_SYMBOL / 2, MAX_SYMBOL / 2)
    # The probability of a Gaussian beyond t is less than exp(-t^2 / 2).
    spread = (mixture.weights / OUTSIDE).log().clamp_(min=0).mul_(2).sqrt_().mul_(mixture.scales)
    needed = (mixture.means - centres).abs_().add_(spread).sub_(0.5)
    needed = torch.where(mixture.weights > OUTSIDE, needed, 0.0).amax(0)
    reaches = torch.bucketize(needed, torch.tensor(REACHES, dtype=torch.float64)).clamp_(max=len(REACHES) - 1)
    return centres, reaches


def _frequencies(mixture: Mixture, centres: Tensor, elements: NDArray[np.intp], reach: int) -> NDArray[np.float64]:
    """Return the frequencies of the integers around the centres of elements, and of the escape."""
    chosen = torch.from_numpy(elements)
    edges = centres[chosen, None] + torch.arange(-reach, reach + 2, dtype=torch.float64) - 0.5
    below = torch.zeros_like(edges)
    components = (values[:, chosen, None] for values in (mixture.scales, mixture.means, mixture.weights))
    for scales, means, weights in zip(*components, strict=True):
        distance = (edges - means).div_(scales).mul_(-math.sqrt(0.5))
        below.add_(torch.special.erfc(distance).mul_(0.5 * weights))
    return integer_frequencies(below, 1.0)


def integer_frequencies(below: Tensor, total: float) -> NDArray[np.float64]:
    """Return the frequencies of the integers between edges, and of the escape, (elements, edges).

    Args:
        below: cumulative probability below each edge, (elements, edges), non-decreasing.
        total: sum of the probabilities, a power of 2. If `below` has integers, the frequencies are exact.
    """
    room = (1 << PRECISION) - below.shape[1]
    inside = below.diff(dim=1).clamp_(min=0).mul_(room / total).floor_().add_(1)
    escape = (1 << PRECISION) - inside.sum(1, keepdim=True)
    return torch.cat((inside, escape), dim=1).numpy()


def elements_of(params: Tensor) -> Mixture:
    """Return the mixtures (K, positions M) of parameters (positions, 3 K M), in float64, with bounded scales."""
    mixture = Mixture.of(params.double())
    scales, means, weights = (
        values.transpose(0, 1).flatten(1) for values in (mixture.scales, mixture.means, mixture.weights)
    )
    return Mixture(scales.clamp_(min=SCALE_BOUND), means, weights)


def element_bits(latents: Latents, distributions: Callable[[Tensor], MixtureCdfs]) -> Tensor:
    """Return the bits of each element of y, given a function from parameters (positions, outputs) to distributions."""
    y_hat, positions = latents.y_hat, torch.arange(latents.y_hat[0, 0].numel())
    params, values = (cast("Tensor", in_order(each, positions)) for each in (latents.params, y_hat))
    with one_thread():
        bits = [
            torch.from_numpy(distributions(some).bits(np.arange(each.numel()), symbols_of(each, None)))
            for some, each in zip(torch.split(params, _PIECE), torch.split(values, _PIECE), strict=True)
        ]
    return torch.cat(bits).view(-1, y_hat.shape[1]).t().reshape(y_hat.shape)


def code_integers(coder: RangeCoder, y: Tensor | None, rows: MixtureCdfs) -> NDArray[np.int32]:
    """Code the elements of y, rounded; return the decoded integers."""
    return coder.code(rows, np.arange(len(rows.first)), None if y is None else symbols_of(y, None))


class MixtureLatentCodec(AutoregressiveLatentCodec):
    """Codes z, then y in wavefronts, rounded to integers, each with its mixture."""

    _hyperprior: Hyperprior

    def __init__(self, model: LearnedModel) -> None:
        self._hyperprior = Hyperprior(model)
        self._network, self._kernel = ContextNetwork.of(model), model.config.kernel
        self.y_tables, self.num_channels = FEWEST_BITS, model.config.M
        self.z_channels = self._hyperprior.channels

    def y_bits(self, latents: Latents) -> Tensor:
        """See `LatentCodec`."""
        return element_bits(latents, lambda params: rows_of(elements_of(params)))

    def _latents(self, y_hat: Tensor, z_hat: Tensor | None, params: Tensor) -> Latents:
        return Latents(y_hat, z_hat, params=params)

    def _code_elements(self, coder: RangeCoder, y: Tensor | None, params: Tensor) -> Tensor:
        coded = code_integers(coder, y, rows_of(elements_of(params)))
        return torch.from_numpy(coded).view(len(params), -1).float()
