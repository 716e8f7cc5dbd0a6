"""SSIMULACRA 2.1 (Sneyers 2022, https://github.com/cloudinary/ssimulacra2), of RGB: 100 for equal pictures.

90 is visually lossless, 30 is low quality, and there is no minimum. It compares six scales of both pictures in JPEG
XL's colour space XYB by three maps: structural similarity without the denominator of the luminance term, edges added by
the decoded picture, and edges lost. Two norms of each map are weighted and mapped to a score.

The blur is that of JPEG XL: Charalampidis, "Recursive implementation of the Gaussian filter using truncated cosine
functions" (2016), a sum of three cosines, with zeros outside the picture. Here its nine taps are applied directly.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from bench.metrics.distortion import Metric
from bench.metrics.packages import from_side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from bench.images.picture import Picture

    Planes = NDArray[np.float64]

MIN_SIDE = 8
"""Minimum side of a scale in pixels."""

SCALES = 6
SIGMA = 1.5
C2 = 0.0009  # of structural similarity

_ABSORBANCE = np.array(
    [[0.30, 0.622, 0.078], [0.23, 0.692, 0.078], [0.24342268924547819, 0.20476744424496821, 0.55180986650955360]]
)
_BIAS = 0.0037930732552754493
"""Matrix and bias from linear RGB to cone responses, as in JPEG XL."""

WEIGHTS = np.array(
    [
        # X: of each scale similarity, edges added, edges lost; their means, then their norms of power four
        0, 0.0007376606707406586, 0, 0, 0.0007793481682867309, 0,
        0, 0.0004371155730107379, 0, 1.1041726426657346, 0.00066284834129271, 0.00015231632783718752,
        0, 0.0016406437456599754, 0, 1.8422455520539298, 11.441172603757666, 0,
        0.0007989109436015163, 0.000176816438078653, 0, 1.8787594979546387, 10.94906990605142, 0,
        0.0007289346991508072, 0.9677937080626833, 0,
        0.00014003424285435884, 0.9981766977854967, 0.00031949755934435053,
        0.0004550992113792063, 0, 0, 0.0013648766163243398, 0, 0,
        # Y
        0, 0, 0, 7.466890328078848, 0, 17.445833984131262,
        0.0006235601634041466, 0, 0, 6.683678146179332, 0.00037724407979611296, 1.027889937768264,
        225.20515300849274, 0, 0, 19.213238186143016, 0.0011401524586618361, 0.001237755635509985,
        176.39317598450694, 0, 0, 24.43300999870476, 0.28520802612117757, 0.0004485436923833408,
        0, 0, 0, 34.77906344483772, 44.835625328877896, 0,
        0, 0, 0, 0, 0, 0,
        # B - Y
        0, 0.0008680556573291698, 0, 0, 0, 0,
        0, 0.0005313191874358747, 0, 0.00016533814161379112, 0, 0,
        0, 0, 0, 0.0004179171803251336, 0.0017290828234722833, 0,
        0.0020827005846636437, 0, 0, 8.826982764996862, 23.19243343998926, 0,
        95.1080498811086, 0.9863978034400682, 0.9834382792465353,
        0.0012286405048278493, 171.2667255897307, 0.9807858872435379,
        0, 0, 0, 0.0005130064588990679, 0, 0.00010854057858411537,
    ]
)  # fmt: skip


@from_side(MIN_SIDE)
def ssimulacra2(original: Picture, decoded: Picture) -> float:
    """SSIMULACRA 2.1 of pictures with sides of at least `MIN_SIDE` pixels."""
    # By colour, scale, norm and map; a small picture has fewer scales and uses only the first weights.
    norms = np.stack([_norms(*pair) for pair in zip(_scales(original), _scales(decoded), strict=True)], axis=1).ravel()
    error = 0.9562382616834844 * float(WEIGHTS[: norms.size] @ norms)
    error = 2.326765642916932 * error - 0.020884521182843837 * error**2 + 6.248496625763138e-05 * error**3
    return float(100 - 10 * max(error, 0.0) ** 0.6276336467831387)


def _scales(picture: Picture) -> Iterator[Planes]:
    """Yield XYB planes (3, height, width) by scale, halved in linear light while both sides have `MIN_SIDE` pixels."""
    linear = _linear()[picture.pixels.transpose(2, 0, 1)]
    yield _xyb(linear)
    for _ in range(SCALES - 1):
        if min(linear.shape[1:]) < MIN_SIDE:
            return
        linear = _halved(linear)
        yield _xyb(linear)


@functools.cache
def _linear() -> NDArray[np.float64]:
    """Linear light, from 0 to 1, of each 8-bit sample of sRGB."""
    level = np.arange(256) / 255
    light: NDArray[np.float64] = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return light


def _xyb(linear: Planes) -> Planes:
    """X, Y and B - Y, each shifted and scaled to between 0 and 1."""
    cones = np.cbrt(np.maximum(np.tensordot(_ABSORBANCE, linear, 1) + _BIAS, 0)) - np.cbrt(_BIAS)
    x, y = (cones[0] - cones[1]) / 2, (cones[0] + cones[1]) / 2
    return np.stack([14 * x + 0.42, y + 0.01, cones[2] - y + 0.55])


def _halved(planes: Planes) -> Planes:
    """Means of 2x2 samples; the last row or column is repeated if their number is odd."""
    padded = np.pad(planes, [(0, 0), *((0, size % 2) for size in planes.shape[1:])], mode="edge")
    halves: Planes = (padded[:, ::2, ::2] + padded[:, 1::2, ::2] + padded[:, ::2, 1::2] + padded[:, 1::2, 1::2]) / 4
    return halves


def _norms(original: Planes, decoded: Planes) -> Planes:
    """Mean and fourth-power norm of each map: shape (3 colours, 2 norms, 3 maps)."""
    mean, other = _blurred(original), _blurred(decoded)
    variances = _blurred(original**2) - mean**2 + _blurred(decoded**2) - other**2
    covariance = _blurred(original * decoded) - mean * other
    similarity = (1 - (mean - other) ** 2) * (2 * covariance + C2) / (variances + C2)
    edges = (1 + np.abs(decoded - other)) / (1 + np.abs(original - mean)) - 1
    maps = np.maximum([1 - similarity, edges, -edges], 0)
    norms: Planes = np.stack([maps.mean(axis=(2, 3)), (maps**4).mean(axis=(2, 3)) ** 0.25]).transpose(2, 0, 1)
    return norms


def _blurred(planes: Planes) -> Planes:
    from scipy.ndimage import convolve1d  # noqa: PLC0415  # 0.1 s

    for axis in (1, 2):
        planes = np.asarray(convolve1d(planes, _taps(), axis=axis, mode="constant"))
    return planes


@functools.cache
def _taps() -> NDArray[np.float64]:
    """Taps of the blur: of all sums of three cosines with sum 1 and variance SIGMA^2, the nearest to a Gaussian."""
    radius = round(3.2795 * SIGMA + 0.2546)
    frequencies = np.pi / (2 * radius) * np.array([1, 3, 5])
    places = np.arange(1 - radius, radius)  # the cosines are zero at the radius
    cosines = np.cos(np.outer(places, frequencies))
    spectrum = np.exp(-(SIGMA**2) / 2 * frequencies**2) / radius
    moments = np.stack([np.ones(places.size), places**2]) @ cosines
    amplitudes = spectrum + np.linalg.pinv(moments) @ ([1, SIGMA**2] - moments @ spectrum)
    taps: NDArray[np.float64] = cosines @ amplitudes
    return taps


SSIMULACRA2 = Metric("ssimulacra2", ssimulacra2, "SSIMULACRA 2", higher_is_better=True, version="2.1")
