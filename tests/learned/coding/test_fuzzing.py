"""Ten thousand damaged files decode to an error of one line or the picture: no crash, no hang, no wrong picture."""

from __future__ import annotations

import functools
import time
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data

from bench.codecs.registry import codec_class
from bench.images.picture import Picture
from bench.learned.coding import container
from bench.learned.families import YUV420, parts_of
from bench.system.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.random import Generator

    from bench.codecs.codec import Codec

COUNTS = {"factorized": 3000, "scale": 2000, "hyper": 2500, "context": 1000, "joint": 1000, "attn": 500}
HEADER = 20
"""Bytes before the payload, for sides below 128."""

SLOWEST_S = 20.0
"""Maximum time of a decoder for any damaged file, in processor time, which the load of the machine does not affect."""


def flip(data: bytearray, generator: Generator) -> None:
    for _ in range(generator.integers(1, 9)):
        data[generator.integers(len(data))] ^= 1 << generator.integers(8)


def cut(data: bytearray, generator: Generator) -> None:
    del data[generator.integers(len(data)) :]


def splice(data: bytearray, generator: Generator) -> None:
    place = generator.integers(HEADER, len(data))
    data[place:place] = generator.bytes(4 * generator.integers(1, 5))


def scramble(data: bytearray, generator: Generator) -> None:
    data[HEADER:] = generator.bytes(4 * generator.integers(0, 40))


def rename(data: bytearray, generator: Generator) -> None:
    """Change version, family, quality or fingerprint."""
    data[generator.integers(3, 10)] = generator.integers(256)


def resize(data: bytearray, generator: Generator) -> None:
    """Change width or height, mostly to absurd values."""
    sides = [generator.integers(256) | 128, generator.integers(256) | 128, generator.integers(4)]
    data[10:11] = bytes(sides[generator.integers(3) :])


def seal(data: bytearray) -> bytes:
    """Recompute the checksum, so that the parser is reached."""
    end = 10
    for _ in range(2):
        while end < len(data) and data[end] & 0x80:
            end += 1
        end += 1
    crc = zlib.crc32(bytes(data[: end + 4] + data[end + 8 :]))
    data[end + 4 : end + 8] = crc.to_bytes(4, "little")
    return bytes(data)


DAMAGES: tuple[Callable[[bytearray, Generator], None], ...] = (flip, cut, splice, scramble, rename, flip, splice, flip)


def outcome(codec: Codec, data: bytes) -> str | Picture:
    try:
        return codec.decode(data)
    except DecodeError as error:
        return str(error)


@functools.cache
def original(family: str, weights: Path) -> tuple[Codec, bytes, Picture]:
    codec = codec_class(family)(3, weights=str(weights))
    data = codec.encode(Picture(np.ascontiguousarray(skimage.data.astronaut()[60:108, 180:276])))
    return codec, data, codec.decode(data)


def test_the_header_is_where_the_damage_is_done(family: str, weights: Path) -> None:
    codec, data, picture = original(family, weights)
    sealed = codec.decode(seal(bytearray(data)))
    assert seal(bytearray(data)) == data
    assert np.array_equal(sealed.pixels, picture.pixels)


def test_damage_gives_an_error_in_one_line_or_the_picture(family: str, weights: Path) -> None:
    codec, data, picture = original(family, weights)
    generator = np.random.default_rng(COUNTS[family])
    seen: set[str] = set()
    for number in range(COUNTS[family]):
        damaged = bytearray(data)
        DAMAGES[number // 2 % len(DAMAGES)](damaged, generator)
        start = time.process_time()
        result = outcome(codec, seal(damaged) if number % 2 else bytes(damaged))
        assert time.process_time() - start < SLOWEST_S
        if isinstance(result, Picture):
            # The damage cancelled out, or a side changed so little that the latents are the same.
            height, width = np.minimum(result.pixels.shape[:2], picture.pixels.shape[:2])
            assert np.array_equal(result.pixels[:height, :width], picture.pixels[:height, :width])
        else:
            assert result.strip()
            assert "\n" not in result
            seen.add(result.split(":")[0][:40])
    # Some files reached the parser, some the entropy decoder, and some the check of the latents.
    assert any(text.startswith("the file is complete, but decodes") for text in seen)
    assert any(text.startswith("the file is cut off or damaged") for text in seen)
    assert len(seen) > 4


@pytest.mark.parametrize("family", ["factorized", "hyper", "joint", "joint-int", "cca"])
@pytest.mark.parametrize("payload", [bytes(208), b"\xa5" * 208], ids=["zeros", "others"])
def test_a_small_file_that_claims_a_huge_picture_is_refused_by_its_length(family: str, payload: bytes) -> None:
    """With the compact weights, 230 bytes have room for the likeliest symbols of y, but not for those of z, too."""
    codec = codec_class(family)(3)
    data = container.pack(codec._identity, container.FileContent(8192, 8192, 1, payload))
    with pytest.raises(DecodeError, match="too short for the size of the picture in the header"):
        (codec.decode_yuv420 if parts_of(family)[0] in YUV420 else codec.decode)(data)


@pytest.mark.parametrize("number", range(40))
def test_absurd_sizes_are_refused_before_memory_is_spent(weights: Path, number: int) -> None:
    codec, data, _ = original("hyper", weights)
    damaged, generator = bytearray(data), np.random.default_rng(number)
    resize(damaged, generator)
    start = time.process_time()
    assert isinstance(outcome(codec, seal(damaged)), str)
    assert time.process_time() - start < SLOWEST_S
