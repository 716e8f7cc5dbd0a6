"""What every registered codec promises, through each of its backends."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import subprocess
import sys
from typing import IO, TYPE_CHECKING, cast

import numpy as np
import pytest
import torch
from contract import middle, open_codec

from bench.codecs.registry import CODECS, codec_class
from bench.images.picture import Picture
from bench.results.resume_key import Configuration, canonical_json
from bench.system.errors import DecodeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.codecs.codec import Codec

CASES = [(name, backend) for name in CODECS for backend in codec_class(name).backends]

DECODE_IN_FRESH_PROCESS = """
import hashlib, json, sys
from pathlib import Path
from bench.codecs.registry import codec_class

for line in sys.stdin:
    case = json.loads(line)
    codec = codec_class(case["name"])(case["quality"], backend=case["backend"])
    pixels = codec.decode(Path(case["path"]).read_bytes()).pixels
    print(json.dumps([pixels.shape, hashlib.sha256(pixels.tobytes()).hexdigest()]), flush=True)
"""


def noise(width: int, height: int) -> Picture:
    pixels = np.random.default_rng(width * 10_007 + height).integers(0, 256, (height, width, 3))
    return Picture(pixels.astype(np.uint8))


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


@pytest.fixture(scope="module")
def encoded(photo: Picture) -> Callable[[str, str], bytes]:
    """The file of the photograph at the middle quality, written once: name and backend to bytes."""
    return functools.cache(lambda name, backend: open_codec(name, backend).encode(photo))


@pytest.fixture(scope="module")
def decoded(encoded: Callable[[str, str], bytes]) -> Callable[[str, str], Picture]:
    """What that file decodes to."""
    return functools.cache(lambda name, backend: open_codec(name, backend).decode(encoded(name, backend)))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 40), (33, 17)])
def test_a_second_codec_decodes_to_the_size_that_was_encoded(
    encoder: Codec, decoder: Codec, width: int, height: int
) -> None:
    decoded = decoder.decode(encoder.encode(noise(width, height)))
    assert (decoded.width, decoded.height) == (width, height)


def test_the_decoded_picture_resembles_the_photograph(
    case: tuple[str, str], photo: Picture, decoded: Callable[[str, str], Picture]
) -> None:
    mse = np.mean((photo.pixels.astype(float) - decoded(*case).pixels) ** 2)
    assert mse < 100  # 28 dB: swapped channels, a shift by a pixel or a lost plane cost far more
    assert mse < 0.1 * np.var(photo.pixels)


def test_bytes_are_deterministic_and_the_picture_stays_as_it_was(
    case: tuple[str, str], encoder: Codec, photo: Picture, encoded: Callable[[str, str], bytes]
) -> None:
    before = photo.pixels.copy()
    for _ in range(2):
        assert encoder.encode(photo) == encoded(*case)
    assert np.array_equal(photo.pixels, before)


def test_damaged_bytes_give_a_decode_error_or_a_picture(
    case: tuple[str, str], decoder: Codec, encoded: Callable[[str, str], bytes]
) -> None:
    for damaged in damage(encoded(*case)):
        try:
            outcome: object = decoder.decode(damaged)
        except DecodeError as error:
            outcome = str(error)
        assert isinstance(outcome, Picture) or (isinstance(outcome, str) and outcome.strip() and "\n" not in outcome)


def damage(data: bytes) -> list[bytes]:
    generator = np.random.default_rng(20)
    cuts = [data[: int(share * len(data))] for share in (0.02, 0.3, 0.9)]
    flips = []
    for position in [*range(0, min(40, len(data)), 8), *generator.integers(0, len(data), 5)]:
        flipped = bytearray(data)
        flipped[position] ^= int(generator.integers(1, 256))
        flips.append(bytes(flipped))
    return [data[:-1], data + b"\0tail", *cuts, *flips]


@pytest.mark.parametrize("data", [b"", b"\0", b"not the file of any codec", bytes(2000), b"\xff" * 2000])
def test_what_is_no_file_of_the_codec_gives_a_decode_error(decoder: Codec, data: bytes) -> None:
    with pytest.raises(DecodeError):
        decoder.decode(data)


def test_a_file_cut_in_half_is_not_silently_a_picture(
    case: tuple[str, str], decoder: Codec, encoded: Callable[[str, str], bytes]
) -> None:
    data = encoded(*case)
    with pytest.raises(DecodeError):
        decoder.decode(data[: len(data) // 2])


def test_identity_of_a_row_is_json(case: tuple[str, str], encoder: Codec) -> None:
    assert json.loads(canonical_json(dict(encoder.settings))) == dict(encoder.settings)
    assert encoder.backend_version
    assert encoder.revision
    assert len(Configuration.of(case[0], encoder).key("0" * 64)) == 64


def test_default_points_are_on_the_scale_and_go_from_bad_to_good(case: tuple[str, str]) -> None:
    scale = codec_class(case[0]).scale
    assert list(scale.points) == sorted(set(scale.points), reverse=scale.falling)
    assert all(scale.check(case[0], point) == point for point in scale.points)


def test_each_codec_has_its_own_title_and_a_meaning_of_its_quality() -> None:
    classes = [codec_class(name) for name in CODECS]
    assert len({codec.title for codec in classes}) == len(classes)
    assert all(codec.scale.meaning for codec in classes)


@pytest.mark.parametrize("name", CODECS)
def test_an_unknown_backend_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no backend 'steam'; it has: "):
        codec_class(name)(middle(name), backend="steam")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str, bytes], list[object]]]:
    """What one new process decodes from files: name, backend and file to [shape, sha256 of the pixels].

    It is asked for one file at a time, so that this process has each model loaded for all tests of its codec.
    """
    folder = tmp_path_factory.mktemp("files")
    errors = folder / "errors"
    # Trainings of other tests leave a thread, and on some processors a float convolution of several rounds otherwise.
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-c", DECODE_IN_FRESH_PROCESS]
    with (
        errors.open("w") as file,
        subprocess.Popen(
            command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, env=os.environ | threads
        ) as process,
    ):
        asked, answers = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)

        def decoded(name: str, backend: str, data: bytes) -> list[object]:
            path = folder / f"{name}-{backend}"
            path.write_bytes(data)
            case = {"name": name, "backend": backend, "quality": middle(name), "path": str(path)}
            with contextlib.suppress(BrokenPipeError):
                print(json.dumps(case), file=asked, flush=True)
            answer = answers.readline()
            assert answer, errors.read_text()
            return cast("list[object]", json.loads(answer))

        yield decoded


def test_a_fresh_process_decodes_to_the_same_picture(
    case: tuple[str, str],
    encoded: Callable[[str, str], bytes],
    decoded: Callable[[str, str], Picture],
    fresh: Callable[[str, str, bytes], list[object]],
) -> None:
    pixels = decoded(*case).pixels
    assert fresh(*case, encoded(*case)) == [list(pixels.shape), hashlib.sha256(pixels.tobytes()).hexdigest()]


def test_more_quality_costs_more_bytes_and_errs_less(
    case: tuple[str, str],
    photo: Picture,
    encoded: Callable[[str, str], bytes],
    decoded: Callable[[str, str], Picture],
) -> None:
    # The last test of a codec: its models replace the one of the middle quality in the cache.
    points = codec_class(case[0]).points()
    worst, best = (open_codec(*case, quality) for quality in (points[0], points[-1]))
    least, most = worst.encode(photo), best.encode(photo)
    sizes = [len(data) for data in (least, encoded(*case), most)]
    pictures = (worst.decode(least), decoded(*case), best.decode(most))
    errors = [np.mean((photo.pixels.astype(float) - picture.pixels) ** 2) for picture in pictures]
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)
