"""BPG, encoded by x265 without libbpg, or by bpgenc if it is installed.

The files of the default backend, "ffmpeg", are readable by Bellard's decoder. With the multipliers of x265's former
lambda tables they reproduce the points of bpgenc -e x265 on Kodak that CompressAI published, within .5 % of rate and
.03 dB.

bpgenc is the backend "external". With -e x265 it is a backend of the same codecs. With -e jctvc, which has other
quantisers and rates, it is a separate codec. No results of this project come from bpgenc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.bpg import bpg_file, bpgenc, x265
from baselines.bpg.hevc import CodedFormat
from baselines.ffmpeg_codec import FfmpegCodec
from bench.codecs.codec import QualityScale
from bench.images.colour import double, halve, to_rgb, to_ycbcr
from bench.images.picture import Yuv420
from bench.system.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from bench.codecs.codec import Scalar
    from bench.images.picture import AnyPicture, Picture


class Bpg444(FfmpegCodec):
    """BPG with chroma at full resolution: YCbCr, 8 bits."""

    title = "BPG 4:4:4 (x265)"
    # The points of CompressAI's published curve.
    scale = QualityScale("quantiser, lower is better", (47, 42, 37, 32, 27, 22, 17, 12), 0, 51, falling=True)
    backends: ClassVar[tuple[str, ...]] = ("ffmpeg", "external")
    max_pixels = bpg_file.MAX_PIXELS
    settings: ClassVar[Mapping[str, Scalar]] = {"subsampling": "4:4:4", "bit_depth": 8, **x265.SETTINGS}

    hevc_encoder: ClassVar[str] = "x265"
    """bpgenc's option -e."""

    level: ClassVar[int] = 8
    """bpgenc's option -m; 8 is its default, and x265's preset "veryslow"."""

    @classmethod
    def missing(cls, backend: str | None = None, **options: str) -> str | None:
        """Return what is missing of ffmpeg, or of bpgenc and bpgdec, and how to get it; None if nothing is missing."""
        if (backend or cls.backends[0]) == "external":
            return bpgenc.missing(cls.hevc_encoder)
        return super().missing(backend, **options)

    @property
    def backend_version(self) -> str:
        """The versions of x265 and ffmpeg, or of libbpg."""
        return bpgenc.version() if self.backend == "external" else x265.version()

    @property
    def backend_settings(self) -> Mapping[str, Scalar]:
        """The settings, or the arguments of bpgenc."""
        if self.backend != "external":
            return self.settings
        kept = {name: self.settings[name] for name in ("subsampling", "bit_depth")}
        return {**kept, "color_space": "ycbcr", "encoder": self.hevc_encoder, "level": self.level}

    def encode(self, picture: Picture) -> bytes:
        """Compress a picture to a BPG file."""
        self.check_size(picture)
        if self.backend == "external":
            return bpgenc.encode(picture, self.backend_settings, int(self.quality))
        planes = to_planes(picture.padded(*_padded_size(picture)), str(self.settings["subsampling"]))
        return self._file(planes, picture)

    def _file(self, planes: Sequence[NDArray[np.uint8]], picture: AnyPicture, *, limited: bool = False) -> bytes:
        """Encode the padded planes of a picture to a BPG file."""
        height, width = planes[0].shape
        coded = CodedFormat(width, height, bpg_file.CHROMA_FORMATS[str(self.settings["subsampling"])])
        samples = b"".join(plane.tobytes() for plane in planes)
        block = x265.smallest_block(picture.width, picture.height)
        stream = x265.encode(samples, coded, qp=int(self.quality), block=block)
        return bpg_file.write(stream, width=picture.width, height=picture.height, limited=limited)

    def decode(self, data: bytes) -> Picture:
        """Decompress a BPG file with 8-bit YCbCr, which may come from bpgenc."""
        stored = bpg_file.read(data)
        if self.backend == "external":
            return bpgenc.decode(data)
        if stored.limited:
            raise DecodeError("BPG file has limited range; only its planes are decoded here")
        if stored.subsampling == "4:2:0":
            return to_picture(_decode_yuv420(stored).planes)
        samples = np.frombuffer(x265.decode(stored.stream, stored.coded), np.uint8)
        planes = samples.reshape(3, stored.coded.height, stored.coded.width)
        return to_picture([plane[: stored.height, : stored.width] for plane in planes])


