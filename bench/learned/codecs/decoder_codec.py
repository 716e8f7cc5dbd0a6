"""+qr and +ft: a learned codec whose decoder was trained further. It writes the same bytes and decodes them better.

+qr has a quantization rectifier between entropy decoder and synthesis, and a synthesis trained behind it (Luo and Chen
2023, arXiv 2403.17236). +ft has only the synthesis, trained in the same way for the same time: what the rectifier gains
is the distance between the two. Encoder and entropy model are those of the base, and so is the identity in a file's
header: base, +qr and +ft read each other's files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from bench.learned.codecs.learned_codec import Attention, Factorized, Hyper, Joint, LearnedCodec, Scale
from bench.learned.weights import catalogue
from bench.system.files import fingerprint

if TYPE_CHECKING:
    from bench.learned.codecs.learned_codec import Source
    from bench.learned.coding.loaded_model import System
    from bench.learned.coding.synthesis import Precision


class DecoderCodec(LearnedCodec):
    """A learned codec with a decoder of its own, whose weights name those of its encoder."""

    modifier: ClassVar[str]
    """What its weights files and its name have behind the family."""

    def __init__(self, quality: float, *, carrier: str | None = None, **options: str) -> None:
        super().__init__(quality, carrier=carrier, **options)
        self._encoder_sha256 = fingerprint(catalogue.base(self._path))

    @classmethod
    def file_stem(cls) -> str:
        """The family and the modifier."""
        return f"{cls.family}+{cls.modifier}"

    @classmethod
    def _load(cls, source: Source, device: str, precision: Precision) -> tuple[str, System]:
        from bench.learned.coding.loaded_model import System  # noqa: PLC0415
        from bench.learned.weights.rectified import load_rectified  # noqa: PLC0415

        loaded = load_rectified(source.path)
        return loaded.sha256, System.of(loaded.model, device, precision)


class FactorizedRectified(DecoderCodec, Factorized):
    """Factorized prior with a quantization rectifier."""

    title = "Factorized prior + QR"
    modifier = "qr"


class ScaleRectified(DecoderCodec, Scale):
    """Scale hyperprior with a quantization rectifier."""

    title = "Scale hyperprior + QR"
    modifier = "qr"


class HyperRectified(DecoderCodec, Hyper):
    """Mean and scale hyperprior with a quantization rectifier; what the authors' code calls Scale."""

    title = "Mean & scale hyperprior + QR"
    modifier = "qr"


class JointRectified(DecoderCodec, Joint):
    """The joint model with a quantization rectifier."""

    title = "Joint + QR"
    modifier = "qr"


class AttentionRectified(DecoderCodec, Attention):
    """The attention model with a quantization rectifier."""

    title = "Attention + QR"
    modifier = "qr"


class FactorizedTuned(DecoderCodec, Factorized):
    """Factorized prior, its synthesis trained on rounded latents."""

    title = "Factorized prior + tuned synthesis"
    modifier = "ft"


class ScaleTuned(DecoderCodec, Scale):
    """Scale hyperprior, its synthesis trained on rounded latents."""

    title = "Scale hyperprior + tuned synthesis"
    modifier = "ft"


class HyperTuned(DecoderCodec, Hyper):
    """Mean and scale hyperprior, its synthesis trained on rounded latents."""

    title = "Mean & scale hyperprior + tuned synthesis"
    modifier = "ft"


class JointTuned(DecoderCodec, Joint):
    """The joint model, its synthesis trained on rounded latents."""

    title = "Joint + tuned synthesis"
    modifier = "ft"


class AttentionTuned(DecoderCodec, Attention):
    """The attention model, its synthesis trained on rounded latents."""

    title = "Attention + tuned synthesis"
    modifier = "ft"
