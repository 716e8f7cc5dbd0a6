"""+qr and +ft: a learned codec whose decoder was trained further. The bytes are the same, the decoded pictures better.

+qr has a quantization rectifier between entropy decoder and synthesis, and a synthesis that was trained with it (Luo
and Chen 2023, arXiv 2403.17236). +ft has only a synthesis, trained in the same way for the same time: the gain of the
rectifier is the difference between the two. Encoder, entropy model and the identity in the header are those of the
base: base, +qr and +ft decode each other's files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from bench.learned.codecs.learned_codec import LearnedCodec
from bench.learned.weights import catalogue
from bench.system.files import fingerprint

if TYPE_CHECKING:
    from bench.learned.codecs.learned_codec import Source
    from bench.learned.coding.loaded_model import LoadedModel
    from bench.learned.coding.synthesis import Precision


class DecoderCodec(LearnedCodec):
    """A learned codec with its own decoder; the encoder's weights are the base of its weights."""

    modifier: ClassVar[str]
    """Suffix of its name, and of its weights files, after the family."""

    def __init__(self, quality: float, *, backend: str | None = None, **options: str) -> None:
        super().__init__(quality, backend=backend, **options)
        self._encoder_sha256 = fingerprint(catalogue.base(self._path))

    @classmethod
    def file_stem(cls) -> str:
        """Family and modifier."""
        return f"{cls.family}+{cls.modifier}"

    @classmethod
    def _load(cls, source: Source, device: str, precision: Precision) -> tuple[str, LoadedModel]:
        from bench.learned.coding.loaded_model import LoadedModel  # noqa: PLC0415
        from bench.learned.weights.rectified import load_rectified  # noqa: PLC0415

        loaded = load_rectified(source.path)
        return loaded.sha256, LoadedModel.of(loaded.model, device, precision)
