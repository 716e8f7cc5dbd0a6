"""+qr and +ft: a learned codec whose decoder was trained further. It writes the same bytes and decodes them better.

+qr has a quantization rectifier between entropy decoder and synthesis, and a synthesis trained behind it (Luo and Chen
2023, arXiv 2403.17236). +ft has only the synthesis, trained in the same way for the same time: what the rectifier gains
is the distance between the two. Encoder and entropy model are those of the base, and so is the identity in a file's
header: base, +qr and +ft read each other's files.
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
    """A learned codec with a decoder of its own, whose weights name those of its encoder."""

    modifier: ClassVar[str]
    """What its weights files and its name have behind the family."""

    def __init__(self, quality: float, *, backend: str | None = None, **options: str) -> None:
        super().__init__(quality, backend=backend, **options)
        self._encoder_sha256 = fingerprint(catalogue.base(self._path))

    @classmethod
    def file_stem(cls) -> str:
        """The family and the modifier."""
        return f"{cls.family}+{cls.modifier}"

    @classmethod
    def _load(cls, source: Source, device: str, precision: Precision) -> tuple[str, LoadedModel]:
        from bench.learned.coding.loaded_model import LoadedModel  # noqa: PLC0415
        from bench.learned.weights.rectified import load_rectified  # noqa: PLC0415

        loaded = load_rectified(source.path)
        return loaded.sha256, LoadedModel.of(loaded.model, device, precision)
