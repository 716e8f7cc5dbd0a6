"""A widened model computes the same as the trained one, and all of its channels learn."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bench.learned.models import LearnedModel, ModelConfig, build
from bench.learned.models.widening import FAMILIES, can_widen, widened


@pytest.fixture(scope="module")
def x() -> Tensor:
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request: pytest.FixtureRequest) -> tuple[LearnedModel, LearnedModel]:
    """A model with N=8, and the same with N=20."""
    torch.manual_seed(4)
    model = build(ModelConfig(request.param, 8, 12)).eval()
    return model, widened(model, 20).eval()


@torch.no_grad()
def test_pictures_and_rates_are_those_of_the_trained_model(pair: tuple[LearnedModel, LearnedModel], x: Tensor) -> None:
    trained, wide = (model(x, "round") for model in pair)
    torch.testing.assert_close(wide["x_hat"], trained["x_hat"])
    for name, likelihoods in trained["likelihoods"].items():
        torch.testing.assert_close(wide["likelihoods"][name][:, : likelihoods.shape[1]], likelihoods)


def test_what_is_fed_by_new_channels_learns_at_once(pair: tuple[LearnedModel, LearnedModel], x: Tensor) -> None:
    trained, wide = pair
    output = wide(x, "noise")
    (output["x_hat"].square().mean() - sum(value.log().mean() for value in output["likelihoods"].values())).backward()
    widths = {name: layer.in_channels for name, layer in trained.named_modules() if isinstance(layer, nn.Conv2d)}
    found = 0
    for name, layer in wide.named_modules():
        if isinstance(layer, nn.Conv2d) and layer.in_channels > widths[name]:
            assert layer.weight.grad is not None
            learns = layer.weight.grad[:, widths[name] :].abs().sum((0, 2, 3)) > 0
            # After a ReLU, a channel of the hyperprior may be 0 throughout a picture.
            assert learns.all() if name.startswith("g_") else learns.any(), name
            found += 1
    assert found >= 3


def test_new_channels_differ(pair: tuple[LearnedModel, LearnedModel], x: Tensor) -> None:
    features = pair[1].g_a[:3](x)[0].flatten(1)
    correlations = torch.corrcoef(features).fill_diagonal_(0).abs()
    assert correlations.max() < 0.999


def test_only_more_channels_of_plain_families_are_new_ones() -> None:
    narrow, wide = (build(ModelConfig("hyper", N, 12)) for N in (8, 16))
    assert can_widen(narrow, wide)
    assert can_widen(narrow, build(ModelConfig("joint", 16, 12)))
    assert not can_widen(wide, narrow)
    assert not can_widen(narrow, narrow)
    assert not can_widen(narrow, build(ModelConfig("hyper", 16, 24)))
    assert not can_widen(build(ModelConfig("attn", 8, 12)), build(ModelConfig("attn", 16, 12)))
