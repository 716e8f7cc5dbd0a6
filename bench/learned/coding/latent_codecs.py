"""Latent codecs of the families. The same code runs in both directions: an encoder passes y, a decoder None.

    factorized              y, with one CDF per channel
    scale, hyper            z, with one CDF per channel; then y, with the CDF of each element's scale, where h_s
                            computes scales and means from z
    context, joint, attn    the same, with scales and means that also depend on earlier latents: y in wavefronts
                            (context has no z)

All of them code round(y - mean) and decode to that plus the mean.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from bench.learned.coding.cdfs import OTHER_ARITHMETIC, Cdfs, RangeCoder, RangeDecoder, RangeEncoder
from bench.learned.coding.entropy_parameters import ContextNetwork, one_thread
from bench.learned.coding.wavefront import wavefront
from bench.learned.models.base import split_parameters
from bench.learned.models.quantization import MAX_SYMBOL, symbols_of
from bench.system.errors import CodecError, DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from bench.learned.models import LearnedModel
    from bench.learned.models.entropy import Bottleneck, Gaussian

Size = tuple[int, int]
"""Height and width of y."""

HYPER_STRIDE = 4
"""Size of y relative to z."""

_STRIP_POSITIONS = 1 << 17
"""Positions of y in a strip: more than those of a picture of 32 megapixels."""


def z_size(size: Size) -> Size:
    """Return height and width of z, given those of y."""
    return size[0] // HYPER_STRIDE, size[1] // HYPER_STRIDE


@dataclass(frozen=True, slots=True)
class Latents:
    """Decoded latents of a picture, and the distributions that they were coded with."""

    y_hat: Tensor
    """(1, M, h, w)"""
    z_hat: Tensor | None = None
    """(1, N, h/4, w/4); None in the factorized and context families."""
    scales: Tensor | None = None
    """In the shape of y_hat; None in the factorized family."""
    means: Tensor | None = None
    """In the shape of y_hat; None if all means are 0."""
    params: Tensor | None = None
    """Parameters of mixtures, instead of scales and means, (1, 3 K M, h, w)."""

    def strips(self) -> Iterator[Latents]:
        """Split the latents into strips of rows, to limit the memory of computations over all elements."""
        height, width = self.y_hat.shape[2:]
        step = max(1, _STRIP_POSITIONS // (width * HYPER_STRIDE)) * HYPER_STRIDE
        for start in range(0, height, step):
            y_rows = slice(start, start + step)
            z_rows = slice(start // HYPER_STRIDE, (start + step) // HYPER_STRIDE)
            tensors = {
                name: None if values is None else values[:, :, z_rows if name == "z_hat" else y_rows]
                for name, values in ((field.name, getattr(self, field.name)) for field in fields(self))
            }
            yield Latents(**tensors)  # type: ignore[arg-type]  # y_hat is not None


@dataclass(frozen=True, slots=True)
class Coded:
    """Coded latents of a picture."""

    payload: bytes
    crc: int
    """CRC-32 of the symbols, by which a decoder detects that its arithmetic differs."""
    latents: Latents
    """Decoded latents."""


class LatentCodec(abc.ABC):
    """Base class of the latent codecs: range coding of the latents of a picture, on the CPU.

    A latent codec keeps no state between pictures. Decoded latents are the same in any process and with any number of
    threads.
    """

    y_tables: Cdfs
    num_channels: int
    """Channels of y."""
    z_channels: Channels | None = None

    @torch.inference_mode()
    def encode(self, y: Tensor) -> Coded:
        """Encode the latents y (1, M, h, w) of a picture.

        Raises:
            CodecError: y is not finite or too large.
        """
        if not y.abs().max() < MAX_SYMBOL:
            raise CodecError("the latents of this picture are not finite, or out of range")
        coder = RangeEncoder()
        with one_thread():
            latents = self.code(coder, y.contiguous(), (y.shape[2], y.shape[3]))
        return Coded(coder.finish(), coder.crc, latents)

    @torch.inference_mode()
    def decode(self, payload: bytes, size: Size, crc: int) -> Latents:
        """Decode a payload to latents of a given height and width, and verify their checksum.

        Raises:
            DecodeError: the payload cannot be from an encoder with the same arithmetic.
        """
        coder = RangeDecoder(payload)
        coder.require_room(self.least_bits(size))
        with one_thread():
            latents = self.code(coder, None, size)
        if coder.crc != crc:
            raise DecodeError(OTHER_ARITHMETIC)
        return latents

    def least_bits(self, size: Size) -> float:
        """Return a lower bound of the payload's bits, including side information, for y of a given size."""
        y_bits = self.y_tables.least_bits * self.num_channels * size[0] * size[1]
        return y_bits + (0 if self.z_channels is None else self.z_channels.least_bits(z_size(size)))

    @abc.abstractmethod
    def code(self, coder: RangeCoder, y: Tensor | None, size: Size) -> Latents:
        """Code y (1, M, h, w) of a given size, with its side information; return the decoded latents."""

    def bits(self, latents: Latents) -> dict[str, Tensor]:
        """Return the bits of each element of the coded latents, for "y" and, if the model has it, "z"."""
        z_bits = {} if self.z_channels is None else {"z": self.z_channels.bits(cast("Tensor", latents.z_hat))}
        return z_bits | {"y": self.y_bits(latents)}

    @abc.abstractmethod
    def y_bits(self, latents: Latents) -> Tensor:
        """Return the bits of each element of y."""


