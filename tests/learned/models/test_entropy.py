"""Likelihoods compared with SciPy, tables compared with likelihoods, and the modes of quantisation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.stats
import torch
from compressai.entropy_models import EntropyBottleneck
from compressai.models import get_scale_table

from bench.learned.models.entropy import CONDITIONALS, Bottleneck, Gaussian
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

SHAPES: dict[str, Any] = {
    "gaussian": scipy.stats.norm(),
    "laplacian": scipy.stats.laplace(scale=1 / math.sqrt(2)),
    "logistic": scipy.stats.logistic(scale=math.sqrt(3) / math.pi),
}


def mass(name: str, values: np.ndarray, scale: np.ndarray | float) -> np.ndarray:
    """Return SciPy's probability of the unit interval around each value, accurate in the tail."""
    distance = np.abs(values)
    result: np.ndarray = SHAPES[name].sf((distance - 0.5) / scale) - SHAPES[name].sf((distance + 0.5) / scale)
    return result


@pytest.mark.parametrize("name", SHAPES)
def test_the_scale_is_the_standard_deviation(name: str) -> None:
    assert SHAPES[name].std() == pytest.approx(1)


@pytest.mark.parametrize("name", SHAPES)
def test_likelihoods_are_scipys(name: str) -> None:
    values = torch.linspace(-40, 40, 161).repeat(4, 1)
    scales = torch.tensor([0.11, 0.7, 3.0, 50.0])[:, None].expand_as(values)
    means = torch.tensor([0.0, 0.3, -2.2, 7.0])[:, None].expand_as(values)
    _, likelihoods = CONDITIONALS[name]()(values, scales, means, "integer")
    expected = mass(name, values.round().double().numpy() - means.double().numpy(), scales.double().numpy())
    # float32: differences of numbers up to 1/2, so an absolute error of some 1e-7; 1e-9 is CompressAI's lower bound.
    np.testing.assert_allclose(likelihoods.numpy(), np.maximum(expected, 1e-9), rtol=2e-5, atol=2e-7)


@pytest.mark.parametrize("name", SHAPES)
def test_tails_far_from_the_mean_keep_their_relative_precision(name: str) -> None:
    values = torch.tensor([4.0, 5.0, 6.0])
    _, likelihoods = CONDITIONALS[name]()(values, torch.ones(3), None, "integer")
    expected = np.maximum(mass(name, values.double().numpy(), 1.0), 1e-9)
    np.testing.assert_allclose(likelihoods.numpy(), expected, rtol=1e-3)


@pytest.mark.parametrize("name", SHAPES)
def test_tables_hold_the_same_probabilities_in_16_bits(name: str) -> None:
    model = CONDITIONALS[name]()
    model.update_scale_table(get_scale_table())
    for row in range(0, 40, 5):
        length, offset = int(model.cdf_length[row]), int(model.offset[row])
        cdf = model.quantized_cdf[row, :length].numpy()
        assert cdf[0] == 0
        assert cdf[-1] == 65536
        assert (np.diff(cdf) > 0).all(), "every symbol can be coded"
        expected = mass(name, np.arange(length - 2) + offset, float(model.scale_table[row]))
        # Probabilities are rounded to 1/65536, and each rarer symbol takes one count from a more frequent one.
        rare = int((expected * 65536 < 1).sum()) + 2
        np.testing.assert_allclose(np.diff(cdf)[:-1] / 65536, expected, atol=rare / 65536)


@pytest.fixture
def y() -> Tensor:
    return 6 * torch.randn(2, 5, 4, 3, generator=torch.Generator().manual_seed(2))


def gaussian(y: Tensor, mode: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401 - a Quantization
    torch.manual_seed(4)
    y_hat, likelihood = Gaussian()(y, torch.full_like(y, 2.0), torch.full_like(y, 0.3), mode)
    return y_hat, likelihood


def test_noise_is_at_most_half_a_step_wide_and_fills_it(y: Tensor) -> None:
    noise = gaussian(y, "noise")[0] - y
    assert noise.abs().max() <= 0.5
    assert noise.std().item() == pytest.approx(1 / math.sqrt(12), rel=0.1)


def test_round_moves_latents_to_whole_steps_from_their_mean(y: Tensor) -> None:
    steps = gaussian(y, "round")[0] - 0.3
    torch.testing.assert_close(steps, (y - 0.3).round(), rtol=0, atol=1e-5)


def test_integer_ignores_the_mean_when_rounding_but_not_in_the_likelihood(y: Tensor) -> None:
    y_hat, likelihood = gaussian(y, "integer")
    assert torch.equal(y_hat, y.round())
    expected = np.maximum(mass("gaussian", y.round().double().numpy() - 0.3, 2.0), 1e-9)
    np.testing.assert_allclose(likelihood.numpy(), expected, rtol=1e-4, atol=1e-7)


def test_mixed_gives_rounded_latents_and_the_likelihoods_of_noisy_ones(y: Tensor) -> None:
    y_hat, likelihood = gaussian(y, "mixed")
    torch.testing.assert_close(y_hat, gaussian(y, "round")[0], rtol=0, atol=1e-5)
    assert torch.equal(likelihood, gaussian(y, "noise")[1])


@pytest.mark.parametrize(("mode", "gradient"), [("noise", 1.0), ("mixed", 1.0), ("round", 0.0), ("integer", 0.0)])
def test_gradients_pass_noise_and_straight_through_rounding_only(mode: str, gradient: float, y: Tensor) -> None:
    y.requires_grad_()
    gaussian(y, mode)[0].sum().backward()
    assert y.grad is not None
    assert (y.grad == gradient).all()


def test_an_unknown_way_of_quantising_is_refused(y: Tensor) -> None:
    with pytest.raises(UsageError, match="did you mean 'noise'"):
        gaussian(y, "nois")


@pytest.mark.parametrize("training", [True, False])
def test_the_bottleneck_is_compressais(training: bool, y: Tensor) -> None:
    theirs, mine = EntropyBottleneck(5), Bottleneck(5)
    mine.load_state_dict(theirs.state_dict())
    outputs = []
    for bottleneck in (theirs.train(training), mine.train(training)):
        torch.manual_seed(6)
        outputs.append(bottleneck(y))
    assert all(torch.equal(one, other) for one, other in zip(*outputs, strict=True))
    assert torch.equal(mine.loss(), theirs.loss())


def test_the_bottleneck_centres_its_rounding_on_the_median_unless_told_integer(y: Tensor) -> None:
    bottleneck = Bottleneck(5).eval()
    with torch.no_grad():
        bottleneck.quantiles[:, 0, 1] = 0.25
    torch.testing.assert_close(bottleneck(y)[0], (y - 0.25).round() + 0.25, rtol=0, atol=1e-5)
    assert torch.equal(bottleneck(y, "integer")[0], y.round())


def test_entropy_models_compute_in_float32_under_autocast(y: Tensor) -> None:
    bottleneck = Bottleneck(5).eval()
    with torch.autocast("cpu", torch.bfloat16):
        inside = bottleneck(y)[1], bottleneck.loss()
    assert torch.equal(inside[0], bottleneck(y)[1])
    assert torch.equal(inside[1], bottleneck.loss())
