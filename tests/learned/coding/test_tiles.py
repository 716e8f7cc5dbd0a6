"""Tiled transforms compute the latents and the picture of the whole, and files store the side of the tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data
import torch

from bench.codecs.registry import codec_class
from bench.images.colour import to_yuv420
from bench.images.picture import Picture
from bench.learned.codecs.learned_codec import LearnedCodec
from bench.learned.coding import container, tiles
from bench.learned.coding.loaded_model import LoadedModel
from bench.learned.coding.tiles import GlobalMeans, Grid, Tile
from bench.learned.coding.transforms import PictureTransforms, PlanesTransforms
from bench.learned.families import FAMILIES, RGB, YUV420
from bench.learned.models import build
from bench.learned.models.cca.blocks import ChannelAttention, channel_means
from bench.learned.models.cca.enhancement import CHROMA, LUMA
from bench.learned.models.config import ModelConfig
from bench.learned.weights.full import ModelCard, finish, save

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Fitter

SMALL = 192
"""Side of the tiles, in pixels."""


@pytest.fixture(scope="module")
def photograph() -> Picture:
    """452x200 pixels, not a multiple of any stride: 3x2 tiles, the first of which does not see the whole picture."""
    return Picture(np.ascontiguousarray(skimage.data.astronaut()[:200, :452]))


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make tiles so small that small pictures have several."""
    monkeypatch.setattr(tiles, "WHOLE_PIXELS", 1 << 14)
    monkeypatch.setattr(tiles, "SIDE", SMALL)
    monkeypatch.setattr(container, "SIDES", range(64, SMALL + 1, 64))


