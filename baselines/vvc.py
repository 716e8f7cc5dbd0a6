"""VVC (ITU-T H.266), one intra picture, encoded by vvenc through ffmpeg."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines import ffmpeg_codec
from baselines.bpg.bits import ByteReader, framed
from baselines.ffmpeg_codec import FfmpegCodec
from bench.codecs.codec import QualityScale
from bench.images.colour import double, halve, to_rgb, to_ycbcr
from bench.images.picture import Yuv420
from bench.system.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from bench.codecs.codec import Scalar
    from bench.images.picture import Picture

_STEP = 8  # vvenc's smallest coding unit
_SMALLEST = 64
_RAW = ("-f", "rawvideo", "-pix_fmt", "yuv420p10le")

_OF_PLANES = b"\0"  # impossible in a file of an RGB picture, where it would be a width of 0
_FURTHER_BITS = 2

_CHROMA_ZERO = 128
_LUMA_GAIN = 1023 / 255


class Vvc(FfmpegCodec):
    """VVC intra, YCbCr 4:2:0 with 10 bits, the only format of vvenc.

    Above 40 dB, halving the chroma of photographs costs more than VVC saves. A file consists of width and height in
    pixels, the length of the stream in bytes (all ue7, as in BPG), and the stream. The picture is padded to whole
    coding units by repeating the edge.

    8-bit planes are coded as four times their value. A first byte of 0 distinguishes such a file from that of an RGB
    picture, whose levels use the whole range of 10 bits.

    At low quantisers the stream exceeds the buffer that ffmpeg allocates for vvenc, which raises CodecError: up to 19
    or 20 for noise, and up to 4 for photographs.

    The preset "fast" needs 2 % more rate than the default "medium" and a quarter of its time.
    """

    title = "VVC 4:2:0 10 bit (vvenc)"
    scale = QualityScale("quantiser, lower is better", (47, 42, 37, 32, 27, 22, 17, 12), 1, 63, falling=True)
    max_side = 25328  # whole coding units in the square root of 8 times the samples of level 6.3 (H.266, table A.1)
    yuv420_backends: ClassVar[tuple[str, ...]] = ("ffmpeg",)
    settings: ClassVar[Mapping[str, Scalar]] = {
        "subsampling": "4:2:0",
        "bit_depth": 10,
        "preset": "fast",
        "qpa": 0,  # perceptual adaptation of the quantiser costs PSNR
    }

    @property
    def backend_version(self) -> str:
        """The versions of vvenc and of ffmpeg."""
        return ffmpeg_codec.version("libvvenc", r"libvvenc version: (\S+)", "vvenc")

    def encode(self, picture: Picture) -> bytes:
        """Compress a picture."""
        self.check_size(picture)
        padded = picture.padded(_padded(picture.width), _padded(picture.height))
        stream = self._code(to_planes(padded))
        return framed(picture.width, picture.height, stream)

    def _code(self, planes: Sequence[NDArray[np.uint16]]) -> bytes:
        """Encode padded 10-bit planes to a stream."""
        height, width = planes[0].shape
        source = (*_RAW, "-video_size", f"{width}x{height}", "-framerate", "25", "-i", "planes.yuv")
        coder = ("-c:v", "libvvenc", "-preset", str(self.settings["preset"]), "-qpa", str(self.settings["qpa"]))
        quantiser = ("-qp", str(int(self.quality)), "-threads", "1", "-f", "vvc")
        samples = b"".join(plane.tobytes() for plane in planes)
        return ffmpeg_codec.run([*source, *coder, *quantiser], {"planes.yuv": samples})

    def decode(self, data: bytes) -> Picture:
        """Decompress a file of `encode`."""
        planes, width, height = _decode(ByteReader(data))
        return to_picture(planes, height, width)

    def encode_yuv420(self, picture: Yuv420) -> bytes:
        """Compress planes."""
        self.check_size(picture)
        padded = picture.padded(_padded(picture.width), _padded(picture.height))
        stream = self._code([np.left_shift(plane, _FURTHER_BITS, dtype="<u2") for plane in padded.planes])
        return _OF_PLANES + framed(picture.width, picture.height, stream)

    def decode_yuv420(self, data: bytes) -> Yuv420:
        """Decompress a file of `encode_yuv420`."""
        if not data.startswith(_OF_PLANES):
            raise DecodeError("not a VVC file of planes")
        planes, width, height = _decode(ByteReader(data[len(_OF_PLANES) :]))
        half = 1 << _FURTHER_BITS - 1
        y, u, v = (np.minimum(plane + half >> _FURTHER_BITS, 255).astype(np.uint8) for plane in planes)
        return Yuv420(y, u, v).cropped(width, height)


def _decode(reader: ByteReader) -> tuple[list[NDArray[np.uint16]], int, int]:
    """Decode a file to padded 10-bit planes, and the picture's width and height."""
    width, height, stream = reader.framed("VVC", ffmpeg_codec.MAX_PIXELS)
    coded = _padded(height), _padded(width)
    output = ("-frames:v", "1", *_RAW)
    samples = ffmpeg_codec.decode(["-f", "vvc", "-i", "p.266", *output], {"p.266": stream}, coded[0] * coded[1] * 3)
    values, half = np.frombuffer(samples, "<u2"), (coded[0] // 2, coded[1] // 2)
    luma, *chroma = np.split(values, [coded[0] * coded[1], coded[0] * coded[1] * 5 // 4])
    return [luma.reshape(coded), *(plane.reshape(half) for plane in chroma)], width, height


def _padded(size: int) -> int:
    return max(-(-size // _STEP) * _STEP, _SMALLEST)


def to_planes(picture: Picture) -> list[NDArray[np.uint16]]:
    """Convert a picture with even sides to the coded planes: Y, Cb, Cr of BT.601, 4:2:0, 10 bits, full range."""
    luma, *chroma = to_ycbcr(picture.pixels)
    scaled = [luma * _LUMA_GAIN, *((halve(plane) - _CHROMA_ZERO) * _LUMA_GAIN + 4 * _CHROMA_ZERO for plane in chroma)]
    return [np.clip(np.rint(plane), 0, 1023).astype("<u2") for plane in scaled]


def to_picture(planes: Sequence[NDArray[np.uint16]], height: int, width: int) -> Picture:
    """Convert decoded planes to a picture, cropped to its size."""
    luma, *chroma = (plane.astype(np.float32) for plane in planes)
    scaled = [(plane - 4 * _CHROMA_ZERO) / _LUMA_GAIN + _CHROMA_ZERO for plane in chroma]
    full = [luma / _LUMA_GAIN, *(double(plane, *luma.shape) for plane in scaled)]
    return to_rgb(*(np.ascontiguousarray(plane[:height, :width]) for plane in full))
