"""LPIPS: distance of the features of a network (Zhang et al., "The unreasonable effectiveness of deep features", 2018).

Version 0.1 with AlexNet, the one to quote, by the authors' package. The weights of its heads come with the package;
those of AlexNet are torchvision's, 233 MB, which `bench fetch lpips` downloads.
"""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Any

from bench.metrics.distortion import Metric
from bench.metrics.packages import missing_package, one_torch_thread, version_with
from bench.system.download import download, locate_weights, weights_folder
from bench.system.errors import MissingError
from bench.system.files import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from bench.images.picture import Picture

ALEXNET = "alexnet-owt-7be5be79.pth"
ALEXNET_URL = f"https://download.pytorch.org/models/{ALEXNET}"
ALEXNET_SHA256 = "7be5be79"
"""The first digits, as in the file's name."""

LPIPS_MIN_SIDE = 31
"""The smaller side that AlexNet's pooling leaves something of."""

_NOT_INSTALLED = missing_package("lpips", "torchvision")


def fetch_alexnet() -> Path:
    """Download AlexNet's weights, if they are not here already; where they are.

    Raises:
        MissingError: the download failed.
        OSError: the folder cannot be written.
    """
    path = locate_weights(ALEXNET) or weights_folder() / ALEXNET
    download([ALEXNET_URL], path, ALEXNET_SHA256)
    return path


def _missing() -> str | None:
    if (reason := _NOT_INSTALLED()) or locate_weights(ALEXNET):
        return reason
    return "AlexNet's weights are not on this machine: bench fetch lpips"


def _lpips(original: Picture, decoded: Picture) -> float | None:
    """LPIPS; None where the smaller side is below `LPIPS_MIN_SIDE`."""
    if min(original.height, original.width) < LPIPS_MIN_SIDE:
        return None
    with one_torch_thread():
        return float(_network()(_tensor(original), _tensor(decoded)))


def _tensor(picture: Picture) -> torch.Tensor:
    import torch  # noqa: PLC0415

    return torch.tensor(picture.pixels, dtype=torch.float32).permute(2, 0, 1)[None] / 127.5 - 1


@functools.cache
def _network() -> Any:  # noqa: ANN401  # lpips has no types
    import lpips  # noqa: PLC0415
    import torch  # noqa: PLC0415

    path = locate_weights(ALEXNET)
    if path is None or not sha256_of(path).startswith(ALEXNET_SHA256):
        raise MissingError(f"{path or ALEXNET} is missing or damaged: bench fetch lpips")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls torchvision by names of before
        network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    weights = torch.load(path, map_location="cpu", weights_only=True)
    # Its layers are AlexNet's, in slices: slice2.3.weight is features.3.weight.
    layers = {name: weights[f"features.{name.partition('.')[2]}"] for name in network.net.state_dict()}
    network.net.load_state_dict(layers)
    return network.eval()


LPIPS = Metric(
    "lpips", _lpips, "LPIPS, AlexNet", higher_is_better=False, version=version_with("lpips"), missing=_missing
)