def planar_model(family: str) -> LoadedModel:
    """Return a model of planes whose weights differ from their initial values, so that every layer has an effect."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(6)
        model = build(ModelConfig(family, 16, 16))
        for name, parameter in model.named_parameters():
            if not name.endswith("quantiles"):
                parameter.add_(torch.rand_like(parameter), alpha=0.01)
        [*_, last] = [layer for layer in model.g_a.modules() if isinstance(layer, torch.nn.Conv2d)]
        last.weight.mul_(4 / model.g_a(torch.rand(1, 6, 32, 32)).std())
        return LoadedModel.of(finish(model))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (8192, 1024), (4096, 2048), (3840, 2160)])
def test_pictures_up_to_4k_are_not_tiled(width: int, height: int) -> None:
    assert tiles.side_of(width, height) == tiles.WHOLE


@pytest.mark.parametrize(("width", "height"), [(4096, 2049), (12288, 8192), (65_535, 2048)])
def test_the_side_of_the_tiles_is_a_function_of_the_size(width: int, height: int) -> None:
    assert tiles.side_of(width, height) in tiles.SIDES


@pytest.mark.parametrize(("height", "width", "reach"), [(20, 32, 2), (4, 4, 13), (37, 8, 0), (64, 129, 11)])
def test_each_latent_is_kept_once_and_seen_with_its_surroundings(height: int, width: int, reach: int) -> None:
    times = np.zeros((height, width), int)
    for tile in Grid((height, width), SMALL, reach):
        times[tile.kept] += 1
        position = np.zeros_like(times)
        position[tile.kept] = 1
        assert position[tile.seen][tile.inner(1)].all()
        for kept, seen, length in zip(tile.kept, tile.seen, times.shape, strict=True):
            assert seen.start == max(0, kept.start - reach)
            assert seen.stop == min(length, kept.stop + reach)
    assert (times == 1).all()


@pytest.mark.parametrize("part", ["g_a", "g_s"])
@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_beyond_a_family_s_reach_has_an_influence(family: str, part: str) -> None:
    # NaN propagates through every operation, whatever the weights.
    torch.manual_seed(1)
    model = build(ModelConfig(family, 8, 8)).eval()
    reach, kept = FAMILIES[family].reach, slice(14, 18)
    tile = Tile((kept, kept), (slice(14 - reach, 18 + reach), slice(14 - reach, 18 + reach)))
    scale = 8 if family in YUV420 else 16
    of_input, of_output = (scale, 1) if part == "g_a" else (1, scale)
    channels = (6 if family in YUV420 else 3) if part == "g_a" else 8
    x = torch.full((1, channels, 32 * of_input, 32 * of_input), torch.nan)
    x[..., *tile.seen_at(of_input)] = 0.5
    with torch.inference_mode(), _ConstantMeans():
        y = getattr(model, part)(x)
        if part == "g_s" and family == "cca":
            y = model.acem(y)
    assert y.shape[2] == 32 * of_output
    assert y.isnan().any()
    assert not y[..., *tile.kept_at(of_output)].isnan().any()


class _ConstantMeans(torch.overrides.TorchFunctionMode):
    """Replaces means over the whole picture, which the reach does not cover, by constants."""

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204
        return torch.zeros_like(args[0][:, :, :1, :1]) if func is channel_means else func(*args, **(kwargs or {}))


@pytest.mark.parametrize("family", RGB)
def test_latents_and_picture_in_tiles_are_those_of_the_whole(family: str, fitted: Fitter, photograph: Picture) -> None:
    transforms = LoadedModel.of(fitted(family, steps=2)).transforms
    assert isinstance(transforms, PictureTransforms)
    whole, tiled = (transforms.analysis(photograph, side) for side in (tiles.WHOLE, SMALL))
    _require_equal_latents(whole, tiled)
    size = photograph.height, photograph.width
    pictures = [
        transforms.synthesis(whole.round(), size, side=side).pixels.astype(int) for side in (tiles.WHOLE, SMALL)
    ]
    _require_equal_samples(*pictures)


@pytest.mark.parametrize("family", YUV420)
def test_planes_in_tiles_are_those_of_the_whole(family: str, photograph: Picture) -> None:
    transforms = planar_model(family).transforms
    assert isinstance(transforms, PlanesTransforms)
    planes = to_yuv420(photograph)
    whole, tiled = (transforms.analysis(planes, side) for side in (tiles.WHOLE, SMALL))
    _require_equal_latents(whole, tiled)
    size = planes.height, planes.width
    filtered = LUMA + CHROMA
    pictures = [transforms.synthesis(whole.round(), size, filtered, side=side) for side in (tiles.WHOLE, SMALL)]
    _require_equal_samples(*(np.frombuffer(picture.to_bytes(), np.uint8).astype(int) for picture in pictures))
    best = filtered if family == "cca" else 0
    assert transforms.best_indicator(whole.round(), pictures[0], SMALL) == best


def _require_equal_latents(whole: torch.Tensor, tiled: torch.Tensor) -> None:
    assert whole.std() > 0.5
    assert torch.allclose(whole, tiled, rtol=1e-4, atol=1e-4)
    assert (whole.round() != tiled.round()).float().mean() <= 1e-4


def _require_equal_samples(whole: np.ndarray, tiled: np.ndarray) -> None:  # type: ignore[type-arg]
    assert np.ptp(whole) > 8
    assert np.abs(whole - tiled).max() <= 1
    assert (whole != tiled).mean() <= 1e-4


def test_means_over_tiles_are_those_of_the_whole_after_a_pass_for_each_that_depends_on_another() -> None:
    torch.manual_seed(2)
    network = torch.nn.Sequential(*(ChannelAttention(4) for _ in range(3)))
    x = torch.rand(1, 4, 20, 36) + 1
    grid, passes = Grid((20, 36), SMALL, 0), []
    found = torch.zeros_like(x)

    def compute(tile: Tile) -> None:
        passes.append(tile)
        found[..., *tile.kept] = network(x[..., *tile.seen])

    with torch.inference_mode():
        grid.compute(compute)
        assert torch.allclose(found, network(x), atol=1e-6)
    assert len(passes) == (3 + 1) * len(list(grid))
    passes.clear()
    x[..., 0, 0] = torch.nan
    with torch.inference_mode():
        grid.compute(compute)
    assert found.isnan().all()
    assert len(passes) == (3 + 1) * len(list(grid))


def test_a_network_without_means_takes_one_pass() -> None:
    means = GlobalMeans((1, 1))
    means.advance()
    assert means.are_known


@pytest.fixture(scope="module")
def folder(fitted: Fitter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights: some families at quality 3."""
    folder = tmp_path_factory.mktemp("weights")
    for family in ("hyper", "joint"):
        save(folder / f"{family}-3.safetensors", fitted(family, steps=2), ModelCard(3, 0.0067, "mse"))
    save(folder / "cca-3.safetensors", planar_model("cca").model, ModelCard(3, 0.045, "mse-611"))
    return folder


@pytest.mark.parametrize("family", ["hyper", "joint", "cca"])
@pytest.mark.usefixtures("small_tiles")
def test_a_file_decodes_by_the_tiles_that_it_names(
    family: str, folder: Path, photograph: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = codec_class(family)(3, weights=str(folder))
    assert isinstance(codec, LearnedCodec)
    if family == "cca":  # has several passes
        photograph = Picture(photograph.pixels[:100])
    data = codec.encode(photograph)
    decoded = codec.decode(data)
    monkeypatch.setattr(tiles, "WHOLE_PIXELS", 1 << 23)  # decoding must use the side in the file
    assert np.array_equal(codec.decode(data).pixels, decoded.pixels)
    if family == "cca":
        return
    whole = codec.encode(photograph)
    contents = [container.unpack(each, codec._identity) for each in (data, whole)]
    assert [content.side for content in contents] == [SMALL, tiles.WHOLE]
    assert contents[0].payload == contents[1].payload
    _require_equal_samples(codec.decode(whole).pixels.astype(int), decoded.pixels.astype(int))
