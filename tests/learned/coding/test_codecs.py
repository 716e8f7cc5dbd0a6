"""Learned codecs: files decode exactly, in any process, at the rate that the model predicts."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING
from unittest import mock

import fresh
import numpy as np
import pytest
import skimage.data
import torch
from skimage.metrics import mean_squared_error

from bench.codecs import adapter
from bench.codecs.probe import Listener, listening
from bench.codecs.registry import CODECS, codec_class, resolve_codecs
from bench.harness.measure import measure, time_stages
from bench.images.picture import Picture
from bench.learned.codecs import LearnedCodec
from bench.learned.coding.diagnosis import estimated_bits
from bench.learned.weights import catalogue
from bench.metrics.distortion import MSE
from bench.system.errors import DecodeError, MissingError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.learned.coding.latent_codecs import Coded


def _is_shipped(name: str) -> bool:
    codec = codec_class(name)
    return issubclass(codec, LearnedCodec) and codec.missing() is None


FAMILIES = ("factorized", "scale", "hyper", "context", "joint", "attn")
SHIPPED = [name for name in CODECS if _is_shipped(name) and not name.endswith("+ft")]  # +ft codes as its base
SIZES = [(1, 1), (17, 33), (256, 384), (401, 267)]

DECODE = """
import hashlib, json, sys
from pathlib import Path
import torch
from bench.learned.coding.container import unpack
from bench.codecs.registry import codec_class

torch.set_num_threads(int(sys.argv[1]))
for name, weights, path in json.loads(sys.argv[2]):
    codec = codec_class(name)(3, weights=weights)
    data = Path(path).read_bytes()
    content = unpack(data, codec._identity)
    size = codec._loaded_model.transforms.latent_size(content.height, content.width)
    latents = codec._loaded_model.coder.decode(content.payload, size, content.latents_crc)
    values = [latents.y_hat.contiguous().numpy(), codec.decode(data).pixels]
    print(json.dumps([hashlib.sha256(value.tobytes()).hexdigest() for value in values]))
"""


def open_codec(family: str, weights: Path, **options: str) -> LearnedCodec:
    codec = codec_class(family)(3, weights=str(weights), **options)
    assert isinstance(codec, LearnedCodec)
    return codec


def photograph(width: int, height: int) -> Picture:
    """Return a photograph of a given size, mirrored at its edges if it is too small."""
    pixels = skimage.data.astronaut()
    pixels = np.pad(pixels, ((0, max(0, height - 512)), (0, max(0, width - 512)), (0, 0)), mode="symmetric")
    return Picture(np.ascontiguousarray(pixels[:height, :width]))


def written(codec: LearnedCodec, picture: Picture) -> tuple[bytes, torch.Tensor]:
    """Return the file of a picture, and the y_hat that the encoder coded."""
    coder = codec._loaded_model.coder
    coded: list[Coded] = []
    with mock.patch.object(coder, "encode", lambda y: coded.append(type(coder).encode(coder, y)) or coded[-1]):
        data = codec.encode(picture)
    return data, coded[-1].latents.y_hat


@pytest.fixture(scope="module")
def files(
    weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[str, tuple[int, int], Path, list[str]]]:
    """Files of each family and size, written on one thread: family, size, path, hashes of latents and picture."""
    folder, rows = tmp_path_factory.mktemp("files"), []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for family in FAMILIES:
            codec = open_codec(family, weights)
            for width, height in SIZES:
                path = folder / f"{family}-{width}x{height}"
                data, latents = written(codec, photograph(width, height))
                path.write_bytes(data)
                values = [latents.contiguous().numpy(), codec.decode(data).pixels]
                hashes = [hashlib.sha256(value.tobytes()).hexdigest() for value in values]
                rows.append((family, (width, height), path, hashes))
    finally:
        torch.set_num_threads(threads)
    return rows


def test_latents_and_picture_are_the_same_in_another_process_with_other_threads(
    files: list[tuple[str, tuple[int, int], Path, list[str]]], weights: Path
) -> None:
    tasks = [(family, str(weights), str(path)) for family, _, path, _ in files]
    theirs = [json.loads(line) for line in fresh.printed(DECODE, "2", json.dumps(tasks), threads=2).splitlines()]
    cases = [(family, size) for family, size, _, _ in files]
    assert dict(zip(cases, theirs, strict=True)) == {(family, size): hashes for family, size, _, hashes in files}


@pytest.mark.parametrize("name", SHIPPED)
def test_file_and_picture_do_not_depend_on_the_number_of_threads(name: str) -> None:
    """Use the compact weights, whose widths differ from the fixture's. Small pictures have the least work to split."""
    codec = codec_class(name)(min(catalogue.qualities("compact", name), key=lambda quality: abs(quality - 3)))
    for width, height in [(17, 33), (140, 75)]:
        picture, found = photograph(width, height), set()
        for threads in (1, 2, 7):
            torch.set_num_threads(threads)
            data = codec.encode(picture)
            found.add((data, codec.decode(data).pixels.tobytes()))
        assert len(found) == 1, (width, height)


