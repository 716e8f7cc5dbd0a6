"""Codecs +qr and +ft: the files of the base, with another decoder."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from bench.codecs import adapter
from bench.codecs.registry import CODECS, codec_class
from bench.harness.measure import measure, time_stages
from bench.learned.codecs import DecoderCodec
from bench.learned.coding.loaded_model import LoadedModel
from bench.learned.models import Rectified, Rectifier
from bench.learned.weights.full import ModelCard, load
from bench.learned.weights.rectified import load_rectified, save_rectified
from bench.metrics.distortion import MSE
from bench.system.errors import MissingError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.images.picture import Picture
    from tests.learned.coding.conftest import Fitter

FAMILIES = ("factorized", "scale", "hyper", "joint", "attn")
CARD = ModelCard(3, 0.0067, "mse")


@pytest.fixture(scope="module")
def decoders(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights: each family at quality 3, with a rectifier and without one, all with varied outputs."""
    folder = tmp_path_factory.mktemp("decoders")
    torch.manual_seed(0)
    for family in FAMILIES:
        base = folder / f"{family}-3.safetensors"
        shutil.copy(weights / base.name, base)
        for modifier in ("qr", "ft"):
            codec = load(base).model
            model = Rectified(codec, Rectifier(codec.config.M, 16) if modifier == "qr" else torch.nn.Identity())
            with torch.no_grad():
                *_, last = codec.g_s.parameters()
                last.add_(0.05)  # a little brighter
                for parameter in model.rectifier.parameters():
                    parameter.add_(torch.randn(parameter.shape), alpha=0.05)
            save_rectified(folder / f"{family}+{modifier}-3.safetensors", model, CARD, base)
    return folder


def opened(name: str, weights: Path) -> DecoderCodec:
    return codec_class(name)(3, weights=str(weights))  # type: ignore[return-value]


def test_the_registered_names_are_those_of_the_classes() -> None:
    names = {name for name in CODECS if name.endswith(("+qr", "+ft"))}
    assert names == {f"{family}+{modifier}" for family in FAMILIES for modifier in ("qr", "ft")}
    for name in names:
        cls = codec_class(name)
        assert issubclass(cls, DecoderCodec)
        assert cls.file_stem() == name


@pytest.mark.parametrize("family", FAMILIES)
def test_base_and_modifiers_write_the_same_bytes_and_read_each_others(
    family: str, decoders: Path, portrait: Picture
) -> None:
    codecs = [opened(name, decoders) for name in (family, f"{family}+qr", f"{family}+ft")]
    files = [codec.encode(portrait) for codec in codecs]
    assert files[0] == files[1] == files[2]
    decoded = [codec.decode(files[0]).pixels for codec in codecs]
    hashes = {hashlib.sha256(pixels.tobytes()).hexdigest() for pixels in decoded}
    assert len(hashes) == 3
    assert len({codec.weights_sha256 for codec in codecs}) == 3


@pytest.mark.parametrize("family", FAMILIES)
def test_the_decoder_is_that_of_the_model(family: str, decoders: Path, portrait: Picture) -> None:
    codec = opened(f"{family}+qr", decoders)
    loaded_model = codec._loaded_model
    y_hat = loaded_model.coder.encode(loaded_model.transforms.analysis(portrait)).latents.y_hat
    with torch.inference_mode():
        x_hat, _ = load_rectified(decoders / f"{family}+qr-3.safetensors").model.decode(y_hat)
    expected = (x_hat[0, :, : portrait.height, : portrait.width].clamp(0, 1) * 255).permute(1, 2, 0).numpy()
    pixels = codec.decode(codec.encode(portrait)).pixels
    assert np.abs(pixels - expected).max() <= 0.51  # rounding to 8 bits, and another order of summation


