"""The codecs in fixed point: files that decode on another machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.learned.codecs.learned_codec import LearnedCodec

if TYPE_CHECKING:
    from bench.learned.codecs.learned_codec import Source
    from bench.learned.coding.loaded_model import LoadedModel
    from bench.learned.coding.synthesis import Precision


class FixedPointCodec(LearnedCodec):
    """A model with a context whose entropy model is in integers; see `bench.learned.coding.fixed_point`.

    The latents of a file are the same wherever it is decoded. Its picture is that of a float synthesis, and may differ
    by a grey level elsewhere. The bytes that an encoder writes may differ too, because its analysis is in floats.
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
