from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from bench.learned.models import LearnedModel, ModelConfig, Quantization, build
from bench.learned.training import engine, latent_objectives, training_pictures
from bench.learned.training.latent_objectives import LatentObjective
from bench.learned.training.loop import PATIENCE_SKIPPED, DivergedError, Loop
from bench.learned.training.losses import rate_distortion
from bench.learned.training.objective import Objective, PictureObjective, Validation
from bench.learned.training.phases import CropStage, Phase, TrainingSegment
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.learned.training.training_pictures import Pictures

CPU = torch.device("cpu")


def run(loop: Loop, segment: TrainingSegment) -> None:
    """Train to the end of a segment."""
    for _ in loop.run(segment):
        pass


def small_phase(**changes: Any) -> Phase:  # noqa: ANN401
    options: dict[str, Any] = {"crops": (CropStage(64, 2),), "warmup_steps": 4, "validate_steps": 5}
    return Phase(rate_distortion(3), **{**options, **changes})


@pytest.fixture
def photographs(photos: Path, tmp_path: Path) -> Pictures:
    return training_pictures.load(photos, tmp_path / "cache")


@pytest.fixture
def model() -> LearnedModel:
    torch.manual_seed(0)
    return build(ModelConfig("hyper", N=8, M=8))


def loop_of(
    model: LearnedModel,
    phase: Phase,
    photographs: Pictures,
    *,
    objective: Objective | None = None,
    clock: Callable[[], float] | None = None,
) -> Loop:
    objective = objective or PictureObjective(photographs, phase, seed=0, device=CPU)
    fabric = engine.fabric("cpu", precision="float32")
    return Loop(model, phase, objective=objective, fabric=fabric, **({} if clock is None else {"clock": clock}))


class Poisoned(PictureObjective):
    """An objective whose loss is wrong at some steps."""

    def __init__(self, photographs: Pictures, phase: Phase, factors: dict[int, float]) -> None:
        super().__init__(photographs, phase, seed=0, device=CPU)
        self.factors = factors
        self.step = 0

    def batch(self, step: int, share: float) -> Tensor:
        self.step = step
        return super().batch(step, share)

    def loss(self, network: nn.Module, batch: Tensor, mode: Quantization) -> Tensor:
        return super().loss(network, batch, mode) * self.factors.get(self.step, 1.0)


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def test_the_loss_falls(model: LearnedModel, photographs: Pictures) -> None:
    loop = loop_of(model, small_phase(lr=1e-2, ema_decay=0.9, validate_steps=20), photographs)
    points = [point for point in loop.run(TrainingSegment(steps=90)) if point is not None]
    assert [point.step for point in points] == [20, 40, 60, 80, 90]
    assert points[-1].loss < points[0].loss / 2


def test_processor_time_is_counted_over_all_calls(
    model: LearnedModel, photographs: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(100, 1000, 10))
    monkeypatch.setattr("bench.learned.training.loop.time.process_time", lambda: float(next(ticks)))
    loop = loop_of(model, small_phase(), photographs)
    run(loop, TrainingSegment(steps=3))
    run(loop, TrainingSegment(3, steps=5))
    assert [point.cpu_s for point in loop.progress.curve] == [20, 30, 40, 50]


def test_outlier_steps_are_skipped_and_counted(model: LearnedModel, photographs: Pictures) -> None:
    phase = small_phase()
    loop = loop_of(model, phase, photographs, objective=Poisoned(photographs, phase, {25: 1e4, 26: 1e4}))
    run(loop, TrainingSegment(steps=25))
    before = weights_of(loop.model)
    loop.progress.segment = TrainingSegment(steps=40)
    loop.advance(0.1)
    assert all(torch.equal(value, before[name]) for name, value in weights_of(loop.model).items())
    run(loop, TrainingSegment(25, steps=30))
    assert loop.guard.skipped == 2
    assert not torch.equal(loop.model.g_a[0].weight, before["g_a.0.weight"])  # type: ignore[index]


