"""Coding by a Gaussian mixture: each element has integer frequencies of its own, worked out when its turn comes.

A table for each scale, as for one Gaussian, is out of the question: a mixture of three has nine parameters. So the
frequencies of a whole wavefront are computed at once, over windows of integers around the mixtures' centres. A window
is one of a few sizes, so that the elements of each size make one array and one call of the coder. What lies outside its
window escapes, and is written all the same.

`Rows` is what a port takes, and knows nothing of floats: an integer model makes its own frequencies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, cast

import numpy as np
import torch
from constriction import stream

from bench.learned.coding.parameters import ContextNetwork, one_thread
from bench.learned.coding.paths import AutoregressivePath, Hyperprior, Latents, Size, in_order, symbols_of
from bench.learned.coding.tables import MAX_SYMBOL, PRECISION, Coding, Distributions, Tables
from bench.learned.models.mixture import SCALE_BOUND, Mixture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from bench.learned.coding.tables import Indexes, Integers, Port
    from bench.learned.models import LearnedModel

REACHES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256)
"""How far a window reaches from its centre to both sides, at most."""

_OUTSIDE = 1e-4
"""What of each component may lie outside of the window, as far as the largest reach goes."""

_ROWS = stream.model.Categorical(perfect=False)

_PIECE = 64
"""Positions whose distributions are worked out at once where no order is to be kept: they take memory."""

SUREST = Tables.of_arrays(
    np.array([0, 1, (1 << PRECISION) - 2, (1 << PRECISION) - 1, 1 << PRECISION]), np.array([5]), np.array([-1])
)
"""The surest that an element can be of its value: no payload holds more elements than by this table."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Elements whose windows are of one size."""

    elements: NDArray[np.intp]
    """Which they are."""
    frequencies: NDArray[np.float64]
    """(elements, integers and the escape): whole numbers from 1, each row adding up to 2^PRECISION."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows(Distributions):
    """Distributions of some elements, each over a window of integers and an escape."""

    first: Integers
    """The least integer of each element's window."""
    sizes: Integers
    """How many integers each window holds."""
    parts: tuple[Group, ...]

    @classmethod
    def of(cls, mixture: Mixture) -> Self:
        """The distributions of elements by their mixtures (K, n), in float64."""
        centres, reaches = _windows(mixture)
        parts = []
        for index, count in enumerate(reaches.bincount().tolist()):
            if not count:
                continue
            elements = (reaches == index).nonzero().flatten()
            chosen = Mixture(mixture.scales[:, elements], mixture.means[:, elements], mixture.weights[:, elements])
            parts.append(Group(elements.numpy(), _frequencies(chosen, centres[elements], REACHES[index])))
        reach = torch.tensor(REACHES, dtype=torch.int32)[reaches]
        return cls((centres.int() - reach).numpy(), (2 * reach + 1).numpy(), tuple(parts))

    def groups(self, indexes: Indexes) -> tuple[NDArray[np.intp], Iterator[tuple[Coding, slice]]]:
        """See `Distributions`; the indexes are those of the elements, each once."""
        del indexes
        order = np.concatenate([part.elements for part in self.parts])
        ends = np.cumsum([len(part.elements) for part in self.parts])
        codings = (Coding(_ROWS, (part.frequencies / (1 << PRECISION),)) for part in self.parts)
        return order, zip(codings, map(slice, (0, *ends[:-1]), ends), strict=True)

    def entry_bits(self, indexes: Indexes, entries: Integers) -> NDArray[np.float64]:
        """See `Distributions`."""
        bits = np.empty(len(entries))
        for part in self.parts:
            rows = np.arange(len(part.elements))
            bits[part.elements] = PRECISION - np.log2(part.frequencies[rows, entries[part.elements]])
        return bits[indexes]


