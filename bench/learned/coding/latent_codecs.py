"""The entropy paths of the families, each written once for both directions: an encoder gives y, a decoder None.

    factorized              y by the tables of its channels
    scale, hyper            z by the tables of its channels; h_s tells scale and mean of each element of y; y by the
                            tables of its scales
    context, joint, attn    the same, but scale and mean come from the latents before as well: y goes in wavefronts
                            (and context has no z)

The coded latents are round(y - mean) + mean, on all paths.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from bench.learned.coding.cdfs import Cdfs, RangeCoder
from bench.learned.coding.entropy_parameters import ContextNetwork
from bench.learned.coding.wavefront import wavefront
from bench.learned.models.base import split_parameters
from bench.learned.models.entropy import MAX_SYMBOL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.learned.models import LearnedModel
    from bench.learned.models.entropy import Bottleneck, Gaussian

Size = tuple[int, int]
"""Height and width of y."""

HYPER_STRIDE = 4
"""How much coarser z is than y."""


def z_size(size: Size) -> Size:
    """Height and width of z, by those of y."""
    return size[0] // HYPER_STRIDE, size[1] // HYPER_STRIDE


@dataclass(frozen=True, slots=True)
class Latents:
    """What the decoder knows of a picture, and the distributions by which it was told."""

    y_hat: Tensor
    """(1, M, h, w)"""
    z_hat: Tensor | None = None
    """(1, N, h/4, w/4); none in the factorized and context families."""
    scales: Tensor | None = None
    """Of each element of y, as y_hat; none in the factorized family."""
    means: Tensor | None = None
    """As scales; none where all means are 0."""
    params: Tensor | None = None
    """Of the mixtures that are in the place of scales and means, (1, 3 K M, h, w)."""


class LatentCodec(abc.ABC):
    """What a port passes for a picture, in order. A path holds nothing of any picture."""

    y_tables: Cdfs
    num_channels: int
    """Of y."""
    z_channels: Channels | None = None

    def least_bits(self, size: Size) -> float:
        """The least that a payload can take for y of a given size, and what it depends on."""
        y_bits = self.y_tables.least_bits * self.num_channels * size[0] * size[1]
        return y_bits + (0 if self.z_channels is None else self.z_channels.least_bits(z_size(size)))

    @abc.abstractmethod
    def code(self, port: RangeCoder, y: Tensor | None, size: Size) -> Latents:
        """Pass y (1, M, h, w) of a given size, and what it depends on; what the decoder knows is returned."""

    @abc.abstractmethod
    def bits(self, latents: Latents) -> dict[str, Tensor]:
        """What each element of the coded latents takes by its table, for "y" and, where there is one, "z"."""


class FactorizedLatentCodec(LatentCodec):
    """y alone, each channel by its table."""

    def __init__(self, model: LearnedModel) -> None:
        self._channels = Channels(model)
        self.y_tables = self._channels.tables
        self.num_channels = model.config.M

    def least_bits(self, size: Size) -> float:
        """See `LatentCodec`: each channel has its table."""
        return self._channels.least_bits(size)

    def code(self, port: RangeCoder, y: Tensor | None, size: Size) -> Latents:
        """See `LatentCodec`."""
        return Latents(self._channels.code(port, y, size))

    def bits(self, latents: Latents) -> dict[str, Tensor]:
        """See `LatentCodec`."""
        return {"y": self._channels.bits(latents.y_hat)}


class HyperpriorLatentCodec(LatentCodec):
    """z, then y, all of it at once."""

    def __init__(self, model: LearnedModel) -> None:
        self._hyperprior = Hyperprior(model)
        self._elements = _Elements(model)
        self.y_tables, self.num_channels = self._elements.tables, model.config.M
        self.z_channels = self._hyperprior.channels
        self._has_mean = bool(model.has_mean)

    def code(self, port: RangeCoder, y: Tensor | None, size: Size) -> Latents:
        """See `LatentCodec`."""
        z_hat, params = self._hyperprior.code(port, y, size)
        scales, means = split_parameters(params, mean=self._has_mean)
        return Latents(self._elements.code(port, y, scales, means), z_hat, scales, means)

    def bits(self, latents: Latents) -> dict[str, Tensor]:
        """See `LatentCodec`."""
        return self._hyperprior.bits(latents) | {"y": self._elements.bits(latents)}


class AutoregressiveLatentCodec(LatentCodec):
    """z if there is one, then y in wavefronts."""

    def __init__(self, model: LearnedModel) -> None:
        self._hyperprior = Hyperprior(model) if hasattr(model, "entropy_bottleneck") else None
        self._elements = _Elements(model)
        self.y_tables, self.num_channels = self._elements.tables, model.config.M
        self.z_channels = None if self._hyperprior is None else self._hyperprior.channels
        self._network = ContextNetwork.of(model)
        self._config = model.config

    def code(self, port: RangeCoder, y: Tensor | None, size: Size) -> Latents:
        """See `LatentCodec`."""
        z_hat = params = None
        if self._hyperprior is not None:
            z_hat, params = self._hyperprior.code(port, y, size)
        y_hat, params = self._wavefronts(port, y, params, size)
        return Latents(y_hat, z_hat, *split_parameters(params, mean=self._config.mean))

    def bits(self, latents: Latents) -> dict[str, Tensor]:
        """See `LatentCodec`."""
        side = {} if self._hyperprior is None else self._hyperprior.bits(latents)
        return side | {"y": self._elements.bits(latents)}

    def _pass(self, port: RangeCoder, y: Tensor | None, params: Tensor) -> Tensor:
        """Pass elements of y (positions, M), by what was told of them (positions, outputs of the network)."""
        scales, means = split_parameters(params, mean=self._config.mean)
        return self._elements.code(port, y, scales, means)

    def _wavefronts(
        self, port: RangeCoder, y: Tensor | None, params: Tensor | None, size: Size
    ) -> tuple[Tensor, Tensor]:
        """y_hat (1, M, h, w), and the entropy parameters of all its elements (1, outputs, h, w)."""
        wave = wavefront(*size, self._config.kernel)
        prepared = self._network.prepare(in_order(params, wave.order), len(wave.order))
        wanted = in_order(y, wave.order)
        known, told = torch.zeros(wave.num_rows, self._config.M), []
        for step in wave.steps:
            neighbours = known[wave.context[step].flatten()].view(step.stop - step.start, -1)
            told.append(self._network(neighbours, prepared[step]))
            known[wave.rows[step]] = self._pass(port, None if wanted is None else wanted[step], told[-1])
        return as_picture(known[wave.rows], wave.order, size), as_picture(torch.cat(told), wave.order, size)


class Channels:
    """Values by the tables of the bottleneck, one for each channel, rounded around the channel's median."""

    def __init__(self, model: LearnedModel) -> None:
        bottleneck = cast("Bottleneck", model.entropy_bottleneck)
        self.tables = Cdfs.of(bottleneck)
        self._medians = bottleneck.quantiles.detach()[:, :, 1:2].clone()  # (C, 1, 1)

    def code(self, port: RangeCoder, values: Tensor | None, size: Size) -> Tensor:
        """Pass values (1, C, h, w)."""
        return self.values(self.code_symbols(port, values, size))

    def code_symbols(self, port: RangeCoder, values: Tensor | None, size: Size) -> Tensor:
        """Pass the symbols (C, h, w) of values."""
        symbols = None if values is None else symbols_of(values[0], self._medians)
        return torch.from_numpy(port.code(self.tables, self._indexes(size), symbols)).view(-1, *size)

    def values(self, symbols: Tensor) -> Tensor:
        """The values (1, C, h, w) that symbols stand for."""
        values: Tensor = (symbols + self._medians)[None]
        return values

    def least_bits(self, size: Size) -> float:
        """The least that values of a given size take."""
        return float(self.tables.least_bits_of_each.sum()) * size[0] * size[1]

    def bits(self, values: Tensor) -> Tensor:
        """What each of the coded values (1, C, h, w) takes."""
        indexes = self._indexes((values.shape[2], values.shape[3]))
        bits = self.tables.bits(indexes, symbols_of(values[0].contiguous(), self._medians))
        return torch.from_numpy(bits).view(values.shape)

    def _indexes(self, size: Size) -> NDArray[np.int32]:
        return np.repeat(np.arange(len(self._medians), dtype=np.int32), size[0] * size[1])


