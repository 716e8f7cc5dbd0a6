"""One model for several lambdas: the plain model of each lambda computes the same as the gained model."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

import pytest
import torch

from bench.learned.families import FAMILIES, YUV420
from bench.learned.models import Gained, LearnedModel, ModelConfig, build
from bench.learned.models.autoregressive import Autoregressive
from bench.learned.models.base import split_parameters
from bench.learned.models.mixture import MixtureModel
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Maker = Callable[..., LearnedModel]

LAMBDAS = (0.0035, 0.025)


def gained_of(codec: LearnedModel) -> Gained:
    """Return a model whose gains vary by about a quarter between channels."""
    model = Gained(codec, LAMBDAS, LAMBDAS[-1]).eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, table in model.named_parameters():
            if not name.startswith("codec."):
                table.add_(torch.randn(table.shape, generator=generator), alpha=0.25)
    return model


def wide_attn(liven: Callable[[LearnedModel], None]) -> LearnedModel:
    torch.manual_seed(3)
    model = build(ModelConfig("attn", 8, 12))
    liven(model)
    return model.eval()


def by_the_diagram(model: Gained, y: Tensor, index: int) -> dict[str, Tensor]:
    """Compute picture and likelihoods of latents in the units of g_a, with gains as in the diagram of `Gained`."""
    codec, likelihoods = model.codec, {}
    gain = model.gain[index].exp().view(1, -1, 1, 1)
    inverse = model.inverse[index].exp().view(1, -1, 1, 1) / gain
    params = None
    if hasattr(codec, "h_a"):
        z_gain = model.z_gain[index].exp().view(1, -1, 1, 1)
        z_inverse = model.z_inverse[index].exp().view(1, -1, 1, 1) / z_gain
        z = codec.h_a(y.abs() if codec.config.family == "scale" else y)
        z_hat, likelihoods["z"] = codec.entropy_bottleneck(z * z_gain, "round")
        params = codec.h_s(z_hat * z_inverse)
    if codec.config.family == "factorized":
        y_hat, likelihoods["y"] = codec.entropy_bottleneck(y * gain, "round")
    elif isinstance(codec, MixtureModel):
        y_hat, _ = codec.gaussian_conditional.quantized(y * gain, "round")
        context = codec.context_prediction(y_hat * inverse)
        outputs = codec.entropy_parameters(torch.cat((cast("Tensor", params), context), dim=1)).unflatten(1, (3, -1))
        outputs = outputs.unflatten(2, (-1, 12))  # (B, scales means logits, K, M, h, w)
        outputs = torch.cat((outputs[:, :2] * gain[:, None, None], outputs[:, 2:]), dim=1)
        likelihoods["y"] = codec.gaussian_conditional(y_hat, outputs.flatten(1, 3))
    elif isinstance(codec, Autoregressive):
        y_hat, _ = codec.gaussian_conditional.quantized(y * gain, "round")
        scales, means = codec.distribution(y_hat * inverse, params)
        _, likelihoods["y"] = codec.gaussian_conditional(y * gain, scales * gain, cast("Tensor", means) * gain, "round")
    else:
        scales, means = split_parameters(cast("Tensor", params), mean=codec.config.family == "hyper")
        means = None if means is None else means * gain
        y_hat, likelihoods["y"] = codec.gaussian_conditional(y * gain, scales * gain, means, "round")
    return {"x_hat": codec.g_s(y_hat * inverse), **likelihoods}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("index", range(len(LAMBDAS)))
@torch.no_grad()
def test_a_folded_model_computes_what_the_gains_say(
    family: str, index: int, make: Maker, liven: Callable[[LearnedModel], None], pictures: Tensor
) -> None:
    model = gained_of(wide_attn(liven) if family == "attn" else make(family))
    plain, gain = model.plain(index), model.gain[index].exp().view(1, -1, 1, 1)
    x = torch.cat((pictures, pictures.flip(1)), 1) if family in YUV420 else pictures
    y = plain.g_a(x) / gain
    torch.testing.assert_close(y, model.codec.g_a(x), rtol=1e-4, atol=1e-4)
    # Of the folded model's own latents: the other's differ by float errors and may round to another integer.
    expected, output = by_the_diagram(model, y, index), plain(x, "round")
    loudest, x_hat = expected["x_hat"].abs().max(), expected.pop("x_hat")
    torch.testing.assert_close(output["x_hat"] / loudest, x_hat / loudest, rtol=0, atol=1e-5)
    assert output["likelihoods"].keys() == expected.keys()
    for name, likelihood in output["likelihoods"].items():
        torch.testing.assert_close(likelihood, expected[name], rtol=1e-3, atol=1e-5)
    trained = model(x, torch.tensor(index), "round")
    assert torch.equal(trained["x_hat"], output["x_hat"])


@torch.no_grad()
def test_at_its_own_lambda_a_codec_begins_as_it_is_and_at_others_with_another_step(
    make: Maker, pictures: Tensor
) -> None:
    codec = make("joint")
    model = Gained(codec, LAMBDAS, LAMBDAS[-1]).eval()
    assert torch.equal(model.plain(1)(pictures, "round")["x_hat"], codec(pictures, "round")["x_hat"])
    ratio = model.plain(0).g_a(pictures) / codec.g_a(pictures)
    torch.testing.assert_close(ratio, torch.full_like(ratio, (LAMBDAS[0] / LAMBDAS[1]) ** 0.5), rtol=1e-3, atol=1e-3)


def test_gains_of_one_lambda_learn_from_its_crops_alone(make: Maker, pictures: Tensor) -> None:
    model = Gained(make("hyper").train(), LAMBDAS, LAMBDAS[-1])
    output = model(pictures, torch.tensor(0), "noise")
    (output["x_hat"].square().mean() - output["likelihoods"]["y"].log().mean()).backward()
    for table in (model.gain, model.inverse, model.z_gain, model.z_inverse):
        assert table.grad is not None
        assert (table.grad[0] != 0).any()
        assert not table.grad[1].any()


def test_a_plain_model_is_a_copy(make: Maker) -> None:
    model = gained_of(make("hyper"))
    before = model.codec.g_a[-1].weight.clone()  # type: ignore[index]
    plain = model.plain(0)
    assert torch.equal(model.codec.g_a[-1].weight, before)  # type: ignore[index]
    assert not torch.equal(plain.g_a[-1].weight, before)  # type: ignore[index]
    assert type(plain) is type(model.codec)


def test_layers_that_do_not_take_gains_are_refused(make: Maker) -> None:
    with pytest.raises(UsageError, match="attn supports gains for several qualities only if M differs from N"):
        Gained(make("attn"), LAMBDAS, LAMBDAS[-1])


@pytest.mark.parametrize("other", ["hyper", "joint", "scale"])
@torch.no_grad()
def test_gains_of_y_are_found_in_the_transforms_of_plain_models(other: str, make: Maker) -> None:
    model = gained_of(make("hyper"))
    with_gains = Gained(make(other), LAMBDAS, LAMBDAS[-1])
    with_gains.codec.load_state_dict(
        {name: value for name, value in model.codec.state_dict().items() if name.startswith(("g_a", "g_s"))},
        strict=False,
    )
    for index in range(len(LAMBDAS)):
        rounded = model.plain(index)
        for parameter in rounded.parameters():
            parameter.copy_(parameter.half())
        assert with_gains.take_transforms(index, rounded)
    for name in ("gain", "inverse"):
        torch.testing.assert_close(getattr(with_gains, name), getattr(model, name), rtol=0, atol=1e-3)


@torch.no_grad()
def test_gains_of_y_are_found_beside_attention_blocks(liven: Callable[[LearnedModel], None]) -> None:
    model = gained_of(wide_attn(liven))
    found = Gained(wide_attn(liven), LAMBDAS, LAMBDAS[-1])
    for index in range(len(LAMBDAS)):
        assert found.take_transforms(index, model.plain(index))
    for name in ("gain", "inverse"):
        torch.testing.assert_close(getattr(found, name), getattr(model, name), rtol=0, atol=1e-3)


@pytest.mark.parametrize("widths", [{}, {"N": 16}, {"M": 8}, {"family": "attn", "M": 8}], ids=str)
def test_transforms_of_another_training_have_no_gains(widths: dict[str, Any], make: Maker) -> None:
    model = gained_of(make("hyper"))
    before = {name: value.clone() for name, value in model.named_parameters()}
    torch.manual_seed(9)
    assert not model.take_transforms(0, build(dataclasses.replace(model.codec.config, **widths)))
    assert all(torch.equal(value, before[name]) for name, value in model.named_parameters())
