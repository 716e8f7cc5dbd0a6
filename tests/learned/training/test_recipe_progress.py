"""Following a recipe: what comes next, from which weights, and what is published."""

from __future__ import annotations

import dataclasses
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import torch
from trainings import RECIPE

from bench.learned.lambdas import lambda_of
from bench.learned.models import ModelConfig, Rectified, Rectifier, build, share
from bench.learned.training import curve, training_recipe, training_run
from bench.learned.training.loop import CurvePoint
from bench.learned.training.terminal import show_progress
from bench.learned.training.training_recipe import RecipeProgress
from bench.learned.weights import catalogue, delta, packing, tensor_file
from bench.learned.weights.full import ModelCard, load, save
from bench.learned.weights.rectified import save_rectified
from bench.system.errors import BenchError, MissingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.learned.models import LearnedModel
    from bench.learned.training.training_job import TrainingJob

pytestmark = pytest.mark.usefixtures("no_figures")


@pytest.fixture
def small(tmp_path: Path) -> RecipeProgress:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return RecipeProgress(training_recipe.read(path), tmp_path / "weights", tmp_path / "runs")


class Trainer:
    """Stands in for a training: writes what one would write, at once; `reach` cuts the first so many steps short."""

    def __init__(self, reach: int | None = None) -> None:
        self.reach = reach
        self.jobs: list[TrainingJob] = []

    def __call__(self, job: TrainingJob) -> Path:
        self.jobs.append(job)
        history = {name: dict(stage) for name, stage in job.history.items()}
        before = history.get(job.stage or "", {"steps": 0, "seconds": 0.0})
        steps = min(job.steps or 0, self.reach or 10**9)
        history[job.stage or ""] = {"steps": before["steps"] + steps, "seconds": before["seconds"] + 1.0}
        record = {"stages": history, "calls": [{"to_step": job.steps}]}
        torch.manual_seed(0)
        model = build(ModelConfig(job.target.family, 8, 12))
        if job.init is not None:
            share(load(job.init).model, model)
        card = ModelCard(job.target.quality, lambda_of(job.target.quality), "mse", record)
        save(job.out / training_run.WEIGHTS, model, card)
        (job.out / "record.json").write_text(json.dumps(record))
        return job.out / training_run.WEIGHTS


def take_one(small: RecipeProgress, trainer: Callable[[TrainingJob], Path]) -> str:
    step = small.next()
    assert step is not None
    small.publish(step, trainer(small.job(step)))
    return step.name


def test_next_is_right_after_each_step(small: RecipeProgress) -> None:
    trainer = Trainer()
    names = [take_one(small, trainer) for _ in range(5)]
    assert names == ["hyper@3-base trunk", "hyper@3 entropy", "hyper@3 trunk", "joint@3 entropy", "joint@3 trunk"]
    assert small.next() is None


def test_each_step_starts_from_what_the_recipe_says(small: RecipeProgress) -> None:
    trainer = Trainer()
    for _ in range(5):
        take_one(small, trainer)
    names = [None if job.init is None else job.init.stem for job in trainer.jobs]
    assert names == [None, "hyper-3-base", "hyper-3", "hyper-3-base", "joint-3"]
    assert all(job.exclude == ("chart.*",) for job in trainer.jobs)


def test_a_fresh_clone_goes_on_from_the_weights_alone(small: RecipeProgress, tmp_path: Path) -> None:
    take_one(small, Trainer())
    take_one(small, Trainer(reach=15))
    shutil.rmtree(small.runs)
    clone = RecipeProgress(small.recipe, shutil.copytree(small.weights, tmp_path / "clone"), tmp_path / "elsewhere")
    step = clone.next()
    assert step is not None
    assert step.name == "hyper@3 entropy"
    job = clone.job(step)
    assert (job.init, job.steps, job.resume) == (clone.path("hyper@3"), 40 - 15, False)
    clone.publish(step, Trainer()(job))
    assert clone.stages("hyper@3")["entropy"]["steps"] == 40
    following = clone.next()
    assert following is not None
    assert following.name == "hyper@3 trunk"


def test_weights_with_earlier_names_of_stages_are_complete(small: RecipeProgress, tmp_path: Path) -> None:
    take_one(small, Trainer())
    path = tmp_path / "renamed.toml"
    path.write_text(RECIPE.replace("trunk", "base") + '[formerly]\nbase = "trunk"\n')
    renamed = RecipeProgress(training_recipe.read(path), small.weights, small.runs)
    assert renamed.done(renamed.recipe.steps[0]) == 100
    following = renamed.next()
    assert following is not None
    assert following.name == "hyper@3 entropy"


