"""Distances between network features: LPIPS and DISTS. `bench fetch` downloads their weights.

LPIPS: Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric" (2018), version 0.1 with
AlexNet, the most common variant, computed by the authors' package. The package contains the weights of the linear
heads; the AlexNet weights are torchvision's (233 MB).
DISTS: Ding et al., "Image quality assessment: unifying structure and texture similarity" (2020), on the features of
torchvision's VGG-16 (528 MB), with the weights in the authors' repository. Pictures keep their full size: values differ
if the smaller side is first downscaled to 256 pixels.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.metrics.distortion import Metric
from bench.metrics.packages import from_side, missing_package, one_torch_thread, unit_tensor, version_with
from bench.system.download import download, locate_weights, weights_folder
from bench.system.errors import MissingError
from bench.system.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch

    from bench.images.picture import Picture


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A weights file, its URL, and its SHA-256 or the first digits of it."""

    name: str
    url: str
    sha256: str


ALEXNET = WeightsFile(
    "alexnet-owt-7be5be79.pth", "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth", "7be5be79"
)
VGG16 = WeightsFile("vgg16-397923af.pth", "https://download.pytorch.org/models/vgg16-397923af.pth", "397923af")
DISTS_WEIGHTS = WeightsFile(
    "dists-weights.pt",
    "https://github.com/dingkeyan93/DISTS/raw/1267d8cb626c98706db3697422701c56a85ebf2e/DISTS_pytorch/weights.pt",
    "f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
)

FILES = {"lpips": (ALEXNET,), "dists": (VGG16, DISTS_WEIGHTS)}
"""Weights files that each metric needs."""

LPIPS_MIN_SIDE = 31
"""Minimum side of a picture in pixels, so that AlexNet's pooling leaves at least one position."""

_VGG16_STAGES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
"""Indices of the convolutions in each stage of torchvision's VGG-16."""

_IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

_DISTS_C = 1e-6
"""The constants c1 and c2 of equations 5 and 6."""


def fetch_weights(metric: str) -> list[Path]:
    """Download the missing weights of a metric in `FILES`; return the paths of all its weights.

    Raises:
        MissingError: a download failed.
        OSError: the folder cannot be written.
    """
    paths = []
    for file in FILES[metric]:
        path = locate_weights(file.name) or weights_folder() / file.name
        download([file.url], path, file.sha256)
        paths.append(path)
    return paths


def _missing(metric: str, package: Callable[[], str | None]) -> Callable[[], str | None]:
    def missing() -> str | None:
        absent = [file.name for file in FILES[metric] if not locate_weights(file.name)]
        if (reason := package()) or not absent:
            return reason
        return f"its weights are not on this machine ({', '.join(absent)}): bench fetch {metric}"

    return missing


def _load(metric: str, file: WeightsFile) -> dict[str, torch.Tensor]:
    """Load the tensors of a weights file, after checking its hash."""
    import torch  # noqa: PLC0415

    path = locate_weights(file.name)
    if path is None or not sha256_of(path).startswith(file.sha256):
        raise MissingError(f"{path or file.name} is missing or damaged: bench fetch {metric}")
    tensors: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return tensors


@from_side(LPIPS_MIN_SIDE)
def _lpips(original: Picture, decoded: Picture) -> float:
    with one_torch_thread():
        return float(_lpips_network()(*(2 * unit_tensor(picture).float() - 1 for picture in (original, decoded))))


@functools.cache
def _lpips_network() -> Any:  # noqa: ANN401  # lpips has no types
    import lpips  # noqa: PLC0415

    weights = _load("lpips", ALEXNET)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses deprecated names of torchvision
        network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    # Its layers are AlexNet's, in slices: slice2.3.weight is features.3.weight.
    layers = {name: weights[f"features.{name.partition('.')[2]}"] for name in network.net.state_dict()}
    network.net.load_state_dict(layers)
    return network.eval()


def _dists(original: Picture, decoded: Picture) -> float:
    """DISTS: one minus the weighted similarities of the means and variances of all maps (equations 5 to 7)."""
    texture, structure = _dists_weights()
    similarity = 0.0
    with one_torch_thread():
        maps = [_vgg16_maps(unit_tensor(picture).float()) for picture in (original, decoded)]
        for one, other, alpha, beta in zip(*maps, texture, structure, strict=True):
            mean_one, mean_other = one.mean((2, 3)), other.mean((2, 3))
            product, squares = mean_one * mean_other, mean_one**2 + mean_other**2
            variances = one.var((2, 3), correction=0) + other.var((2, 3), correction=0)
            covariance = (one * other).mean((2, 3)) - product
            similarity += float((alpha * (2 * product + _DISTS_C) / (squares + _DISTS_C)).sum())
            similarity += float((beta * (2 * covariance + _DISTS_C) / (variances + _DISTS_C)).sum())
    return 1 - similarity


@functools.cache
def _dists_weights() -> tuple[tuple[torch.Tensor, ...], ...]:
    """Weights alpha (texture) and beta (structure): each a tensor (channels,) for the picture and for each stage."""
    import torch  # noqa: PLC0415

    weights = _load("dists", DISTS_WEIGHTS)
    alpha, beta = (weights[name].double().flatten() for name in ("alpha", "beta"))
    channels = [3, *(len(_vgg16()[f"features.{stage[-1]}.bias"]) for stage in _VGG16_STAGES)]
    total = alpha.sum() + beta.sum()
    return tuple(torch.split(values / total, channels) for values in (alpha, beta))


@functools.cache
def _vgg16() -> dict[str, torch.Tensor]:
    """Weights of VGG-16's convolutions; its fully connected layers, nine tenths of the file, are discarded."""
    return {name: tensor for name, tensor in _load("dists", VGG16).items() if name.startswith("features.")}


def _vgg16_maps(planes: torch.Tensor) -> list[torch.Tensor]:
    """Return a picture (1, 3, height, width) from 0 to 1 and the last maps of each stage, with L2 pooling."""
    import torch  # noqa: PLC0415

    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (_IMAGENET_MEAN, _IMAGENET_DEVIATION))
    maps, x = [planes], (planes - mean) / deviation
    for place, stage in enumerate(_VGG16_STAGES):
        x = _l2_pooled(x) if place else x
        for layer in stage:
            weight, bias = (_vgg16()[f"features.{layer}.{kind}"] for kind in ("weight", "bias"))
            x = torch.nn.functional.conv2d(x, weight, bias, padding=1).relu()
        maps.append(x)
    return maps


def _l2_pooled(x: torch.Tensor) -> torch.Tensor:
    """L2 pooling with stride 2: the root of the mean square under a Hann window (equation 3)."""
    import torch  # noqa: PLC0415

    window = torch.tensor([0.25, 0.5, 0.25])
    kernel = (window[:, None] * window).expand(x.shape[1], 1, 3, 3)
    return (torch.nn.functional.conv2d(x**2, kernel, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


LPIPS = Metric(
    "lpips",
    _lpips,
    "LPIPS, AlexNet",
    higher_is_better=False,
    version=version_with("lpips"),
    missing=_missing("lpips", missing_package("lpips", "torchvision")),
)
DISTS = Metric("dists", _dists, "DISTS", higher_is_better=False, missing=_missing("dists", lambda: None))
