"""Fixed-point codecs: a file decodes to the same latents on every machine."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import fresh
import numpy as np
import pytest
import skimage.data
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bench.cli.main import main
from bench.codecs.probe import Listener, listening
from bench.codecs.registry import codec_class
from bench.images.picture import Picture
from bench.learned.coding.container import unpack
from bench.learned.coding.fixed_point.calibration import linear_network, product, rescaling, rounded, second_moments
from bench.learned.coding.fixed_point.network import MAX_SHIFT, MULTIPLIER_BITS, SUM_BITS, Products, Rescaling
from bench.learned.coding.fixed_point.reference import Reference
from bench.learned.coding.fixed_point.weights import load_fixed_point, tensors
from bench.learned.coding.fixed_point.weights import save as save_fixed_point
from bench.learned.models.layers import CausalConv2d
from bench.learned.weights import catalogue, delta, tensor_file
from bench.learned.weights.full import ModelCard, save
from bench.system.errors import DecodeError, MissingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Fitter

    from bench.learned.codecs import LearnedCodec

RGB = ("joint", "attn")
FAMILIES = (*RGB, "joint-yuv")
MULTIPLIED = ("multiplier", "leak")
SIZES = [(1, 1), (17, 33), (200, 133)]

SWITCHED_OFF = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
"""Settings with which PyTorch, oneDNN and MKL do not use AVX, as on a processor that lacks it."""

DECODE = """
import hashlib, json, sys
from pathlib import Path
import torch
from bench.learned.coding.container import unpack
from bench.codecs.registry import codec_class

torch.set_num_threads(int(sys.argv[1]))
for name, weights, path in json.loads(sys.argv[2]):
    codec = codec_class(name)(3, weights=weights)
    content = unpack(Path(path).read_bytes(), codec._identity)
    size = codec._loaded_model.transforms.latent_size(content.height, content.width)
    latents = codec._loaded_model.coder.decode(content.payload, size, content.latents_crc)
    print(hashlib.sha256(latents.y_hat.contiguous().numpy().tobytes()).hexdigest())
