"""JPEG 2000 (ITU-T T.800), encoded by OpenJPEG: JP2 files with one tile and one quality layer.

The quality is the target rate of the encoder for the whole file, in bits per pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from baselines import external, pillow
from baselines.conventional import ConventionalCodec
from bench.codecs.codec import QualityScale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.codecs.codec import Scalar
    from bench.images.picture import Picture

_BITS_PER_PIXEL = 24

# Target rates of the published OpenJPEG curve.
_RATES_BPP = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4)


def _binary(name: str) -> external.Binary:
    return external.Binary(
        name, external.packages("libopenjp2-tools", "openjpeg"), "-h", r"openjp2 library v(\S+?)\.?$", r"OpenJPEG \1"
    )


class Jpeg2000(ConventionalCodec):
    """JPEG 2000 with the best PSNR: irreversible 9/7 wavelet, and colour transform.

    Neither is the default: opj_compress uses the 5/3 wavelet without -I, and Pillow omits the colour transform, which
    costs 4 dB at 1 bpp. Chroma has full resolution.
    """

    title = "JPEG 2000"
    scale = QualityScale("target rate in bits per pixel", _RATES_BPP, lowest=0.01, highest=24, integral=False)
    settings: ClassVar[Mapping[str, Scalar]] = {
        "irreversible": True,
        "mct": 1,
        "num_resolutions": 6,  # at most: pictures with a side below 32 pixels have fewer
        "codeblock_size": 64,
        "progression": "LRCP",
    }

    form = pillow.Format("JPEG2000", (("jpg_2000", "OpenJPEG"),))
    encoder = _binary("opj_compress")
    decoder = _binary("opj_decompress")
    coded = "coded.jp2"
    max_side = 2**31 - 1
    decoder_arguments = ("-i", coded, "-o", external.PICTURE)

    def pillow_options(self, picture: Picture) -> dict[str, object]:
        """Convert the settings to arguments of Pillow's `save`."""
        block = self.settings["codeblock_size"]
        return {
            **self.settings,
            "quality_mode": "rates",
            "quality_layers": [_BITS_PER_PIXEL / self.quality],
            "num_resolutions": self._resolutions(picture),
            "codeblock_size": (block, block),
        }

    def encoder_arguments(self, picture: Picture) -> Sequence[str]:
        """Convert the settings to arguments of opj_compress."""
        block = self.settings["codeblock_size"]
        return [
            *("-i", external.PICTURE, "-o", self.coded),
            *("-r", f"{_BITS_PER_PIXEL / self.quality:.9g}"),
            *(["-I"] if self.settings["irreversible"] else []),
            *("-mct", str(self.settings["mct"])),
            *("-n", str(self._resolutions(picture))),
            *("-b", f"{block},{block}"),
            *("-p", str(self.settings["progression"])),
        ]

    def _resolutions(self, picture: Picture) -> int:
        """Number of wavelet levels plus one; OpenJPEG refuses levels below one pixel."""
        return min(int(self.settings["num_resolutions"]), min(picture.width, picture.height).bit_length())


class Jpeg2000Reversible(Jpeg2000):
    """JPEG 2000 with the reversible 5/3 wavelet, truncated to the rate, as in the published OpenJPEG curve on Kodak.

    That curve (tensorflow/compression, "JPEG 2000 (OpenJPEG)") does not state its options; this setting reproduces its
    numbers. At the same PSNR, the 9/7 wavelet needs 11 % less rate on average up to 2 bpp, and 13 % less up to 4 bpp.
    """

    title = "JPEG 2000, 5/3"
    settings: ClassVar[Mapping[str, Scalar]] = {**Jpeg2000.settings, "irreversible": False}