def test_a_file_takes_what_the_model_expects(
    files: list[tuple[str, tuple[int, int], Path, list[str]]], weights: Path
) -> None:
    for family, size, path, _ in files:
        codec = open_codec(family, weights)
        data = path.read_bytes()
        notes: dict[str, float] = {}
        with listening(Listener(note=notes.__setitem__)):
            assert codec.encode(photograph(*size)) == data
        expected = notes["coder_bits"] / 8
        assert abs(len(data) - expected) <= 0.005 * expected + 64, (family, size)
        assert notes["coder_bits"] == pytest.approx(notes["coder_bits_y"] + notes.get("coder_bits_z", 0))


def test_the_coded_latents_are_those_of_the_picture(family: str, weights: Path, portrait: Picture) -> None:
    loaded_model = open_codec(family, weights)._loaded_model
    y = loaded_model.transforms.analysis(portrait)
    latents = loaded_model.coder.encode(y).latents
    assert y.std() > 1  # else there is nothing to code
    assert (latents.y_hat - y).abs().max() <= 0.5001
    assert len(latents.y_hat.round().unique()) > 10


def test_estimated_bits_are_those_of_the_model_in_its_evaluation_mode(weights: Path, portrait: Picture) -> None:
    for family in ("factorized", "scale", "hyper"):  # other models round without means; see `Autoregressive`
        loaded_model = open_codec(family, weights)._loaded_model
        y = loaded_model.transforms.analysis(portrait)
        with torch.no_grad():
            _, likelihoods = loaded_model.model.entropy(y, "round")
        ours = estimated_bits(loaded_model.model, loaded_model.coder.encode(y).latents)
        assert ours == pytest.approx({part: float(-p.log2().sum()) for part, p in likelihoods.items()}, rel=1e-3)


def test_estimated_bits_of_a_context_model_are_those_of_its_convolutions(weights: Path, portrait: Picture) -> None:
    for family in ("context", "joint", "attn"):
        model = (loaded_model := open_codec(family, weights)._loaded_model).model
        latents = loaded_model.coder.encode(loaded_model.transforms.analysis(portrait)).latents
        with torch.no_grad():
            params = None if latents.z_hat is None else model.h_s(latents.z_hat)
            scales, means = model.distribution(latents.y_hat, params)
            _, likelihood = model.gaussian_conditional(latents.y_hat, scales, means, "round")
        assert estimated_bits(model, latents)["y"] == pytest.approx(float(-likelihood.log2().sum()), rel=1e-3)


def test_the_error_without_rounding_is_that_of_the_transforms_alone(weights: Path) -> None:
    picture = photograph(128, 192)
    notes: dict[str, float] = {}
    x = torch.from_numpy(picture.pixels.copy()).permute(2, 0, 1)[None].float() / 255
    for family in FAMILIES:
        codec = open_codec(family, weights)
        with listening(Listener(note=notes.__setitem__)):
            decoded = codec.decode(codec.encode(picture))
        model = codec._loaded_model.model
        with torch.no_grad():
            x_hat = model.g_s(model.g_a(x)).clamp(0, 1).mul(255).round()[0].permute(1, 2, 0).numpy()
        assert notes["unquantized_mse"] == pytest.approx(mean_squared_error(picture.pixels, x_hat), rel=1e-3), family
        assert notes["unquantized_mse"] != mean_squared_error(picture.pixels, decoded.pixels)


def test_a_measurement_holds_coder_bits_and_times_have_stages(weights: Path, portrait: Picture) -> None:
    first, second = (open_codec("joint", weights) for _ in range(2))
    result = measure(first, adapter.decoder(second), portrait, [MSE])
    assert result.diagnostics["coder_bits"] == pytest.approx(8 * result.num_bytes, rel=0.005, abs=8 * 64)
    samples = time_stages(first, second, portrait, repeats=2, threads=1)
    names = ["encode", "analysis", "entropy encoding", "decode", "entropy decoding", "synthesis"]
    assert [(sample.stage, sample.repeat) for sample in samples] == [(name, n) for n in (0, 1) for name in names]
    seconds = {sample.stage: sample.seconds for sample in samples if sample.repeat}
    assert seconds["analysis"] + seconds["entropy encoding"] <= seconds["encode"]
    assert seconds["entropy decoding"] + seconds["synthesis"] <= seconds["decode"]


def test_the_setting_of_threads_is_left_as_it_was(weights: Path, portrait: Picture) -> None:
    torch.set_num_threads(2)
    codec = open_codec("joint", weights)
    codec.decode(codec.encode(portrait))
    assert torch.get_num_threads() == 2


