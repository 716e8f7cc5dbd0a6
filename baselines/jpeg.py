"""JPEG (ITU-T T.81), encoded by libjpeg-turbo."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PIL import Image, JpegImagePlugin

from baselines import external, pillow
from baselines.conventional import ConventionalCodec
from bench.codecs.codec import QualityScale
from bench.images.picture import Yuv420
from bench.system.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from bench.codecs.codec import Scalar
    from bench.images.picture import Picture

_SAMPLING_420 = 2  # Pillow's number for 4:2:0

_CJPEG_SAMPLING = {"4:2:0": "2x2", "4:4:4": "1x1"}


def _binary(name: str) -> external.Binary:
    # MozJPEG's binaries have the same names and write other bytes, so the pattern includes the library's name.
    return external.Binary(
        name, external.packages("libjpeg-turbo-progs", "jpeg-turbo"), "-version", r"^(.+) version (\S+)", r"\1 \2"
    )


class Jpeg(ConventionalCodec):
    """Baseline JPEG, 4:2:0, standard Huffman tables: the default of Pillow's `save`, and CompressAI's "jpeg".

    CompressAI's published points were measured with IJG libjpeg 9 and are .1 dB lower on Kodak at equal bytes. cjpeg of
    libjpeg-turbo writes the same bytes as Pillow. Both decoders interpolate chroma ("fancy upsampling").
    """

    title = "JPEG"
    scale = QualityScale("libjpeg's quality", tuple(range(5, 100, 5)), lowest=1, highest=100)
    settings: ClassVar[Mapping[str, Scalar]] = {"subsampling": "4:2:0", "optimize": False, "progressive": False}

    yuv420_backends: ClassVar[tuple[str, ...]] = ("pillow",)

    form = pillow.Format("JPEG", (("libjpeg_turbo", "libjpeg-turbo"), ("jpg", "libjpeg")))
    encoder = _binary("cjpeg")
    decoder = _binary("djpeg")
    coded = "coded.jpg"
    max_side = 65500  # JPEG_MAX_DIMENSION; the format itself has 65535
    decoder_arguments = ("-ppm", "-outfile", external.PICTURE, coded)

    def encoder_arguments(self, picture: Picture) -> Sequence[str]:
        """Convert the settings to arguments of cjpeg."""
        del picture
        sampling = _CJPEG_SAMPLING[str(self.settings["subsampling"])]
        switches = [f"-{name}" for name in ("optimize", "progressive") if self.settings[name]]
        # -baseline limits quantiser steps to 8 bits, as Pillow does; otherwise the lowest qualities would differ.
        quality = ["-quality", f"{self.quality:g}", "-baseline"]
        return [*quality, "-sample", sampling, *switches, "-outfile", self.coded, external.PICTURE]

    def encode_yuv420(self, picture: Yuv420) -> bytes:
        """Compress planes to a JPEG file, as if they had full range.

        libjpeg downsamples chroma to the mean of four samples, so that repeated samples are restored exactly.
        """
        pillow.check_size(picture, self.title, self.max_side)
        repeated = (plane.repeat(2, 0).repeat(2, 1)[: picture.height, : picture.width] for plane in picture.planes[1:])
        channels = [Image.fromarray(plane) for plane in (picture.y, *repeated)]
        return pillow.save(Image.merge("YCbCr", channels), self.form, {"quality": int(self.quality), **self.settings})

    def decode_yuv420(self, data: bytes) -> Yuv420:
        """Decompress a 4:2:0 JPEG file to planes, without interpolation of chroma.

        At half the size, libjpeg scales luma in the inverse transform and does not change chroma.
        """
        luma, chroma = (self._decoded(data, scale) for scale in (1, 2))
        y, u, v = (np.ascontiguousarray(plane) for plane in (luma[..., 0], chroma[..., 1], chroma[..., 2]))
        return Yuv420(y, u, v)

    def _decoded(self, data: bytes, scale: int) -> NDArray[np.uint8]:
        """Decode YCbCr at the original size divided by `scale`."""
        with pillow.opened(data, self.form) as image:
            if JpegImagePlugin.get_sampling(image) != _SAMPLING_420:
                raise DecodeError("JPEG file has other planes than 4:2:0")
            # Not rounded, because a side may have a single pixel.
            image.draft("YCbCr", (image.width / scale, image.height / scale))  # type: ignore[arg-type]
            return pillow.samples(image, self.form)


class Jpeg444(Jpeg):
    """Baseline JPEG with chroma at full resolution."""

    title = "JPEG 4:4:4"
    yuv420_backends = ()
    settings: ClassVar[Mapping[str, Scalar]] = {**Jpeg.settings, "subsampling": "4:4:4"}


class JpegOptimised(Jpeg):
    """Progressive JPEG 4:2:0 with optimised Huffman tables.

    The pixels are those of `jpeg`. Files are 4 to 10 % smaller from quality 20, and 30 % at quality 5 (Kodak).
    """

    title = "JPEG, optimised"
    settings: ClassVar[Mapping[str, Scalar]] = {**Jpeg.settings, "optimize": True, "progressive": True}
