"""AVIF 4:2:0 (AV1 intra pictures in HEIF), encoded from planes by libaom through ffmpeg."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, ClassVar

from baselines import ffmpeg_codec
from baselines.ffmpeg_codec import FfmpegCodec
from bench.codecs.codec import QualityScale, Yuv420Codec
from bench.images.picture import Yuv420
from bench.system.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.codecs.codec import Scalar

_RAW = ("-f", "rawvideo", "-pix_fmt", "yuv420p")
_BRAND = b"ftypavif"
_SIZE = b"ispe"  # box: version and flags, width, height; 4 bytes each
_NO_MODEL = ("-aom-params", "enable-tpl-model=0")
"""Disables libaom's temporal model, which is useless for one picture and loses the last chroma samples of odd sides.

The files of Kodak do not change without it."""

_COLOUR = b"colrnclx"  # box: primaries, transfer, matrix, 2 bytes each; the next bit is set for full range


class Avif420(Yuv420Codec, FfmpegCodec):
    """AVIF with chroma at half the resolution, tuned for PSNR.

    Planes are coded directly. RGB pictures are converted by BT.601 in full range.

    libaom's usage "good" is also suitable for intra pictures. At equal PSNR-Y it needs 8 % less rate than libavif's
    choice, "allintra", and at speed 4 instead of 6 another 5 % less (two pictures of Kodak).
    """

    title = "AVIF 4:2:0 (libaom)"
    revision = "2"  # without the temporal model
    scale = QualityScale("quantiser (CRF), lower is better", (62, 54, 46, 38, 30, 22, 14, 6), 1, 63, falling=True)
    max_side = 65535  # ffmpeg's AVIF writer; AV1 allows one more
    yuv420_backends: ClassVar[tuple[str, ...]] = ("ffmpeg",)
    settings: ClassVar[Mapping[str, Scalar]] = {
        "subsampling": "4:2:0",
        "bit_depth": 8,
        "cpu-used": 4,
        "usage": "good",
        "tune": "psnr",
    }

    @property
    def backend_version(self) -> str:
        """Versions of libaom and ffmpeg."""
        return ffmpeg_codec.version("libaom-av1", r"libaom-av1 @ \S+\] v?(\d\S*)", "libaom")

    def encode_yuv420(self, picture: Yuv420) -> bytes:
        """Compress planes to an AVIF file, which records whether their range is full."""
        self.check_size(picture)
        levels = ("-color_range", "pc" if picture.full_range else "tv", "-colorspace", "bt470bg")
        source = (*_RAW, *levels, "-video_size", f"{picture.width}x{picture.height}", "-i", "planes.yuv")
        options = [text for name in ("cpu-used", "usage", "tune") for text in (f"-{name}", str(self.settings[name]))]
        quantiser = ("-crf", str(int(self.quality)), "-b:v", "0", "-threads", "1")
        target = ("-still-picture", "1", "-f", "avif")
        command = [*source, "-c:v", "libaom-av1", *options, *_NO_MODEL, *quantiser, *target]
        return ffmpeg_codec.run(command, {"planes.yuv": picture.to_bytes()})

    def decode_yuv420(self, data: bytes) -> Yuv420:
        """Decompress an AVIF file of 8-bit 4:2:0 to planes."""
        if data[4 : 4 + len(_BRAND)] != _BRAND:
            raise DecodeError("not an AVIF file")
        width, height = struct.unpack(">II", _field(data, _SIZE, 4, 8))
        if not 0 < width * height <= ffmpeg_codec.MAX_PIXELS:
            raise DecodeError(
                f"AVIF file claims {width} x {height} pixels; at most {ffmpeg_codec.MAX_PIXELS} are decoded"
            )
        full_range = bool(_field(data, _COLOUR, 6, 1)[0] & 0x80)
        num_bytes = width * height + 2 * -(-width // 2) * -(-height // 2)
        output = ("-frames:v", "1", "-f", "rawvideo")
        samples = ffmpeg_codec.decode(["-f", "mov", "-i", "coded.avif", *output], {"coded.avif": data}, num_bytes)
        return Yuv420.of_bytes(samples, width, height, full_range=full_range)


def _field(data: bytes, box: bytes, offset: int, count: int) -> bytes:
    """Return `count` bytes of a box, from an offset after its name."""
    start = data.find(box)
    field = data[start + len(box) + offset :][:count]
    if start < 0 or len(field) < count:
        raise DecodeError("damaged AVIF file: its size or range is missing")
    return field
