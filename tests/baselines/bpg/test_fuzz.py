"""Damaged and hostile .bpg files: a picture or a clear error, within bounds, whatever the bytes are."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines.bpg import bpg_file, hevc
from baselines.bpg.bits import ue7
from baselines.bpg.bpg_file import MAX_PIXELS
from baselines.bpg.codec import Bpg420, Bpg444
from bench.images.picture import Picture
from bench.system.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INPUTS = 10_000
DECODED = 60
DECODED_SLOWLY = 600
LARGEST_DECODED = 2**20  # pixels; a claim of more is bounded by MAX_PIXELS, but takes seconds
LONGEST_PARAMETER_SETS = 200


@pytest.fixture(scope="module")
def files(photo: Picture) -> list[bytes]:
    small = Picture(photo.pixels[:31, :45])
    return [codec(qp).encode(small) for codec in (Bpg444, Bpg420) for qp in (12, 37, 51)]


def flip(data: bytes, generator: np.random.Generator) -> bytes:
    """Change a few bytes, most of them where the headers are."""
    damaged = bytearray(data)
    for _ in range(generator.integers(1, 5)):
        end = min(len(data), 40) if generator.random() < 0.7 else len(data)
        damaged[generator.integers(0, end)] = generator.integers(0, 256)
    return bytes(damaged)


def cut(data: bytes, generator: np.random.Generator) -> bytes:
    return data[: generator.integers(0, len(data))]


def insert(data: bytes, generator: np.random.Generator) -> bytes:
    at = generator.integers(4, min(len(data), 40))
    return data[:at] + generator.bytes(generator.integers(1, 9)) + data[at:]


def resize(data: bytes, generator: np.random.Generator) -> bytes:
    """Claim another size."""
    width, height = (int(2 ** generator.uniform(0, 33)) for _ in range(2))
    return data[:6] + ue7(width) + ue7(height) + data[8:]


def invent(data: bytes, generator: np.random.Generator) -> bytes:
    """Bytes of chance behind a header that is right."""
    return data[: generator.integers(4, 12)] + generator.bytes(generator.integers(0, 200))


def smuggle(data: bytes, generator: np.random.Generator) -> bytes:
    """NAL units of chance, of any type, with the length set right."""
    nal = bytes([generator.integers(0, 64) << 1, 1]) + generator.bytes(generator.integers(1, 60))
    body = data[_start_of_picture(data) :] + hevc.START_CODE + nal
    return data[:8] + ue7(len(body)) + body


def _start_of_picture(data: bytes) -> int:
    start = 8  # magic, format, and a size of two bytes
    while data[start] & 128:
        start += 1
    return start + 1


DAMAGES: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (flip, cut, insert, resize, invent, smuggle)


def outcome_of(work: Callable[[bytes], object], data: bytes) -> object:
    """What `work` returns, or the message of its DecodeError; anything else it raises fails the test."""
    try:
        return work(data)
    except DecodeError as error:
        return str(error)


def test_ten_thousand_damaged_files_give_a_stream_or_a_clear_error(files: list[bytes]) -> None:
    generator = np.random.default_rng(6)
    messages = []
    for index in range(INPUTS):
        damaged = DAMAGES[index % len(DAMAGES)](files[index // len(DAMAGES) % len(files)], generator)
        outcome = outcome_of(bpg_file.read, damaged)
        if isinstance(outcome, bpg_file.Stored):
            assert 0 < outcome.width * outcome.height <= MAX_PIXELS
            assert len(outcome.stream) <= 3 * len(damaged) + LONGEST_PARAMETER_SETS
        else:
            messages.append(str(outcome))
    assert all(message and "\n" not in message for message in messages)
    # The inputs are neither all hopeless nor all harmless.
    assert INPUTS / 10 < len(messages) < 0.9 * INPUTS


@pytest.mark.parametrize("count", [DECODED, pytest.param(DECODED_SLOWLY, marks=pytest.mark.slow)])
def test_what_a_damaged_file_decodes_to_is_a_picture_of_its_size_or_a_clear_error(
    count: int, files: list[bytes]
) -> None:
    """All of these reach the HEVC decoder: the parser has nothing against them."""
    pictures = 0
    for stored, damaged in itertools.islice(readable(files, np.random.default_rng(count)), count):
        outcome = outcome_of(Bpg444(37).decode, damaged)
        if isinstance(outcome, Picture):
            assert (outcome.width, outcome.height) == (stored.width, stored.height)
            pictures += 1
        else:
            assert outcome
            assert "\n" not in str(outcome)
    # The decoder notices damage, and the damage is not always one that it notices.
    assert 0 < pictures < count


def readable(files: list[bytes], generator: np.random.Generator) -> Iterator[tuple[bpg_file.Stored, bytes]]:
    """Damaged files that the parser takes, of sizes that take no seconds."""
    for index in itertools.count():
        damaged = DAMAGES[index % len(DAMAGES)](files[index // len(DAMAGES) % len(files)], generator)
        stored = outcome_of(bpg_file.read, damaged)
        if isinstance(stored, bpg_file.Stored) and stored.width * stored.height <= LARGEST_DECODED:
            yield stored, damaged