@pytest.mark.parametrize("family", ["hyper", "joint"])
def test_the_package_has_weights_of_the_recipe(family: str) -> None:
    """At the three highest lambdas: below, the former models are better so far (docs/training.md)."""
    packaged = RecipeProgress(training_recipe.read())
    step = next(step for step in packaged.recipe.steps if step.target.family == family and step.phase.qualities)
    assert step.models.keys() == {f"{family}@{quality}" for quality in range(1, 7)}
    for quality in (4, 5, 6):
        assert packaged.stages(f"{family}@{quality}")[step.stage]["steps"] == step.steps


def test_a_run_that_was_killed_before_its_first_record_starts_again(small: RecipeProgress) -> None:
    step = small.next()
    assert step is not None
    checkpoint = small.runs / step.run / training_run.CHECKPOINT
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"stands for a checkpoint")
    job = small.job(step)
    assert (job.resume, job.restart, job.steps) == (False, True, 100)


def test_a_checkpoint_of_this_machine_is_gone_on_from_unless_the_weights_are_further(small: RecipeProgress) -> None:
    trainer = Trainer(reach=30)
    take_one(small, trainer)
    step = small.next()
    assert step is not None
    (trainer.jobs[0].out / training_run.CHECKPOINT).write_bytes(b"stands for a checkpoint")
    job = small.job(step)
    assert (job.resume, job.steps, job.init) == (True, 100, None)
    other = Trainer(reach=20)
    small.publish(
        step, other(dataclasses.replace(small.job(step), out=small.runs / "other", history=small.stages(step.model)))
    )
    job = small.job(step)
    assert (job.resume, job.steps, job.init) == (False, 50, small.path("hyper@3-base"))


