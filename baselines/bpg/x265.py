"""x265 with the settings of bpgenc and of the x265 version of 2016 that it contains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baselines import external, ffmpeg_codec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from baselines.bpg.hevc import CodedFormat
    from bench.codecs.codec import Scalar

SETTINGS: Mapping[str, Scalar] = {
    "preset": "veryslow",
    # Without it (or tune psnr), psychovisual terms cost 1 dB of chroma PSNR.
    "tune": "ssim",
    "lambda": "2^(qp/6-2), 0.85 2^((qp-12)/3)",
}

_PIXEL_FORMATS = {1: "yuv420p", 3: "yuv444p"}
_LONGEST_SIDE_BELOW_LEVEL_5 = 4216  # the square root of 8 times 2,228,224 samples, in whole blocks of 8
_QPS = 70
_PER_LINE = 5


def smallest_block(width: int, height: int) -> int:
    """Side of the smallest coding block for a picture, of which the sides of the coded picture are multiples.

    It is 8, except that x265 refuses pictures with a side below 16, and below 32 if the other side is so long that the
    picture needs level 5 (H.265, A.4.1), which has no coding tree blocks of 16.
    """
    if min(width, height) <= 24 and max(width, height) > _LONGEST_SIDE_BELOW_LEVEL_5:
        return 32
    return 8 if min(width, height) > 8 else 16


def encode(samples: bytes, picture: CodedFormat, *, qp: int, block: int) -> bytes:
    """Encode the planes of an 8-bit picture, with sides that are multiples of `block`, to an HEVC stream.

    x265 codes an intra picture at `qp` - 3, because of its ratio of 1.4 between reference pictures and others.

    Raises:
        CodecError: x265 fails.
    """
    parameters = {
        "qp": qp,
        "keyint": 1,
        "info": 0,
        "min-cu-size": block,
        "pools": 1,  # does not change the bytes
        "lambda-file": "lambda.txt",
        "log-level": "warning",  # warnings can explain a subsequent error
    }
    source = ("-f", "rawvideo", "-pix_fmt", _PIXEL_FORMATS[picture.chroma_format])
    size = ("-video_size", f"{picture.width}x{picture.height}", "-framerate", "25", "-i", "planes.yuv")
    coder = ("-c:v", "libx265", "-preset", str(SETTINGS["preset"]), "-tune", str(SETTINGS["tune"]))
    options = ":".join(f"{name}={value}" for name, value in parameters.items())
    files = {"planes.yuv": samples, "lambda.txt": lambda_file()}
    limit_s = ffmpeg_codec.time_limit_s(external.TIME_LIMIT_S, picture.width * picture.height)
    return ffmpeg_codec.run([*source, *size, *coder, "-x265-params", options, "-f", "hevc"], files, limit_s=limit_s)


def decode(stream: bytes, picture: CodedFormat) -> bytes:
    """Decode an HEVC byte stream to the planes of its only picture, in 8 bits.

    Raises:
        DecodeError: the stream is damaged, or does not contain exactly one such picture.
    """
    pixel_format = _PIXEL_FORMATS[picture.chroma_format]
    num_bytes = picture.width * picture.height * (3 if picture.chroma_format == 3 else 1.5)
    output = ("-frames:v", "1", "-f", "rawvideo", "-pix_fmt", pixel_format)
    arguments, files = ["-f", "hevc", "-i", "picture.hevc", *output], {"picture.hevc": stream}
    max_pixels = max(ffmpeg_codec.MAX_PIXELS, picture.width * picture.height)
    return ffmpeg_codec.decode(arguments, files, int(num_bytes), max_pixels=max_pixels)


def version() -> str:
    """Versions of x265 and ffmpeg."""
    return ffmpeg_codec.version("libx265", r"HEVC encoder version (\S+)", "x265")


def lambda_file() -> bytes:
    """Lagrange multipliers of x265 until 2016 for QPs 0 to 69: for the SATD cost, then for the squared error.

    Newer versions weight bits by 0.038 exp(0.234 qp), which increases the rate by 6 to 13 % at equal QP. The file has
    five numbers per line, because x265 reads lines of at most 2048 characters.
    """
    return (_table(lambda qp: 2 ** (qp / 6 - 2)) + _table(lambda qp: 0.85 * 2 ** ((qp - 12) / 3))).encode()


def _table(multiplier: Callable[[int], float]) -> str:
    values = [f"{multiplier(qp):.9g}" for qp in range(_QPS)]
    lines = [", ".join(values[start : start + _PER_LINE]) for start in range(0, _QPS, _PER_LINE)]
    return ",\n".join(lines) + ",\n"
