from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.metrics
import torch
from pytorch_msssim import ms_ssim

from baselines.jpeg import Jpeg
from bench.codecs.registry import METRICS, load_metric
from bench.images.colour import to_yuv420
from bench.images.image_files import read_picture
from bench.images.picture import Picture, Yuv420
from bench.metrics import ms_ssim as ours
from bench.metrics.distortion import MS_SSIM, MS_SSIM_Y, MSE, MSE_U, MSE_V, MSE_Y, Metric
from bench.system.environment import usable_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.images.picture import AnyPicture

NAMES = ["astronaut", "chelsea", "coffee", "rocket"]


def coded(picture: Picture, quality: int) -> Picture:
    codec = Jpeg(quality)
    return codec.decode(codec.encode(picture))


def crop(picture: Picture, width: int, height: int) -> Picture:
    return Picture(np.ascontiguousarray(picture.pixels[:height, :width]))


@pytest.mark.parametrize("quality", [5, 50, 95])
@pytest.mark.parametrize("name", NAMES)
def test_psnr_is_that_of_scikit_image(name: str, quality: int, photographs: dict[str, Picture]) -> None:
    original = photographs[name]
    decoded = coded(original, quality)
    psnr_db = 10 * np.log10(255**2 / MSE.function(original, decoded))
    expected = skimage.metrics.peak_signal_noise_ratio(original.pixels, decoded.pixels, data_range=255)
    assert psnr_db == pytest.approx(expected, abs=1e-6)


def referee_ms_ssim(a: Picture, b: Picture) -> float:
    tensors = [torch.tensor(picture.pixels, dtype=torch.float64).permute(2, 0, 1)[None] for picture in (a, b)]
    return float(ms_ssim(*tensors, data_range=255.0))


@pytest.mark.parametrize("quality", [5, 95])
@pytest.mark.parametrize("name", NAMES)
def test_ms_ssim_is_that_of_pytorch_msssim(name: str, quality: int, photographs: dict[str, Picture]) -> None:
    original = crop(photographs[name], 320, 256)
    decoded = coded(original, quality)
    assert MS_SSIM.function(original, decoded) == pytest.approx(referee_ms_ssim(original, decoded), abs=1e-6)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], int]]:
    """Set the variable of OpenMP that MS-SSIM goes by; the number of threads that it makes of it is returned."""

    def use(variable: str) -> int:
        monkeypatch.setenv("OMP_NUM_THREADS", variable)
        ours._pool.cache_clear()
        return ours._pool()._max_workers

    yield use
    ours._pool.cache_clear()


def test_ms_ssim_does_not_depend_on_the_number_of_threads(
    photographs: dict[str, Picture], threads: Callable[[str], int]
) -> None:
    original = photographs["astronaut"]
    decoded = coded(original, 5)
    values = set()
    for count in (1, 2, 3, 8):
        assert threads(str(count)) == count
        values.add(MS_SSIM.function(original, decoded))
    assert len(values) == 1


@pytest.mark.parametrize(
    ("variable", "count"),
    [("4,2", 4), (" 3 ", 3), ("0", usable_cores()), ("", usable_cores()), ("all", usable_cores())],
)
def test_threads_of_ms_ssim_are_those_of_openmp(variable: str, count: int, threads: Callable[[str], int]) -> None:
    assert threads(variable) == count


def test_ms_ssim_of_flat_bright_areas_does_not_cancel() -> None:
    # Variances are differences of squares near 65025: single precision leaves errors as large as the variances.
    generator = np.random.default_rng(0)
    original = Picture(np.full((176, 176, 3), 240, np.uint8) + generator.integers(0, 4, (176, 176, 3), np.uint8))
    decoded = Picture(original.pixels + generator.integers(0, 3, (176, 176, 3), np.uint8))
    assert MS_SSIM.function(original, decoded) == pytest.approx(referee_ms_ssim(original, decoded), abs=1e-6)


@pytest.mark.parametrize(("width", "height"), [(160, 161), (161, 160), (160, 512), (1, 1)])
def test_ms_ssim_of_a_small_picture_is_absent(width: int, height: int, photographs: dict[str, Picture]) -> None:
    picture = crop(photographs["astronaut"], width, height)
    assert MS_SSIM.function(picture, picture) is None


def test_ms_ssim_is_defined_from_161_pixels(photographs: dict[str, Picture]) -> None:
    original = crop(photographs["astronaut"], 161, 161)
    value = MS_SSIM.function(original, coded(original, 20))
    assert value is not None
    assert 0.8 < value < 1


@pytest.mark.parametrize("name", ["mse", "mse_y"])
def test_equal_pictures_have_no_error(name: str, photo: Picture) -> None:
    assert load_metric(name).function(photo, photo) == 0