def _windows(mixture: Mixture) -> tuple[Tensor, Tensor]:
    """The centre of each element's window, a whole number, and the index of its reach."""
    centres = (mixture.weights * mixture.means).sum(0).round().clamp(-MAX_SYMBOL / 2, MAX_SYMBOL / 2)
    # Of a Gaussian, less than exp(-t^2 / 2) lies more than t away.
    spread = (mixture.weights / _OUTSIDE).log().clamp_(min=0).mul_(2).sqrt_().mul_(mixture.scales)
    needed = (mixture.means - centres).abs_().add_(spread).sub_(0.5)
    needed = torch.where(mixture.weights > _OUTSIDE, needed, 0.0).amax(0)
    reaches = torch.bucketize(needed, torch.tensor(REACHES, dtype=torch.float64)).clamp_(max=len(REACHES) - 1)
    return centres, reaches


def _frequencies(mixture: Mixture, centres: Tensor, reach: int) -> NDArray[np.float64]:
    """Whole frequencies of the integers around the centres, and of the escape: (elements, 2 reach + 2)."""
    edges = centres[:, None] + torch.arange(-reach, reach + 2, dtype=torch.float64) - 0.5
    below = torch.zeros_like(edges)
    for scales, means, weights in zip(mixture.scales, mixture.means, mixture.weights, strict=True):
        distance = (edges - means[:, None]).div_(scales[:, None]).mul_(-math.sqrt(0.5))
        below.add_(torch.special.erfc(distance).mul_(0.5 * weights[:, None]))
    room = (1 << PRECISION) - (2 * reach + 2)
    inside = below.diff(dim=1).clamp_(min=0).mul_(room).floor_().add_(1)
    escape = (1 << PRECISION) - inside.sum(1, keepdim=True)
    return torch.cat((inside, escape), dim=1).numpy()


def elements_of(params: Tensor) -> Mixture:
    """The mixtures (K, positions M) of parameters (positions, 3 K M), in float64; scales not below their bound."""
    mixture = Mixture.of(params.double())
    scales, means, weights = (
        values.transpose(0, 1).flatten(1) for values in (mixture.scales, mixture.means, mixture.weights)
    )
    return Mixture(scales.clamp_(min=SCALE_BOUND), means, weights)


class MixturePath(AutoregressivePath):
    """z, then y in wavefronts, rounded to integers, each by its mixture."""

    _hyperprior: Hyperprior

    def __init__(self, model: LearnedModel) -> None:
        self._hyperprior = Hyperprior(model)
        self._network = ContextNetwork.of(model)
        self._config = model.config
        self.y_tables = SUREST

    def code(self, port: Port, y: Tensor | None, size: Size) -> Latents:
        """See `EntropyPath`."""
        z_hat, params = self._hyperprior.code(port, y, size)
        y_hat, params = self._wavefronts(port, y, params, size)
        return Latents(y_hat, z_hat, params=params)

    def bits(self, latents: Latents) -> dict[str, Tensor]:
        """See `EntropyPath`."""
        with one_thread():
            return self._hyperprior.bits(latents) | {"y": self._element_bits(latents)}

    def _element_bits(self, latents: Latents) -> Tensor:
        y_hat, positions = latents.y_hat, torch.arange(latents.y_hat[0, 0].numel())
        params, values = (cast("Tensor", in_order(each, positions)) for each in (latents.params, y_hat))
        bits = [
            torch.from_numpy(Rows.of(elements_of(some)).bits(np.arange(each.numel()), symbols_of(each, None)))
            for some, each in zip(torch.split(params, _PIECE), torch.split(values.contiguous(), _PIECE), strict=True)
        ]
        return torch.cat(bits).view(-1, y_hat.shape[1]).t().reshape(y_hat.shape)

    def _pass(self, port: Port, y: Tensor | None, params: Tensor) -> Tensor:
        rows = Rows.of(elements_of(params))
        coded = port.code(rows, np.arange(len(rows.first)), None if y is None else symbols_of(y, None))
        return torch.from_numpy(coded).view(len(params), -1).float()
