"""File format of models with their own entropy coder: a header of 17 bytes for most pictures, and the model's strings.

    bytes  field
    3      magic, "LIM"
    1      format version: 1 if written on a CPU, 2 if on another device
    4      fingerprint of the weights: the first bytes of their file's SHA-256
    1+n    only in version 2: length of the device's name, and the name
    2+2    width and height in pixels, as LEB128
    4      CRC-32 of everything else in the file
    1      number of bytes of the outline, as LEB128
    n      outline: the arguments of the model's `decompress`, with lengths in place of strings; deflated
    rest   the strings, concatenated

An argument in the outline is a tag followed by a number, a text, or a list, tuple or dictionary of arguments. Published
models need no other types. Two strings and a shape of two numbers need 17 bytes.

Such a model computes its distributions on its device. Another device rounds them differently and would decode noise, so
a file written on an accelerator names that device and is decoded on no other.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

from bench.learned.coding.container import (
    FINGERPRINT_BYTES,
    LEB128_BYTES,
    MAX_WHOLE_PIXELS,
    leb128,
    read_leb128,
    require_size,
)
from bench.system.errors import CodecError, DecodeError

MAGIC = b"LIM"
VERSIONS = OF_CPU, OF_DEVICE = 1, 2
CPU = "cpu"
DEEPEST = 8
"""Maximum nesting of lists; CompressAI's nested latent codecs have four levels."""

LONGEST_OUTLINE = 1 << 16
"""Bytes before compression; far above what models need."""

_FIXED = struct.Struct(f"<3sB{FINGERPRINT_BYTES}s")
_CRC = struct.Struct("<I")
_FLOAT = struct.Struct("<d")
_NO_ARGUMENTS = "the file does not contain the arguments of the model's decompress"

Value = None | bool | int | float | str | bytes | list["Value"] | tuple["Value", ...] | dict[str, "Value"]
"""Types of arguments that a file can store."""

_CONSTANTS: dict[bytes, Value] = {b"n": None, b"f": False, b"t": True}
_TAGS = {id(value): tag for tag, value in _CONSTANTS.items()}


@dataclass(frozen=True, slots=True)
class Strings:
    """The content of a file."""

    width: int
    height: int
    arguments: list[Value]
    """Arguments in the order of `decompress`."""


def pack(fingerprint: bytes, strings: Strings, device: str = CPU) -> bytes:
    """Return the bytes of a file that was computed on the named device.

    Raises:
        CodecError: the picture is too large, or an argument is of an unsupported type.
    """
    require_size(strings.width, strings.height, CodecError, MAX_WHOLE_PIXELS)
    start = _FIXED.pack(MAGIC, OF_CPU if device == CPU else OF_DEVICE, fingerprint)
    if device != CPU:
        start += leb128(len(device.encode())) + device.encode()
    start += leb128(strings.width) + leb128(strings.height)
    contents: list[bytes] = []
    outline = _written(list(strings.arguments), contents, DEEPEST)
    if len(outline) > LONGEST_OUTLINE:
        raise CodecError(f"compress gave lists of {len(outline)} bytes besides strings; the limit is {LONGEST_OUTLINE}")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = packer.compress(outline) + packer.flush()
    payload = b"".join((leb128(len(deflated)), deflated, *contents))
    return start + _CRC.pack(zlib.crc32(payload, zlib.crc32(start))) + payload