def test_equal_pictures_have_an_ms_ssim_of_one(photographs: dict[str, Picture]) -> None:
    assert MS_SSIM.function(photographs["chelsea"], photographs["chelsea"]) == pytest.approx(1, abs=1e-12)


KINDS = [(name, kind) for name in METRICS for kind in load_metric(name).kinds]


def of_kind(kind: str, picture: Picture) -> AnyPicture:
    return picture if kind == "rgb" else to_yuv420(picture)


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_metrics_are_symmetric(name: str, kind: str, photographs: dict[str, Picture]) -> None:
    original = photographs["rocket"]
    a, b, metric = of_kind(kind, original), of_kind(kind, coded(original, 10)), load_metric(name)
    assert metric.function(a, b) == pytest.approx(metric.function(b, a), rel=1e-9)


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_a_worse_picture_is_rated_worse(name: str, kind: str, photographs: dict[str, Picture]) -> None:
    original, metric = photographs["rocket"], load_metric(name)
    decoded = [of_kind(kind, coded(original, quality)) for quality in (10, 50, 90)]
    values = [metric.function(of_kind(kind, original), picture) for picture in decoded]
    assert values == sorted(values, reverse=not metric.higher_is_better)


def test_errors_of_planes_are_those_of_each_plane(photographs: dict[str, Picture]) -> None:
    original, decoded = (to_yuv420(picture) for picture in (photographs["coffee"], coded(photographs["coffee"], 20)))
    for metric, plane, other in zip((MSE_Y, MSE_U, MSE_V), original.planes, decoded.planes, strict=True):
        expected = skimage.metrics.mean_squared_error(plane, other)
        assert metric.function(original, decoded) == pytest.approx(expected, rel=1e-12)


def test_ms_ssim_of_y_is_that_of_pytorch_msssim(photographs: dict[str, Picture]) -> None:
    original, decoded = (to_yuv420(picture) for picture in (photographs["chelsea"], coded(photographs["chelsea"], 10)))
    tensors = [torch.tensor(picture.y, dtype=torch.float64)[None, None] for picture in (original, decoded)]
    assert MS_SSIM_Y.function(original, decoded) == pytest.approx(float(ms_ssim(*tensors, data_range=255)), abs=1e-6)


@pytest.mark.parametrize("metric", [MSE_Y, MSE_U, MSE_V], ids=lambda metric: metric.name)
def test_equal_planes_have_no_error_and_other_planes_do_not_matter(metric: Metric, photo: Picture) -> None:
    original = to_yuv420(photo)
    planes = dict(zip("yuv", original.planes, strict=True))
    own = metric.name[-1]
    others = {name: plane if name == own else 255 - plane for name, plane in planes.items()}
    assert metric.function(original, Yuv420(**others)) == 0
    assert metric.function(original, Yuv420(**(planes | {own: planes[own] ^ 1}))) == 1


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_registered_under_its_name(name: str) -> None:
    assert load_metric(name).name == name


def test_an_error_of_one_level_is_an_mse_of_one(photo: Picture) -> None:
    shifted = Picture(np.where(photo.pixels < 255, photo.pixels + 1, 254).astype(np.uint8))
    assert MSE.function(photo, shifted) == 1


def test_the_largest_error_does_not_wrap() -> None:
    black, white = (Picture(np.full((3, 5, 3), level, np.uint8)) for level in (0, 255))
    assert MSE.function(black, white) == MSE.function(white, black) == 255**2
    assert MSE_Y.function(black, white) == pytest.approx(255**2)


def test_luma_is_not_rounded() -> None:
    a = Picture(np.array([[[100, 100, 100]]], np.uint8))
    b = Picture(np.array([[[100, 100, 103]]], np.uint8))
    assert MSE.function(a, b) == 3
    assert MSE_Y.function(a, b) == pytest.approx((3 * 0.0722) ** 2)


@pytest.mark.parametrize(("width", "height"), [(161, 161), (163, 171), (511, 201), (200, 301)])
def test_ms_ssim_at_odd_sizes_is_that_of_pytorch_msssim(
    width: int, height: int, photographs: dict[str, Picture]
) -> None:
    original = crop(photographs["rocket"], width, height)
    decoded = coded(original, 10)
    assert MS_SSIM.function(original, decoded) == pytest.approx(referee_ms_ssim(original, decoded), abs=1e-6)


@pytest.mark.kodak
@pytest.mark.parametrize("quality", [5, 50])
def test_ms_ssim_on_kodak_is_that_of_pytorch_msssim(quality: int, kodak: list[Path]) -> None:
    # kodim20 has a flat bright sky, where single precision is off by 6e-5.
    for path in (kodak[4], kodak[19]):
        original = crop(read_picture(path), 320, 256)
        decoded = coded(original, quality)
        assert MS_SSIM.function(original, decoded) == pytest.approx(referee_ms_ssim(original, decoded), abs=1e-6)
