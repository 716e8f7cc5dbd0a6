"""Properties of all families, and the effects of the options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from bench.learned.families import FAMILIES, RGB, YUV420
from bench.learned.models import ModelConfig, build, compact_config
from bench.learned.models.config import KERNELS
from bench.learned.models.entropy import CONDITIONALS
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from bench.learned.models import LearnedModel

    Maker = Callable[..., LearnedModel]

AUTOREGRESSIVE = ("context", "joint", "attn")
WITH_MEAN = ("hyper", *AUTOREGRESSIVE)


@pytest.mark.parametrize("family", RGB)
@pytest.mark.parametrize("mode", [None, "noise", "round", "mixed", "integer"])
def test_forward_is_analysis_entropy_synthesis(family: str, mode: None, make: Maker, pictures: Tensor) -> None:
    model = make(family)
    torch.manual_seed(1)
    whole = model(pictures, mode)
    torch.manual_seed(1)
    y_hat, likelihoods = model.entropy(model.g_a(pictures), mode)
    assert torch.equal(whole["x_hat"], model.g_s(y_hat))
    assert whole["x_hat"].shape == pictures.shape
    assert whole["likelihoods"].keys() == likelihoods.keys()
    for name in likelihoods:
        assert torch.equal(whole["likelihoods"][name], likelihoods[name])


@pytest.mark.parametrize("family", RGB)
def test_latents_have_the_documented_shapes_and_positive_likelihoods(
    family: str, make: Maker, pictures: Tensor
) -> None:
    likelihoods = make(family)(pictures)["likelihoods"]
    assert likelihoods["y"].shape == (2, 8 if family == "attn" else 12, 4, 8)
    assert ("z" in likelihoods) == (family not in ("factorized", "context"))
    if "z" in likelihoods:
        assert likelihoods["z"].shape == (2, 8, 1, 2)
    for likelihood in likelihoods.values():
        assert likelihood.min() > 0
        assert likelihood.max() <= 1


@pytest.mark.parametrize("family", RGB)
def test_every_parameter_learns(family: str, make: Maker, pictures: Tensor) -> None:
    model = make(family).train()
    output = model(pictures)
    rate = sum(-likelihood.log().mean() for likelihood in output["likelihoods"].values())
    ((output["x_hat"] - pictures).square().mean() + rate + model.aux_loss()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_equal_rounded_latents_cost_every_family_its_own_bits(make: Maker, pictures: Tensor) -> None:
    y = make("hyper").g_a(pictures)
    bits = {}
    for family in ("factorized", "scale", "hyper", "context", "joint"):
        y_hat, likelihoods = make(family).entropy(y, "integer")
        assert torch.equal(y_hat, y.round())
        bits[family] = -likelihoods["y"].log2().sum().item()
    assert len(set(bits.values())) == len(bits)


@pytest.mark.parametrize("family", WITH_MEAN)
@pytest.mark.parametrize("distribution", CONDITIONALS)
@pytest.mark.parametrize("mean", [True, False])
def test_options_change_the_probabilities_only(
    family: str, distribution: str, mean: bool, make: Maker, pictures: Tensor
) -> None:
    usual, other = make(family), make(family, distribution=distribution, mean=mean)
    y = usual.g_a(pictures)
    (y_hat, likelihoods), (usual_y_hat, usual_likelihoods) = (model.entropy(y, "integer") for model in (other, usual))
    assert torch.equal(likelihoods["y"], usual_likelihoods["y"]) == (distribution == "gaussian" and mean)
    assert torch.equal(y_hat, usual_y_hat)


@pytest.mark.parametrize("family", WITH_MEAN)
def test_scale_only_has_a_mean_of_zero(family: str, make: Maker, pictures: Tensor) -> None:
    model = make(family, mean=False)
    seen = []
    model.gaussian_conditional.register_forward_hook(lambda _, inputs, __: seen.append(inputs))
    y = model.g_a(pictures)
    y_hat, _ = model.entropy(y)
    ((_, scales, means, _),) = seen
    assert means is None
    assert scales.shape == y.shape
    assert torch.equal(y_hat, y.round())


@pytest.mark.parametrize("family", AUTOREGRESSIVE)
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_latent_reaches_exactly_the_positions_after_it_within_the_kernel(
    family: str, kernel: int, make: Maker
) -> None:
    model, radius = make(family, kernel=kernel), kernel // 2
    torch.manual_seed(2)
    y_hat = torch.randn(1, model.config.M, 12, 12).round()
    params = None if family == "context" else torch.randn(1, 2 * model.config.M, 12, 12)
    row, column = 5, 6
    changed = y_hat.clone()
    changed[:, :, row, column] += 5
    with torch.no_grad():
        before, after = model.distribution(y_hat, params), model.distribution(changed, params)
    reached = torch.stack([one != other for one, other in zip(before, after, strict=True)]).any(0).any(1)[0]
    expected = {
        (i, j)
        for i in range(row, row + radius + 1)
        for j in range(column - radius, column + radius + 1)
        if (i, j) > (row, column)
    }
    assert {(int(i), int(j)) for i, j in reached.nonzero()} == expected


def test_taps_behind_the_mask_get_no_gradient(make: Maker) -> None:
    layer = make("context").context_prediction
    layer(torch.randn(1, 12, 6, 6)).square().sum().backward()
    assert torch.equal(layer.weight.grad != 0, layer.mask.bool())


def test_the_auxiliary_loss_vanishes_at_the_right_quantiles_and_without_a_bottleneck(make: Maker) -> None:
    model = make("hyper")
    before = model.aux_loss().item()
    model.update(force=True, update_quantiles=True)
    assert model.aux_loss().item() < before / 100
    assert make("context").aux_loss().item() == 0


@pytest.mark.parametrize("family", ["scale", "joint", "attn"])
def test_a_model_is_one_graph_for_the_compiler(family: str, make: Maker, pictures: Tensor) -> None:
    model = make(family)
    with torch.no_grad():
        compiled = torch.compile(model, backend="eager", fullgraph=True)(pictures)
    torch.testing.assert_close(compiled["x_hat"], model(pictures)["x_hat"])


@pytest.mark.parametrize("width", [4, 20])
def test_attn_has_as_many_channels_of_y_as_asked_for(width: int, pictures: Tensor) -> None:
    model = build(ModelConfig("attn", 8, width)).train()
    y = model.g_a(pictures)
    assert y.shape == (2, width, 4, 8)
    output = model(pictures)
    assert output["likelihoods"]["y"].shape == y.shape
    assert output["likelihoods"]["z"].shape == (2, 8, 1, 2)
    assert output["x_hat"].shape == pictures.shape
    (output["x_hat"].mean() + sum(value.log().mean() for value in output["likelihoods"].values())).backward()
    idle = [n for n, p in model.named_parameters() if p.grad is None and not n.endswith("quantiles")]
    assert idle == []


def test_compressais_coder_is_not_offered(make: Maker, pictures: Tensor) -> None:
    with pytest.raises(NotImplementedError, match=r"bench\.learned\.coding"):
        make("joint").compress(pictures)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "joined"}, "did you mean 'joint'"),
        ({"kernel": 4}, "3, 5, 7"),
        ({"distribution": "laplace"}, "laplacian"),
        ({"family": "hyper", "kernel": 3}, "no option 'kernel'"),
        ({"family": "factorized", "mean": False}, "no option 'mean'"),
        ({"N": 0}, "from 1 to 1024"),
    ],
)
def test_an_architecture_that_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ModelConfig(**{"family": "joint", "N": 8, "M": 12, **change})  # type: ignore[arg-type]


def test_families_of_one_kind_of_picture_have_equal_widths() -> None:
    widths = {family: (config.N, config.M) for family in FAMILIES for config in [compact_config(family)]}
    for families in (set(RGB) - {"attn"}, YUV420):
        assert len({widths[family] for family in families}) == 1, "latents of equal size, so that they can be compared"
