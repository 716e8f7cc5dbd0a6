"""Models whose entropy model is fitted to their latents: random ones code near-constant latents and prove nothing."""

from __future__ import annotations

import functools
from typing import Any, Protocol

import numpy as np
import pytest
import skimage.data
import torch

from bench.learned.models import FAMILIES, LearnedModel, ModelConfig, build
from bench.learned.weights import finish
from bench.picture import Picture

STEPS = 80


class Fitter(Protocol):
    def __call__(self, family: str, **options: Any) -> LearnedModel: ...  # noqa: ANN401 - any option of ModelConfig


def _photo() -> torch.Tensor:
    pixels = torch.from_numpy(skimage.data.astronaut()[:256, 100:484].copy())
    return pixels.permute(2, 0, 1)[None].float() / 255


def _spread(model: LearnedModel, x: torch.Tensor) -> torch.Tensor:
    """Give the channels of y standard deviations from .2 to 6 on a photograph, as trained models have them."""
    *_, last = (layer for layer in model.g_a.modules() if getattr(layer, "stride", 0) == (2, 2))
    first, *_ = (
        layer for layer in model.g_s.modules() if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d)
    )
    with torch.no_grad():
        y = model.g_a(x)
        last.weight.mul_(3 / y.std())
        y = model.g_a(x)
        first.weight.mul_(0.5)
    return y


def _open_scales(model: LearnedModel) -> None:
    """Begin with scales of about 1: below their lower bound nothing is learned."""
    network = getattr(model, "entropy_parameters", None) or getattr(model, "h_s", None)
    if network is not None:
        *_, last = (layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d))
        with torch.no_grad():
            last.bias[: model.config.M].add_(1)


def fit(family: str, widths: tuple[int, int] = (8, 12), steps: int = STEPS, **options: Any) -> LearnedModel:  # noqa: ANN401
    """A finished model whose entropy model was trained for a moment on the latents of a photograph."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        N, M = widths  # noqa: N806 - the paper's names
        model = build(ModelConfig(family, N, N if family == "attn" else M, **options))
        y = _spread(model, _photo())
        named = [(name, p) for name, p in model.named_parameters() if not name.startswith(("g_a", "g_s"))]
        _open_scales(model)
        optimizer = torch.optim.Adam([p for name, p in named if "quantiles" not in name], lr=1e-2)
        for _ in range(steps):
            optimizer.zero_grad()
            _, likelihoods = model.entropy(y, "noise")
            torch.stack([-value.log2().sum() for value in likelihoods.values()]).sum().div(y.numel()).backward()
            torch.nn.utils.clip_grad_norm_([p for _, p in named], 1.0)
            optimizer.step()
        return finish(model)


@pytest.fixture(scope="session")
def fitted() -> Fitter:
    """A small model of a family, its entropy model fitted; the same object each time: nobody writes to it."""
    return functools.cache(fit)


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def portrait() -> Picture:
    """A photograph of 200x133 pixels that no model was fitted to; no multiple of anything."""
    return Picture(np.ascontiguousarray(skimage.data.chelsea()[80:213, 100:300]))
