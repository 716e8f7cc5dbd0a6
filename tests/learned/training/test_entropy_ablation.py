from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import scipy.special
import scipy.stats
import torch
from PIL import Image

from bench.experiments.ablation import (
    VARIANTS,
    Ablation,
    entropy_parameters,
    finished,
    integer_bits,
    phase,
    run_ablation,
    start,
)
from bench.learned.models import ModelConfig, build
from bench.learned.training import training_run
from bench.learned.weights.full import ModelCard, load, save
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.learned.training.training_job import TrainingJob
    from tests.learned.conftest import Maker

FEW = tuple(variant for variant in VARIANTS if variant.name in {"joint", "hyper-scale-only", "factorized"})


@pytest.fixture
def ablation(make: Maker, tmp_path: Path) -> Ablation:
    """Three variants, each from two seeds, on the latents of a small hyper."""
    save(tmp_path / "hyper-3.safetensors", make("hyper"), ModelCard(3, 0.0067, "mse"))
    return Ablation(tmp_path / "hyper-3.safetensors", tmp_path / "runs", steps=2, variants=FEW)


class Trainer:
    """Stands in for a training: writes at once what one would write, at most `reach` steps further."""

    def __init__(self, reach: int = 100) -> None:
        self.reach = reach
        self.jobs: list[TrainingJob] = []

    def __call__(self, job: TrainingJob) -> Path:
        self.jobs.append(job)
        path = job.out / training_run.WEIGHTS
        steps = min(job.steps or 0, self.reach)
        torch.manual_seed(job.seed)
        save(path, build(job.config), ModelCard(3, 0.0067, "mse", {"steps": steps, "seconds": 1.5}))
        return path


