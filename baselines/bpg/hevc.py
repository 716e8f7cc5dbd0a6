"""HEVC streams (ITU-T H.265, Annex B), as far as BPG needs them: NAL units and sequence parameter sets.

BPG omits the video and sequence parameter sets (VPS, SPS), and stores the few fields of the SPS that an intra picture
depends on. `parse_sps` reads these from an encoder's stream; `parameter_sets` creates a VPS and an SPS from them.
Section numbers are those of H.265.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from baselines.bpg.bits import BitReader, BitWriter
from bench.system.errors import CodecError

START_CODE = b"\0\0\1"

_EXTENDED_SAR = 255
_RANGE_EXTENSION_BITS = 9


class Nal(IntEnum):
    """Types of NAL units (table 7-1). Coded slices of a picture that starts a stream have types 16 to 21."""

    FIRST_IRAP = 16
    LAST_IRAP = 21
    VPS = 32
    SPS = 33
    PPS = 34


@dataclass(frozen=True, slots=True)
class Pcm:
    """The SPS fields of PCM blocks (7.3.2.2)."""

    luma_depth_minus1: int
    chroma_depth_minus1: int
    log2_min_size_minus3: int
    log2_size_difference: int
    loop_filter_disabled: bool


@dataclass(frozen=True, slots=True)
class CodingTools:
    """The SPS fields that an intra picture depends on, in the order of SPS and BPG."""

    log2_min_coding_block_minus3: int
    log2_coding_block_difference: int
    log2_min_transform_block_minus2: int
    log2_transform_block_difference: int
    max_transform_depth_intra: int
    adaptive_offset: bool
    pcm: Pcm | None
    strong_intra_smoothing: bool
    range_extension: int | None = None  # its nine flags (7.3.2.2.2), first flag highest

    @property
    def min_coding_block(self) -> int:
        """Side of the smallest coding block in pixels; width and height of the coded picture are multiples of it."""
        return 8 << self.log2_min_coding_block_minus3


@dataclass(frozen=True, slots=True)
class CodedFormat:
    """Size and sample format of a coded picture."""

    width: int
    height: int
    chroma_format: int  # 1: 4:2:0, 3: 4:4:4 (table 6-1)
    bit_depth: int = 8


def nal_type(nal: bytes) -> int:
    """Type of a NAL unit (7.3.1.2), or -1 if it is too short for a header."""
    return nal[0] >> 1 & 63 if len(nal) > 2 else -1


def split(stream: bytes) -> list[bytes]:
    """Split a byte stream into NAL units, without start codes and surrounding zeros."""
    return [unit.rstrip(b"\0") for unit in stream.split(START_CODE) if unit.strip(b"\0")]


def join(nals: list[bytes]) -> bytes:
    """Join NAL units to a byte stream."""
    return b"".join(START_CODE + nal for nal in nals)


def parse_sps(nal: bytes) -> tuple[CodedFormat, CodingTools]:
    """Parse an encoder's SPS (7.3.2.2).

    Raises:
        CodecError: the encoder used features that BPG does not have.
    """
    bits = BitReader(nal[2:].replace(b"\0\0\3", b"\0\0"))
    bits.u(4)
    if bits.u(3):
        raise CodecError("the encoder used temporal layers, which BPG does not support")
    bits.u(1 + 96)  # profile, tier and level
    bits.ue()
    size_format = _parse_format(bits)
    bits.ue()  # length of the picture order count, not used by IDR pictures
    bits.u(1)
    _skip_numbers(bits, 3)
    return size_format, _parse_tools(bits)


def _parse_format(bits: BitReader) -> CodedFormat:
    chroma_format = bits.ue()
    if chroma_format == 3 and bits.flag():
        raise CodecError("the encoder used separate colour planes, which BPG does not support")
    width, height = bits.ue(), bits.ue()
    if bits.flag():
        raise CodecError("the encoder used a conformance window, which BPG does not support")
    depth = 8 + bits.ue()
    if bits.ue() != depth - 8:
        raise CodecError("the encoder used another bit depth for chroma, which BPG does not support")
    return CodedFormat(width, height, chroma_format, depth)


def _parse_tools(bits: BitReader) -> CodingTools:
    coding_block = bits.ue(), bits.ue()
    transform_block = bits.ue(), bits.ue()
    bits.ue()  # transform depth of inter blocks, not used by intra pictures
    transform_depth = bits.ue()
    if bits.flag():
        raise CodecError("the encoder used scaling lists, which BPG does not support")
    bits.u(1)  # asymmetric inter partitions
    adaptive_offset = bits.flag()
    if bits.flag():
        raise CodecError("the encoder used PCM blocks, which are unexpected")
    if bits.ue():
        raise CodecError("the encoder used reference pictures, which BPG does not support")
    bits.u(2)
    smoothing = bits.flag()
    if bits.flag():
        _skip_vui(bits)
    if bits.flag():
        raise CodecError("the encoder used an extension of HEVC, which is unexpected")
    return CodingTools(*coding_block, *transform_block, transform_depth, adaptive_offset, None, smoothing)


def _skip_vui(bits: BitReader) -> None:
    """Skip the video usability information (E.2.1)."""
    _skip_display(bits)
    bits.u(3)  # neutral chroma, fields
    if bits.flag():
        _skip_numbers(bits, 4)
    if bits.flag():
        bits.u(64)
        if bits.flag():
            _skip_numbers(bits, 1)
        if bits.flag():
            raise CodecError("the encoder wrote buffering parameters, which are unexpected")
    if bits.flag():
        bits.u(3)
        _skip_numbers(bits, 5)


def _skip_display(bits: BitReader) -> None:
    """Skip pixel aspect ratio, colour description and position of chroma."""
    if bits.flag() and bits.u(8) == _EXTENDED_SAR:
        bits.u(32)
    if bits.flag():
        bits.u(1)
    if bits.flag():
        bits.u(4)
        if bits.flag():
            bits.u(24)
    if bits.flag():
        _skip_numbers(bits, 2)


def _skip_numbers(bits: BitReader, count: int) -> None:
    for _ in range(count):
        bits.ue()


def parameter_sets(picture: CodedFormat, tools: CodingTools) -> list[bytes]:
    """Create a VPS and an SPS for one intra picture of this format, coded with these tools."""
    bits = BitWriter().u(0, 4).u(3, 2).u(0, 6 + 3).u(1, 1).u(0xFFFF, 16)
    _write_profile(bits)
    bits.u(1, 1).ue(0, 0, 0)  # room for one picture, no reordering
    bits.u(0, 6).ue(0).u(0, 2)  # one layer, no timing, no extension
    return [_nal(Nal.VPS, bits), _sps(picture, tools)]


def _sps(picture: CodedFormat, tools: CodingTools) -> bytes:
    bits = BitWriter().u(0, 4 + 3).u(1, 1)
    _write_profile(bits)
    bits.ue(0, picture.chroma_format)
    if picture.chroma_format == 3:
        bits.u(0, 1)
    bits.ue(picture.width, picture.height).u(0, 1)
    bits.ue(picture.bit_depth - 8, picture.bit_depth - 8, 4).u(1, 1).ue(0, 0, 0)
    bits.ue(tools.log2_min_coding_block_minus3, tools.log2_coding_block_difference)
    bits.ue(tools.log2_min_transform_block_minus2, tools.log2_transform_block_difference)
    bits.ue(tools.max_transform_depth_intra, tools.max_transform_depth_intra)
    bits.u(0, 1).u(1, 1).u(tools.adaptive_offset, 1)
    write_pcm(bits, tools.pcm)
    bits.ue(0).u(0, 1).u(1, 1).u(tools.strong_intra_smoothing, 1).u(0, 1)
    write_extension(bits, tools.range_extension)
    return _nal(Nal.SPS, bits)


def write_pcm(bits: BitWriter, pcm: Pcm | None) -> None:
    """Append the PCM flag and its fields, which are the same in SPS and BPG."""
    bits.u(pcm is not None, 1)
    if pcm:
        bits.u(pcm.luma_depth_minus1, 4).u(pcm.chroma_depth_minus1, 4)
        bits.ue(pcm.log2_min_size_minus3, pcm.log2_size_difference).u(pcm.loop_filter_disabled, 1)


def write_extension(bits: BitWriter, range_extension: int | None) -> None:
    """Append the extension flags and the range extension, which are the same in SPS and BPG."""
    bits.u(range_extension is not None, 1)
    if range_extension is not None:
        bits.u(0b1000_0000, 8).u(range_extension, _RANGE_EXTENSION_BITS)


def _write_profile(bits: BitWriter) -> None:
    """Append the profile "format range extensions" at level 8.5, which has no limit on the size (7.3.3)."""
    bits.u(4, 8).u(1 << 27, 32).u(0b1001 << 44, 48).u(255, 8)


def _nal(kind: Nal, bits: BitWriter) -> bytes:
    payload = bits.to_bytes(stop_bit=True)
    header = bytes([kind << 1, 1])
    return header + _with_emulation_prevention(payload)


def _with_emulation_prevention(payload: bytes) -> bytes:
    """Insert a 3 after two zeros before a byte up to 3, so that the payload contains no start code (7.4.2)."""
    out = bytearray()
    for byte in payload:
        if byte <= 3 and out[-2:] == b"\0\0":
            out.append(3)
        out.append(byte)
    return bytes(out)