class Hyperprior:
    """z and what h_s makes of it."""

    def __init__(self, model: LearnedModel) -> None:
        self.channels = Channels(model)
        self._analysis = cast("torch.nn.Module", getattr(model, "hyper_analysis", model.h_a))
        self._synthesis = cast("torch.nn.Module", model.h_s)

    def code(self, port: RangeCoder, y: Tensor | None, size: Size) -> tuple[Tensor, Tensor]:
        """Pass z of y; z_hat and the word of the hyperprior about y."""
        z = None if y is None else self._analysis(y)
        z_hat = self.channels.code(port, z, z_size(size))
        return z_hat, self._synthesis(z_hat)

    def bits(self, latents: Latents) -> dict[str, Tensor]:
        """What each element of z takes."""
        return {"z": self.channels.bits(cast("Tensor", latents.z_hat))}


class _Elements:
    """Elements of y, each by the table of its scale, rounded around its mean."""

    def __init__(self, model: LearnedModel) -> None:
        conditional = cast("Gaussian", model.gaussian_conditional)
        self.tables = Cdfs.of(conditional)
        # The next wider table, as in CompressAI. The nearest one made files of a trained model .6 % larger.
        self._bounds = cast("Tensor", conditional.scale_table)[:-1].clone()

    def code(self, port: RangeCoder, y: Tensor | None, scales: Tensor, means: Tensor | None) -> Tensor:
        """Pass y, of any shape."""
        coded = port.code(self.tables, self._indexes(scales), None if y is None else symbols_of(y, means))
        values = torch.from_numpy(coded).view(scales.shape)
        return values.float() if means is None else values + means

    def bits(self, latents: Latents) -> Tensor:
        """What each element of y takes."""
        y_hat, scales = latents.y_hat.contiguous(), cast("Tensor", latents.scales).contiguous()
        means = None if latents.means is None else latents.means.contiguous()
        return torch.from_numpy(self.tables.bits(self._indexes(scales), symbols_of(y_hat, means))).view(y_hat.shape)

    def _indexes(self, scales: Tensor) -> NDArray[np.uint8]:
        return torch.bucketize(scales.flatten(), self._bounds, out_int32=True).numpy().astype(np.uint8)


def symbols_of(values: Tensor, means: Tensor | None) -> NDArray[np.int32]:
    """What is written of values: their distance from the means, rounded, in the order of memory."""
    centred = values if means is None else values - means
    # Larger ones are refused by the writer; nothing may wrap around before it sees them.
    integers: NDArray[np.int32] = centred.round().clamp_(-MAX_SYMBOL, MAX_SYMBOL).int().flatten().numpy()
    return integers


def in_order(values: Tensor | None, order: Tensor) -> Tensor | None:
    """(1, C, h, w) to (positions in order, C)."""
    return None if values is None else values[0].flatten(1).t()[order]


def as_picture(values: Tensor, order: Tensor, size: Size) -> Tensor:
    """(positions in order, C) to (1, C, h, w), channels last in memory."""
    by_position = torch.empty_like(values)
    by_position[order] = values
    return by_position.view(1, *size, -1).permute(0, 3, 1, 2)