"""


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of training pictures. Packs of them are cached outside the user's cache."""
    folder = tmp_path_factory.mktemp("photographs")
    for name in ("coffee", "rocket", "chelsea"):
        Image.fromarray(getattr(skimage.data, name)()).save(folder / f"{name}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield folder


@pytest.fixture(scope="session")
def fixed(weights: Path, fitted: Fitter, photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights: joint, attn and joint-yuv at quality 3, and their conversions by `bench quantize`."""
    folder = tmp_path_factory.mktemp("fixed")
    for family in RGB:
        shutil.copy(weights / f"{family}-3.safetensors", folder)
    save(folder / "joint-yuv-3.safetensors", fitted("joint-yuv"), ModelCard(3, 0.045, "mse-611"))
    options = ["--weights", str(folder), "--data", str(photographs), "--crops", "6"]
    result = CliRunner().invoke(main, ["quantize", *FAMILIES, *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return folder


def open_codec(family: str, folder: Path) -> LearnedCodec:
    return codec_class(family)(3, weights=str(folder))  # type: ignore[return-value]


def photograph(width: int, height: int) -> Picture:
    return Picture(np.ascontiguousarray(skimage.data.astronaut()[:height, :width]))


def decoded_latents(codec: LearnedCodec, data: bytes) -> torch.Tensor:
    content = unpack(data, codec._identity)
    size = codec._loaded_model.transforms.latent_size(content.height, content.width)
    return codec._loaded_model.coder.decode(content.payload, size, content.latents_crc).y_hat


@pytest.fixture(scope="module")
def files(fixed: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Path, str]]:
    """Files written on one thread: codec, path, hash of the latents."""
    folder, rows = tmp_path_factory.mktemp("files"), []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for family in FAMILIES:
        codec = open_codec(f"{family}-int", fixed)
        for width, height in SIZES:
            path = folder / f"{family}-{width}x{height}"
            path.write_bytes(codec.encode(photograph(width, height)))
            latents = decoded_latents(codec, path.read_bytes()).contiguous().numpy()
            rows.append((f"{family}-int", path, hashlib.sha256(latents.tobytes()).hexdigest()))
    torch.set_num_threads(threads)
    return rows


def test_latents_are_the_same_with_other_threads_and_instructions(
    files: list[tuple[str, Path, str]], fixed: Path
) -> None:
    tasks = [(name, str(fixed), str(path)) for name, path, _ in files]
    assert fresh.printed(DECODE, "2", json.dumps(tasks), threads=2).split() == [digest for _, _, digest in files]
    # PyTorch chooses its instructions when it is imported, so that this takes a Python of its own.
    command = [sys.executable, "-c", DECODE, "2", json.dumps(tasks)]
    settings = os.environ | {"OMP_NUM_THREADS": "2"} | SWITCHED_OFF
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [digest for _, _, digest in files]


def test_latents_are_those_of_plain_numpy(files: list[tuple[str, Path, str]], fixed: Path) -> None:
    for name, path, _ in files:
        codec = open_codec(name, fixed)
        content = unpack(path.read_bytes(), codec._identity)
        size = codec._loaded_model.transforms.latent_size(content.height, content.width)
        reference = Reference.open(fixed / f"{name}-3.safetensors")
        latents, crc = reference.decode(content.payload, size)
        assert crc == content.latents_crc
        ours = decoded_latents(codec, path.read_bytes())[0].double() * reference.shape["grid"]
        assert np.array_equal(latents, ours.numpy()), path.name


def test_plain_numpy_finds_tables_in_the_base_of_the_base(fixed: Path, tmp_path: Path) -> None:
    for name in ("joint", "joint-int"):
        shutil.copy(fixed / f"{name}-3.safetensors", tmp_path)
    base, trunk = tmp_path / "joint-3.safetensors", tmp_path / "trunk-3.safetensors"
    shutil.copy(base, trunk)
    delta.replace(base, *delta.read(base), trunk)
    before, after = (open_codec("joint-int", folder) for folder in (fixed, tmp_path))
    assert catalogue.bases(tmp_path / "joint-int-3.safetensors") == (base, trunk)
    content = unpack(after.encode(photograph(33, 17)), after._identity)
    assert content.payload == unpack(before.encode(photograph(33, 17)), before._identity).payload
    size = after._loaded_model.transforms.latent_size(content.height, content.width)
    _, crc = Reference.open(tmp_path / "joint-int-3.safetensors").decode(content.payload, size)
    assert crc == content.latents_crc


@pytest.mark.parametrize("family", RGB)
def test_eight_bits_cost_little(family: str, fixed: Path) -> None:
    plain, ours = open_codec(family, fixed), open_codec(f"{family}-int", fixed)
    picture = photograph(401, 260)
    data, exact = ours.encode(picture), plain.encode(picture)
    assert len(data) == pytest.approx(len(exact), rel=0.03)  # the calibration saw three pictures
    diagnosis = ours.diagnose(picture)
    assert (diagnosis.latents.y_hat - diagnosis.y).abs().max() <= 0.5001
    assert sum(float(bits.sum()) for bits in diagnosis.bits.values()) / 8 == pytest.approx(len(data), abs=64)
    assert ours.decode(data).pixels.shape == picture.pixels.shape


def test_eight_bits_of_a_mixture_cost_little(fixed: Path) -> None:
    plain, ours = open_codec("joint-yuv", fixed), open_codec("joint-yuv-int", fixed)
    picture, notes = photograph(401, 260), dict[str, float]()
    with listening(Listener(note=notes.__setitem__)):
        data = ours.encode(picture)
    exact = plain.encode(picture)
    assert len(data) == pytest.approx(len(exact), rel=0.03)  # the calibration saw three pictures
    assert notes["coder_bits"] / 8 == pytest.approx(len(data), abs=64)
    assert torch.equal(decoded_latents(ours, data), decoded_latents(plain, exact))
    assert np.array_equal(ours.decode(data).pixels, plain.decode(exact).pixels)


@pytest.mark.parametrize("family", RGB)
def test_linear_layers_say_what_the_model_says(family: str, fitted: Fitter) -> None:
    model = fitted(family)
    network, M = linear_network(model), model.config.M  # noqa: N806 - the paper's name
    generator = torch.Generator().manual_seed(4)
    z_hat = torch.randn(2, model.config.N, 2, 3, generator=generator).mul(3).round()
    y_hat = torch.randn(2, M, 8, 12, generator=generator).mul(3).round()
    with torch.no_grad():
        expected = torch.cat(model.distribution(y_hat, model.h_s(z_hat)), dim=1)
    hidden = z_hat.double()
    for layer in network.hyper[:-1]:
        hidden = layer.finished(layer.sums(hidden))
    columns = torch.nn.functional.unfold(y_hat.double(), 5, padding=2).view(2, M, 25, -1)[:, :, :12]
    context = torch.einsum("hti,bitp->bhp", network.context, columns).view(2, -1, 8, 12)
    values = network.hyper[-1].sums(hidden) + context + network.bias.view(1, -1, 1, 1)
    values = torch.nn.functional.leaky_relu(values, network.slope)
    for layer in network.entropy:
        values = layer.finished(layer.sums(values))
    torch.testing.assert_close(values.float(), expected, rtol=1e-4, atol=1e-4)
    assert isinstance(model.context_prediction, CausalConv2d)


SUMS = st.integers(-(1 << SUM_BITS) + 1, (1 << SUM_BITS) - 1)
MULTIPLIERS = st.integers(0, (1 << MULTIPLIER_BITS) - 1)


@given(SUMS, MULTIPLIERS, MULTIPLIERS, st.integers(1, MAX_SHIFT))
def test_floats_rescale_as_integers_do(total: int, one: int, other: int, shift: int) -> None:
    limit = 1 << 60
    multiplier, leak = max(one, other), min(one, other)
    numbers = [torch.tensor([value]) for value in (multiplier, leak, shift, -limit, limit)]
    ours = Rescaling(*numbers).ready()(torch.tensor([[total]], dtype=torch.float64))
    chosen = leak if total < 0 else multiplier
    assert int(ours) == (total * chosen + (1 << (shift - 1))) >> shift


@given(st.floats(1e-9, 1e3), st.sampled_from([1.0, 0.01]))
def test_multipliers_come_near_to_what_they_stand_for(factor: float, slope: float) -> None:
    found = rescaling(torch.tensor([factor]).double(), slope, torch.tensor([-9.0]), torch.tensor([9.0]))
    unit = 2.0 ** -int(found.shift)
    assert int(found.multiplier) * unit == pytest.approx(factor, rel=1e-4)
    assert int(found.leak) * unit == pytest.approx(factor * slope, rel=1e-2)


def test_sums_are_exact_in_the_type_that_is_chosen() -> None:
    generator = torch.Generator().manual_seed(2)
    for inputs, dtype in ((200, torch.float32), (4000, torch.float64)):
        weight = torch.randint(-127, 128, (64, inputs), generator=generator).to(torch.int8)
        products = Products.of(weight, torch.zeros(64).int(), 255)
        assert products.matrix.dtype == dtype
        values = torch.randint(-255, 256, (32, inputs), generator=generator)
        assert torch.equal(products(values.to(dtype)).long(), values @ weight.long().t())


def test_sums_that_no_float_holds_are_refused() -> None:
    with pytest.raises(ValueError, match="out of range"):
        Products.of(torch.full((1, 2000), 127, dtype=torch.int8), torch.zeros(1).int(), 1 << 20)


def test_rounding_together_is_better_than_rounding_each() -> None:
    generator = torch.Generator().manual_seed(3)
    mixing = torch.randn(60, 60, generator=generator).double()
    inputs = torch.randn(2000, 60, generator=generator).double() @ mixing
    weight = torch.randn(40, 60, generator=generator).double() * 5
    together = rounded(weight, second_moments(inputs))
    assert torch.equal(together, together.round())
    errors = [float((inputs @ (choice - weight).t()).square().mean()) for choice in (together, weight.round())]
    assert errors[0] < 0.7 * errors[1]


def test_calibration_is_reproducible(fixed: Path, photographs: Path, tmp_path: Path) -> None:
    options = ["--weights", str(fixed), "--data", str(photographs), "--crops", "6", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, ["quantize", "joint@3", *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    shutil.copy(fixed / "joint-3.safetensors", tmp_path)
    again, first = (load_fixed_point(folder / "joint-int-3.safetensors").network for folder in (tmp_path, fixed))
    assert torch.equal(again.context.weight, first.context.weight)
    assert first.context.weight.dtype == torch.int8


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_holds_few_differences_from_the_prediction(family: str, fixed: Path) -> None:
    path = fixed / f"{family}-int-3.safetensors"
    stored = tensor_file.read(path)[1]
    network = load_fixed_point(path).network
    residuals = torch.cat([value.flatten() for name, value in stored.items() if name.endswith(".residual")])
    weights = torch.cat([layer.weight.flatten() for layer in (*network.hyper, network.context, *network.entropy)])
    assert len(residuals) == len(weights)
    assert (residuals == 0).double().mean() > 0.5 > (weights == 0).double().mean()


def test_any_weights_return_from_a_file(fixed: Path, tmp_path: Path) -> None:
    loaded = load_fixed_point(fixed / "joint-int-3.safetensors")
    generator, extremes = torch.Generator().manual_seed(5), loaded.network.context.weight.clone()
    extremes.random_(-127, 128, generator=generator)
    network = dataclasses.replace(loaded.network, context=dataclasses.replace(loaded.network.context, weight=extremes))
    shutil.copy(fixed / "joint-3.safetensors", tmp_path)
    path = tmp_path / "joint-int-3.safetensors"
    header, _ = tensor_file.read(fixed / path.name)
    save_fixed_point(path, network, loaded.base.model, loaded.card, header["base"])
    assert torch.equal(load_fixed_point(path).network.context.weight, extremes)


def test_files_of_before_have_the_weights_themselves(fixed: Path, tmp_path: Path) -> None:
    shutil.copy(fixed / "joint-3.safetensors", tmp_path)
    path, network = tmp_path / "joint-int-3.safetensors", load_fixed_point(fixed / "joint-int-3.safetensors").network
    header, _ = tensor_file.read(fixed / path.name)
    tensor_file.write(path, header, tensors(network))
    again = tensors(load_fixed_point(path).network)
    assert all(torch.equal(value, again[name]) for name, value in tensors(network).items())


def test_residuals_of_another_shape_or_without_multipliers_are_refused(fixed: Path, tmp_path: Path) -> None:
    shutil.copy(fixed / "joint-3.safetensors", tmp_path)
    path = tmp_path / "joint-int-3.safetensors"
    header, stored = tensor_file.read(fixed / path.name)
    changes = {
        "do not match the base": {"entropy.0.residual": stored["entropy.0.residual"][1:]},
        "a multiplier is 0": {f"y_entry.{field}": torch.zeros_like(stored["y_entry.leak"]) for field in MULTIPLIED},
        "is torch.int32": {"entropy.0.residual": stored["entropy.0.residual"].int()},
    }
    for reason, change in changes.items():
        tensor_file.write(path, header, {**stored, **change})
        with pytest.raises(UsageError, match=rf"joint-int-3.*{reason}"):
            load_fixed_point(path)


def test_merged_layers_are_those_of_whole_numbers() -> None:
    generator = torch.Generator().manual_seed(6)
    matrix, weight = (torch.randint(-511, 512, shape, generator=generator) for shape in ((40, 300), (300, 7, 3, 3)))
    scales = torch.exp2(torch.randint(-12, 4, (40, 1), generator=generator).double())
    merged = product(matrix * scales, weight * 2.0**-9)
    whole = (matrix.numpy() @ weight.flatten(1).numpy()).reshape(40, 7, 3, 3)
    assert torch.equal(merged, torch.from_numpy(whole) * scales.view(-1, 1, 1, 1) * 2.0**-9)


def test_it_goes_with_its_base_alone(fixed: Path, fitted: Fitter, tmp_path: Path, portrait: Picture) -> None:
    shutil.copy(fixed / "joint-int-3.safetensors", tmp_path)
    with pytest.raises(MissingError, match=r"needs joint-3.safetensors .* in the same folder"):
        load_fixed_point(tmp_path / "joint-int-3.safetensors")
    save(tmp_path / "joint-3.safetensors", fitted("joint"), ModelCard(3, 0.9, "mse"))
    for find in (load_fixed_point, catalogue.base):
        with pytest.raises(UsageError, match="`bench quantize joint@3 --force` makes a new one"):
            find(tmp_path / "joint-int-3.safetensors")
    assert catalogue.base(fixed / "joint-int-3.safetensors") == fixed / "joint-3.safetensors"
    with pytest.raises(DecodeError, match="a file of joint@3; this is joint-int@3"):
        open_codec("joint-int", fixed).decode(open_codec("joint", fixed).encode(portrait))


def test_families_without_a_context_model_are_refused(weights: Path, photographs: Path, tmp_path: Path) -> None:
    options = ["--weights", str(weights), "--data", str(photographs), "--crops", "1", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, ["quantize", "hyper@3", *options])
    assert result.exit_code == 1
    assert "hyper cannot be converted to fixed point; use joint, attn, cca, joint-yuv" in result.output


def test_who_has_no_such_weights_is_told_how_to_make_them(weights: Path) -> None:
    cls: Any = codec_class("joint-int")
    with pytest.raises(MissingError, match="`bench quantize joint` makes them from"):
        cls(3, weights=str(weights))


def test_a_base_of_compressai_is_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue.checkpoints, "locate", lambda _: None)
    path = tmp_path / "joint-int-3.safetensors"
    base = {"family": "joint", "weights": "zoo-ms-ssim", "file": "any.pth.tar", "sha256": 64 * "0"}
    tensor_file.write(path, {"card": {"quality": 3}, "base": base}, {"medians": torch.zeros(1)})
    with pytest.raises(MissingError, match="bench fetch weights --family joint --quality 3 --metric ms-ssim"):
        catalogue.base(path)


def test_weights_that_are_there_are_replaced_only_by_force(fixed: Path, photographs: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    shutil.copytree(fixed, ours)
    target = ours / "joint-int-3.safetensors"
    target.write_bytes(b"precious")
    command = ["quantize", "joint@3", "--weights", str(ours), "--data", str(photographs), "--crops", "1"]
    refused = CliRunner().invoke(main, command)
    assert refused.output == f"Error: {target} exists: --force replaces it, --out DIR writes elsewhere\n"
    assert target.read_bytes() == b"precious"
    beside = CliRunner().invoke(main, [*command, "--out", str(tmp_path / "new")])
    assert beside.exit_code == 0, beside.output
    assert f"it needs joint-3.safetensors in the same folder: copy {ours / 'joint-3.safetensors'}\n" in beside.output
    forced = CliRunner().invoke(main, [*command, "--force"])
    assert forced.exit_code == 0, forced.output
    assert "beside" not in forced.output
    assert target.read_bytes() == (tmp_path / "new" / target.name).read_bytes()
