"""Metrics that are measured on request: the contract of all, and each beside another implementation."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.fft
import scipy.ndimage
import skimage.data

from bench.codecs.registry import FURTHER_METRICS, METRIC_SETS, load_metric
from bench.images.colour import to_yuv420
from bench.images.picture import Picture
from bench.metrics import ssimulacra2
from bench.metrics.packages import missing_package, unit_luma
from bench.system.environment import set_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from bench.metrics import Metric

SYMMETRIC = {"psnr_hvs", "psnr_hvs_m", "nlpd", "fsim", "gmsd", "flip", "lpips", "dists"}
"""Those for which it does not matter which picture is the original."""

PERFECT = {"vmaf": 97.428475, "xpsnr": math.inf, "psnr_hvs": math.inf, "psnr_hvs_m": math.inf, "ssimulacra2": 100} | {
    "nlpd": 1e-5, "flip": 0, "lpips": 0, "dists": 0, "fsim": 1, "gmsd": 0, "iw_ssim": 1, "vif": 1, "cvvdp": 10,
}  # fmt: skip
"""The values of equal pictures. VMAF's is well known; NLPD adds 1e-10 below its root."""

FROM_SIDE = {"vmaf": 17, "ssimulacra2": 8, "nlpd": 33, "fsim": 2, "gmsd": 3, "lpips": 31, "iw_ssim": 161, "vif": 41} | {
    "cvvdp": 2
}
"""The smaller side that a metric needs, where it needs one."""


@pytest.fixture(params=FURTHER_METRICS)
def metric(request: pytest.FixtureRequest) -> Metric:
    found = load_metric(request.param)
    if reason := found.missing():
        pytest.skip(reason)
    return found