class FactorizedLatentCodec(LatentCodec):
    """Codes y alone, with one CDF per channel."""

    def __init__(self, model: LearnedModel) -> None:
        self._channels = Channels(model)
        self.y_tables = self._channels.tables
        self.num_channels = model.config.M

    def least_bits(self, size: Size) -> float:
        """See `LatentCodec`. Each channel has its own bound."""
        return self._channels.least_bits(size)

    def code(self, coder: RangeCoder, y: Tensor | None, size: Size) -> Latents:
        """See `LatentCodec`."""
        return Latents(self._channels.code(coder, y, size))

    def y_bits(self, latents: Latents) -> Tensor:
        """See `LatentCodec`."""
        return self._channels.bits(latents.y_hat)


class HyperpriorLatentCodec(LatentCodec):
    """Codes z, then all of y at once."""

    def __init__(self, model: LearnedModel) -> None:
        self._hyperprior = Hyperprior(model)
        self._elements = _Elements(model)
        self.y_tables, self.num_channels = self._elements.tables, model.config.M
        self.z_channels = self._hyperprior.channels
        self._has_mean = bool(model.has_mean)

    def code(self, coder: RangeCoder, y: Tensor | None, size: Size) -> Latents:
        """See `LatentCodec`."""
        z_hat, params = self._hyperprior.code(coder, y, size)
        scales, means = split_parameters(params, mean=self._has_mean)
        return Latents(self._elements.code(coder, y, scales, means), z_hat, scales, means)

    def y_bits(self, latents: Latents) -> Tensor:
        """See `LatentCodec`."""
        return self._elements.bits(latents)


