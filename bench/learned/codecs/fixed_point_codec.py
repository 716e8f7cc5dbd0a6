"""Codecs in fixed point, whose files can be decoded on other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.learned.codecs.learned_codec import LearnedCodec

if TYPE_CHECKING:
    from bench.learned.codecs.learned_codec import Source
    from bench.learned.coding.loaded_model import LoadedModel
    from bench.learned.coding.synthesis import Precision


class FixedPointCodec(LearnedCodec):
    """An autoregressive model with an entropy model in integers; see `bench.learned.coding.fixed_point`.

    The decoded latents are equal on every machine. The picture is computed by a float synthesis and may differ by a
    grey level. The bytes of an encoder may differ as well, because the analysis is in floats.
    """

    @classmethod
    def _load(cls, source: Source, device: str, precision: Precision) -> tuple[str, LoadedModel]:
        from bench.learned.coding.fixed_point.fixed_point_latent_codecs import fixed_point_latent_codec  # noqa: PLC0415
        from bench.learned.coding.fixed_point.weights import load_fixed_point  # noqa: PLC0415
        from bench.learned.coding.loaded_model import LoadedModel  # noqa: PLC0415

        loaded = load_fixed_point(source.path, source.family)
        model = loaded.base.model
        return loaded.sha256, LoadedModel.of(
            model, device, precision, latent_codec=fixed_point_latent_codec(model, loaded.network)
        )
