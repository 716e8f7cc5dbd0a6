"""Models whose entropy model is fitted to their latents: random ones have nearly constant latents and test nothing."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest
import skimage.data
import torch

from bench.images.colour import to_yuv420
from bench.images.picture import Picture
from bench.learned.coding.entropy_parameters import one_thread
from bench.learned.families import RGB, YUV420
from bench.learned.models import LearnedModel, ModelConfig, build
from bench.learned.models.planes import pack
from bench.learned.weights.full import ModelCard, load, save

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STEPS = 120
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
"""Name of this pytest-xdist worker, or ""."""


class Fitter(Protocol):
    def __call__(self, family: str, **options: Any) -> LearnedModel: ...  # noqa: ANN401 - any option of ModelConfig


def _photo(family: str) -> torch.Tensor:
    """Return the central 256x256 pixels of a photograph, in the format that the family takes."""
    pixels = np.ascontiguousarray(skimage.data.astronaut()[64:320, 128:384])
    samples = torch.from_numpy(pack(to_yuv420(Picture(pixels))) if family in YUV420 else pixels)
    return samples.permute(2, 0, 1)[None].float() / 255


@torch.no_grad()
def _spread(model: LearnedModel, x: torch.Tensor) -> torch.Tensor:
    """Give y and the decoded picture of a photograph the spread of a trained model's; return y."""
    *_, last = (layer for layer in model.g_a.modules() if getattr(layer, "stride", 0) == (2, 2))
    last.weight.mul_(3 / model.g_a(x).std())
    y: torch.Tensor = model.g_a(x)
    *_, last = (layer for layer in model.g_s.modules() if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d))
    last.bias.zero_()
    x_hat = model.g_s(y.round())
    last.weight.mul_(0.2 / x_hat.std())
    last.bias.add_(0.5 - 0.2 * x_hat.mean() / x_hat.std())
    return y


def _open_scales(model: LearnedModel) -> None:
    """Initialise scales to about 1, because they do not learn below their lower bound."""
    network = getattr(model, "entropy_parameters", None) or getattr(model, "h_s", None)
    if network is not None:
        *_, last = (layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d))
        with torch.no_grad():
            last.bias[: model.config.M].add_(1)


def fit(family: str, steps: int = STEPS, **options: Any) -> LearnedModel:  # noqa: ANN401 - any option of ModelConfig
    """Return a model whose entropy model was trained briefly on the latents of a photograph."""
    with torch.random.fork_rng(), torch.enable_grad(), one_thread():
        torch.manual_seed(5)
        widths = (32, 32) if family == "attn" else (8, 12)  # with fewer channels, attn carries almost no information
        model = build(ModelConfig(family, *widths, **options))
        y = _spread(model, _photo(family))
        named = [(name, p) for name, p in model.named_parameters() if not name.startswith(("g_a", "g_s"))]
        _open_scales(model)
        optimizer = torch.optim.Adam([p for name, p in named if "quantiles" not in name], lr=1e-2, fused=True)
        decay = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps, pct_start=0.1)
        for _ in range(steps):
            optimizer.zero_grad()
            _, likelihoods = model.entropy(y, "noise")
            torch.stack([-value.log2().sum() for value in likelihoods.values()]).sum().div(y.numel()).backward()
            torch.nn.utils.clip_grad_norm_([p for _, p in named], 1.0)
            optimizer.step()
            decay.step()
        return model


@pytest.fixture(scope="session")
def fitted_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Weights file, of quality 3, of a small fitted model of a family.

    The first worker that requests a model fits it, for all workers. All models together take 8 s.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if WORKER else folder

    def file(family: str, **options: Any) -> Path:  # noqa: ANN401 - any option of ModelConfig
        path = folder / f"{'-'.join([family, *(f'{name}{value}' for name, value in options.items())])}.safetensors"
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.is_file():
                save(path, fit(family, **options), ModelCard(3, 0.0067, "mse"))
        return path

    return file


@pytest.fixture(scope="session")
def fitted(fitted_file: Callable[..., Path]) -> Fitter:
    """Model of that file; always the same object, which tests must not modify."""
    return functools.cache(lambda family, **options: load(fitted_file(family, **options)).model)


@pytest.fixture(scope="session")
def weights(fitted_file: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights: each family at quality 3."""
    folder = tmp_path_factory.mktemp("weights")
    # Two workers that start together start at opposite ends.
    for name in RGB if WORKER in {"", "gw0"} else reversed(RGB):
        shutil.copy(fitted_file(name), folder / f"{name}-3.safetensors")
    return folder


@pytest.fixture(params=RGB)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def portrait() -> Picture:
    """A photograph of 200x133 pixels, not a multiple of any stride, that no model was fitted to."""
    return Picture(np.ascontiguousarray(skimage.data.chelsea()[80:213, 100:300]))
