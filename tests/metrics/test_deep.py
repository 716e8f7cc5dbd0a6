"""LPIPS and DISTS with weights that are made here: those of AlexNet and VGG-16 are too large for a test."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from file_server import CONTENT, SHA256, Server, serving

from bench.cli.main import main
from bench.images.picture import Picture
from bench.metrics import deep
from bench.metrics.deep import ALEXNET, DISTS, DISTS_WEIGHTS, FILES, LPIPS, LPIPS_MIN_SIDE, VGG16
from bench.system.errors import MissingError
from bench.system.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.metrics.deep import WeightsFile

    Write = Callable[[WeightsFile, dict[str, torch.Tensor]], None]

ALEXNET_SHAPES = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
"""Layer to its channels, those before it, and the side of its kernels."""

VGG16_WIDTHS = {0: 64, 2: 64, 5: 128, 7: 128, 10: 256, 12: 256, 14: 256} | dict.fromkeys((17, 19, 21, 24, 26, 28), 512)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Puts weights in the place of the true ones, under their names and with a hash of their own."""
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    cached = (deep._lpips_network, deep._dists_weights, deep._vgg16)

    def write(file: WeightsFile, tensors: dict[str, torch.Tensor]) -> None:
        torch.save(tensors, tmp_path / file.name)
        constant = next(name for name in ("ALEXNET", "VGG16", "DISTS_WEIGHTS") if getattr(deep, name) == file)
        monkeypatch.setattr(deep, constant, replace(file, sha256=sha256_of(tmp_path / file.name)))

    for function in cached:
        function.cache_clear()
    yield write
    for function in cached:
        function.cache_clear()


@pytest.fixture
def alexnet(write: Write) -> dict[str, torch.Tensor]:
    """Random weights of AlexNet's layers."""
    torch.manual_seed(1)
    made = {}
    for layer, (width, channels, side) in ALEXNET_SHAPES.items():
        made[f"features.{layer}.weight"] = 0.05 * torch.randn(width, channels, side, side)
        made[f"features.{layer}.bias"] = 0.1 * torch.randn(width)
    write(ALEXNET, made)
    return made


