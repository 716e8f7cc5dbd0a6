"""Parameter groups, and the sub-networks that are copied from another model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from bench.learned.families import RGB
from bench.learned.models import ModelConfig, build, parameter_groups, share
from bench.learned.models.parts import value_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.learned.models import LearnedModel

    Maker = Callable[..., LearnedModel]

TRANSFORMS = ("g_a", "g_s")
HYPERPRIOR = (*TRANSFORMS, "h_a", "entropy_bottleneck", "h_s")


def fresh(family: str, **options: object) -> LearnedModel:
    torch.manual_seed(99)
    return build(ModelConfig(family, 8, 8 if family == "attn" else 12, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("family", RGB)
def test_the_groups_hold_every_parameter_once(family: str, make: Maker) -> None:
    model = make(family)
    groups = parameter_groups(model)
    names = [*groups.transforms, *groups.entropy, *groups.quantiles]
    assert sorted(names) == sorted(name for name, _ in model.named_parameters())
    assert {name.split(".")[0] for name in groups.transforms} == {"g_a", "g_s"}
    assert list(groups.quantiles) == ([] if family == "context" else ["entropy_bottleneck.quantiles"])


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("hyper", "joint", HYPERPRIOR),
        ("hyper", "context", TRANSFORMS),
        ("hyper", "scale", TRANSFORMS),
        ("hyper", "factorized", TRANSFORMS),
        ("scale", "hyper", TRANSFORMS),
        ("joint", "hyper", HYPERPRIOR),
        ("hyper", "attn", ()),
        ("joint", "attn", ()),
    ],
)
def test_families_share_what_they_have_alike(source: str, target: str, expected: tuple[str, ...], make: Maker) -> None:
    giver, taker, untouched = make(source), fresh(target), fresh(target)
    assert set(share(giver, taker)) == set(expected)
    for name, parameter in taker.named_parameters():
        origin = giver if name.split(".")[0] in expected else untouched
        assert torch.equal(parameter, origin.get_parameter(name)), name


@pytest.mark.parametrize("family", RGB)
def test_a_neighbouring_quality_shares_everything(family: str, make: Maker) -> None:
    giver, taker = make(family), fresh(family)
    share(giver, taker)
    for name, parameter in taker.named_parameters():
        assert torch.equal(parameter, giver.get_parameter(name)), name


def test_another_context_or_shape_still_shares_the_rest(make: Maker) -> None:
    assert "context_prediction" not in share(make("joint"), fresh("joint", kernel=3))
    assert set(share(make("joint"), fresh("joint", distribution="laplacian"))) == {
        *HYPERPRIOR,
        "context_prediction",
        "entropy_parameters",
    }


def test_other_widths_share_nothing(make: Maker) -> None:
    assert share(make("hyper"), build(ModelConfig("hyper", 10, 12))) == ()


def test_a_finished_source_does_not_give_its_tables(make: Maker) -> None:
    giver, taker = make("hyper"), fresh("joint")
    giver.update(force=True, update_quantiles=True)
    share(giver, taker)
    assert taker.entropy_bottleneck.quantized_cdf.numel() == 0
    assert all(parameter.requires_grad for parameter in taker.parameters())


def test_a_bottleneck_of_z_is_not_taken_for_one_of_y() -> None:
    # With N = M the layers are the same, but one models the output of h_a and the other that of g_a.
    hyper, factorized = (build(ModelConfig(family, 8, 8)) for family in ("hyper", "factorized"))
    assert share(hyper, factorized) == TRANSFORMS
    assert share(factorized, hyper) == TRANSFORMS
    assert share(factorized, build(ModelConfig("factorized", 8, 8))) == (*TRANSFORMS, "entropy_bottleneck")


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_equal_values_have_equal_bytes_whatever_the_sign_of_zero(dtype: torch.dtype) -> None:
    values = torch.tensor([[-0.0, 1.5], [0.0, -2.0]], dtype=dtype)
    plain = torch.tensor([[0.0, 1.5], [0.0, -2.0]], dtype=dtype)
    assert value_bytes(values) == value_bytes(plain) == plain.numpy().tobytes()
    assert value_bytes(values.T) != value_bytes(values)


def test_integers_keep_their_bytes() -> None:
    table = torch.tensor([3, -1], dtype=torch.int32)
    assert value_bytes(table) == table.numpy().tobytes()