def test_planes_are_refused_before_anything_is_trained(ablation: Ablation, tmp_path: Path) -> None:
    clip = tmp_path / "clip.y4m"
    clip.write_bytes(b"YUV4MPEG2 W16 H16 F25:1 C420jpeg\nFRAME\n" + bytes(384))
    trainer = Trainer()
    with pytest.raises(UsageError, match=r"clip\.y4m' has yuv420 pictures") as caught:
        run_ablation(ablation, trainer, out=tmp_path / "rates.csv", dataset=str(clip))
    assert "\n" not in str(caught.value)
    assert not trainer.jobs


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_every_variant_codes_the_same_integers(variant: Any, make: Maker) -> None:  # noqa: ANN401
    model = make(variant.family, **variant.options)
    y = 20 * torch.randn(1, 12, 8, 8, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        y_hat, _ = model.entropy(y, "integer")
    assert torch.equal(y_hat, y.round())
    assert set(integer_bits(model, y)) == ({"y", "z"} if variant.family in {"joint", "hyper"} else {"y"})


def test_the_rate_of_an_integer_is_the_mass_of_its_unit_interval(make: Maker) -> None:
    model = make("context")
    y = 3 * torch.randn(1, 12, 8, 8, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        scales, means = model.distribution(y.round(), None)  # type: ignore[operator]
    integers, scales, means = (part.double().numpy() for part in (y.round(), scales.clamp_min(0.11), means))
    near, far = ((abs(integers - means) + side) / scales for side in (-0.5, 0.5))
    masses = scipy.stats.norm.cdf(-near) - scipy.stats.norm.cdf(-far)
    expected = -scipy.special.xlogy(1, masses.clip(1e-9)).sum() / scipy.special.xlogy(1, 2)
    assert integer_bits(model, y)["y"] == pytest.approx(expected, rel=1e-4)


def test_taps_that_the_mask_hides_are_no_parameters(make: Maker) -> None:
    small, large = (entropy_parameters(make("context", kernel=kernel)) for kernel in (3, 5))
    # A causal 3x3 neighbourhood has 4 taps, a 5x5 one 12; M = 12 channels give 24 features.
    assert large - small == (12 - 4) * 12 * 24


def test_the_transforms_stay_and_nothing_else_is_taken_over(ablation: Ablation, photos: Path, tmp_path: Path) -> None:
    small = dataclasses.replace(ablation, variants=FEW[:1], seeds=(1,))
    ((_, weights),) = fit(small, photos, tmp_path)
    assert weights.card.record["initial"]["taken"] == ["g_a", "g_s"]
    given, kept = load(ablation.transforms).model.state_dict(), weights.model.state_dict()
    assert all(torch.equal(kept[name], value) for name, value in given.items() if name.startswith(("g_a.", "g_s.")))
    assert not any(torch.equal(kept[name], given[name]) for name in ("h_a.0.weight", "h_s.0.weight"))


def fit(ablation: Ablation, photos: Path, tmp_path: Path) -> list[Any]:
    """Fit for real, on crops of 4 x 4 latents."""

    def train(job: TrainingJob) -> Path:
        crop = dataclasses.replace(job.phase.crops[0], size=4, batch=1)
        return training_run.train(
            dataclasses.replace(job, phase=dataclasses.replace(job.phase, crops=(crop,))), Silent()
        )

    options = {"data": photos, "cache": tmp_path / "cache", "threads": 1, "compile": False, "device": "cpu"}
    return list(finished(ablation, start(ablation.transforms), train, **options))


class Silent:
    def __getattr__(self, name: str) -> object:
        return lambda *_: None


def test_all_fits_are_alike_but_for_the_entropy_model(ablation: Ablation) -> None:
    trainer = Trainer()
    list(finished(ablation, start(ablation.transforms), trainer))
    assert [job.out.name for job in trainer.jobs] == [
        "joint-1", "hyper-scale-only-1", "factorized-1", "joint-2", "hyper-scale-only-2", "factorized-2",
    ]  # fmt: skip
    alike = {(str(job.phase), job.steps, job.init, job.take) for job in trainer.jobs}
    assert alike == {(str(phase(2)), 2, ablation.transforms, ("g_a", "g_s"))}
    assert [job.config for job in trainer.jobs[1:3]] == [
        ModelConfig("hyper", 8, 12, mean=False),
        ModelConfig("factorized", 8, 12),
    ]


def test_what_is_complete_is_not_fitted_again(ablation: Ablation) -> None:
    begin, first, second = start(ablation.transforms), Trainer(), Trainer()
    whole = finished(ablation, begin, first)
    fits = [next(whole)[0] for _ in range(2)]
    assert [(fit.variant.name, fit.seed) for fit in fits] == [("joint", 1), ("hyper-scale-only", 1)]
    assert len(list(finished(ablation, begin, second))) == 6
    assert [job.out.name for job in second.jobs] == ["factorized-1", "joint-2", "hyper-scale-only-2", "factorized-2"]


def test_a_fit_belongs_to_the_transforms_and_not_to_their_file(ablation: Ablation) -> None:
    begin = start(ablation.transforms)
    before = ablation.job(ablation.fits()[0], begin).out
    save(ablation.transforms, begin.model, dataclasses.replace(begin.card, record={"seed": 3}))
    again = start(ablation.transforms)
    assert again.sha256 != begin.sha256
    assert ablation.job(ablation.fits()[0], again).out == before
    with torch.no_grad():
        again.model.g_a[0].weight += 0.1  # type: ignore[index,operator]
    save(ablation.transforms, again.model, again.card)
    assert ablation.job(ablation.fits()[0], start(ablation.transforms)).out != before


def test_a_fit_that_was_cut_off_yields_nothing(ablation: Ablation) -> None:
    begin = start(ablation.transforms)
    assert list(finished(ablation, begin, Trainer(reach=1))) == []
    assert list(finished(ablation, begin, Trainer(), budget_s=0.0)) == []


def test_rates_are_kept_as_they_come_and_taken_once(ablation: Ablation, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "ablation.csv"
    stopped = Trainer()

    def interrupted(job: TrainingJob) -> Path:
        if len(stopped.jobs) == 2:
            raise KeyboardInterrupt
        return stopped(job)

    with pytest.raises(KeyboardInterrupt):
        run_ablation(ablation, interrupted, out=out, dataset=str(photos))
    before = pd.read_csv(out)
    assert list(before["variant"].unique()) == ["joint", "hyper-scale-only"]
    shown = run_ablation(ablation, Trainer(), out=out, dataset=str(photos))
    after = pd.read_csv(out)
    pictures = after["image"].nunique()
    assert len(after) == 6 * pictures
    assert after.head(len(before)).equals(before)
    assert list(shown["variant"]) == ["joint", "hyper-scale-only", "factorized"]
    assert list(shown["seeds"]) == [2, 2, 2]
    written = out.read_bytes()
    run_ablation(ablation, Trainer(), out=out, dataset=str(photos))
    assert out.read_bytes() == written


def test_a_rate_is_bits_by_the_pixels_of_the_picture(ablation: Ablation, photos: Path, tmp_path: Path) -> None:
    small = dataclasses.replace(ablation, variants=FEW[-1:], seeds=(1,))
    run_ablation(small, Trainer(), out=tmp_path / "a.csv", dataset=str(photos))
    (row,) = pd.read_csv(tmp_path / "a.csv").query("image == 'photo0'").to_dict("records")
    ((_, weights),) = finished(small, start(small.transforms), Trainer())
    # 96 x 80 pixels, repeated at the edges up to 128 x 128 for the model.
    pixels = np.asarray(Image.open(photos / "photo0.png"))
    padded = torch.from_numpy(np.pad(pixels, ((0, 48), (0, 32), (0, 0)), mode="edge")) / 255
    with torch.no_grad():
        y = load(ablation.transforms).model.g_a(padded.permute(2, 0, 1)[None])
    assert row["bpp_y"] == pytest.approx(integer_bits(weights.model, y)["y"] / (96 * 80), rel=1e-4)
    assert (row["bpp_z"], row["prior"], row["dataset"][:7]) == (0, "factorized", "photos-")


def test_transforms_of_another_kind_are_refused(make: Maker, tmp_path: Path) -> None:
    save(tmp_path / "attn-3.safetensors", make("attn"), ModelCard(3, 0.0067, "mse"))
    with pytest.raises(UsageError, match="the ablation needs the transforms of joint, hyper"):
        start(tmp_path / "attn-3.safetensors")