def test_what_has_been_reached_is_known_from_each_file_read_once(
    small: RecipeProgress, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(4):
        take_one(small, Trainer())
    read: list[str] = []
    whole = tensor_file.read

    def counted(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        read.append(path.name)
        return whole(path)

    monkeypatch.setattr(tensor_file, "read", counted)
    for _ in range(3):
        show_progress(small)
    assert "-> joint@3 trunk" in capsys.readouterr().out
    assert len(read) == len(set(read))


def test_status_says_how_long_it_took_and_how_the_loss_fell(
    small: RecipeProgress, capsys: pytest.CaptureFixture[str]
) -> None:
    take_one(small, Trainer())
    step = small.next()
    assert step is not None
    points = [CurvePoint(n, 999.0, 0.0, 3.0 - 0.1 * n, 0.5, 30.0, 0, 1e-3, cpu_s=360.0 * n) for n in range(1, 11)]
    (small.runs / step.run).mkdir(parents=True)
    curve.write_csv(small.runs / step.run / "curve.csv", points)
    assert curve.read_csv(small.runs / step.run / "curve.csv") == points
    show_progress(small)
    *_, total, falling = capsys.readouterr().out.splitlines()
    assert total == "0.00 h in all"
    assert falling == f"{step.name}: " + ", ".join(f"{3 - n / 10:.3f} after {n / 10:.2f} h" for n in (2, 4, 6, 8, 10))


def test_a_curve_of_before_processor_time_was_counted_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_text(
        "step,elapsed_s,train_loss,loss,rate_bpp,psnr_db,skipped,lr,latent_error_ratio\n5,9.5,2.5,2.25,0.5,30.5,1,0.001,\n"
    )
    assert curve.read_csv(tmp_path / "curve.csv") == [CurvePoint(5, 9.5, 2.5, 2.25, 0.5, 30.5, 1, 0.001)]


def test_weights_from_outside_the_recipe_do_not_count(small: RecipeProgress) -> None:
    take_one(small, Trainer())
    step = small.next()
    assert step is not None
    provisional = Trainer()(dataclasses.replace(small.job(step), stage="by hand", out=small.runs / "by-hand"))
    small.publish(step, provisional)
    assert small.next() == step
    job = small.job(step)
    assert (job.init, job.history, job.steps) == (small.path("hyper@3-base"), {}, 40)


def test_following_stops_when_the_time_is_over(small: RecipeProgress) -> None:
    trainer = Trainer()
    training_recipe.follow(small, trainer, budget_s=0.0)
    (first,) = trainer.jobs  # begun, so that its inputs are looked at
    assert first.limit_s == 0.0
    training_recipe.follow(small, trainer, threads=1)
    assert len(trainer.jobs) == 5
    assert {job.threads for job in trainer.jobs[1:]} == {1}


def test_what_an_interrupted_training_reached_is_published(small: RecipeProgress) -> None:
    def interrupted(job: TrainingJob) -> Path:
        Trainer(reach=7)(job)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training_recipe.follow(small, interrupted)
    assert small.done(small.recipe.steps[0]) == 7


def test_weights_are_never_replaced_by_those_of_fewer_steps(small: RecipeProgress) -> None:
    step = small.recipe.steps[0]
    job = small.job(step)
    small.publish(step, Trainer(reach=9)(job))
    small.publish(step, Trainer(reach=5)(dataclasses.replace(job, out=small.runs / "older")))
    small.publish(step, small.runs / "nothing")
    assert small.done(step) == 9


def test_a_step_that_is_cut_short_is_gone_on_with(small: RecipeProgress) -> None:
    trainer = Trainer(reach=35)
    training_recipe.follow(small, trainer)
    assert len(trainer.jobs) == sum(-(-step.steps // 35) for step in small.recipe.steps)


def test_following_says_that_a_step_gets_no_further(small: RecipeProgress) -> None:
    take_one(small, Trainer())
    with pytest.raises(BenchError, match=r"hyper@3 entropy: still 0 of 40 steps.*remove .*hyper-3-entropy") as caught:
        training_recipe.follow(small, lambda job: job.out / training_run.WEIGHTS)
    assert "\n" not in str(caught.value)


def test_no_step_at_all_in_the_time_left_is_no_error(small: RecipeProgress, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter((0.0, 1.0, 11.0, 12.0))
    monkeypatch.setattr(training_recipe.time, "perf_counter", lambda: next(now))
    training_recipe.follow(small, lambda job: job.out / training_run.WEIGHTS, budget_s=10.0)
    assert small.done(small.recipe.steps[0]) == 0


def test_a_zero_that_lost_its_sign_does_not_outdate_a_fit(small: RecipeProgress) -> None:
    take_one(small, Trainer())
    base = load(small.path("hyper@3-base"))
    with torch.no_grad():
        base.model.g_a[0].weight[0, 0, 0, 0] = -0.0  # type: ignore[index,operator]
    save(small.path("hyper@3-base"), base.model, base.card)
    take_one(small, Trainer())
    fitted = load(small.path("hyper@3"))
    with torch.no_grad():
        fitted.model.g_a[0].weight[0, 0, 0, 0] = 0.0  # type: ignore[index,operator]
    save(small.path("hyper@3"), fitted.model, fitted.card)
    assert torch.equal(base.model.g_a[0].weight, fitted.model.g_a[0].weight)  # type: ignore[index]
    assert not small.is_outdated(small.recipe.steps[1])


def test_a_fit_to_transforms_that_have_changed_is_made_again(small: RecipeProgress) -> None:
    take_one(small, Trainer())
    take_one(small, Trainer())
    (trunk, fit), path = small.recipe.steps[:2], small.path("hyper@3-base")
    (small.runs / fit.run / training_run.CHECKPOINT).write_bytes(b"stands for a checkpoint")
    assert (small.done(fit), small.is_outdated(fit)) == (40, False)
    changed = load(path)
    with torch.no_grad():
        changed.model.g_a[0].weight += 0.1  # type: ignore[index,operator]
    save(path, changed.model, changed.card)
    assert (small.done(trunk), small.done(fit), small.is_outdated(fit)) == (100, 0, True)
    assert small.next() == fit
    job = small.job(fit)
    assert (job.init, job.steps, job.resume, job.history) == (path, 40, False, {})


def test_a_model_trained_whole_since_differs_from_its_start_rightly(small: RecipeProgress) -> None:
    for _ in range(3):
        take_one(small, Trainer())
    entropy, whole = small.recipe.steps[1:3]
    trained = load(small.path("hyper@3"))
    with torch.no_grad():
        trained.model.g_a[0].weight += 0.1  # type: ignore[index,operator]
    save(small.path("hyper@3"), trained.model, trained.card)
    assert (small.done(entropy), small.done(whole), small.is_outdated(entropy)) == (40, 100, False)


FITS = """
[phases.trunk]
steps = 100

[phases.fit]
steps = 40
source = "latents"
trainable = ["*", "!g_a.*", "!g_s.*"]

[phases.whole]
steps = 20

[[steps]]
train = ["hyper@3"]
phases = ["trunk"]

[[steps]]
train = ["joint@3", "hyper@3"]
start = "hyper@3"
phases = ["fit"]

[[steps]]
train = ["hyper@3"]
phases = ["whole"]
"""


def test_a_fit_is_published_as_a_part_and_stays_what_it_is_when_its_start_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(FITS)
    fits = RecipeProgress(training_recipe.read(path), tmp_path / "weights", tmp_path / "runs")
    joint, hyper = fits.path("joint@3"), fits.path("hyper@3")
    names = [take_one(fits, Trainer()) for _ in range(2)]
    before = load(joint)
    header, held = tensor_file.read(joint)
    assert header["base"]["sha256"] == load(hyper).sha256
    assert not any(name.startswith(("g_a.", "g_s.")) for name in held)
    assert joint.stat().st_size < (fits.runs / "joint-3-fit" / training_run.WEIGHTS).stat().st_size
    for change, bases in (("h_a", (hyper,)), ("g_a", ())):

        def trained(job: TrainingJob, change: str = change) -> Path:
            out = Trainer()(job)
            found = load(out)
            with torch.no_grad():
                next(getattr(found.model, change).parameters()).add_(0.1)
            save(out, found.model, found.card)
            return out

        names.append(take_one(fits, trained))
        after = load(joint)
        assert same_tensors(before.model, after.model)
        assert before.card == after.card
        assert catalogue.bases(joint) == bases
    assert names == ["hyper@3 trunk", "joint@3 fit", "hyper@3 fit", "hyper@3 whole"]
    assert fits.next() is None


def same_tensors(ours: LearnedModel, theirs: LearnedModel) -> bool:
    other = theirs.state_dict()
    return all(torch.equal(value, other[name]) for name, value in ours.state_dict().items())


def test_a_start_without_weights_is_named(small: RecipeProgress) -> None:
    with pytest.raises(MissingError, match="hyper@3 entropy starts from hyper@3-base"):
        small.job(small.recipe.steps[1])


def test_real_steps_of_a_recipe(small: RecipeProgress, photos: Path, tmp_path: Path) -> None:
    """Trunk cut off by the time, gone on with, then an entropy model on its latents, all by the real loop."""
    short = tuple(dataclasses.replace(step, steps=6, target=narrow(step)) for step in small.recipe.steps[:2])
    recipe = dataclasses.replace(small.recipe, steps=short)
    real = dataclasses.replace(small, recipe=recipe)
    options = {"data": photos, "cache": tmp_path / "cache", "threads": 1, "compile": False, "device": "cpu"}
    step = short[0]
    real.publish(step, training_run.train(real.job(step, limit_s=0.0, **options), Silent()))
    assert 1 <= real.done(step) < 6
    training_recipe.follow(real, lambda job: training_run.train(job, Silent()), **options)
    assert real.next() is None
    base, fitted = load(real.path("hyper@3-base")), load(real.path("hyper@3"))
    assert base.card.record["stages"]["trunk"]["steps"] == fitted.card.record["stages"]["entropy"]["steps"] == 6
    assert fitted.card.record["initial"]["sha256"] == base.sha256
    assert torch.equal(base.model.g_a[0].weight, fitted.model.g_a[0].weight)  # type: ignore[index]
    assert not torch.equal(base.model.h_a[0].weight, fitted.model.h_a[0].weight)  # type: ignore[index,union-attr]


SEVERAL = """
[weight_bits]
transforms = 11
entropy_model = 9

[phases.all]
steps = 4
qualities = [1, 3]
crops = [{ size = 64, batch = 2 }]

[phases.tune]
steps = 2
crops = [{ size = 64, batch = 2 }]

[[steps]]
train = ["hyper@3"]
phases = ["all"]
options = { N = 8, M = 12 }

[[steps]]
train = ["hyper@1"]
phases = ["tune"]
options = { N = 8, M = 12 }
"""


def test_one_step_for_several_qualities_publishes_a_model_of_each(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(SEVERAL)
    real = RecipeProgress(training_recipe.read(tmp_path / "recipe.toml"), tmp_path / "weights", tmp_path / "runs")
    options: dict[str, Any] = {"data": photos, "cache": tmp_path / "cache", "compile": False, "device": "cpu"}
    first, second = real.recipe.steps
    real.publish(first, training_run.train(real.job(first, **options), Silent()))
    assert [path.name for path in sorted(real.weights.iterdir())] == ["hyper-1.safetensors", "hyper-3.safetensors"]
    assert real.stages("hyper@1").keys() == real.stages("hyper@3").keys() == {"all"}
    convolutions = {name for name, value in delta.read(real.path("hyper@3"))[1].items() if value.dim() == 4}
    assert set(packing.pack(delta.read(real.path("hyper@3"))[1])[0]) == convolutions
    assert real.path("hyper@1").stat().st_size < 0.2 * real.path("hyper@3").stat().st_size
    assert real.next() == second
    training_recipe.follow(real, lambda job: training_run.train(job, Silent()), **options)
    assert real.next() is None
    tuned = load(real.path("hyper@1")).card
    assert all(done.keys() == {"steps", "seconds", "cpu_s"} for done in tuned.record["stages"].values())
    assert {stage: done["steps"] for stage, done in tuned.record["stages"].items()} == {"all": 4, "tune": 2}
    assert (tuned.quality, tuned.lmbda) == (1, lambda_of(1))


class Silent:
    def __getattr__(self, name: str) -> object:
        return lambda *_: None


def narrow(step: training_recipe.Step) -> object:
    return dataclasses.replace(step.target, options={"N": 8, "M": 12})


def test_a_decoder_of_another_base_is_trained_anew(tmp_path: Path) -> None:
    step = next(step for step in training_recipe.read().steps if step.name == "joint+qr@5 qr-soft")
    small = RecipeProgress(training_recipe.TrainingRecipe((step,), ()), tmp_path / "weights", tmp_path / "runs")
    base = small.path("joint@5")
    for seed in (1, 2):
        torch.manual_seed(seed)
        save(base, build(ModelConfig("joint", 8, 12)), ModelCard(5, lambda_of(5), "mse"))
        assert small.is_outdated(step) == (seed == 2)
        record = {"stages": {"qr-soft": {"steps": step.steps, "seconds": 1.0}}}
        model = Rectified(load(base).model, Rectifier(12, 16))
        save_rectified(small.path("joint+qr@5"), model, ModelCard(5, lambda_of(5), "mse", record), base)
        assert not small.is_outdated(step)
        assert small.next() is None
    same = small.weights / "again-5.safetensors"
    save(same, load(base).model, ModelCard(5, lambda_of(5), "mse"))
    shutil.copytree(small.weights, small.runs / step.run)
    shutil.move(small.runs / step.run / "joint+qr-5.safetensors", small.runs / step.run / training_run.WEIGHTS)
    delta.replace(base, *delta.read(base), same)
    assert not small.is_outdated(step), "the base has become a part, and is in all else what it was"
    save(base, build(ModelConfig("joint", 8, 12)), ModelCard(5, lambda_of(5), "mse"))
    job = small.job(step)
    assert (small.next(), job.init, job.steps, job.restart) == (step, base, step.steps, True)


def test_a_run_for_an_earlier_base_does_not_outdate_the_published_decoder(tmp_path: Path) -> None:
    """The base was trained further and the first stage again; the old run of the second one is still there."""
    names = ("joint+qr@5 qr-soft", "joint+qr@5 predictive")
    steps = tuple(step for step in training_recipe.read().steps if step.name in names)
    small = RecipeProgress(training_recipe.TrainingRecipe(steps, ()), tmp_path / "weights", tmp_path / "runs")
    base, decoder, run = small.path("joint@5"), small.path("joint+qr@5"), small.runs / steps[1].run
    for seed in (1, 2):
        torch.manual_seed(seed)
        save(base, build(ModelConfig("joint", 8, 12)), ModelCard(5, lambda_of(5), "mse"))
        record = {"stages": {"qr-soft": {"steps": steps[0].steps, "seconds": 1.0}}}
        model = Rectified(load(base).model, Rectifier(12, 16))
        save_rectified(decoder, model, ModelCard(5, lambda_of(5), "mse", record), base)
        if seed == 1:
            shutil.copytree(small.weights, run)
            shutil.move(run / decoder.name, run / training_run.WEIGHTS)
            (run / training_run.CHECKPOINT).write_bytes(b"stands for a checkpoint")
    assert small.next() == steps[1]
    job = small.job(steps[1])
    assert (job.init, job.restart, set(job.history)) == (decoder, True, {"qr-soft"})