def test_the_rectification_is_a_stage_of_its_own_where_there_is_one(decoders: Path, portrait: Picture) -> None:
    stages = {}
    for name in ("joint", "joint+qr", "joint+ft"):
        samples = time_stages(opened(name, decoders), opened(name, decoders), portrait, repeats=1, threads=1)
        stages[name] = [sample.stage for sample in samples]
    plain = ["encode", "analysis", "entropy encoding", "decode", "entropy decoding", "synthesis"]
    assert stages["joint"] == stages["joint+ft"] == plain
    assert stages["joint+qr"] == [*plain[:-1], "rectification", "synthesis"]


@pytest.mark.parametrize("family", FAMILIES)
def test_latent_errors_are_distances_of_whole_tensors(family: str, decoders: Path, portrait: Picture) -> None:
    measured = {}
    for name in (family, f"{family}+qr", f"{family}+ft"):
        measured[name] = measure(
            opened(name, decoders), adapter.decoder(opened(name, decoders)), portrait, [MSE]
        ).diagnostics
    loaded_model = opened(f"{family}+qr", decoders)._loaded_model
    y = loaded_model.transforms.analysis(portrait)
    y_hat = loaded_model.coder.encode(y).latents.y_hat
    with torch.inference_mode():
        rectified = load_rectified(decoders / f"{family}+qr-3.safetensors").model.rectifier(y_hat)
    expected = float(np.sqrt(((y_hat - y).numpy().astype(np.float64) ** 2).sum()))
    for diagnostics in measured.values():
        assert diagnostics["latent_error_quantized"] == pytest.approx(expected, rel=1e-6)
    expected = float(np.sqrt(((rectified - y).numpy().astype(np.float64) ** 2).sum()))
    assert measured[f"{family}+qr"]["latent_error_rectified"] == pytest.approx(expected, rel=1e-4)
    assert "latent_error_rectified" not in measured[family]
    assert "latent_error_rectified" not in measured[f"{family}+ft"]


def test_rectified_latents_do_not_depend_on_the_number_of_threads(fitted: Fitter) -> None:
    model = Rectified(fitted("hyper"), Rectifier(12, 96))
    with torch.no_grad():
        for parameter in model.rectifier.parameters():
            parameter.add_(torch.randn(parameter.shape), alpha=0.05)
    loaded_model, y_hat = LoadedModel.of(model), torch.randn(1, 12, 32, 48)
    before = torch.get_num_threads()
    results = []
    for threads in (1, 2, 3, 7):
        torch.set_num_threads(threads)
        results.append(loaded_model.rectified(y_hat))
    torch.set_num_threads(before)
    assert all(torch.equal(results[0], result) for result in results)


def test_one_file_is_a_codec_as_well(decoders: Path, portrait: Picture) -> None:
    path = decoders / "joint+qr-3.safetensors"
    assert opened("joint+qr", path).encode(portrait) == opened("joint", decoders).encode(portrait)
    with pytest.raises(UsageError, match=r"weights of family 'joint\+qr', not 'joint\+ft'"):
        opened("joint+ft", path)
    with pytest.raises(UsageError, match=r"weights of family 'joint\+qr', not 'joint'"):
        opened("joint", path)


def test_a_decoder_without_its_base_is_missing_and_says_what_it_needs(decoders: Path, tmp_path: Path) -> None:
    shutil.copy(decoders / "joint+qr-3.safetensors", tmp_path)
    for cause in ("in the same folder", "needs a joint-3.safetensors with SHA-256"):
        reason = codec_class("joint+qr").missing(weights=str(tmp_path))
        assert reason is not None
        assert cause in reason
        assert "joint-3.safetensors" in reason
        with pytest.raises(MissingError, match=cause):
            opened("joint+qr", tmp_path)
        shutil.copy(decoders / "hyper-3.safetensors", tmp_path / "joint-3.safetensors")


def test_without_weights_a_modifier_is_missing_and_says_how_to_get_some(tmp_path: Path) -> None:
    assert "bench train joint+qr@QUALITY" in str(codec_class("joint+qr").missing(weights=str(tmp_path)))
    assert "bench train attn+ft@QUALITY" in str(codec_class("attn+ft").missing(weights="zoo"))
