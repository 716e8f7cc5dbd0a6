"""CompressAI's checkpoints load unchanged, and the models then compute what CompressAI's do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import torch
from compressai.zoo.image import model_architectures

from bench.learned.architectures import ALIASES
from bench.learned.families import RGB
from bench.learned.models import ModelConfig, build
from bench.learned.weights.foreign import load_state
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from compressai.models import CompressionModel
    from torch import Tensor, nn

    from bench.learned.models import LearnedModel, Output

ARCHITECTURES = {family: name for name, family in ALIASES.items()}
ZOO = tuple(ARCHITECTURES)

SINGLE = {"biases": "bias", "matrices": "matrix", "factors": "factor"}
RENAMED: dict[str, Callable[[str], str]] = {
    "today's": lambda key: key,
    "DataParallel's": lambda key: f"module.{key}",
    "parameter lists of 2021": lambda key: re.sub(r"\.(biases|matrices|factors)\.", r"._\1.", key),
    "single parameters": lambda key: re.sub(
        r"\.(biases|matrices|factors)\.(\d)", lambda found: f"._{SINGLE[found[1]]}{found[2]}", key
    ),
    "residual blocks of 2020": lambda key: key.replace(".skip.", ".downsample."),
}


@pytest.fixture(params=ZOO)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def reference(family: str, liven: Callable[[nn.Module], None]) -> CompressionModel:
    """CompressAI's own model, with random weights and its tables."""
    torch.manual_seed(3)
    model = model_architectures[ARCHITECTURES[family]](*((8,) if family == "attn" else (8, 12)))
    liven(model)
    model.update(force=True, update_quantiles=True)
    return model.eval()


def ours(family: str) -> LearnedModel:
    model = build(ModelConfig(family, 8, 8 if family == "attn" else 12))
    model.eval()
    return model


def assert_same(output: Output, expected: Output) -> None:
    assert torch.equal(output["x_hat"], expected["x_hat"])
    assert output["likelihoods"].keys() == expected["likelihoods"].keys()
    for name, likelihood in expected["likelihoods"].items():
        assert torch.equal(output["likelihoods"][name], likelihood)


@pytest.mark.parametrize("names", RENAMED)
def test_a_checkpoint_with_any_of_the_zoos_names_gives_compressai_output(
    family: str, reference: CompressionModel, names: str, pictures: Tensor
) -> None:
    state = {RENAMED[names](key): value for key, value in reference.state_dict().items()}
    model = ours(family)
    load_state(model, state)
    assert_same(model(pictures), reference(pictures))


def test_the_latents_of_these_tests_spread_over_many_integers(reference: CompressionModel, pictures: Tensor) -> None:
    assert reference.g_a(pictures).round().unique().numel() > 10


def test_training_mode_draws_compressais_noise(family: str, reference: CompressionModel, pictures: Tensor) -> None:
    model = ours(family)
    load_state(model, reference.state_dict())
    outputs = []
    for each in (model, reference):
        each.train()
        torch.manual_seed(5)
        outputs.append(each(pictures))
    assert_same(*outputs)


def test_evaluation_in_channels_last_is_compressais(family: str, reference: CompressionModel, pictures: Tensor) -> None:
    model = ours(family)
    load_state(model, reference.state_dict())
    with torch.no_grad():
        outputs = [each.to(memory_format=torch.channels_last)(pictures) for each in (model, reference)]
    assert_same(*outputs)


def test_tables_of_the_checkpoint_are_kept(family: str, reference: CompressionModel) -> None:
    model = ours(family)
    model.update(force=True)
    load_state(model, reference.state_dict())
    for name, tensor in reference.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name


def test_a_checkpoint_of_another_family_is_refused_in_one_line(reference: CompressionModel, family: str) -> None:
    for other in set(RGB) - {family}:
        with pytest.raises(UsageError, match="does not fit") as caught:
            load_state(ours(other), reference.state_dict())
        assert "\n" not in str(caught.value)


def test_a_checkpoint_of_other_widths_is_refused(reference: CompressionModel, family: str) -> None:
    with pytest.raises(UsageError, match="does not fit"):
        load_state(build(ModelConfig(family, 16, 16)), reference.state_dict())
