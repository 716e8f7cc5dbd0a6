"""JPEG (ITU-T T.81) as libjpeg-turbo writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from baselines import external, pillow
from baselines.conventional import ConventionalCodec
from bench.codec import QualityScale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.codec import Scalar
    from bench.picture import Picture

_CJPEG_SAMPLING = {"4:2:0": "2x2", "4:4:4": "1x1"}


def _binary(name: str) -> external.Binary:
    # MozJPEG's binaries have the same names and write other bytes; the pattern keeps the library's name.
    return external.Binary(
        name, external.packages("libjpeg-turbo-progs", "jpeg-turbo"), "-version", r"^(.+) version (\S+)", r"\1 \2"
    )


class Jpeg(ConventionalCodec):
    """Baseline JPEG, 4:2:0, standard Huffman tables: what `save` does by default, and CompressAI's "jpeg".

    CompressAI's published points come from IJG libjpeg 9 and lie .1 dB lower on Kodak at equal bytes. cjpeg of
    libjpeg-turbo writes the bytes of Pillow. Both decoders interpolate chroma ("fancy upsampling").
    """

    title = "JPEG"
    scale = QualityScale("libjpeg's quality", tuple(range(5, 100, 5)), lowest=1, highest=100)
    settings: ClassVar[Mapping[str, Scalar]] = {"subsampling": "4:2:0", "optimize": False, "progressive": False}

    form = pillow.Format("JPEG", (("libjpeg_turbo", "libjpeg-turbo"), ("jpg", "libjpeg")))
    encoder = _binary("cjpeg")
    decoder = _binary("djpeg")
    coded = "coded.jpg"
    max_side = 65500  # JPEG_MAX_DIMENSION; the format itself has 65535
    decoder_arguments = ("-ppm", "-outfile", external.PICTURE, coded)

    def pillow_options(self, picture: Picture) -> dict[str, object]:
        """The settings, under the names that Pillow has for them."""
        del picture
        return {"quality": int(self.quality), **self.settings}

    def encoder_arguments(self, picture: Picture) -> Sequence[str]:
        """The settings in the words of cjpeg."""
        del picture
        sampling = _CJPEG_SAMPLING[str(self.settings["subsampling"])]
        switches = [f"-{name}" for name in ("optimize", "progressive") if self.settings[name]]
        # -baseline keeps quantiser steps to 8 bits, as Pillow always does; without it, the lowest qualities differ.
        quality = ["-quality", f"{self.quality:g}", "-baseline"]
        return [*quality, "-sample", sampling, *switches, "-outfile", self.coded, external.PICTURE]


class Jpeg444(Jpeg):
    """Baseline JPEG that keeps chroma at full resolution."""

    title = "JPEG 4:4:4"
    settings: ClassVar[Mapping[str, Scalar]] = {**Jpeg.settings, "subsampling": "4:4:4"}


class JpegOptimised(Jpeg):
    """JPEG 4:2:0 with Huffman tables made for the picture, and progressive.

    The same pixels in fewer bytes: 4 to 10 % from quality 20 on, 30 % at quality 5 (Kodak).
    """

    title = "JPEG, optimised"
    settings: ClassVar[Mapping[str, Scalar]] = {**Jpeg.settings, "optimize": True, "progressive": True}
