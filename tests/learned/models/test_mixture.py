from __future__ import annotations

import pytest
import torch
from compressai.entropy_models import GaussianMixtureConditional

from bench.learned.models.mixture import COMPONENTS, GaussianMixture, Mixture

M = 4


@pytest.fixture
def params() -> torch.Tensor:
    """Parameters for 2 pictures of 3x5 latents: scales of 0.02 to 4, means of -3 to 3, some weights of nearly 0."""
    generator = torch.Generator().manual_seed(0)
    shape = (2, COMPONENTS * M, 3, 5)
    scales, means, logits = (torch.randn(shape, generator=generator) for _ in range(3))
    return torch.cat((scales.mul(1.3).exp().clamp(0.02, 4), means.clamp(-3, 3), 4 * logits), dim=1)


def test_the_likelihoods_of_all_integers_add_up_to_one(params: torch.Tensor) -> None:
    conditional = GaussianMixture()
    total = sum(conditional(torch.full((2, M, 3, 5), float(y)), params).double() for y in range(-40, 41))
    torch.testing.assert_close(total, torch.ones(2, M, 3, 5, dtype=torch.float64), atol=2e-5, rtol=0)


def test_the_likelihoods_are_those_of_compressai(params: torch.Tensor) -> None:
    theirs = GaussianMixtureConditional(K=COMPONENTS)
    scales, means, logits = params.chunk(3, 1)
    weights = logits.unflatten(1, (COMPONENTS, M)).softmax(1).flatten(1, 2)  # type: ignore[no-untyped-call]
    y = torch.randn(2, M, 3, 5).mul(2).round()
    _, expected = theirs(y, scales, means, weights, training=False)
    torch.testing.assert_close(GaussianMixture()(y, params), expected)


def test_a_mixture_of_equal_components_is_one_gaussian() -> None:
    params = torch.cat((torch.full((1, 3, 1, 1), 0.7), torch.full((1, 3, 1, 1), 0.2), torch.zeros(1, 3, 1, 1)), 1)
    normal = torch.distributions.Normal(0.2, 0.7)
    expected = normal.cdf(torch.tensor(1.5)) - normal.cdf(torch.tensor(0.5))
    torch.testing.assert_close(GaussianMixture()(torch.ones(1, 1, 1, 1), params)[0, 0, 0, 0], expected)


def test_weights_are_of_the_components_of_each_element(params: torch.Tensor) -> None:
    mixture = Mixture.of(params.permute(0, 2, 3, 1))
    assert mixture.weights.shape == (2, 3, 5, COMPONENTS, M)
    torch.testing.assert_close(mixture.weights.sum(-2), torch.ones(2, 3, 5, M))
    assert torch.equal(mixture.means[1, 2, 4, 1], params[1, COMPONENTS * M + M : COMPONENTS * M + 2 * M, 2, 4])


def test_the_coded_latents_are_integers(params: torch.Tensor) -> None:
    del params
    y = torch.tensor([[[[0.4, 0.6, -1.2]]]])
    y_hat, coded = GaussianMixture().quantized(y, "round")
    assert y_hat.tolist() == coded.tolist() == [[[[0.0, 1.0, -1.0]]]]


def test_scales_below_their_bound_can_still_grow() -> None:
    params = torch.cat((torch.full((1, 3, 1, 1), 0.01), torch.full((1, 3, 1, 1), 0.4), torch.zeros(1, 3, 1, 1)), 1)
    params.requires_grad_()
    GaussianMixture()(torch.ones(1, 1, 1, 1), params).log().sum().neg().backward()
    assert params.grad is not None
    assert (params.grad[:, :3] < 0).all()