class WavefrontLatentCodec(LatentCodec):
    """Codes y in wavefronts, with distributions that a network computes from each position's causal neighbours."""

    _network: Callable[[Tensor, Tensor], Tensor]
    """Maps neighbours (n, taps M) and a prepared part (n, features) to outputs (n, outputs)."""
    _kernel: int
    _dtype = torch.float32
    """Type of the neighbours."""

    def code(self, coder: RangeCoder, y: Tensor | None, size: Size) -> Latents:
        """See `LatentCodec`."""
        z_hat, prepared = self._side_information(coder, y, size)
        wave = wavefront(*size, self._kernel)
        wanted = in_order(y, wave.order)
        known = torch.zeros(wave.num_rows, self.num_channels, dtype=self._dtype)
        y_hat, parameters = PositionBuffer(size), PositionBuffer(size)
        for step in wave.steps:
            neighbours = known[wave.context[step].flatten()].view(step.stop - step.start, -1)
            outputs = self._network(neighbours, prepared[step])
            values = self._code_elements(coder, None if wanted is None else wanted[step], outputs)
            decoded, described, known[wave.rows[step]] = self._scaled(values, outputs)
            y_hat.put(wave.order[step], decoded)
            parameters.put(wave.order[step], described)
        return self._latents(y_hat.values, z_hat, parameters.values)

    @abc.abstractmethod
    def _side_information(self, coder: RangeCoder, y: Tensor | None, size: Size) -> tuple[Tensor | None, Tensor]:
        """Code z; return z_hat and the part of the network that does not depend on y, (positions, features)."""

    @abc.abstractmethod
    def _latents(self, y_hat: Tensor, z_hat: Tensor | None, params: Tensor) -> Latents:
        """Return the decoded latents, given the network's outputs (1, outputs, h, w) for their elements."""

    @abc.abstractmethod
    def _code_elements(self, coder: RangeCoder, y: Tensor | None, params: Tensor) -> Tensor:
        """Code elements of y (positions, M), given the network's outputs for them (positions, outputs)."""

    def _scaled(self, values: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return elements and network outputs in units of y, and the elements in the units of the network's input."""
        return values, outputs, values


class AutoregressiveLatentCodec(WavefrontLatentCodec):
    """Codes z, if the model has it, then y in wavefronts."""

    _network: ContextNetwork

    def __init__(self, model: LearnedModel) -> None:
        self._hyperprior = Hyperprior(model) if hasattr(model, "entropy_bottleneck") else None
        self._elements = _Elements(model)
        self.y_tables, self.num_channels = self._elements.tables, model.config.M
        self.z_channels = None if self._hyperprior is None else self._hyperprior.channels
        self._network, self._kernel = ContextNetwork.of(model), model.config.kernel
        self._has_mean = model.config.mean

    def y_bits(self, latents: Latents) -> Tensor:
        """See `LatentCodec`."""
        return self._elements.bits(latents)

    def _code_elements(self, coder: RangeCoder, y: Tensor | None, params: Tensor) -> Tensor:
        scales, means = split_parameters(params, mean=self._has_mean)
        return self._elements.code(coder, y, scales, means)

    def _side_information(self, coder: RangeCoder, y: Tensor | None, size: Size) -> tuple[Tensor | None, Tensor]:
        z_hat = params = None
        if self._hyperprior is not None:
            z_hat, params = self._hyperprior.code(coder, y, size)
        order = wavefront(*size, self._kernel).order
        return z_hat, self._network.prepare(in_order(params, order), len(order))

    def _latents(self, y_hat: Tensor, z_hat: Tensor | None, params: Tensor) -> Latents:
        return Latents(y_hat, z_hat, *split_parameters(params, mean=self._has_mean))


class PositionBuffer:
    """Buffer that is filled by position and viewed as (1, C, h, w), channels last in memory.

    A list of the values of all steps, concatenated at the end, would need twice the memory.
    """

    def __init__(self, size: Size) -> None:
        self._size = size
        self._by_position = torch.empty(0)

    def put(self, positions: Tensor, values: Tensor) -> None:
        """Store the values (n, C) of positions y W + x."""
        if not len(self._by_position):
            self._by_position = values.new_empty(self._size[0] * self._size[1], values.shape[1])
        self._by_position[positions] = values

    @property
    def values(self) -> Tensor:
        """All values, (1, C, h, w)."""
        return self._by_position.view(1, *self._size, -1).permute(0, 3, 1, 2)


class Channels:
    """Codes values with one CDF per channel, rounded around the channel's median."""

    def __init__(self, model: LearnedModel) -> None:
        bottleneck = cast("Bottleneck", model.entropy_bottleneck)
        self.tables = Cdfs.of(bottleneck)
        self._medians = bottleneck.quantiles.detach()[:, :, 1:2].clone()  # (C, 1, 1)

    def code(self, coder: RangeCoder, values: Tensor | None, size: Size) -> Tensor:
        """Code values (1, C, h, w); return the decoded values."""
        return self.values(self.code_symbols(coder, values, size))

    def code_symbols(self, coder: RangeCoder, values: Tensor | None, size: Size) -> Tensor:
        """Code values (1, C, h, w); return the symbols (C, h, w)."""
        symbols = None if values is None else symbols_of(values[0], self._medians)
        return torch.from_numpy(coder.code(self.tables, self._indexes(size), symbols)).view(-1, *size)

    def values(self, symbols: Tensor) -> Tensor:
        """Return the values (1, C, h, w) of symbols (C, h, w)."""
        values: Tensor = (symbols + self._medians)[None]
        return values

    def least_bits(self, size: Size) -> float:
        """Return a lower bound of the bits of values of a given size."""
        return float(self.tables.least_bits_of_each.sum()) * size[0] * size[1]

    def bits(self, values: Tensor) -> Tensor:
        """Return the bits of each of the coded values (1, C, h, w)."""
        indexes = self._indexes((values.shape[2], values.shape[3]))
        bits = self.tables.bits(indexes, symbols_of(values[0], self._medians))
        return torch.from_numpy(bits).view(values.shape)

    def _indexes(self, size: Size) -> NDArray[np.int32]:
        return np.repeat(np.arange(len(self._medians), dtype=np.int32), size[0] * size[1])


class Hyperprior:
    """Codes z and computes the output of h_s."""

    def __init__(self, model: LearnedModel) -> None:
        self.channels = Channels(model)
        self._analysis = cast("torch.nn.Module", getattr(model, "hyper_analysis", model.h_a))
        self._synthesis = cast("torch.nn.Module", model.h_s)

    def code(self, coder: RangeCoder, y: Tensor | None, size: Size) -> tuple[Tensor, Tensor]:
        """Code the z of y; return z_hat and the output of h_s."""
        z = None if y is None else self._analysis(y)
        z_hat = self.channels.code(coder, z, z_size(size))
        return z_hat, self._synthesis(z_hat)


class _Elements:
    """Codes elements of y, each with the CDF of its scale, rounded around its mean."""

    def __init__(self, model: LearnedModel) -> None:
        conditional = cast("Gaussian", model.gaussian_conditional)
        self.tables = Cdfs.of(conditional)
        # The next larger scale, as in CompressAI. With the nearest one, files of a trained model were 0.6 % larger.
        self._bounds = cast("Tensor", conditional.scale_table)[:-1].clone()

    def code(self, coder: RangeCoder, y: Tensor | None, scales: Tensor, means: Tensor | None) -> Tensor:
        """Code elements of y, of any shape; return the decoded elements."""
        coded = coder.code(self.tables, self._indexes(scales), None if y is None else symbols_of(y, means))
        values = torch.from_numpy(coded).view(scales.shape)
        return values.float() if means is None else values + means

    def bits(self, latents: Latents) -> Tensor:
        """Return the bits of each element of y."""
        indexes = self._indexes(cast("Tensor", latents.scales))
        bits = self.tables.bits(indexes, symbols_of(latents.y_hat, latents.means))
        return torch.from_numpy(bits).view(latents.y_hat.shape)

    def _indexes(self, scales: Tensor) -> NDArray[np.uint8]:
        return torch.bucketize(scales.flatten(), self._bounds, out_int32=True).numpy().astype(np.uint8)


def in_order(values: Tensor | None, order: Tensor) -> Tensor | None:
    """Reorder values (1, C, h, w) to (positions in the given order, C)."""
    return None if values is None else values[0].flatten(1).t()[order]


def summed(parts: Iterable[dict[str, float]]) -> dict[str, float]:
    """Add up the numbers of the same name."""
    first, *others = parts
    return {name: sum((part[name] for part in others), value) for name, value in first.items()}
