"""BPG files: the header, and the conversion from and to HEVC streams (BPG specification 0.9.5, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from baselines.bpg import hevc
from baselines.bpg.bits import BitReader, BitWriter, ByteReader, ue7
from baselines.bpg.hevc import CodingTools, Nal, Pcm
from bench.system.errors import CodecError, DecodeError

MAGIC = b"BPG\xfb"
MAX_PIXELS = 2**27
"""Maximum size of a picture that is coded or decoded, because a damaged file can claim any size."""

CHROMA_FORMATS = {"4:2:0": 1, "4:4:4": 3}
"""Subsampling to HEVC's chroma_format and BPG's equal pixel_format; 1 has chroma centred between luma samples, as
JPEG."""

_PIXEL_FORMAT_NAMES = ("grey", "4:2:0", "4:2:2", "4:4:4", "4:2:0 (video)", "4:2:2 (video)")
_COLOUR_SPACES = ("BT.601", "RGB", "YCgCo", "BT.709", "BT.2020", "BT.2020 of constant luminance")


@dataclass(frozen=True, slots=True)
class Stored:
    """The content of a BPG file."""

    width: int
    height: int
    subsampling: str  # "4:4:4" or "4:2:0"; always 8-bit YCbCr, BT.601
    stream: bytes  # HEVC byte stream for any decoder
    coded: hevc.CodedFormat  # the stream's picture, up to one block larger than the file's
    limited: bool = False  # levels 16 to 235 instead of 0 to 255


def write(stream: bytes, *, width: int, height: int, limited: bool = False) -> bytes:
    """Write the stream of one picture to a BPG file; the picture is cropped to `width` x `height`.

    Raises:
        CodecError: the stream uses features that BPG does not have.
    """
    units = {hevc.nal_type(nal): nal for nal in hevc.split(stream)}
    if not {Nal.SPS, Nal.PPS} <= set(units):
        raise CodecError("the encoder wrote no parameter sets")
    coded, tools = hevc.parse_sps(units[Nal.SPS])
    if (coded.width, coded.height) != (_padded(width, tools), _padded(height, tools)):
        raise CodecError(f"the encoder coded {coded.width} x {coded.height} pixels for a picture of {width} x {height}")
    slices = [nal for nal in hevc.split(stream) if _is_slice(nal)]
    if not slices:
        raise CodecError("the encoder wrote no picture that starts a stream")
    # The first start code is omitted.
    data = hevc.join([units[Nal.PPS], *slices]).removeprefix(hevc.START_CODE)
    picture = _with_length(_write_tools(tools)) + data
    # BT.601, no extension, no alpha, no animation: all zero.
    form = bytes([coded.chroma_format << 5 | coded.bit_depth - 8, limited << 1])
    return b"".join([MAGIC, form, ue7(width), ue7(height), _with_length(picture)])


def read(file: bytes) -> Stored:
    """Parse a BPG file.

    Raises:
        DecodeError: the bytes are not a BPG file, are truncated, or have a picture other than 8-bit YCbCr BT.601, 4:4:4
            or 4:2:0, without alpha; or the picture has more than `MAX_PIXELS`.
    """
    reader = ByteReader(file)
    if file[:4] != MAGIC:
        raise DecodeError("not a BPG file")
    reader.take(4)
    pixel_format, has_extension, limited = _read_format(reader.take(2))
    width, height, length = reader.ue7(), reader.ue7(), reader.ue7()
    if not 0 < width * height <= MAX_PIXELS:
        raise DecodeError(f"BPG file claims {width} x {height} pixels; at most {MAX_PIXELS} are decoded")
    if has_extension:
        reader.take(reader.ue7())
    picture = ByteReader(reader.take(length) if length else reader.rest())
    tools = _read_tools(picture.take(picture.ue7()))
    coded = hevc.CodedFormat(_padded(width, tools), _padded(height, tools), pixel_format)
    # Parameter sets in a file are refused, because their sizes are not checked.
    units = [nal for nal in hevc.split(picture.rest()) if hevc.nal_type(nal) == Nal.PPS or _is_slice(nal)]
    stream = hevc.join([*hevc.parameter_sets(coded, tools), *units])
    return Stored(width, height, _PIXEL_FORMAT_NAMES[pixel_format], stream, coded, limited)


def _is_slice(nal: bytes) -> bool:
    return Nal.FIRST_IRAP <= hevc.nal_type(nal) <= Nal.LAST_IRAP


def _padded(size: int, tools: CodingTools) -> int:
    return -(-size // tools.min_coding_block) * tools.min_coding_block


def _with_length(data: bytes) -> bytes:
    return ue7(len(data)) + data


def _read_format(fields: bytes) -> tuple[int, bool, bool]:
    """Read pixel_format, whether an extension follows the sizes, and whether the range is limited.

    Raises:
        DecodeError: the picture is of an unsupported kind.
    """
    bits = BitReader(fields)
    pixel_format, alpha, depth, colour_space = bits.u(3), bits.flag(), 8 + bits.u(4), bits.u(4)
    extension, alpha_2, limited, animation = (bits.flag() for _ in range(4))
    if pixel_format >= len(_PIXEL_FORMAT_NAMES) or colour_space >= len(_COLOUR_SPACES) or depth > 14:
        raise DecodeError("damaged BPG file: unknown format of samples")
    found = [_COLOUR_SPACES[colour_space], _PIXEL_FORMAT_NAMES[pixel_format], f"{depth} bits"]
    found += ["animation"] if animation else []
    found += ["alpha or CMYK"] if alpha or alpha_2 else []
    if colour_space or depth != 8 or animation or len(found) > 3 or pixel_format not in CHROMA_FORMATS.values():
        raise DecodeError(f"BPG file has {', '.join(found)}; only BT.601, 4:4:4 or 4:2:0, 8 bits is decoded")
    return pixel_format, extension, limited


def _write_tools(tools: CodingTools) -> bytes:
    bits = BitWriter()
    bits.ue(tools.log2_min_coding_block_minus3, tools.log2_coding_block_difference)
    bits.ue(tools.log2_min_transform_block_minus2, tools.log2_transform_block_difference)
    bits.ue(tools.max_transform_depth_intra).u(tools.adaptive_offset, 1)
    hevc.write_pcm(bits, tools.pcm)
    bits.u(tools.strong_intra_smoothing, 1)
    hevc.write_extension(bits, tools.range_extension)
    return bits.to_bytes(stop_bit=False)


def _read_tools(data: bytes) -> CodingTools:
    bits = BitReader(data)
    blocks = bits.ue(), bits.ue(), bits.ue(), bits.ue()
    depth, adaptive_offset = bits.ue(), bits.flag()
    pcm = Pcm(bits.u(4), bits.u(4), bits.ue(), bits.ue(), bits.flag()) if bits.flag() else None
    tools = CodingTools(*blocks, depth, adaptive_offset, pcm, bits.flag(), _read_extension(bits))
    if blocks[0] + blocks[1] > 3 or blocks[2] + blocks[3] > 3 or depth > 4:  # blocks of 64, transforms of 32
        raise DecodeError("damaged BPG file: blocks larger than HEVC allows")
    return tools


def _read_extension(bits: BitReader) -> int | None:
    if not bits.flag():
        return None
    has_range_extension, others = bits.flag(), bits.u(7)
    if others:
        raise DecodeError("BPG file uses an unsupported extension of HEVC")
    return bits.u(9) if has_range_extension else None