def test_a_loss_that_is_no_number_stops_before_the_weights_change(model: LearnedModel, photographs: Pictures) -> None:
    phase = small_phase()
    loop = loop_of(model, phase, photographs, objective=Poisoned(photographs, phase, {6: float("nan")}))
    run(loop, TrainingSegment(steps=6))
    before = weights_of(loop.model)
    with pytest.raises(DivergedError, match="nan at step 6"):
        run(loop, TrainingSegment(6, steps=12))
    assert all(torch.equal(value, before[name]) for name, value in weights_of(loop.model).items())


def test_endless_skipping_stops(model: LearnedModel, photographs: Pictures) -> None:
    phase = small_phase(validate_steps=1000)
    loop = loop_of(model, phase, photographs, objective=Poisoned(photographs, phase, {}))
    loop.guard.norms.extend([1e-12] * 50)
    with pytest.raises(DivergedError, match=f"{PATIENCE_SKIPPED} steps"):
        run(loop, TrainingSegment(steps=PATIENCE_SKIPPED + 5))


def test_frozen_parameters_stay(model: LearnedModel, photographs: Pictures) -> None:
    before = weights_of(model)
    loop = loop_of(model, small_phase(trainable=("g_s.*",)), photographs)
    run(loop, TrainingSegment(steps=6))
    changed = {name for name, value in weights_of(loop.model).items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if name.startswith("g_s.")}


def test_entropy_models_learn_from_latents_alone(model: LearnedModel, photographs: Pictures, tmp_path: Path) -> None:
    phase = small_phase(
        source="latents", trainable=("*", "!g_a.*", "!g_s.*"), crops=(CropStage(4, 2),), lr=5e-3, ema_decay=0.9
    )
    before = weights_of(model)
    objective = LatentObjective(model, photographs, phase, seed=0, device=CPU, cache=tmp_path)
    loop = loop_of(model, phase, photographs, objective=objective)
    points = [point for point in loop.run(TrainingSegment(steps=60)) if point is not None]
    after = weights_of(loop.model)
    assert all(torch.equal(after[name], before[name]) for name in before if name.startswith("g_"))
    assert points[-1].rate_bpp < 0.8 * points[0].rate_bpp


def test_a_step_on_latents_counts_the_rate_of_the_pictures(
    model: LearnedModel, photographs: Pictures, tmp_path: Path
) -> None:
    phase = small_phase(source="latents", crops=(CropStage(4, 2),), quantization="round")
    objective = LatentObjective(model, photographs, phase, seed=0, device=CPU, cache=tmp_path)
    batch = objective.batch(0, 0.0)
    with torch.no_grad():
        loss = objective.loss(objective.network(model.eval()), batch, phase.mode(0.0))
        likelihoods = model.entropy(batch, "round")[1]
    bits = -sum(value.log2().sum().item() for value in likelihoods.values())
    assert loss.item() == pytest.approx(bits / (2 * 64 * 64), rel=1e-5)


def test_pictures_with_fewer_latents_than_a_crop_are_left_out(
    model: LearnedModel, photographs: Pictures, tmp_path: Path
) -> None:
    """Pictures of 96 x 80 pixels are cropped to 64 x 64, and thus have 4 x 4 latents."""
    phase = small_phase(source="latents", crops=(CropStage(4, 2),))
    fitting = photographs.at_least(phase.side)
    objective = LatentObjective(model, fitting, phase, seed=0, device=CPU, cache=tmp_path)
    assert objective.batch(0, 0.0).shape == (2, 8, 4, 4)
    with pytest.raises(UsageError, match="no training picture has 128 x 128 pixels"):
        photographs.at_least(small_phase(source="latents", crops=(CropStage(5, 2),)).side)


