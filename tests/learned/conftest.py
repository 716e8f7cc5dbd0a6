"""Small models whose latents are large enough to matter: what training brings about, in a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest
import torch

from bench.learned.models import LearnedModel, ModelConfig, build

if TYPE_CHECKING:
    from torch import Tensor, nn


class Maker(Protocol):
    def __call__(self, family: str, **options: Any) -> LearnedModel: ...  # noqa: ANN401 - any option of ModelConfig


class Enlivener(Protocol):
    def __call__(self, model: nn.Module) -> None: ...


LAST_OF_ANALYSIS = ("g_a.6.weight", "g_a.7.weight")
FIRST_OF_SYNTHESIS = ("g_s.0.weight", "g_s.2.subpel_conv.0.weight", "g_s.2.upsample.0.weight")
"""What reaches the first inverse GDN, which squares it: as loud as y, it would make pictures of the order of 1e10."""


def _liven(model: nn.Module) -> None:
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.endswith("quantiles"):
                parameter.add_(torch.rand(parameter.shape, generator=generator), alpha=0.02)
            parameter.mul_(40 if name in LAST_OF_ANALYSIS else 1 / 40 if name in FIRST_OF_SYNTHESIS else 1)


@pytest.fixture
def liven() -> Enlivener:
    """Move a model's parameters off their initial values and spread y over tens of integers."""
    return _liven


@pytest.fixture
def make() -> Maker:
    """A lively model of a family, 8 or 12 channels wide, in evaluation mode; the same each time."""

    def make_model(family: str, **options: Any) -> LearnedModel:  # noqa: ANN401 - any option of ModelConfig
        torch.manual_seed(3)
        model = build(ModelConfig(family, 8, 8 if family == "attn" else 12, **options))
        _liven(model)
        model.eval()
        return model

    return make_model


@pytest.fixture
def pictures() -> Tensor:
    """Two pictures (2, 3, 64, 128) of smooth colours and some noise."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(2, 3, 4, 8, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, scale_factor=16, mode="bilinear")
    return (smooth + 0.1 * torch.rand(smooth.shape, generator=generator)).clamp(0, 1)
