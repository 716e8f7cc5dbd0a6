"""Latents to a payload, and back to the same latents, in any process and with any number of threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from bench.learned.coding.cdfs import OTHER_ARITHMETIC, RangeDecoder, RangeEncoder
from bench.learned.coding.entropy_parameters import one_thread
from bench.learned.coding.latent_codecs import (
    AutoregressiveLatentCodec,
    FactorizedLatentCodec,
    HyperpriorLatentCodec,
    LatentCodec,
    Latents,
    Size,
)
from bench.learned.coding.mixture_latent_codec import MixtureLatentCodec
from bench.learned.models.mixture import MixtureModel
from bench.learned.models.quantization import MAX_SYMBOL
from bench.system.errors import CodecError, DecodeError

if TYPE_CHECKING:
    from torch import Tensor

    from bench.learned.models import LearnedModel


@dataclass(frozen=True, slots=True)
class Coded:
    """Coded latents of a picture."""

    payload: bytes
    crc: int
    """CRC-32 of the symbols. A decoder with other arithmetic gets another value."""
    latents: Latents
    """The decoded latents."""


class LatentCoder:
    """Entropy coding of the latents of one model, on the CPU. It keeps no state between pictures."""

    def __init__(self, model: LearnedModel, codec: LatentCodec | None = None) -> None:
        self._latent_codec = codec or latent_codec(model)

    @torch.inference_mode()
    def encode(self, y: Tensor) -> Coded:
        """Code the latents y (1, M, h, w) of a picture.

        Raises:
            CodecError: y is not finite, or too large.
        """
        if not y.abs().max() < MAX_SYMBOL:
            raise CodecError("the latents of this picture are not finite, or out of range")
        writer = RangeEncoder()
        with one_thread():
            latents = self._latent_codec.code(writer, y.contiguous(), (y.shape[2], y.shape[3]))
        return Coded(writer.finish(), writer.crc, latents)

    @torch.inference_mode()
    def decode(self, payload: bytes, size: Size, crc: int) -> Latents:
        """Decode a payload to latents of a given height and width, and verify their checksum.

        Raises:
            DecodeError: the payload cannot be from an encoder with the same arithmetic.
        """
        reader = RangeDecoder(payload)
        reader.require_room(self._latent_codec.least_bits(size))
        with one_thread():
            latents = self._latent_codec.code(reader, None, size)
        if reader.crc != crc:
            raise DecodeError(OTHER_ARITHMETIC)
        return latents

    @torch.inference_mode()
    def bits(self, latents: Latents) -> dict[str, Tensor]:
        """Bits of each element of coded latents, for "y" and, if the model has it, "z"."""
        return self._latent_codec.bits(latents)


def latent_codec(model: LearnedModel) -> LatentCodec:
    """The latent codec of a model."""
    if isinstance(model, MixtureModel):
        return MixtureLatentCodec(model)
    if hasattr(model, "context_prediction"):
        return AutoregressiveLatentCodec(model)
    return HyperpriorLatentCodec(model) if hasattr(model, "h_s") else FactorizedLatentCodec(model)
