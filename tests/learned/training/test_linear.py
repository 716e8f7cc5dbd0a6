"""A training that starts as a linear transform codec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
import skimage.data
import torch

from bench.learned.models import ModelConfig, build
from bench.learned.training import linear, run
from bench.learned.training.jobs import Job
from bench.learned.training.losses import rate_distortion
from bench.learned.training.phases import CropStage, Phase, Target
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn


@pytest.fixture
def photo() -> Tensor:
    picture = torch.from_numpy(skimage.data.astronaut()).permute(2, 0, 1).float().div(255)
    return picture.unfold(1, 128, 128).unfold(2, 128, 128).flatten(1, 2).transpose(0, 1).contiguous()  # 16 crops


def psnr_db(x_hat: Tensor, x: Tensor) -> float:
    return -10 * float((x_hat - x).square().mean().log10())


@torch.no_grad()
def test_transforms_begin_as_inverses_of_each_other(photo: Tensor) -> None:
    torch.manual_seed(0)
    model = build(ModelConfig("hyper", 24, 96)).eval()
    before = psnr_db(model.g_s(model.g_a(photo)), photo)
    linear.begin(model, photo, 0.025)
    assert before < 12
    assert psnr_db(model.g_s(model.g_a(photo)), photo) > 28
    assert psnr_db(model(photo, "round")["x_hat"], photo) > 26


@torch.no_grad()
def test_latents_are_uncorrelated_and_their_scales_known(photo: Tensor) -> None:
    torch.manual_seed(0)
    model = build(ModelConfig("joint", 48, 32)).eval()
    linear.begin(model, photo, 0.025)
    rows = model.g_a(photo).transpose(0, 1).flatten(1)
    assert (rows.mean(1).abs() < 0.05 * rows.std(1)).all()
    assert (torch.corrcoef(rows) - torch.eye(32)).abs().max() < 0.01
    scales = cast("nn.Sequential", model.entropy_parameters)[-1].bias.chunk(2)[0]
    torch.testing.assert_close(scales, rows.std(1))
    assert (scales.diff() < 0).all()


@torch.no_grad()
def test_the_quantisation_step_goes_with_the_root_of_lambda(photo: Tensor) -> None:
    latents = []
    for lmbda in (0.0067, 0.0268):
        torch.manual_seed(0)
        model = build(ModelConfig("factorized", 24, 32)).eval()
        linear.begin(model, photo, lmbda)
        latents.append(model.g_a(photo))
    torch.testing.assert_close(latents[1], 2 * latents[0], rtol=1e-4, atol=1e-3)
    assert linear.quantization_step(0.025) == pytest.approx(0.1264, abs=1e-4)


def test_other_transforms_are_refused(photo: Tensor) -> None:
    with pytest.raises(UsageError, match="--linear: attn has other transforms"):
        linear.begin(build(ModelConfig("attn", 8, 8)), photo, 0.025)


@pytest.mark.parametrize("qualities", [(), (1, 3)])
def test_a_training_starts_linear_and_goes_on_from_where_it_was(
    qualities: tuple[int, ...], photos: Path, tmp_path: Path
) -> None:
    def job(out: str, **changes: Any) -> Job:  # noqa: ANN401
        phase = Phase(rate_distortion(3), crops=(CropStage(64, 2),), validate_steps=2, qualities=qualities)
        target = Target("hyper", 3, options={"N": 24, "M": 48})
        options = {"steps": 4, "threads": 1, "compile": False, "device": "cpu", "cache": tmp_path / "cache"}
        return Job(target, phase, tmp_path / out, data=photos, **{**options, **changes})

    losses = {}
    for linear_start in (False, True):
        run.train(job(f"{linear_start}", linear=linear_start), _Silent())
        curve = (tmp_path / f"{linear_start}" / "curve.csv").read_text().splitlines()
        losses[linear_start] = float(curve[1].split(",")[3])
    assert losses[True] < losses[False] / 3
    going_on = job("True", linear=True, resume=True, steps=6)
    run.train(going_on, _Silent())
    rows = (tmp_path / "True" / "curve.csv").read_text().splitlines()
    assert [int(row.split(",")[0]) for row in rows[1:]] == [2, 4, 5, 6]  # halfway of the second call, too


class _Silent:
    def __getattr__(self, name: str) -> object:
        return lambda *_: None
