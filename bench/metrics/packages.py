"""Shared functions of metrics from other packages: versions, minimum sizes, tensors, computing on one thread."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import importlib.util
from typing import TYPE_CHECKING, Any

from bench.images.colour import luma_10_bits
from bench.images.picture import Yuv420

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from bench.images.picture import AnyPicture, Kind, Picture

    Function = Callable[[Any, Any], float | None]

LUMA_KINDS: tuple[Kind, ...] = ("rgb", "yuv420")
"""Kinds of pictures for metrics of luma."""


def missing_package(*modules: str) -> Callable[[], str | None]:
    """Create a function that returns a message on the first missing module and how to install it, or None."""

    def missing() -> str | None:
        absent = [module for module in modules if importlib.util.find_spec(module) is None]
        if not absent:
            return None
        return f"the package {absent[0].replace('_', '-')} is not installed: pip install '.[metrics]'"

    return missing


def version_with(package: str) -> str:
    """The version of a metric that a package computes: "1", and the version of the package if it is installed."""
    try:
        return f"1, {package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return "1"


def computed_by(package: str, *modules: str) -> dict[str, Any]:
    """Arguments `version` and `missing` of a `Metric` that a package computes with these modules."""
    return {"version": version_with(package), "missing": missing_package(*modules)}


def from_side(side: int) -> Callable[[Function], Function]:
    """Decorate a metric to return None if the smaller side of the pictures is below `side` pixels."""

    def decorated(function: Function) -> Function:
        @functools.wraps(function)
        def measure(original: AnyPicture, decoded: AnyPicture) -> float | None:
            return None if min(original.height, original.width) < side else function(original, decoded)

        return measure

    return decorated


def luma_plane(picture: AnyPicture) -> NDArray[Any]:
    """Luma as in JPEG AI's metrics: full-range Y of BT.709 in 10 bits, or the unchanged Y of YUV planes."""
    return picture.y if isinstance(picture, Yuv420) else luma_10_bits(picture.pixels)


def unit_luma(picture: AnyPicture) -> NDArray[np.float64]:
    """Scale `luma_plane` to the range from 0 to 1."""
    plane: NDArray[np.float64] = luma_plane(picture) / (255 if isinstance(picture, Yuv420) else 1023)
    return plane


def unit_tensor(picture: Picture) -> torch.Tensor:
    """RGB from 0 to 1 as a tensor of shape (1, 3, height, width) in float64."""
    import torch  # noqa: PLC0415

    return torch.tensor(picture.pixels, dtype=torch.float64).permute(2, 0, 1)[None] / 255


def unit_luma_tensor(picture: AnyPicture) -> torch.Tensor:
    """`unit_luma` as a tensor of shape (1, 1, height, width) in float64."""
    import torch  # noqa: PLC0415

    return torch.tensor(unit_luma(picture))[None, None]


@contextlib.contextmanager
def one_torch_thread() -> Iterator[None]:
    """Run the block on one thread and without gradients, so that sums do not depend on the number of cores."""
    import torch  # noqa: PLC0415

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(threads)
