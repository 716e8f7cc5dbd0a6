"""Learned codecs of YUV 4:2:0 pictures, whose files also record where the filter is applied."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from bench.codecs.codec import QualityScale, Yuv420Codec
from bench.codecs.probe import note, stage
from bench.images.colour import to_yuv420
from bench.learned.codecs.learned_codec import LearnedCodec
from bench.system.errors import CodecError

if TYPE_CHECKING:
    from torch import Tensor

    from bench.images.picture import Picture, Yuv420
    from bench.learned.coding.plane_transforms import PlanesTransforms


class PlanarCodec(Yuv420Codec, LearnedCodec):
    """A learned model of planes as a codec; see `LearnedCodec` about what a file depends on.

    Planes of limited range are coded without conversion.
    """

    scale = QualityScale("point of the family's weights, 1 the smallest files", tuple(range(1, 5)), 1, 4)
    yuv420_backends = ("torch",)

    def encode_yuv420(self, picture: Yuv420) -> bytes:
        """Compress a picture of any size.

        Raises:
            CodecError: it is too large, or its latents cannot be coded.
        """
        from bench.learned.coding import container, tiles  # noqa: PLC0415

        container.require_size(picture.width, picture.height, CodecError)
        side = tiles.side_of(picture.width, picture.height)
        with stage("analysis"):
            y = self._transforms.analysis_of_planes(picture, side)
        coded = self._code(y)
        indicator = self._transforms.best_indicator(coded.latents.y_hat, picture, side)
        note("acem_indicator", lambda: indicator.bits)
        form = container.Form(full_range=picture.full_range, indicator=indicator.bits)
        content = container.FileContent(picture.width, picture.height, coded.crc, coded.payload, form, side)
        return container.pack(self._identity, content)

    def decode_yuv420(self, data: bytes) -> Yuv420:
        """Decompress a file that the same model wrote.

        Raises:
            DecodeError: it is not such a file, is damaged, or was written with other arithmetic.
        """
        from bench.learned.coding import container  # noqa: PLC0415
        from bench.learned.models.cca.enhancement import Indicator  # noqa: PLC0415

        content = container.unpack(data, self._identity)
        form = content.form or container.Form()
        y_hat = self._decode(content)
        with stage("synthesis"):
            size = content.height, content.width
            planes = self._transforms.synthesis_of_planes(y_hat, size, Indicator.of_bits(form.indicator), content.side)
        return dataclasses.replace(planes, full_range=form.full_range)

    def _analysis(self, picture: Picture) -> Tensor:
        from bench.learned.coding import tiles  # noqa: PLC0415

        side = tiles.side_of(picture.width, picture.height)
        return self._transforms.analysis_of_planes(to_yuv420(picture), side)

    @property
    def _transforms(self) -> PlanesTransforms:
        return cast("PlanesTransforms", self._loaded_model.transforms)
