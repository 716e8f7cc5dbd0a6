"""File format of the learned codecs: a header, of 22 bytes for most pictures or 23 for planes, and the payload.

Large pictures need one byte more, for the side of the tiles of their transforms; see `bench.learned.coding.tiles`.

    bytes  field
    3      magic, "LIC"
    1      format version: 1, or 2 with tiles
    1      family of the model (`bench.learned.families.FILE_IDS`)
    1      quality
    4      fingerprint of the weights: the first bytes of their file's SHA-256
    2+2    width and height in pixels, as LEB128 (1 byte below 128, 2 below 16,384)
    1      only in version 2: side of the tiles, in units of 64 pixels
    1      only for YUV 4:2:0: bit 0 full range, bits 1 and 2 whether luma and chroma are filtered
    4      CRC-32 of the latents that the payload decodes to
    4      CRC-32 of everything else in the file
    rest   payload: one range-coded stream of the symbols of z and y, in words of 4 bytes

The second checksum detects damage. The first detects a decoder whose arithmetic differs from the encoder's, which would
otherwise return a wrong picture without an error.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from bench.learned.coding.tiles import SIDE_UNIT, SIDES, WHOLE
from bench.learned.families import FILE_IDS, YUV420, parts_of
from bench.system.errors import CodecError, DecodeError

MAGIC = b"LIC"
VERSIONS = WHOLE_PICTURE, TILED = 1, 2
FINGERPRINT_BYTES = 4
MAX_SIDE = 65_535
MAX_PIXELS = 1 << 27
"""134 million, in tiles."""

MAX_WHOLE_PIXELS = 1 << 26
"""67 million, without tiles. Compact models need 100 to 180 bytes of memory per pixel, CompressAI's widest nearly a
kilobyte. Only earlier versions of bench wrote untiled files of more than `tiles.WHOLE_PIXELS`."""

_FIXED = struct.Struct(f"<3sBBB{FINGERPRINT_BYTES}s")
_CHECKSUMS = struct.Struct("<II")
_WORD_BYTES = 4
_ID = {name: number for number, name in FILE_IDS.items()}


@dataclass(frozen=True, slots=True)
class Identity:
    """The model that wrote a file and is needed to decode it."""

    family: str
    quality: int
    weights_sha256: str

    @property
    def fingerprint(self) -> bytes:
        """Stored part of the weights' SHA-256."""
        return bytes.fromhex(self.weights_sha256)[:FINGERPRINT_BYTES]


@dataclass(frozen=True, slots=True)
class FileContent:
    """The content of a file, without its identity."""

    width: int
    height: int
    latents_crc: int
    payload: bytes
    side: int = WHOLE
    """Side of the tiles of the transforms in pixels, or `WHOLE`."""
    full_range: bool = True
    """Range of YUV 4:2:0 planes."""
    indicator: int = 0
    """Filtered components of YUV 4:2:0 planes: 1 luma, 2 chroma, 3 both."""


def pack(identity: Identity, content: FileContent) -> bytes:
    """Return the bytes of a file.

    Raises:
        CodecError: the picture is too large.
    """
    require_size(content.width, content.height, CodecError)
    version = WHOLE_PICTURE if content.side == WHOLE else TILED
    start = _FIXED.pack(MAGIC, version, _ID[identity.family], identity.quality, identity.fingerprint)
    start += leb128(content.width) + leb128(content.height)
    if version == TILED:
        start += bytes([content.side // SIDE_UNIT])
    if _is_planar(identity.family):
        start += bytes([content.full_range | content.indicator << 1])
    crc = _crc(start, content.latents_crc, content.payload)
    return start + _CHECKSUMS.pack(content.latents_crc, crc) + content.payload


def unpack(data: bytes, identity: Identity) -> FileContent:
    """Return the content of a file that `pack` wrote for the same model.

    Raises:
        DecodeError: the file has another format, version or model, is truncated or damaged, or has an invalid size.
    """
    if len(data) < _FIXED.size or data[: len(MAGIC)] != MAGIC:
        raise DecodeError("not a file of a learned codec")
    _, version, family, quality, fingerprint = _FIXED.unpack_from(data)
    if version not in VERSIONS:
        readable = " and ".join(map(str, VERSIONS))
        raise DecodeError(f"a file of format version {version}; this version of bench reads {readable}")
    width, position = read_leb128(data, _FIXED.size)
    height, position = read_leb128(data, position)
    planar = family in FILE_IDS and _is_planar(FILE_IDS[family])
    begin, position = position, position + (version == TILED) + planar
    further = data[begin:position]  # the side of the tiles, then the byte of planes
    start, checksums = data[:position], data[position : position + _CHECKSUMS.size]
    payload = data[position + _CHECKSUMS.size :]
    if len(checksums) < _CHECKSUMS.size:
        raise DecodeError("the file is cut off in its header")
    latents_crc, crc = _CHECKSUMS.unpack(checksums)
    if crc != _crc(start, latents_crc, payload):
        raise DecodeError("the file is cut off or damaged: its checksum does not match")
    _require_model(identity, family, quality, fingerprint)
    side = further[0] * SIDE_UNIT if version == TILED else WHOLE
    if version == TILED and side not in SIDES:  # decoding would take too much time or memory
        raise DecodeError(f"tiles of {side}x{side} pixels; their sides are {SIDES[0]} to {SIDES[-1]}")
    require_size(width, height, DecodeError, MAX_WHOLE_PIXELS if side == WHOLE else MAX_PIXELS)
    if len(payload) % _WORD_BYTES:
        raise DecodeError(f"the payload is not made of words of {_WORD_BYTES} bytes")
    byte = further[-1] if planar else 1
    if byte >> 3:
        raise DecodeError(f"planes of an unknown kind ({byte})")
    return FileContent(width, height, latents_crc, payload, side, full_range=bool(byte & 1), indicator=byte >> 1)


def _is_planar(codec: str) -> bool:
    """Whether a codec is for YUV 4:2:0 planes."""
    return parts_of(codec)[0] in YUV420


def require_size(width: int, height: int, error: type[CodecError], max_pixels: int = MAX_PIXELS) -> None:
    """Raise an error of the given type if a file cannot hold a picture of this size."""
    if 0 in (width, height) or max(width, height) > MAX_SIDE or width * height > max_pixels:
        raise error(f"a picture of {width}x{height}: sides are 1 to {MAX_SIDE}, at most {max_pixels} pixels in all")


def _require_model(identity: Identity, family: int, quality: int, fingerprint: bytes) -> None:
    name = FILE_IDS.get(family, f"number {family}")
    if (name, quality) != (identity.family, identity.quality):
        raise DecodeError(f"a file of {name}@{quality}; this is {identity.family}@{identity.quality}")
    if fingerprint != identity.fingerprint:
        raise DecodeError(
            f"written with other weights of {name}@{quality}: {fingerprint.hex()}…, not {identity.fingerprint.hex()}…"
        )


def _crc(start: bytes, latents_crc: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(latents_crc.to_bytes(4, "little"), zlib.crc32(start)))


LEB128_BYTES = 5
"""Maximum length of a number that is read."""


def leb128(value: int) -> bytes:
    """Encode a non-negative number as LEB128: seven bits per byte, the lowest first."""
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def read_leb128(data: bytes, position: int) -> tuple[int, int]:
    """Decode a number of at most `LEB128_BYTES` bytes; return it and the position after it.

    Raises:
        DecodeError: the number is cut off or too long.
    """
    value = 0
    for shift, byte in enumerate(data[position : position + LEB128_BYTES]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, position + shift + 1
    raise DecodeError("the file is cut off in its header, or its size is impossible")
