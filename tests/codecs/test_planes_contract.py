"""What every registered codec that takes the planes of 4:2:0 promises, beside what all codecs do."""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TYPE_CHECKING

import fresh
import numpy as np
import pytest
from contract import middle, open_codec

from bench.codecs.registry import CODECS, codec_class
from bench.images.colour import to_yuv420
from bench.images.picture import Picture, Yuv420
from bench.system.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.codecs.codec import Codec

CASES = [(name, backend) for name in CODECS for backend in codec_class(name).yuv420_backends]

DECODE_IN_FRESH_PROCESS = """
import hashlib, json, sys
from pathlib import Path
from bench.codecs.registry import codec_class

for name, backend, quality, path in json.loads(sys.argv[1]):
    picture = codec_class(name)(quality, backend=backend).decode_yuv420(Path(path).read_bytes())
    print(json.dumps([name, backend, picture.width, picture.height, hashlib.sha256(picture.to_bytes()).hexdigest()]))
"""


def noise(width: int, height: int) -> Yuv420:
    pixels = np.random.default_rng(width * 10_007 + height).integers(0, 256, (height, width, 3))
    return to_yuv420(Picture(pixels.astype(np.uint8)))


def psnrs_db(a: Yuv420, b: Yuv420) -> np.ndarray:
    errors = [np.mean((x.astype(float) - y) ** 2) for x, y in zip(a.planes, b.planes, strict=True)]
    return 10 * np.log10(255**2 / np.maximum(errors, 1e-9))


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


@pytest.fixture(scope="module")
def planes(photo: Picture) -> Yuv420:
    """Odd, so that the last row and column share their chroma with nothing."""
    return to_yuv420(Picture(np.ascontiguousarray(photo.pixels[:63, :127])))


def test_the_conventional_codecs_of_video_take_planes() -> None:
    assert {"jpeg", "jpeg-opt", "bpg-420", "avif-420", "vvc"} <= {name for name, _ in CASES}


@pytest.fixture(scope="module")
def encoded(planes: Yuv420) -> Callable[[str, str], bytes]:
    """The file of the planes at the middle quality, written once: name and backend to bytes."""
    return functools.cache(lambda name, backend: open_codec(name, backend).encode_yuv420(planes))


@pytest.fixture(scope="module")
def decoded(encoded: Callable[[str, str], bytes]) -> Callable[[str, str], Yuv420]:
    """What that file decodes to."""
    return functools.cache(lambda name, backend: open_codec(name, backend).decode_yuv420(encoded(name, backend)))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 40), (33, 17), (64, 48)])
def test_a_second_codec_decodes_to_the_size_that_was_encoded(
    encoder: Codec, decoder: Codec, width: int, height: int
) -> None:
    decoded = decoder.decode_yuv420(encoder.encode_yuv420(noise(width, height)))
    assert (decoded.width, decoded.height) == (width, height)


def test_every_plane_comes_back_in_its_place(
    case: tuple[str, str], planes: Yuv420, decoded: Callable[[str, str], Yuv420]
) -> None:
    found = psnrs_db(planes, decoded(*case))
    swapped = psnrs_db(planes, Yuv420(planes.y, planes.v, planes.u))
    assert found.min() > 28
    assert found[1:].min() > swapped[1:].max() + 3


@pytest.fixture(scope="module")
def best(case: tuple[str, str]) -> Codec:
    """The codec at its highest quality."""
    return open_codec(*case, codec_class(case[0]).points()[-1])


@pytest.mark.parametrize(("width", "height"), [(1, 64), (64, 1), (3, 5)])
def test_chroma_of_the_last_odd_column_and_row_is_kept(best: Codec, width: int, height: int) -> None:
    rows, columns = np.mgrid[: -(-height // 2), : -(-width // 2)]
    u, v = (np.ascontiguousarray(plane, np.uint8) for plane in (60 + 2 * rows + columns, 190 - rows - 2 * columns))
    original = Yuv420(np.full((height, width), 120, np.uint8), u, v)
    decoded = best.decode_yuv420(best.encode_yuv420(original))
    for before, after in zip(original.planes[1:], decoded.planes[1:], strict=True):
        error = (before.astype(float) - after) ** 2
        assert max(error[:, -1].mean(), error[-1].mean()) < 100


def test_bytes_are_deterministic_and_the_planes_stay_as_they_were(
    case: tuple[str, str], encoder: Codec, planes: Yuv420, encoded: Callable[[str, str], bytes]
) -> None:
    before = planes.to_bytes()
    assert encoder.encode_yuv420(planes) == encoded(*case)
    assert planes.to_bytes() == before


def test_damaged_bytes_give_a_decode_error_or_planes(
    case: tuple[str, str], decoder: Codec, encoded: Callable[[str, str], bytes]
) -> None:
    data = encoded(*case)
    generator = np.random.default_rng(21)
    for position in [*range(0, min(40, len(data)), 8), *generator.integers(0, len(data), 6), len(data)]:
        damaged = bytearray(data + b"\0")
        damaged[position] ^= int(generator.integers(1, 256))
        try:
            outcome: object = decoder.decode_yuv420(bytes(damaged))
        except DecodeError as error:
            outcome = str(error)
        assert isinstance(outcome, Yuv420) or (isinstance(outcome, str) and outcome.strip() and "\n" not in outcome)


@pytest.mark.parametrize("data", [b"", b"\0", b"not the file of any codec", bytes(2000), b"\xff" * 2000])
def test_what_is_no_file_of_the_codec_gives_a_decode_error(decoder: Codec, data: bytes) -> None:
    with pytest.raises(DecodeError):
        decoder.decode_yuv420(data)


def test_a_file_cut_in_half_is_not_silently_a_picture(
    case: tuple[str, str], decoder: Codec, encoded: Callable[[str, str], bytes]
) -> None:
    data = encoded(*case)
    with pytest.raises(DecodeError):
        decoder.decode_yuv420(data[: len(data) // 2])


@pytest.fixture(scope="module")
def decoded_elsewhere(
    encoded: Callable[[str, str], bytes], tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], list[object]]:
    """What one new process decodes from files: (name, backend) to [width, height, sha256 of the planes]."""
    folder = tmp_path_factory.mktemp("files")
    tasks = []
    for name, backend in CASES:
        if codec_class(name).missing(backend) is None:
            path = folder / f"{name}-{backend}"
            path.write_bytes(encoded(name, backend))
            tasks.append((name, backend, middle(name), str(path)))
    rows = [json.loads(line) for line in fresh.printed(DECODE_IN_FRESH_PROCESS, json.dumps(tasks)).splitlines()]
    return {(name, backend): rest for name, backend, *rest in rows}


def test_a_fresh_process_decodes_to_the_same_planes(
    case: tuple[str, str], decoded: Callable[[str, str], Yuv420], decoded_elsewhere: dict[tuple[str, str], list[object]]
) -> None:
    samples = decoded(*case).to_bytes()
    assert decoded_elsewhere[case] == [127, 63, hashlib.sha256(samples).hexdigest()]
