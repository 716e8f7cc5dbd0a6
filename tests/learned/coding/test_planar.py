"""Codecs of planes: files decode exactly in other processes and on other threads, filtered where that helps."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import fresh
import numpy as np
import psutil
import pytest
import skimage.data
import torch
from skimage.metrics import mean_squared_error

from bench.codecs.probe import Listener, listening
from bench.codecs.registry import codec_class
from bench.images.colour import to_yuv420
from bench.images.picture import Picture, Yuv420
from bench.learned.codecs import PlanarCodec
from bench.learned.coding.container import FileContent, pack, unpack
from bench.learned.coding.latent_codecs import LatentCodec
from bench.learned.coding.transforms import PlanesTransforms
from bench.learned.models import ModelConfig, build
from bench.learned.weights.full import ModelCard, finish, save
from bench.system.errors import DecodeError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.learned.models import LearnedModel

FAMILIES = ("cca", "joint-yuv")
SIZES = [(1, 1), (2, 3), (33, 17), (200, 133)]

DECODE = """
import hashlib, json, sys
from pathlib import Path
import torch
from bench.codecs.registry import codec_class

torch.set_num_threads(int(sys.argv[1]))
for name, weights, path in json.loads(sys.argv[2]):
    planes = codec_class(name)(3, weights=weights).decode_yuv420(Path(path).read_bytes())
    print(hashlib.sha256(planes.to_bytes()).hexdigest())
"""


def lively(family: str) -> LearnedModel:
    """Return a small model whose latents and pictures have some spread, and whose filter has an effect."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(6)
        model = build(ModelConfig(family, 32, 32))
        for name, parameter in model.named_parameters():
            if not name.endswith("quantiles"):
                parameter.add_(torch.rand_like(parameter), alpha=0.01)
        last = model.entropy_parameters[-1]
        assert isinstance(last.bias, torch.Tensor)
        last.bias[:96].add_(0.7)
        x = torch.rand(1, 6, 32, 32)
        [*_, out] = [layer for layer in model.g_a.modules() if isinstance(layer, torch.nn.Conv2d)]
        out.weight.mul_(4 / model.g_a(x).std())
        x_hat = model.g_s(model.g_a(x).round())
        branches = model.g_s[-1]  # type: ignore[index]
        for layer in (branches.luma_out, branches.chroma_out) if family == "cca" else (branches,):
            layer.weight.mul_(0.2 / x_hat.std())
            layer.bias.fill_(0.5)
        return finish(model)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planar")
    for family in FAMILIES:
        save(folder / f"{family}-3.safetensors", lively(family), ModelCard(3, 0.045, "mse-611"))
    return folder


@functools.cache
def photograph(width: int, height: int, *, full_range: bool = True) -> Yuv420:
    pixels = np.ascontiguousarray(skimage.data.astronaut()[:height, :width])
    return to_yuv420(Picture(pixels), full_range=full_range)


def open_codec(family: str, weights: Path) -> PlanarCodec:
    codec = codec_class(family)(3, weights=str(weights))
    assert isinstance(codec, PlanarCodec)
    return codec


def test_planes_are_the_same_in_another_process_with_other_threads(weights: Path, tmp_path: Path) -> None:
    threads, tasks, hashes = torch.get_num_threads(), [], []
    torch.set_num_threads(1)
    try:
        for family in FAMILIES:
            for size in SIZES:
                codec, path = open_codec(family, weights), tmp_path / f"{family}-{size[0]}"
                data = codec.encode_yuv420(photograph(*size))
                path.write_bytes(data)
                tasks.append((family, str(weights), str(path)))
                planes = codec.decode_yuv420(data)
                assert (planes.width, planes.height) == size
                hashes.append(hashlib.sha256(planes.to_bytes()).hexdigest())
    finally:
        torch.set_num_threads(threads)
    assert fresh.printed(DECODE, "2", json.dumps(tasks), threads=2).split() == hashes


@pytest.mark.parametrize("family", FAMILIES)
def test_the_bytes_do_not_depend_on_the_number_of_threads(family: str, weights: Path) -> None:
    files, threads = set(), torch.get_num_threads()
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            files.add(open_codec(family, weights).encode_yuv420(photograph(200, 133)))
    finally:
        torch.set_num_threads(threads)
    assert len(files) == 1


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", SIZES)
def test_a_file_takes_what_is_expected(family: str, size: tuple[int, int], weights: Path) -> None:
    notes: dict[str, float] = {}
    with listening(Listener(note=notes.__setitem__)):
        data = open_codec(family, weights).encode_yuv420(photograph(*size))
    assert abs(len(data) - notes["coder_bits"] / 8) <= 0.005 * len(data) + 64
    assert notes["coder_bits"] == pytest.approx(notes["coder_bits_y"] + notes["coder_bits_z"])