@pytest.fixture
def other(photo: Picture) -> Picture:
    return Picture(photo.pixels // 32 * 32)


def test_lpips_is_the_weighted_distance_of_normalised_features(
    photo: Picture, other: Picture, alexnet: dict[str, torch.Tensor]
) -> None:
    assert LPIPS.missing() is None
    assert LPIPS.function(photo, other) == pytest.approx(lpips_by_hand(photo, other, alexnet), rel=1e-4)
    assert LPIPS.function(photo, photo) == 0


def lpips_by_hand(one: Picture, other: Picture, weights: dict[str, torch.Tensor]) -> float:
    """The paper's equation 1, with AlexNet written out."""
    layers = torch.nn.functional
    heads = [head.model[-1].weight for head in deep._lpips_network().lins]
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


@pytest.mark.usefixtures("alexnet")
def test_lpips_needs_31_pixels(photo: Picture) -> None:
    tile = Picture(np.ascontiguousarray(photo.pixels[:LPIPS_MIN_SIDE, :LPIPS_MIN_SIDE]))
    assert LPIPS.function(tile, Picture(tile.pixels // 32 * 32)) > 0
    small = Picture(np.ascontiguousarray(photo.pixels[: LPIPS_MIN_SIDE - 1]))
    assert LPIPS.function(small, small) is None


def vgg16(widths: dict[int, int]) -> dict[str, torch.Tensor]:
    """Random weights of VGG-16's convolutions, which keep the size of what passes."""
    torch.manual_seed(1)
    made, channels = {}, 3
    for layer, width in widths.items():
        made[f"features.{layer}.weight"] = torch.randn(width, channels, 3, 3) * (2 / (9 * channels)) ** 0.5
        made[f"features.{layer}.bias"] = 0.1 * torch.randn(width)
        channels = width
    return made


def dists_weights(channels: int) -> dict[str, torch.Tensor]:
    return {name: torch.rand(1, channels, 1, 1) for name in ("alpha", "beta")}


def test_dists_is_that_of_another_package(
    photo: Picture, other: Picture, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    perceptual = pytest.importorskip("piq.perceptual")
    vgg = pytest.importorskip("torchvision.models.vgg")
    tensors, weights = vgg16(VGG16_WIDTHS), dists_weights(1475)
    write(VGG16, tensors)
    write(DISTS_WEIGHTS, weights)
    features = vgg.make_layers(vgg.cfgs["D"])
    features.load_state_dict({name.removeprefix("features."): tensor for name, tensor in tensors.items()})
    monkeypatch.setattr(perceptual, "vgg16", lambda **_: SimpleNamespace(features=features))
    total = weights["alpha"].sum() + weights["beta"].sum()
    shares = {name: tensor / total for name, tensor in weights.items()}
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: shares)
    one, two = (torch.tensor(picture.pixels).permute(2, 0, 1)[None] / 255 for picture in (photo, other))
    assert DISTS.missing() is None
    assert DISTS.function(photo, other) == pytest.approx(float(perceptual.DISTS()(two, one)), rel=1e-4)


@pytest.fixture
def _narrow(write: Write) -> None:
    """VGG-16 with four channels in each layer."""
    write(VGG16, vgg16(dict.fromkeys(VGG16_WIDTHS, 4)))
    write(DISTS_WEIGHTS, dists_weights(23))


@pytest.mark.usefixtures("_narrow")
def test_dists_of_equal_pictures_is_0_and_the_order_does_not_matter(photo: Picture, other: Picture) -> None:
    assert DISTS.function(photo, photo.copy()) == pytest.approx(0, abs=1e-6)
    assert DISTS.function(photo, other) == pytest.approx(DISTS.function(other, photo), rel=1e-6)
    assert DISTS.function(photo, other) > DISTS.function(photo, Picture(photo.pixels // 4 * 4)) > 0


@pytest.mark.usefixtures("_narrow")
@pytest.mark.parametrize("side", [1, 5])
def test_dists_is_defined_on_the_smallest_pictures(side: int, photo: Picture) -> None:
    tile = Picture(np.ascontiguousarray(photo.pixels[:side, :side]))
    assert 0 <= DISTS.function(tile, Picture(255 - tile.pixels)) <= 2


@pytest.mark.parametrize(("metric", "names"), [(LPIPS, ALEXNET.name), (DISTS, f"{VGG16.name}, {DISTS_WEIGHTS.name}")])
def test_missing_weights_are_named_with_the_way_to_get_them(
    metric: deep.Metric, names: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("BENCH_WEIGHTS", "TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    expected = f"its weights are not on this machine ({names}): bench fetch {metric.name}"
    assert metric.missing() == expected


@pytest.mark.usefixtures("alexnet", "_narrow")
@pytest.mark.parametrize(("metric", "file"), [(LPIPS, ALEXNET), (DISTS, VGG16), (DISTS, DISTS_WEIGHTS)])
def test_a_damaged_file_is_refused(metric: deep.Metric, file: WeightsFile, photo: Picture, tmp_path: Path) -> None:
    (tmp_path / file.name).write_bytes(b"damaged")
    with pytest.raises(MissingError, match=rf"missing or damaged: bench fetch {metric.name}$"):
        metric.function(photo, photo)


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[int, str]]]:
    """`bench fetch dists`, from a server on this machine that has the two files under given names."""
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with serving() as address:

        def fetch(*names: str) -> tuple[int, str]:
            files = [
                replace(file, url=f"{address}/{name}", sha256=SHA256[:digits])
                for file, name, digits in zip(FILES["dists"], names, (8, 64), strict=True)
            ]
            monkeypatch.setitem(deep.FILES, "dists", tuple(files))
            result = CliRunner().invoke(main, ["fetch", "dists"])
            return result.exit_code, result.output

        yield fetch


def test_weights_are_fetched_once(offered: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    code, output = offered("file", "file")
    paths = [tmp_path / "weights" / file.name for file in (VGG16, DISTS_WEIGHTS)]
    assert (code, output) == (0, f"weights of dists are {paths[0]} and {paths[1]}\n")
    assert [path.read_bytes() for path in paths] == [CONTENT, CONTENT]
    assert DISTS.missing() is None
    assert offered("file", "file")[0] == 0
    assert len(Server.log) == 2


def test_weights_that_were_cut_off_go_on(offered: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    code, output = offered("cut", "file")
    assert code == 1
    assert "run again to resume" in output
    assert not (tmp_path / "weights" / VGG16.name).exists()
    assert offered("cut", "file")[0] == 0
    assert (tmp_path / "weights" / VGG16.name).read_bytes() == CONTENT
    assert ("/cut", None) not in Server.log[1:]


def test_weights_with_another_hash_are_refused(offered: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    code, output = offered("file", "corrupt")
    assert code == 1
    assert f"cannot download {DISTS_WEIGHTS.name}: " in output
    assert f"expected {SHA256[:16]}" in output
    assert [path.name for path in (tmp_path / "weights").iterdir()] == [VGG16.name]


def test_files_are_named_once() -> None:
    names = [file.name for files in FILES.values() for file in files]
    assert len(set(names)) == len(names) == 3
