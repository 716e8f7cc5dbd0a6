"""Bit fields of HEVC and BPG: fixed length u(n), Exp-Golomb ue(v), and BPG's byte-wise ue7."""

from __future__ import annotations

from dataclasses import dataclass

from bench.system.errors import DecodeError

_LONGEST_UE = 31
"""Number of leading zeros of the longest ue(v) in these formats (32-bit values)."""


class BitReader:
    """Reads bit fields from bytes, most significant bit first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def u(self, bits: int) -> int:
        """Read the next `bits` bits as an unsigned number.

        Raises:
            DecodeError: the data ends too early.
        """
        if bits > self._left:
            raise DecodeError("a header ends in the middle of a field")
        self._left -= bits
        return (self._value >> self._left) & ((1 << bits) - 1)

    def flag(self) -> bool:
        """Read the next bit."""
        return self.u(1) == 1

    def ue(self) -> int:
        """Read the next Exp-Golomb number: n zeros, then n + 1 bits with the number plus one.

        Raises:
            DecodeError: the data ends too early, or the number needs more than 32 bits.
        """
        zeros = 0
        while self.u(1) == 0:
            zeros += 1
            if zeros > _LONGEST_UE:
                raise DecodeError("a number in a header is too long")
        return (1 << zeros) - 1 + self.u(zeros)


class BitWriter:
    """Writes bit fields, most significant bit first."""

    def __init__(self) -> None:
        self._value = 1  # a sentinel that keeps leading zeros
        self._length = 0

    def u(self, value: int, bits: int) -> BitWriter:
        """Append `value` in `bits` bits."""
        self._value = self._value << bits | value
        self._length += bits
        return self

    def ue(self, *values: int) -> BitWriter:
        """Append Exp-Golomb numbers."""
        for value in values:
            self.u(value + 1, 2 * (value + 1).bit_length() - 1)
        return self

    def to_bytes(self, *, stop_bit: bool) -> bytes:
        """Return the bits, followed by a one if `stop_bit`, and by zeros up to a whole byte."""
        if stop_bit:
            self.u(1, 1)
        self.u(0, -self._length % 8)
        return (self._value - (1 << self._length)).to_bytes(self._length // 8, "big")


def ue7(value: int) -> bytes:
    """Encode a number in groups of seven bits; all bytes but the last have their highest bit set."""
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127 | 128)
    return bytes(reversed(groups))


def framed(width: int, height: int, stream: bytes) -> bytes:
    """Prepend width, height and length as ue7 to a stream whose decoder does not report the size of the picture."""
    return ue7(width) + ue7(height) + ue7(len(stream)) + stream


@dataclass(slots=True)
class ByteReader:
    """Reads bytes and ue7 numbers from the start of `data`."""

    data: bytes
    position: int = 0

    def take(self, count: int) -> bytes:
        """Read the next `count` bytes.

        Raises:
            DecodeError: the data ends too early.
        """
        if count > len(self.data) - self.position:
            raise DecodeError("the file is cut off")
        self.position += count
        return self.data[self.position - count : self.position]

    def ue7(self) -> int:
        """Read the next ue7 number of at most 32 bits.

        Raises:
            DecodeError: the data ends too early, or the number is not in its shortest form, or is too large.
        """
        value = byte = self.take(1)[0]
        if byte == 128:
            raise DecodeError("a number in the header is not in its shortest form")
        value &= 127
        while byte & 128:
            byte = self.take(1)[0]
            value = value << 7 | byte & 127
            if value >> 32:
                raise DecodeError("a number in the header is too long")
        return value

    def framed(self, software: str, max_pixels: int) -> tuple[int, int, bytes]:
        """Read width, height and stream of a file written by `framed`.

        Raises:
            DecodeError: it has no pixels or more than `max_pixels`, is cut off, or does not contain NAL units.
        """
        width, height = self.ue7(), self.ue7()
        if not 0 < width * height <= max_pixels:
            raise DecodeError(f"{software} file claims {width} x {height} pixels; at most {max_pixels} are decoded")
        stream = self.take(self.ue7())
        if not stream.startswith((b"\0\0\1", b"\0\0\0\1")):
            raise DecodeError(f"not a {software} file")
        return width, height, stream

    def rest(self) -> bytes:
        """Read the remaining bytes."""
        return self.take(len(self.data) - self.position)
