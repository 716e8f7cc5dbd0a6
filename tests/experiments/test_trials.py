from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import torch

from bench.codecs import adapter
from bench.codecs.registry import codec_class
from bench.experiments import trials
from bench.experiments.trials import compare, variants_from_words
from bench.harness.measure import measure
from bench.images.picture import Picture
from bench.learned.coding.transforms import PictureTransforms
from bench.learned.models import Rectified, Rectifier
from bench.learned.training import training_pictures
from bench.learned.weights import catalogue
from bench.learned.weights.full import ModelCard, load, save
from bench.learned.weights.rectified import save_rectified
from bench.metrics.distortion import MSE
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def decoder(base: Path) -> Path:
    """A rectifier for `base` that does something."""
    model = Rectified(load(base).model, Rectifier(12, 16))
    with torch.no_grad():
        for parameter in model.rectifier.parameters():
            parameter.add_(torch.randn(parameter.shape), alpha=0.05)
    path = base.parent / "joint+qr-3.safetensors"
    save_rectified(path, model, ModelCard(3, 0.0067, "mse", {"steps": 7}), base)
    return path


def test_a_variant_is_measured_as_its_codec_would_be(landscapes: Path, base: Path, decoder: Path) -> None:
    found = training_pictures.load(landscapes, landscapes.parent / "cache")
    out = landscapes.parent / "trials.csv"
    means = compare({"base": base, "mine": decoder}, found, out)
    assert means["model"].tolist() == ["joint", "joint+qr"]
    assert means["rate_bpp"][0] == means["rate_bpp"][1]
    row = pd.read_csv(out).query("variant == 'mine'").iloc[0]
    _, held = found.split()
    picture = Picture(held[0][:128, 8:136].copy())  # the middle, sides multiples of 64
    codec = [codec_class("joint+qr")(3, weights=str(decoder)) for _ in range(2)]
    result = measure(codec[0], adapter.decoder(codec[1]), picture, [MSE])
    assert row["mse"] == pytest.approx(dict(result.values)["mse"])
    assert row["latent_error_rectified"] == pytest.approx(result.diagnostics["latent_error_rectified"], rel=1e-5)
    assert row["rd_loss"] == pytest.approx(row["rate_bpp"] + 0.0067 * row["mse"])
    assert row["steps"] == 7


@pytest.mark.parametrize(
    ("record", "encoder"),
    [
        ({}, ""),
        ({"phase": {"trainable": ["*"]}, "initial": {"family": "hyper"}}, "joint"),
        ({"phase": {"trainable": ["*", "!g_a.*", "!g_s.*"]}, "initial": {"family": "hyper"}}, "hyper"),
    ],
)
def test_a_variant_says_for_what_its_encoder_was_trained(
    landscapes: Path, base: Path, record: dict[str, object], encoder: str
) -> None:
    model = load(base).model
    save(base, model, ModelCard(3, 0.0067, "mse", record))
    decoder = base.parent / "joint+qr-3.safetensors"
    save_rectified(decoder, Rectified(model, Rectifier(12, 16)), ModelCard(3, 0.0067, "mse"), base)
    found, out = training_pictures.load(landscapes, landscapes.parent / "cache"), landscapes.parent / "trials.csv"
    compare({"base": base, "mine": decoder}, found, out)
    assert pd.read_csv(out, keep_default_na=False)["encoder"].tolist() == [encoder, encoder]


def test_rows_of_other_variants_stay_and_the_same_are_replaced(landscapes: Path, base: Path, decoder: Path) -> None:
    found, out = training_pictures.load(landscapes, landscapes.parent / "cache"), landscapes.parent / "trials.csv"
    for variants in ({"one": base}, {"two": base}, {"two": base, "three": decoder}):
        compare(variants, found, out)
    rows = pd.read_csv(out)
    assert rows.groupby("variant", sort=False).size().to_dict() == {"one": 1, "two": 1, "three": 1}


@pytest.mark.parametrize("content", ["", "name,value\none,1\n"])
def test_another_file_is_refused_before_anything_is_measured(
    content: str, landscapes: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(trials, "_measured")
    out = landscapes.parent / "other.csv"
    out.write_text(content)
    with pytest.raises(UsageError, match=r"other\.csv: not a file of `bench train trials`"):
        compare({"one": base}, training_pictures.load(landscapes, landscapes.parent / "cache"), out)
    assert out.read_text() == content


def test_a_variant_named_by_a_number_is_replaced_like_any_other(landscapes: Path, base: Path) -> None:
    found, out = training_pictures.load(landscapes, landscapes.parent / "cache"), landscapes.parent / "trials.csv"
    for _ in range(2):
        compare({"1": base}, found, out)
    assert len(pd.read_csv(out)) == 1


def test_weights_of_planes_are_refused(landscapes: Path) -> None:
    found, out = training_pictures.load(landscapes, landscapes.parent / "cache"), landscapes.parent / "trials.csv"
    for stem, message in (("cca-1", "cca codes planes"), ("cca-int-1", "an integer entropy model")):
        with pytest.raises(UsageError, match=message):
            compare({"one": catalogue.COMPACT / f"{stem}.safetensors"}, found, out)
    assert not out.exists()


def test_a_picture_without_any_error_has_an_infinite_psnr(
    landscapes: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PictureTransforms, "analysis", lambda *_: torch.ones(1, 12, 8, 8))
    monkeypatch.setattr(trials, "MSE", dataclasses.replace(MSE, function=lambda *_: 0.0))
    found, out = training_pictures.load(landscapes, landscapes.parent / "cache"), landscapes.parent / "trials.csv"
    means = compare({"one": base}, found, out)
    assert means["psnr_db"].tolist() == [math.inf]
    assert pd.read_csv(out)["error_reduction_percent"].tolist() == [0.0]


@pytest.mark.parametrize("words", [("l2",), ("=file",), ("l2=",), ("l2=a", "l2=b")])
def test_a_variant_is_a_name_and_a_file(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="NAME=FILE"):
        variants_from_words(words)
