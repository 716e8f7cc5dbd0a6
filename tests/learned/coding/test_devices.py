"""Tests of other devices without having one: torch's meta device computes shapes, but no values."""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING

import pytest
import torch

from bench.codecs.registry import codec_class
from bench.learned.coding.loaded_model import LoadedModel
from bench.system.errors import MissingError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Fitter

    from bench.images.picture import Picture

FAMILIES = ("factorized", "scale", "hyper", "context", "joint", "attn")


@pytest.mark.parametrize("family", FAMILIES)
def test_transforms_go_to_the_device_and_the_entropy_coder_stays(
    family: str, fitted: Fitter, portrait: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Autocast does not support the meta device.
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda *_: False)
    model = copy.deepcopy(fitted(family, steps=2))
    y = LoadedModel.of(model).transforms.analysis(portrait)
    loaded_model = LoadedModel.of(model, device="meta")
    coded = loaded_model.coder.encode(y)
    size = (y.shape[2], y.shape[3])
    assert torch.equal(loaded_model.coder.decode(coded.payload, size, coded.crc).y_hat, coded.latents.y_hat)
    # The copy back to the CPU fails only if all of the computation was on the device.
    with pytest.raises(NotImplementedError, match="meta tensor"):
        loaded_model.transforms.analysis(portrait)
    with pytest.raises(NotImplementedError, match="meta tensor"):
        loaded_model.transforms.synthesis(coded.latents.y_hat, (portrait.height, portrait.width))


@pytest.mark.parametrize(
    ("device", "error", "reason"),
    [
        ("gpu", UsageError, "unknown device 'gpu'; use cpu, cuda or cuda:N"),
        ("meta", MissingError, "torch finds no device 'meta' here"),
        ("cuda", MissingError, "torch finds no device 'cuda' here; omit --device"),
        ("cuda:7", MissingError, "torch finds no device 'cuda:7' here"),
    ],
)
def test_a_device_that_is_not_there_is_named(
    device: str, error: type[Exception], reason: str, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(error, match=reason):
        codec_class("hyper")(3, weights=str(weights), device=device)


def test_of_two_gpus_there_is_no_third(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"a GPU, {device}")
    assert codec_class("hyper")(3, weights=str(weights), device="cuda:1").device == "a GPU, cuda:1"
    with pytest.raises(MissingError, match="torch finds no device 'cuda:2' here"):
        codec_class("hyper")(3, weights=str(weights), device="cuda:2")
