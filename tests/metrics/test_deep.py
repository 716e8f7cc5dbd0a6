"""LPIPS with weights that are made here: those of AlexNet are too large for a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from bench.images.picture import Picture
from bench.metrics import deep
from bench.metrics.deep import ALEXNET, LPIPS, LPIPS_MIN_SIDE
from bench.system.errors import MissingError
from bench.system.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

lpips = pytest.importorskip("lpips")


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, torch.Tensor]]:
    """Random weights of AlexNet's layers in the place of the true ones."""
    torch.manual_seed(1)
    shapes = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)}
    made = {f"features.{layer}.weight": 0.05 * torch.randn(shape) for layer, shape in shapes.items()}
    made |= {f"features.{layer}.bias": 0.1 * torch.randn(shape[0]) for layer, shape in shapes.items()}
    torch.save(made, tmp_path / ALEXNET)
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(deep, "ALEXNET_SHA256", sha256_of(tmp_path / ALEXNET)[:8])
    deep._network.cache_clear()
    yield made
    deep._network.cache_clear()


def test_lpips_is_the_weighted_distance_of_normalised_features(
    photo: Picture, weights: dict[str, torch.Tensor]
) -> None:
    other = Picture(photo.pixels // 32 * 32)
    assert LPIPS.missing() is None
    assert LPIPS.function(photo, other) == pytest.approx(by_hand(photo, other, weights), rel=1e-4)
    assert LPIPS.function(photo, photo) == 0


def by_hand(one: Picture, other: Picture, weights: dict[str, torch.Tensor]) -> float:
    """The paper's equation 1, with AlexNet written out."""
    layers = torch.nn.functional
    heads = [head.model[-1].weight for head in deep._network().lins]
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in ([-0.03, -0.088, -0.188], [0.458, 0.448, 0.45]))
    planes = np.stack([picture.pixels for picture in (one, other)]).astype(np.float32)
    x = (torch.tensor(planes).permute(0, 3, 1, 2) / 127.5 - 1 - mean) / deviation
    total = 0.0
    for place, (layer, stride, padding) in enumerate([(0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)]):
        if layer in {3, 6}:
            x = layers.max_pool2d(x, 3, 2)
        weight, bias = weights[f"features.{layer}.weight"], weights[f"features.{layer}.bias"]
        x = layers.relu(layers.conv2d(x, weight, bias, stride, padding))
        unit = x / x.norm(dim=1, keepdim=True)
        total += float(layers.conv2d((unit[:1] - unit[1:]) ** 2, heads[place]).mean().detach())
    return total


@pytest.mark.usefixtures("weights")
def test_lpips_needs_31_pixels(photo: Picture) -> None:
    tile = Picture(np.ascontiguousarray(photo.pixels[:LPIPS_MIN_SIDE, :LPIPS_MIN_SIDE]))
    assert LPIPS.function(tile, Picture(tile.pixels // 32 * 32)) > 0
    small = Picture(np.ascontiguousarray(photo.pixels[: LPIPS_MIN_SIDE - 1]))
    assert LPIPS.function(small, small) is None


def test_missing_weights_are_named_with_the_way_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("BENCH_WEIGHTS", "TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    assert LPIPS.missing() == "AlexNet's weights are not on this machine: bench fetch lpips"


@pytest.mark.usefixtures("weights")
def test_a_damaged_file_is_refused(photo: Picture, tmp_path: Path) -> None:
    (tmp_path / ALEXNET).write_bytes(b"damaged")
    with pytest.raises(MissingError, match=r"missing or damaged: bench fetch lpips$"):
        LPIPS.function(photo, photo)