def test_bf16_synthesis_is_a_setting_that_changes_few_pixels_and_no_byte(weights: Path, portrait: Picture) -> None:
    plain, quick = open_codec("hyper", weights), open_codec("hyper", weights, synthesis="bf16")
    data = plain.encode(portrait)
    assert quick.encode(portrait) == data
    difference = np.abs(plain.decode(data).pixels.astype(int) - quick.decode(data).pixels)
    assert 0 < difference.max() < 32
    assert plain.chosen != quick.chosen


def test_a_decoder_whose_arithmetic_differs_refuses(weights: Path, portrait: Picture) -> None:
    codec, other = open_codec("joint", weights), open_codec("joint", weights)
    data = codec.encode(portrait)
    bias = other._loaded_model.coder._network.layers[-1][1]
    with torch.inference_mode():
        bias += 0.5
    try:
        with pytest.raises(DecodeError, match="the file is complete, but decodes to other latents"):
            other.decode(data)
    finally:
        with torch.inference_mode():
            bias -= 0.5


def test_files_of_other_weights_and_families_are_refused(weights: Path, portrait: Picture, tmp_path: Path) -> None:
    data = open_codec("joint", weights).encode(portrait)
    with pytest.raises(DecodeError, match="a file of joint@3; this is hyper@3"):
        open_codec("hyper", weights).decode(data)
    from bench.learned.weights.full import ModelCard, load, save  # noqa: PLC0415

    source = load(weights / "joint-3.safetensors")
    save(tmp_path / "joint-3.safetensors", source.model, ModelCard(3, 0.1, "mse"))
    with pytest.raises(DecodeError, match="other weights of joint@3"):
        open_codec("joint", tmp_path).decode(data)


def test_qualities_are_those_of_the_files(weights: Path) -> None:
    specs = resolve_codecs(["joint", "jpe[g]"], {"weights": str(weights)})
    assert (specs[0].name, specs[0].qualities) == ("joint", (3,))
    assert specs[0].options == {"weights": str(weights)}
    assert specs[1].options == {}
    with pytest.raises(MissingError, match=r"no weights of joint@4 in .* \(available: 3\)"):
        codec_class("joint")(4, weights=str(weights))


def test_an_option_is_for_codecs_that_have_it(weights: Path) -> None:
    specs = resolve_codecs(["joint", "jpeg"], {"weights": str(weights)})
    assert [spec.options for spec in specs] == [{"weights": str(weights)}, {}]
    with pytest.raises(UsageError, match="--weights"):
        resolve_codecs(["jpe*"], {"weights": str(weights)})


def test_a_single_file_names_its_own_quality(weights: Path, portrait: Picture) -> None:
    path = weights / "hyper-3.safetensors"
    (spec,) = resolve_codecs(["hyper"], {"weights": str(path)})
    assert spec.qualities == (3,)
    with pytest.raises(UsageError, match="weights of family 'hyper', not 'joint'"):
        resolve_codecs(["joint"], {"weights": str(path)})
    codec = codec_class("hyper")(3, weights=str(path))
    assert codec.encode(portrait) == open_codec("hyper", weights).encode(portrait)


def test_weights_for_ms_ssim_lie_beside_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "COMPACT", tmp_path)
    for name in ("joint-3", "joint-4", "joint-4-seed2", "joint-3-ms-ssim", "joint-5-ms-ssim", "joint-5-ms-ssim-seed2"):
        (tmp_path / f"{name}.safetensors").touch()
    assert catalogue.qualities("compact", "joint") == (3, 4)
    assert catalogue.qualities("compact-ms-ssim", "joint") == (3, 5)
    assert catalogue.find("compact-ms-ssim", "joint", 5) == tmp_path / "joint-5-ms-ssim.safetensors"
    assert "no weights of hyper in compact-ms-ssim" in str(codec_class("hyper").missing(weights="compact-ms-ssim"))


def test_families_without_weights_say_so_and_how_to_get_some(tmp_path: Path) -> None:
    cls = codec_class("attn")
    assert "no weights of attn" in str(cls.missing(weights=str(tmp_path)))
    with pytest.raises(MissingError, match="`bench train attn@QUALITY` makes them"):
        cls(3, weights=str(tmp_path))
    with pytest.raises(UsageError, match="unknown weights 'compat'; use compact, compact-ms-ssim, zoo"):
        cls(3, weights="compat")
    with pytest.raises(UsageError, match="unknown precision of the synthesis 'fp8'"):
        cls(3, weights=str(tmp_path), synthesis="fp8")
    with pytest.raises(MissingError, match="bench fetch weights --family attn"):
        cls(3, weights="zoo")