class Bpg420(Bpg444):
    """BPG with chroma at half the resolution, bpgenc's default: YCbCr, 8 bits.

    bpgenc downsamples chroma with its own filter, this codec with Lanczos.
    """

    title = "BPG 4:2:0 (x265)"
    yuv420_backends: ClassVar[tuple[str, ...]] = ("ffmpeg",)
    settings: ClassVar[Mapping[str, Scalar]] = {**Bpg444.settings, "subsampling": "4:2:0", "reduction": "lanczos"}

    def encode_yuv420(self, picture: Yuv420) -> bytes:
        """Compress planes to a BPG file, which records whether their range is limited."""
        self.check_size(picture)
        planes = picture.padded(*_padded_size(picture)).planes
        return self._file(planes, picture, limited=not picture.full_range)

    def decode_yuv420(self, data: bytes) -> Yuv420:
        """Decompress a BPG file to planes."""
        stored = bpg_file.read(data)
        if stored.subsampling != "4:2:0":
            raise DecodeError(f"BPG file has planes of {stored.subsampling}, not 4:2:0")
        return _decode_yuv420(stored)


class Bpg444Jctvc(Bpg444):
    """BPG by bpgenc -e jctvc -m 9 (HEVC's reference encoder), as in the published curves of tensorflow/compression.

    It codes with the given quantiser parameter; x265 uses a parameter that is lower by three.
    """

    title = "BPG 4:4:4 (jctvc)"
    scale = QualityScale("quantiser, lower is better", (44, 39, 34, 29, 24, 19, 14, 9), 0, 51, falling=True)
    backends = ("external",)
    settings: ClassVar[Mapping[str, Scalar]] = {"subsampling": "4:4:4", "bit_depth": 8}
    hevc_encoder = "jctvc"
    level = 9


class Bpg420Jctvc(Bpg444Jctvc):
    """BPG by bpgenc -e jctvc -m 9, with chroma at half the resolution."""

    title = "BPG 4:2:0 (jctvc)"
    settings: ClassVar[Mapping[str, Scalar]] = {**Bpg444Jctvc.settings, "subsampling": "4:2:0"}


def _padded_size(picture: AnyPicture) -> tuple[int, int]:
    """Width and height of the coded picture, which are multiples of its smallest coding block."""
    block = x265.smallest_block(picture.width, picture.height)
    return -(-picture.width // block) * block, -(-picture.height // block) * block


def to_planes(picture: Picture, subsampling: str) -> list[NDArray[np.uint8]]:
    """Convert a picture to the coded planes: Y, Cb, Cr in 8 bits."""
    luma, *chroma = to_ycbcr(picture.pixels)
    planes = [luma, *(map(halve, chroma) if subsampling == "4:2:0" else chroma)]
    return [np.clip(np.rint(plane), 0, 255).astype(np.uint8) for plane in planes]


def to_picture(planes: Sequence[NDArray[np.uint8]]) -> Picture:
    """Convert decoded planes to a picture as Bellard's decoder does, upsampling smaller chroma planes."""
    luma, *chroma = (plane.astype(np.float32) for plane in planes)
    return to_rgb(luma, *(plane if plane.shape == luma.shape else _doubled(plane, luma.shape) for plane in chroma))


def _doubled(plane: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    # Bellard's decoder rounds upsampled chroma to 8 bits. Otherwise PSNR would be .02 dB above the published points.
    rounded: NDArray[np.float32] = np.clip(np.floor(double(plane, *shape) + 0.5), 0, 255)
    return rounded


def _decode_yuv420(stored: bpg_file.Stored) -> Yuv420:
    """Decode the planes of a file with 4:2:0, and crop the padding."""
    samples = x265.decode(stored.stream, stored.coded)
    whole = Yuv420.of_bytes(samples, stored.coded.width, stored.coded.height, full_range=not stored.limited)
    return whole.cropped(stored.width, stored.height)
