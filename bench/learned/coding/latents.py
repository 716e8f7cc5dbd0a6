"""From latents to a payload, and from a payload to the same latents: in another process, under any thread setting."""

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
from bench.learned.models.entropy import MAX_SYMBOL
from bench.learned.models.mixture import MixtureModel
from bench.system.errors import CodecError, DecodeError

if TYPE_CHECKING:
    from torch import Tensor

    from bench.learned.models import LearnedModel


@dataclass(frozen=True, slots=True)
class Coded:
    """Latents as a file carries them."""

    payload: bytes
    crc: int
    """CRC-32 of the symbols. A decoder whose arithmetic differs finds another one."""
    latents: Latents
    """What the decoder will know."""


class LatentCoder:
    """The entropy coder of one model, on the CPU. It holds nothing of any picture."""

    def __init__(self, model: LearnedModel, path: LatentCodec | None = None) -> None:
        self._path = path or latent_codec(model)

    @torch.inference_mode()
    def encode(self, y: Tensor) -> Coded:
        """Code the latents y (1, M, h, w) of a picture.

        Raises:
            CodecError: y is not finite, or too large.
        """
        if not y.abs().max() < MAX_SYMBOL:
            raise CodecError("the latents of this picture are not finite, or beyond all bounds")
        writer = RangeEncoder()
        with one_thread():
            latents = self._path.code(writer, y.contiguous(), (y.shape[2], y.shape[3]))
        return Coded(writer.finish(), writer.crc, latents)

    @torch.inference_mode()
    def decode(self, payload: bytes, size: Size, crc: int) -> Latents:
        """Decode a payload to latents of a given height and width, with the checksum that its encoder found.

        Raises:
            DecodeError: no encoder with this arithmetic writes such a payload.
        """
        reader = RangeDecoder(payload)
        reader.require_room(self._path.least_bits(size))
        with one_thread():
            latents = self._path.code(reader, None, size)
        if reader.crc != crc:
            raise DecodeError(OTHER_ARITHMETIC)
        return latents

    @torch.inference_mode()
    def bits(self, latents: Latents) -> dict[str, Tensor]:
        """What each element of coded latents takes by its table, for "y" and, where there is one, "z"."""
        return self._path.bits(latents)


def latent_codec(model: LearnedModel) -> LatentCodec:
    """The way in which a model's latents are coded."""
    if isinstance(model, MixtureModel):
        return MixtureLatentCodec(model)
    if hasattr(model, "context_prediction"):
        return AutoregressiveLatentCodec(model)
    return HyperpriorLatentCodec(model) if hasattr(model, "h_s") else FactorizedLatentCodec(model)
