"""Convolutions with weights of a few bits (integers times a power of two per channel), and their storage.

The weights that ship with the package are rounded once, at the end of training (`round_weights`). Rounded weights are
float16 numbers, so no other code depends on the rounding. Files store them losslessly in fewer bits where that is
smaller: first split into the upper 8 bits and the bits below (`pack`), then each tensor of 8-bit integers compressed
with a Huffman code (`deflate`), because most weights are small. The cost of rounding is in docs/training.md.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from bench.learned.models.parts import TRANSFORMS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from torch import Tensor, nn

    from bench.learned.weights.stored_cdfs import Tensors

MOST_BITS = 12
"""Maximum number of bits: signed integers up to this size times a power of two are exact in float16."""

_LEAST_EXPONENT = -24
"""Exponent of the smallest float16 number."""

_MOST_TAPS = 256
"""Maximum number of positions of a kernel, which limits the memory that a damaged file can request."""

_HIGH, _LOW, _EXPONENT, _TAPS = _FIELDS = (".high", ".low", ".exponent", ".taps")


@dataclass(frozen=True, slots=True)
class WeightBits:
    """Bits per weight of convolutions."""

    transforms: int
    """Bits in g_a and g_s."""
    entropy_model: int
    """Bits in all other sub-networks."""

    def of(self, parameter: str) -> int:
        """Bits per weight of the parameter with this name."""
        return self.transforms if parameter.partition(".")[0] in TRANSFORMS else self.entropy_model


@torch.no_grad()
def round_weights(model: nn.Module, names: Collection[str], bits: WeightBits) -> None:
    """Round the weights of the named convolutions of a model in place."""
    for name, parameter in model.named_parameters():
        if name in names and parameter.dim() == 4:
            parameter.copy_(rounded(parameter, bits.of(name)))


def rounded(weights: Tensor, bits: int) -> Tensor:
    """Round weights to integers of `bits` bits times the smallest possible power of two for each output channel."""
    largest = weights.abs().flatten(1).amax(1).view(-1, *(1,) * (weights.dim() - 1))
    step = torch.exp2((torch.frexp(largest).exponent - (bits - 1)).clamp(min=_LEAST_EXPONENT).float())
    limit = 2 ** (bits - 1) - 1
    return (weights / step).round().clamp(-limit, limit) * step


def pack(tensors: Tensors) -> tuple[list[str], Tensors]:
    """Pack float16 convolutions; returns the names of packed tensors, and all tensors as stored in a file."""
    names: list[str] = []
    stored: Tensors = {}
    for name, value in tensors.items():
        fields = _packed(name, value) if value.dtype == torch.half and value.dim() == 4 else None
        if fields is not None and sum(field.nbytes for field in fields.values()) < value.nbytes:
            names.append(name)
            stored |= fields
        else:
            stored[name] = value
    return names, stored


def num_bytes(tensor: Tensor) -> int:
    """Size of a tensor in a file."""
    return sum(field.nbytes for field in deflate(pack({"": tensor})[1])[1].values())


def unpack(names: Collection[str], stored: Tensors) -> Tensors:
    """The tensors of `pack`.

    Raises:
        ValueError: parts of a packed tensor are missing or do not fit together.
    """
    tensors = dict(stored)
    for name in names:
        fields = [tensors.pop(name + field, None) for field in _FIELDS]
        tensors[name] = _unpacked(name, *fields)
    return tensors


def deflate(tensors: Tensors) -> tuple[dict[str, list[int]], Tensors]:
    """Shapes of the int8 tensors that were compressed, and all tensors, these as the uint8 of a zlib stream."""
    shapes: dict[str, list[int]] = {}
    stored = dict(tensors)
    for name, value in tensors.items():
        if value.dtype == torch.int8:
            stream = _compressed(value.numpy().tobytes())
            if len(stream) < value.nbytes:
                shapes[name] = list(value.shape)
                stored[name] = torch.frombuffer(bytearray(stream), dtype=torch.uint8)
    return shapes, stored


def _compressed(integers: bytes) -> bytes:
    """The smallest zlib stream. Weights have no repetitions, but differences from a base are mostly zeros."""
    streams = []
    for strategy in (zlib.Z_HUFFMAN_ONLY, zlib.Z_DEFAULT_STRATEGY):
        code = zlib.compressobj(9, strategy=strategy)
        streams.append(code.compress(integers) + code.flush())
    return min(streams, key=len)


def inflate(shapes: Mapping[str, Sequence[int]], stored: Tensors) -> Tensors:
    """The tensors of `deflate`.

    Raises:
        ValueError: a compressed tensor is missing or damaged, or does not have its shape.
    """
    tensors = dict(stored)
    for name, shape in shapes.items():
        stream = stored.get(name)
        if stream is None or stream.dtype != torch.uint8 or stream.dim() != 1:
            raise ValueError(f"the compressed integers of '{name}' are missing")
        code, expected = zlib.decompressobj(), math.prod(shape)
        try:
            content = code.decompress(stream.numpy().tobytes(), expected + 1)  # limits the memory
        except (zlib.error, OverflowError) as error:
            raise ValueError(f"the compressed integers of '{name}' are damaged ({error})") from None
        if len(content) != expected or not code.eof:
            raise ValueError(f"the compressed integers of '{name}' do not have its shape")
        tensors[name] = torch.frombuffer(bytearray(content), dtype=torch.int8).view(*shape)
    return tensors


def _packed(name: str, value: Tensor) -> Tensors | None:
    """The stored form of a float16 tensor; None if it needs more than `MOST_BITS`."""
    if not value.isfinite().all() or not value.numel():
        return None
    # Kernels of a masked convolution are zero at the same positions.
    kernels = value.flatten(2)
    taps = kernels.ne(0).flatten(0, 1).any(0)
    units = (kernels[..., taps].double() / 2.0**_LEAST_EXPONENT).long().numpy()
    combined = np.bitwise_or.reduce(units.reshape(len(units), -1), axis=1)
    exponents = np.where(combined == 0, 0, np.log2(np.maximum(combined & -combined, 1))).astype(np.int64)
    integers = units >> exponents[:, None, None]
    bits = max(8, int(np.abs(integers).max(initial=0)).bit_length() + 1)
    if bits > MOST_BITS:
        return None
    planes = bits - 8
    below = [np.packbits((integers >> plane & 1).astype(np.uint8)) for plane in range(planes)]
    return {
        name + _HIGH: torch.from_numpy((integers >> planes).astype(np.int8)),
        name + _LOW: torch.from_numpy(np.stack(below) if below else np.empty((0, 0), np.uint8)),
        name + _EXPONENT: torch.from_numpy((exponents + _LEAST_EXPONENT).astype(np.int8)),
        name + _TAPS: taps.view(value.shape[2:]).to(torch.uint8),
    }


def _unpacked(
    name: str, high: Tensor | None, low: Tensor | None, exponents: Tensor | None, taps: Tensor | None
) -> Tensor:
    if high is None or low is None or exponents is None or taps is None:
        raise ValueError(f"parts of '{name}' are missing")
    shapes = (high.dim(), low.dim(), exponents.shape, taps.dim()) == (3, 2, high.shape[:1], 2)
    types = (high.dtype, low.dtype, exponents.dtype, taps.dtype) == (torch.int8, torch.uint8, torch.int8, torch.uint8)
    if not (shapes and types and taps.numel() <= _MOST_TAPS and int(taps.count_nonzero()) == high.shape[2]):
        raise ValueError(f"parts of '{name}' do not fit together")
    planes = len(low)
    if planes > MOST_BITS - 8 or low.shape[1] != (-(-high.numel() // 8) if planes else 0):
        raise ValueError(f"the bits of '{name}' do not fit its integers")
    bits = np.zeros(high.numel(), np.uint8)
    for plane, packed in enumerate(low.numpy()):
        bits |= np.unpackbits(packed, count=high.numel()) << np.uint8(plane)
    integers = high.numpy().astype(np.int16) << planes | bits.reshape(high.shape)
    value = (torch.from_numpy(integers).float() * torch.exp2(exponents.float()).view(-1, 1, 1)).half()
    if taps.numel() > high.shape[2]:
        kernels = torch.zeros(*high.shape[:2], taps.numel(), dtype=torch.half)
        kernels[..., taps.flatten().bool()] = value
        value = kernels
    return value.view(*high.shape[:2], *taps.shape)