@pytest.mark.parametrize("full_range", [True, False])
def test_the_errors_without_rounding_are_those_of_the_planes(full_range: bool, weights: Path) -> None:
    picture = photograph(200, 133, full_range=full_range)
    notes: dict[str, float] = {}
    with listening(Listener(note=notes.__setitem__)):
        codec = open_codec("joint-yuv", weights)
        codec.encode_yuv420(picture)
    transforms = codec._loaded_model.transforms
    planes = transforms.synthesis(transforms.analysis(picture), (133, 200))
    for name in "yuv":
        error = mean_squared_error(getattr(picture, name), getattr(planes, name))
        assert notes[f"unquantized_mse_{name}"] == pytest.approx(error, rel=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_diagnosis_is_of_the_planes_that_a_file_holds(family: str, weights: Path) -> None:
    """An RGB picture is converted first, as for a file."""
    codec, picture = open_codec(family, weights), Picture(np.ascontiguousarray(skimage.data.astronaut()[:133, :200]))
    total_bytes = sum(float(part.sum()) for part in codec.diagnose(picture).bits.values()) / 8
    assert total_bytes == pytest.approx(len(codec.encode(picture)), abs=64)


def test_the_decoded_latents_are_those_of_the_picture_rounded(weights: Path) -> None:
    loaded_model = open_codec("cca", weights)._loaded_model
    transforms = loaded_model.transforms
    assert isinstance(transforms, PlanesTransforms)
    y = transforms.analysis(photograph(200, 133))
    coded = loaded_model.coder.encode(y)
    decoded = loaded_model.coder.decode(coded.payload, (12, 16), coded.crc)
    assert y.unique().numel() > 1000
    assert torch.equal(decoded.y_hat, y.round())


def test_a_picture_that_the_machine_cannot_hold_is_refused_before_anything_is_decoded(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = open_codec("cca", weights)
    data = pack(codec._identity, FileContent(8000, 6500, 0, bytes(100)))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=2**29))
    monkeypatch.delattr(LatentCodec, "decode")
    with pytest.raises(
        DecodeError, match=r"a picture of 8000x6500.*GiB of memory or more, and this machine has 0\.5 GiB"
    ):
        codec.decode_yuv420(data)


@pytest.mark.parametrize("full_range", [False, True])
def test_the_range_comes_back(weights: Path, *, full_range: bool) -> None:
    codec = open_codec("cca", weights)
    data = codec.encode_yuv420(photograph(33, 17, full_range=full_range))
    assert codec.decode_yuv420(data).full_range == full_range


def test_an_rgb_picture_goes_by_way_of_its_planes(weights: Path) -> None:
    codec = open_codec("joint-yuv", weights)
    picture = Picture(np.ascontiguousarray(skimage.data.astronaut()[:17, :33]))
    data = codec.encode(picture)
    assert data == codec.encode_yuv420(photograph(33, 17))
    assert codec.decode(data).pixels.shape == (17, 33, 3)


@pytest.mark.parametrize("bits", range(4))
def test_each_state_of_the_indicator_filters_what_it_says(bits: int, weights: Path) -> None:
    codec = open_codec("cca", weights)
    content = unpack(codec.encode_yuv420(photograph(200, 133)), codec._identity)
    states = [
        codec.decode_yuv420(pack(codec._identity, dataclasses.replace(content, indicator=state)))
        for state in (0, 3, bits)
    ]
    plain, filtered, chosen = states
    assert not np.array_equal(plain.y, filtered.y)
    assert not np.array_equal(plain.u, filtered.u)
    assert np.array_equal(chosen.y, (filtered if bits & 1 else plain).y)
    assert np.array_equal(chosen.u, (filtered if bits & 2 else plain).u)
    assert np.array_equal(chosen.v, (filtered if bits & 2 else plain).v)


@pytest.mark.parametrize("bits", range(4))
def test_the_encoder_filters_what_comes_nearer_to_the_picture(bits: int, weights: Path) -> None:
    transforms = open_codec("cca", weights)._loaded_model.transforms
    assert isinstance(transforms, PlanesTransforms)
    y_hat = transforms.analysis(photograph(200, 133)).round()
    target = transforms.synthesis(y_hat, (133, 200), bits)
    assert transforms.best_indicator(y_hat, target) == bits


def test_the_choice_is_told_and_written(weights: Path) -> None:
    codec, notes = open_codec("cca", weights), dict[str, float]()
    with listening(Listener(note=notes.__setitem__)):
        data = codec.encode_yuv420(photograph(200, 133))
    assert unpack(data, codec._identity).indicator == notes["acem_indicator"]


def test_a_model_without_a_filter_never_filters(weights: Path) -> None:
    codec = open_codec("joint-yuv", weights)
    content = unpack(codec.encode_yuv420(photograph(33, 17)), codec._identity)
    assert (content.full_range, content.indicator) == (True, 0)


def test_only_a_model_with_a_filter_takes_time_to_choose(weights: Path) -> None:
    def stages(family: str) -> list[str]:
        names: list[str] = []
        with listening(Listener(stage=lambda name: contextlib.nullcontext(names.append(name)))):
            open_codec(family, weights).encode_yuv420(photograph(33, 17))
        return names

    with_it, without = stages("cca"), stages("joint-yuv")
    assert with_it.count("choice of the filter") == 1
    assert [name for name in with_it if name != "choice of the filter"] == without


@pytest.mark.parametrize("family", FAMILIES)
def test_damage_gives_an_error_in_one_line_or_the_picture(family: str, weights: Path) -> None:
    codec, generator = open_codec(family, weights), np.random.default_rng(8)
    data = codec.encode_yuv420(photograph(33, 17))
    content = unpack(data, codec._identity)
    for number in range(60):
        payload = bytearray(content.payload)
        payload[generator.integers(len(payload))] ^= 1 << generator.integers(8)
        damaged = bytearray(data)
        damaged[generator.integers(len(data))] ^= 1 << generator.integers(8)
        resealed = pack(codec._identity, dataclasses.replace(content, payload=bytes(payload)))
        with pytest.raises(DecodeError) as caught:
            codec.decode_yuv420(resealed if number % 2 else bytes(damaged))
        assert "\n" not in str(caught.value)


def test_the_file_of_another_family_is_refused(weights: Path) -> None:
    data = open_codec("cca", weights).encode_yuv420(photograph(33, 17))
    with pytest.raises(DecodeError, match="a file of cca@3; this is joint-yuv@3"):
        open_codec("joint-yuv", weights).decode_yuv420(data)
