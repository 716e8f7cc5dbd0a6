from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from compressai.losses import RateDistortionLoss

from bench.learned.lambdas import lambda_of
from bench.learned.training import losses
from bench.metrics.ms_ssim import ms_ssim
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from bench.learned.models import Output

PUBLISHED = {
    # CompressAI docs/source/zoo.rst, the table of its training section.
    "mse": [0.0018, 0.0035, 0.0067, 0.0130, 0.0250, 0.0483, 0.0932, 0.1800],
    "ms-ssim": [2.40, 4.58, 8.73, 16.64, 31.73, 60.50, 115.37, 220.00],
}


@pytest.fixture
def output() -> tuple[Output, torch.Tensor]:
    torch.manual_seed(0)
    x = torch.rand(2, 3, 192, 192)
    x_hat = (x + 0.1 * torch.randn_like(x)).clamp(0, 1)
    return {"x_hat": x_hat, "likelihoods": {"y": torch.rand(2, 4, 12, 12), "z": torch.rand(2, 4, 3, 3)}}, x


@pytest.mark.parametrize("metric", ["mse", "ms-ssim"])
def test_lambdas_are_those_that_compressai_publishes(metric: str) -> None:
    assert [lambda_of(quality, metric) for quality in range(1, 9)] == PUBLISHED[metric]


@pytest.mark.parametrize("metric", ["mse", "ms-ssim"])
def test_objective_is_compressais(metric: str, output: tuple[Output, torch.Tensor]) -> None:
    result, x = output
    theirs = RateDistortionLoss(lmbda=lambda_of(4, metric), metric=metric)(result, x)["loss"]
    ours = losses.weighted(result, x, losses.rate_distortion(4, metric))
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)


def test_autocast_takes_nothing_from_ms_ssim(output: tuple[Output, torch.Tensor]) -> None:
    result, x = output
    with torch.autocast("cpu", torch.bfloat16):
        cast = losses.structural_error(result, x)
    assert cast.item() == losses.structural_error(result, x).item()


def test_ms_ssim_is_that_of_the_evaluation(output: tuple[Output, torch.Tensor]) -> None:
    """The one in double precision that the harness has; pictures of 8 bits suit both."""
    x, x_hat = ((255 * part).round() for part in (output[1], output[0]["x_hat"]))
    similarities = [
        ms_ssim(*(part[index].permute(1, 2, 0).byte().numpy() for part in (x, x_hat))) for index in range(2)
    ]
    result: Output = {"x_hat": x_hat / 255, "likelihoods": {}}
    assert losses.structural_error(result, x / 255).item() == pytest.approx(1 - sum(similarities) / 2, abs=1e-6)


def test_psnr_is_that_of_the_8_bit_picture(output: tuple[Output, torch.Tensor]) -> None:
    result, x = output
    seen = (result["x_hat"] * 255).round().double()
    mse = (seen - (x * 255).round().double()).square().mean().item()
    assert losses.psnr_db(result, x) == pytest.approx(10 * math.log10(255**2 / mse), rel=1e-5)


def test_psnr_of_a_perfect_picture_is_infinite() -> None:
    x = torch.rand(1, 3, 16, 16)
    assert losses.psnr_db({"x_hat": x, "likelihoods": {}}, x) == math.inf


@pytest.mark.parametrize(("quality", "metric"), [(0, "mse"), (9, "mse"), (3, "psnr")])
def test_unknown_quality_or_metric_is_named(quality: int, metric: str) -> None:
    with pytest.raises(UsageError, match=r"quality \d|unknown metric 'psnr'"):
        lambda_of(quality, metric)
