"""Lossy WebP (RFC 9649, VP8 key frames), encoded by libwebp. Chroma is always 4:2:0."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from baselines import external, pillow
from baselines.conventional import ConventionalCodec
from bench.codecs.codec import QualityScale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.codecs.codec import Scalar
    from bench.images.picture import Picture


def _binary(name: str) -> external.Binary:
    return external.Binary(name, external.packages("webp", "webp"), "-version", r"^(\d\S*)", r"libwebp \1")


class WebP(ConventionalCodec):
    """Lossy WebP with method 4, the default of Pillow and cwebp; writes the same bytes as CompressAI's "webp"."""

    title = "WebP"
    scale = QualityScale("libwebp's quality", tuple(range(5, 100, 5)), lowest=0, highest=100)
    settings: ClassVar[Mapping[str, Scalar]] = {"method": 4}

    form = pillow.Format("WEBP", (("webp", "libwebp"),))
    encoder = _binary("cwebp")
    decoder = _binary("dwebp")
    coded = "coded.webp"
    max_side = 16383  # 14 bits
    decoder_arguments = ("-quiet", "-ppm", coded, "-o", external.PICTURE)

    def encoder_arguments(self, picture: Picture) -> Sequence[str]:
        """Convert the settings to arguments of cwebp."""
        del picture
        quality, method = f"{self.quality:g}", str(self.settings["method"])
        return ["-quiet", "-q", quality, "-m", method, external.PICTURE, "-o", self.coded]
