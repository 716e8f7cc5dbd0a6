"""Lossy JPEG XL (ISO/IEC 18181, VarDCT), encoded by libjxl through ffmpeg."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from baselines import external, ffmpeg_codec, pillow
from baselines.ffmpeg_codec import FfmpegCodec
from bench.codecs.codec import QualityScale
from bench.images import ffmpeg as binary
from bench.system.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.codecs.codec import Scalar
    from bench.images.picture import Picture

_SIGNATURE = b"\xff\x0a"
_DISTANCES = (9, 6.5, 4.5, 3, 2, 1.3, 0.8, 0.5)


class JpegXl(FfmpegCodec):
    """JPEG XL at effort 7, libjxl's default, in its colour space XYB at full resolution.

    It optimises perceptual quality, not PSNR: differences become visible at a "butteraugli" distance of 1. The points
    end at 9, because at higher distances the rate hardly decreases while the error grows: a point at 12 would add 9 %
    to the BD-rate against BPG on Kodak.
    """

    title = "JPEG XL (libjxl)"
    scale = QualityScale("butteraugli distance, lower is better", _DISTANCES, 0.05, 15, integral=False, falling=True)
    settings: ClassVar[Mapping[str, Scalar]] = {"effort": 7, "xyb": 1, "modular": 0}

    @property
    def backend_version(self) -> str:
        """Version of ffmpeg, because libjxl's own version is not available."""
        return f"libjxl of {binary.version()}"

    def encode(self, picture: Picture) -> bytes:
        """Compress a picture to a JPEG XL codestream."""
        self.check_size(picture)
        options = [text for name, value in self.settings.items() for text in (f"-{name}", str(value))]
        coder = ("-c:v", "libjxl", "-distance", f"{self.quality:g}", *options, "-threads", "1", "-f", "image2pipe")
        return ffmpeg_codec.run(["-i", external.PICTURE, *coder], {external.PICTURE: external.ppm(picture)})

    def decode(self, data: bytes) -> Picture:
        """Decompress a JPEG XL codestream."""
        # Without this signature, ffmpeg may search for a picture forever.
        if not data.startswith(_SIGNATURE):
            raise DecodeError("not a JPEG XL codestream")
        source = ("-f", "jpegxl_pipe", "-c:v", "libjxl", "-i", "coded")
        output = ("-frames:v", "1", "-c:v", "ppm", "-pix_fmt", "rgb24", "-f", "image2pipe")
        limit_s = binary.jpeg_xl_limit_s(data)
        ppm = ffmpeg_codec.run_strictly([*source, *output], {"coded": data}, limit_s=limit_s)
        return pillow.decode(ppm, external.PPM)