def test_latents_are_kept_for_the_next_family_and_not_mixed_up(
    model: LearnedModel, photographs: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = small_phase(source="latents", crops=(CropStage(4, 2),))

    def batch_of(model: LearnedModel) -> Tensor:
        return LatentObjective(model, photographs, phase, seed=0, device=CPU, cache=tmp_path / "latents").batch(0, 0.0)

    first = batch_of(model)
    assert torch.equal(batch_of(model), first)
    assert len(list((tmp_path / "latents").iterdir())) == 1
    with torch.no_grad():
        model.g_a[0].weight.mul_(2)  # type: ignore[index,union-attr]
    assert not torch.equal(batch_of(model), first)
    assert len(list((tmp_path / "latents").iterdir())) == 2
    monkeypatch.setattr(latent_objectives, "_FORMAT", 2)
    batch_of(model)
    assert len(list((tmp_path / "latents").iterdir())) == 3


class Clock:
    """Each look at it takes as long as a step."""

    def __init__(self, step_s: Iterator[float]) -> None:
        self.now = 0.0
        self.step_s = step_s

    def __call__(self) -> float:
        self.now += next(self.step_s)
        return self.now


@pytest.mark.parametrize("slow_from", [1000, 30])
def test_a_budget_is_kept_within_5_percent(slow_from: int, model: LearnedModel, photographs: Pictures) -> None:
    """Whether steps are even or become three times as long on the way."""
    phase = small_phase(validate_steps=1000)
    clock = Clock(iter([*[0.5] * slow_from, *[1.5] * 1000]))
    loop = loop_of(model, phase, photographs, clock=clock)
    run(loop, TrainingSegment(budget_s=40.0))
    assert clock.now == pytest.approx(40, rel=0.05)
    assert loop.progress.elapsed_s == pytest.approx(40, rel=0.05)
    assert loop.progress.curve[-1].lr == pytest.approx(phase.lr * phase.lr_floor, rel=0.2)


def test_patience_ends_a_phase(model: LearnedModel, photographs: Pictures) -> None:
    class Worse(PictureObjective):
        looks = 0

        def validate(self, model: LearnedModel) -> Validation:  # noqa: ARG002
            Worse.looks += 1
            return Validation([3.0, 2.0, 2.5, 2.4, 2.3, 1.0][Worse.looks - 1], 1.0, 30.0)

    phase = small_phase(patience=3, validate_steps=2)
    objective = Worse(photographs, phase, seed=0, device=CPU)
    loop = loop_of(model, phase, photographs, objective=objective)
    run(loop, TrainingSegment(steps=50))
    assert loop.progress.step == 10


def test_restored_state_goes_on_exactly(model: LearnedModel, photographs: Pictures) -> None:
    phase = small_phase()
    untouched = copy.deepcopy(model)
    loop = loop_of(model, phase, photographs)
    run(loop, TrainingSegment(steps=30))
    half = loop_of(copy.deepcopy(untouched), phase, photographs)
    half.progress.segment = TrainingSegment(steps=30)
    for _ in range(17):
        half.advance(half.progress.segment.share(half.progress.step, 0.0))
    state = copy.deepcopy(half.state_dict())
    rest = loop_of(untouched, phase, photographs)
    rest.load_state_dict(state)
    run(rest, rest.progress.segment)
    for ours, theirs in ((loop.model, rest.model), (loop.average.model, rest.average.model)):
        assert all(torch.equal(value, weights_of(ours)[name]) for name, value in weights_of(theirs).items())


def test_several_processes_are_told_apart_by_their_crops_and_noise(photographs: Pictures) -> None:
    phase = small_phase()
    objectives = [PictureObjective(photographs, phase, seed=0, device=CPU, rank=rank) for rank in range(2)]
    assert not torch.equal(objectives[0].batch(0, 0.0), objectives[1].batch(0, 0.0))


def test_the_average_follows_the_weights(model: LearnedModel, photographs: Pictures) -> None:
    loop = loop_of(model, dataclasses.replace(small_phase(), ema_decay=0.5), photographs)
    before = weights_of(loop.average.model)
    loop.average.update(10**6)
    run(loop, TrainingSegment(steps=1))
    run(loop, TrainingSegment(1, steps=2))
    after = weights_of(loop.average.model)
    assert not torch.equal(after["g_a.0.weight"], before["g_a.0.weight"])
    assert not torch.equal(after["g_a.0.weight"], loop.model.g_a[0].weight)  # type: ignore[index]