def coarser(picture: Picture, levels: int) -> Picture:
    """Levels a multiple apart: what no library of codecs has a say in."""
    return Picture(np.minimum(picture.pixels // levels * levels + levels // 2, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def original() -> Picture:
    return Picture(np.ascontiguousarray(skimage.data.astronaut()[40:232, 130:310]))


@pytest.fixture(scope="module")
def decoded(original: Picture) -> Picture:
    return coarser(original, 24)


def test_equal_pictures_have_the_best_value(metric: Metric, original: Picture) -> None:
    assert metric.function(original, original.copy()) == pytest.approx(PERFECT[metric.name], abs=1e-3)


def test_a_worse_picture_is_rated_worse(metric: Metric, original: Picture) -> None:
    values = [metric.function(original, coarser(original, levels)) for levels in (48, 24, 6)]
    assert values == sorted(values, reverse=not metric.higher_is_better)
    assert len(set(values)) == 3


def test_values_do_not_depend_on_threads(metric: Metric, original: Picture, decoded: Picture) -> None:
    values = set()
    for threads in (1, 3):
        set_threads(threads)
        values.add(metric.function(original, decoded))
    assert len(values) == 1


def test_symmetry_is_what_is_said(metric: Metric, original: Picture, decoded: Picture) -> None:
    one, other = metric.function(original, decoded), metric.function(decoded, original)
    assert (one == pytest.approx(other, rel=1e-6)) == (metric.name in SYMMETRIC)


@pytest.mark.parametrize("size", [(9, 200), (200, 9), (1, 1)])
def test_a_small_picture_has_a_number_or_none(metric: Metric, size: tuple[int, int], original: Picture) -> None:
    tile = Picture(np.resize(original.pixels, (*size, 3)))
    value = metric.function(tile, coarser(tile, 24))
    assert (value is None) == (min(size) < FROM_SIDE.get(metric.name, 1))
    assert value is None or not math.isnan(value)


def test_the_smallest_picture_that_is_said_to_do_does(metric: Metric, original: Picture) -> None:
    side = FROM_SIDE.get(metric.name, 1)
    tile = Picture(np.ascontiguousarray(original.pixels[:side, :side]))
    assert isinstance(metric.function(tile, coarser(tile, 24)), float)


def test_a_flat_grey_picture_has_a_number_or_none(metric: Metric) -> None:
    one, other = (Picture(np.full((200, 200, 3), level, np.uint8)) for level in (128, 130))
    value = metric.function(one, other)
    assert value is None or not math.isnan(value)


def test_planes_are_measured_by_their_luma(metric: Metric, original: Picture, decoded: Picture) -> None:
    if not metric.takes("yuv420"):
        pytest.skip("a metric of RGB")
    one, other = to_yuv420(original), to_yuv420(decoded)
    value = metric.function(one, other)
    swapped = type(other)(other.y, other.v, other.u)
    assert metric.function(one, swapped) == value
    assert value == pytest.approx(metric.function(original, decoded), rel=0.1)


def test_a_metric_goes_by_its_name(metric: Metric) -> None:
    assert FURTHER_METRICS[metric.name].endswith(f":{metric.name.upper()}")


def test_sets_have_known_metrics() -> None:
    members = [load_metric(name).name for name in METRIC_SETS["jpeg-ai"]]
    assert sorted(members) == ["fsim", "iw_ssim", "ms_ssim_y", "nlpd", "psnr_hvs", "vif", "vmaf"]


def test_a_missing_package_is_named_with_the_way_to_get_it() -> None:
    assert missing_package("numpy")() is None
    expected = "the package no-such-thing is not installed: pip install '.[metrics]'"
    assert missing_package("numpy", "no_such_thing")() == expected


@pytest.mark.parametrize(
    ("rows", "columns", "levels", "value"),
    [
        (192, 180, 6, 87.37814043),
        (192, 180, 24, 45.75396),
        (192, 180, 48, -14.56129217),
        (192, 61, 24, 43.74944392),
        (39, 47, 24, -14.42337411),
        (8, 9, 24, 92.48763364),
    ],
)
def test_ssimulacra2_is_that_of_its_authors(
    original: Picture, rows: int, columns: int, levels: int, value: float
) -> None:
    """Values of their program (SSIMULACRA 2.1, github.com/cloudinary/ssimulacra2 at 81feacf), which sums in 32 bits."""
    part = Picture(np.ascontiguousarray(original.pixels[:rows, :columns]))
    found = load_metric("ssimulacra2").function(part, coarser(part, levels))
    assert found == pytest.approx(value, abs=0.03)


def test_the_blur_of_ssimulacra2_has_unit_sum_and_the_variance_of_its_gaussian() -> None:
    spread = np.arange(-4, 5)
    taps = ssimulacra2._taps()
    assert taps == pytest.approx(taps[::-1])
    assert (taps.sum(), taps @ spread**2) == pytest.approx((1, ssimulacra2.SIGMA**2))
    gaussian = np.exp(-(spread**2) / 2 / ssimulacra2.SIGMA**2)
    assert taps == pytest.approx(gaussian / gaussian.sum(), abs=0.002)


@pytest.mark.parametrize(
    ("name", "value", "tolerance"),
    [
        ("vmaf", 82.539986, 0.1),
        ("fsim", 0.9509269185, 1e-6),
        ("gmsd", 0.0563971829, 1e-3),
        ("nlpd", 0.1471181994, 0.008),
        ("flip", 0.1093256772, 1e-6),
    ],
)
def test_values_are_those_of_other_packages(
    name: str, value: float, tolerance: float, original: Picture, decoded: Picture
) -> None:
    # VMAF by vmaf-torch 1.1.0, which has floats where libvmaf has integers; FLIP by its authors' code for PyTorch
    # (github.com/NVlabs/flip, src/pytorch/flip_loss.py), where the package has C++; the others by pyiqa 0.1.16, whose
    # GMSD rounds luma, and whose NLPD borders the levels of its pyramid in another way.
    metric = load_metric(name)
    if reason := metric.missing():
        pytest.skip(reason)
    assert metric.function(original, decoded) == pytest.approx(value, abs=tolerance)


def required(name: str) -> Callable[[Picture, Picture], float]:
    metric = load_metric(name)
    if reason := metric.missing():
        pytest.skip(reason)
    return metric.function  # type: ignore[return-value]


CSF = np.array(
    [
        [1.608443, 2.339554, 2.573509, 1.608443, 1.072295, 0.643377, 0.504610, 0.421887],
        [2.144591, 2.144591, 1.838221, 1.354478, 0.989811, 0.443708, 0.428918, 0.467911],
        [1.838221, 1.979622, 1.608443, 1.072295, 0.643377, 0.451493, 0.372972, 0.459555],
        [1.838221, 1.513829, 1.169777, 0.887417, 0.504610, 0.295806, 0.321689, 0.415082],
        [1.429727, 1.169777, 0.695543, 0.459555, 0.378457, 0.236102, 0.249855, 0.334222],
        [1.072295, 0.735288, 0.467911, 0.402111, 0.317717, 0.247453, 0.227744, 0.279729],
        [0.525206, 0.402111, 0.329937, 0.295806, 0.249855, 0.212687, 0.214459, 0.254803],
        [0.357432, 0.279729, 0.270896, 0.262603, 0.229778, 0.257351, 0.249855, 0.259950],
    ]
)
"""Weights of the coefficients of the DCT, from the authors' code."""


def test_psnr_hvs_weights_the_coefficients_of_blocks(original: Picture, decoded: Picture) -> None:
    function = required("psnr_hvs")
    difference = unit_luma(original)[:184, :176] - unit_luma(decoded)[:184, :176]
    blocks = difference.reshape(23, 8, 22, 8).transpose(0, 2, 1, 3)
    error = np.mean((scipy.fft.dctn(blocks, norm="ortho", axes=(2, 3)) * CSF) ** 2)
    cut = [Picture(np.ascontiguousarray(picture.pixels[:184, :176])) for picture in (original, decoded)]
    assert function(*cut) == pytest.approx(-10 * np.log10(error), abs=1e-4)


JPEG_LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
"""The quantisation table of ITU-T T.81, annex K.1, from which the paper's masking derives."""


def masking(block: NDArray[np.float64], coefficients: NDArray[np.float64]) -> float:
    """How much a block of 8x8 samples masks: the energy of all coefficients but the mean, by how even it is."""

    def spread(samples: NDArray[np.float64]) -> float:
        return float(samples.var(ddof=1) * samples.size)

    quarters = [block[i : i + 4, j : j + 4] for i in (0, 4) for j in (0, 4)]
    evenness = sum(map(spread, quarters)) / spread(block) if spread(block) else 0.0
    energy = (coefficients**2 * (10 / JPEG_LUMINANCE) ** 2).sum() - coefficients[0, 0] ** 2 * (10 / 16) ** 2
    return float(np.sqrt(energy * evenness) / 32)


def test_psnr_hvs_m_leaves_out_what_the_blocks_mask(original: Picture, decoded: Picture) -> None:
    """Ponomarenko et al. 2007, section 3: errors below what either block masks are not seen."""
    function = required("psnr_hvs_m")
    one, other = (unit_luma(picture)[:64, :48] for picture in (original, decoded))
    error = 0.0
    for top, left in itertools.product(range(0, 64, 8), range(0, 48, 8)):
        blocks = [plane[top : top + 8, left : left + 8] for plane in (one, other)]
        a, b = (scipy.fft.dctn(block, norm="ortho") for block in blocks)
        seen = np.abs(a - b)
        threshold = max(masking(blocks[0], a), masking(blocks[1], b)) / (10 / JPEG_LUMINANCE) ** 2
        threshold[0, 0] = 0
        error += float(((np.maximum(seen - threshold, 0) * CSF) ** 2).sum())
    cut = [Picture(np.ascontiguousarray(picture.pixels[:64, :48])) for picture in (original, decoded)]
    assert function(*cut) == pytest.approx(-10 * np.log10(error / (64 * 48)), abs=1e-4)


def test_vif_is_the_information_that_is_left(original: Picture, decoded: Picture) -> None:
    function = required("vif")
    a, b = (255 * unit_luma(picture) for picture in (original, decoded))
    left = there = 0.0
    for scale in range(4):
        size = 2 ** (4 - scale) + 1
        window = np.exp(-0.5 * ((np.arange(size) - size // 2) / (size / 5)) ** 2)
        kernel = np.outer(window, window) / window.sum() ** 2

        def mean(plane: NDArray[np.float64], kernel: NDArray[np.float64] = kernel) -> NDArray[np.float64]:
            half = len(kernel) // 2
            return scipy.ndimage.correlate(plane, kernel)[half:-half, half:-half]

        if scale:
            a, b = mean(a)[::2, ::2], mean(b)[::2, ::2]
        var_a, var_b = mean(a * a) - mean(a) ** 2, mean(b * b) - mean(b) ** 2
        gain = (mean(a * b) - mean(a) * mean(b)) / np.maximum(var_a, 1e-8)
        noise = var_b - gain**2 * var_a
        left += np.log(1 + np.maximum(gain, 0) ** 2 * var_a / (np.maximum(noise, 1e-8) + 2)).sum()
        there += np.log(1 + var_a / 2).sum()
    assert function(original, decoded) == pytest.approx(left / there, abs=1e-3)


def test_xpsnr_weights_blocks_by_their_activity() -> None:
    """The paper's equations on a still picture, one that is too large for the weights to be smoothed."""
    function = required("xpsnr")
    pixels = np.hstack([skimage.data.astronaut(), skimage.data.astronaut()[::-1]])[:480]
    original, decoded = Picture(pixels), coarser(Picture(pixels), 24)
    a, b = (1023 * unit_luma(picture) for picture in (original, decoded))
    height, width = a.shape
    share = height * width / (3840 * 2160)
    side = 4 * int(32 * math.sqrt(share) + 0.5)
    average = math.sqrt(16 * 2 ** (2 * 10 - 9) / math.sqrt(share))
    edges = np.abs(scipy.ndimage.correlate(a, np.array([[-1, -2, -1], [-2, 12, -2], [-1, -2, -1]])))
    total = 0.0
    for top in range(0, height, side):
        for left in range(0, width, side):
            block = (slice(top, top + side), slice(left, left + side))
            inside = (slice(max(top, 1), min(top + side, height - 1)), slice(max(left, 1), min(left + side, width - 1)))
            activity = max(edges[inside].mean(), 2 ** (10 - 6))
            total += average / activity * ((a - b)[block] ** 2).sum()
    assert function(original, decoded) == pytest.approx(10 * math.log10(height * width * 1023**2 / total), abs=1e-3)