def unpack(data: bytes, fingerprint: bytes, device: str = CPU) -> Strings:
    """Return the content of a file that `pack` wrote for the same weights on the same device.

    Raises:
        DecodeError: the file has another format, version, model or device, is truncated or damaged, or has an invalid
            size.
    """
    if len(data) < _FIXED.size or data[: len(MAGIC)] != MAGIC:
        raise DecodeError("not a file of a model with its own entropy coder")
    _, version, found = _FIXED.unpack_from(data)
    if version not in VERSIONS:
        readable = " and ".join(map(str, VERSIONS))
        raise DecodeError(f"a file of format version {version}; this version of bench reads {readable}")
    writer, position = CPU, _FIXED.size
    if version == OF_DEVICE:
        length, begin = read_leb128(data, position)
        writer, position = data[begin : begin + length].decode(errors="replace"), begin + length
    width, position = read_leb128(data, position)
    height, position = read_leb128(data, position)
    start, crc, payload = data[:position], data[position : position + _CRC.size], data[position + _CRC.size :]
    if crc != _CRC.pack(zlib.crc32(payload, zlib.crc32(start))):
        raise DecodeError("the file is cut off or damaged: its checksum does not match")
    if found != fingerprint:
        raise DecodeError(f"written with other weights: {found.hex()}…, not {fingerprint.hex()}…")
    if writer != device:
        raise DecodeError(
            f"written on {ascii(writer)[1:-1]}, and a float model decodes only there; this is {device} (codecs "
            "whose names end in -int decode everywhere)"
        )
    require_size(width, height, DecodeError, MAX_WHOLE_PIXELS)
    length, position = read_leb128(payload, 0)
    try:
        deflated = payload[position : position + length]
        outline = zlib.decompressobj(-zlib.MAX_WBITS).decompress(deflated, LONGEST_OUTLINE)
    except zlib.error:
        raise DecodeError(_NO_ARGUMENTS) from None
    reader = _Reader(outline, payload[position + length :])
    arguments = reader.value(DEEPEST)
    if not isinstance(arguments, list) or not reader.is_done:
        raise DecodeError(_NO_ARGUMENTS)
    return Strings(width, height, arguments)


def _written(value: object, contents: list[bytes], room: int) -> bytes:
    """Return the outline of a value; its strings are appended to `contents`."""
    if room < 0:
        raise CodecError(f"compress gave more than {DEEPEST} nested lists, which a file cannot store")
    if (tag := _TAGS.get(id(value))) is not None:
        return tag
    if isinstance(value, int) and abs(value) >> 7 * LEB128_BYTES:
        raise CodecError(f"compress gave the number {value}, which is too large for a file")
    if isinstance(value, int | float):
        whole = isinstance(value, int)
        return (b"i" if value >= 0 else b"-") + leb128(abs(int(value))) if whole else b"r" + _FLOAT.pack(value)
    if isinstance(value, str):
        return b"s" + leb128(len(value.encode())) + value.encode()
    if isinstance(value, bytes | bytearray):
        contents.append(bytes(value))
        return b"b" + leb128(len(value))
    if isinstance(value, list | tuple):
        items = b"".join(_written(item, contents, room - 1) for item in value)
        return (b"l" if isinstance(value, list) else b"u") + leb128(len(value)) + items
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        pairs = (_written(part, contents, room - 1) for pair in value.items() for part in pair)
        return b"d" + leb128(len(value)) + b"".join(pairs)
    raise CodecError(f"compress gave a {type(value).__name__}; files can store numbers, text, bytes and lists of these")


class _Reader:
    """Reads values from an outline and their strings."""

    def __init__(self, outline: bytes, contents: bytes) -> None:
        self._outline, self._contents = io.BytesIO(outline), io.BytesIO(contents)

    @property
    def is_done(self) -> bool:
        """Whether all values have been read."""
        return not (self._outline.read(1) or self._contents.read(1))

    def value(self, room: int) -> Value:
        """Read the next value, with at most `room` levels of nesting.

        Raises:
            DecodeError: it is invalid or missing.
        """
        tag = self._outline.read(1)
        if tag in _CONSTANTS:
            return _CONSTANTS[tag]
        if tag == b"r":
            return float(_FLOAT.unpack(_taken(self._outline, _FLOAT.size))[0])
        if room < 0 or tag not in {b"i", b"-", b"s", b"b", b"l", b"u", b"d"}:
            raise DecodeError(_NO_ARGUMENTS)
        number, position = read_leb128(self._outline.getvalue(), self._outline.tell())
        self._outline.seek(position)
        if tag in {b"i", b"-"}:
            return number if tag == b"i" else -number
        if tag == b"s":
            return _taken(self._outline, number).decode(errors="replace")
        return _taken(self._contents, number) if tag == b"b" else self._collection(tag, number, room - 1)

    def _collection(self, tag: bytes, number: int, room: int) -> Value:
        if number > len(self._outline.getvalue()) - self._outline.tell():  # each item has at least one byte
            raise DecodeError(_NO_ARGUMENTS)
        if tag == b"d":
            return {str(self.value(room)): self.value(room) for _ in range(number)}
        items = [self.value(room) for _ in range(number)]
        return items if tag == b"l" else tuple(items)


def _taken(source: io.BytesIO, number: int) -> bytes:
    """Read the given number of bytes."""
    if len(found := source.read(number)) < number:
        raise DecodeError(_NO_ARGUMENTS)
    return found
