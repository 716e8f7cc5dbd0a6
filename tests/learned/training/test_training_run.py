from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import resource
import shutil
import signal
import time
from typing import TYPE_CHECKING, Any

import fresh
import pytest
import torch
from compressai.models import MeanScaleHyperprior
from torch import Tensor
from trainings import write_photos

from bench.codecs.registry import codec_class
from bench.learned.models import Gained
from bench.learned.training import checkpoint, curve, engine, start, training_run
from bench.learned.training.loop import CurvePoint, DivergedError, Loop
from bench.learned.training.losses import rate_distortion
from bench.learned.training.objective import PictureObjective
from bench.learned.training.phases import CropStage, Phase, Target
from bench.learned.training.training_job import TrainingJob, job_from_options, phase_for
from bench.learned.training.training_run import CHECKPOINT
from bench.learned.weights import tensor_file
from bench.learned.weights.foreign import export_checkpoint
from bench.learned.weights.full import load
from bench.system.errors import BenchError, MissingError, UsageError
from bench.system.worker_process import EndedError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.learned.models import Quantization

NARROW = {"N": 8, "M": 12}


class Silent:
    """A terminal that shows nothing; it can end the process or the training at a step."""

    def __init__(self, kill_at: int | None = None, signal_at: int | None = None) -> None:
        self.kill_at = kill_at
        self.signal_at = signal_at

    def began(self, *_: object) -> None:
        pass

    def validated(self, *_: object) -> None:
        pass

    def finished(self, *_: object) -> None:
        pass

    def stepped(self, loop: Loop) -> None:
        if loop.progress.step == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if loop.progress.step == self.signal_at:
            signal.raise_signal(signal.SIGTERM)


def job_on(photos: Path, out: Path, **changes: Any) -> TrainingJob:  # noqa: ANN401
    plain = Phase(rate_distortion(3), crops=(CropStage(64, 2),), warmup_steps=4, validate_steps=5)
    options: dict[str, Any] = {"steps": 12, "threads": 1, "compile": False, "device": "cpu"}
    target = Target("hyper", 3, options=NARROW)
    phase = changes.pop("phase", plain)
    return TrainingJob(target, phase, out, data=photos, **{"cache": out.parent / "cache", **options, **changes})


@pytest.fixture
def job(photos: Path, tmp_path: Path) -> TrainingJob:
    return job_on(photos, tmp_path / "run")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainingJob:
    """A finished training, with its files, for tests that change none of them."""
    folder = tmp_path_factory.mktemp("trained")
    job = job_on(write_photos(folder), folder / "run")
    training_run.train(job, Silent())
    return job


@pytest.fixture(scope="module")
def trained_several(tmp_path_factory: pytest.TempPathFactory) -> TrainingJob:
    """A finished training for several qualities, likewise."""
    folder = tmp_path_factory.mktemp("several")
    job = several(job_on(write_photos(folder), folder / "run"))
    training_run.train(job, Silent())
    return job


@pytest.fixture
def finished(trained: TrainingJob, job: TrainingJob) -> TrainingJob:
    """A copy of the finished training, for tests that go on with it."""
    shutil.copytree(trained.out, job.out)
    return job


def weights_of(job: TrainingJob) -> Path:
    return job.out / training_run.WEIGHTS


@pytest.fixture(autouse=True)
def _figures_only_where_they_matter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure takes longer to draw than these trainings take."""
    if "figure" not in request.node.name:
        monkeypatch.setattr(curve, "draw", lambda *_: None)


def tensors(path: Path) -> dict[str, Tensor]:
    return tensor_file.read(path)[1]


def same(one: Path, other: Path) -> bool:
    ours, theirs = tensors(one), tensors(other)
    return ours.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in ours.items())


def train_in_fresh_process(job: TrainingJob, **silent: int) -> None:
    """Train in a new process; the job travels as the arguments of `job_on`."""
    code = f"""
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("test_run", {__file__!r})
module = importlib.util.module_from_spec(spec); sys.modules["test_run"] = module; spec.loader.exec_module(module)
job = module.job_on(pathlib.Path({str(job.data)!r}), pathlib.Path({str(job.out)!r}), checkpoint_s={job.checkpoint_s})
module.training_run.train(job, module.Silent(**{silent!r}))
"""
    fresh.printed(code)


def test_killed_and_resumed_in_another_process_gives_the_same_weights(
    trained: TrainingJob, photos: Path, tmp_path: Path
) -> None:
    killed = job_on(photos, tmp_path / "killed", checkpoint_s=0.0)
    with pytest.raises(EndedError, match="was killed by SIGKILL"):
        train_in_fresh_process(killed, kill_at=7)
    assert not weights_of(killed).exists()
    assert same(weights_of(trained), training_run.train(dataclasses.replace(killed, resume=True), Silent()))
    record = json.loads((killed.out / "record.json").read_text())
    assert [call["from_step"] for call in record["calls"]] == [0, 6]


def test_same_seed_same_weights_another_seed_others(trained: TrainingJob, photos: Path, tmp_path: Path) -> None:
    again, other = (training_run.train(job_on(photos, tmp_path / f"{seed}", seed=seed), Silent()) for seed in (0, 4))
    assert trained.seed == 0
    assert same(weights_of(trained), again)
    assert not same(weights_of(trained), other)


def test_a_terminated_training_can_be_gone_on_with(trained: TrainingJob, job: TrainingJob) -> None:
    with pytest.raises(KeyboardInterrupt):
        training_run.train(job, Silent(signal_at=5))
    assert json.loads((job.out / "record.json").read_text())["steps"] == 5
    resumed = training_run.train(dataclasses.replace(job, resume=True, steps=None), Silent())
    assert same(weights_of(trained), resumed)


def test_an_entropy_model_on_latents_goes_on_exactly(trained: TrainingJob, photos: Path, tmp_path: Path) -> None:
    first = weights_of(trained)
    phase = Phase({"rate": 1.0}, source="latents", trainable=("*", "!g_?.*"), crops=(CropStage(4, 2),), warmup_steps=4)
    whole = training_run.train(job_on(photos, tmp_path / "whole", phase=phase, init=first), Silent())
    job = job_on(photos, tmp_path / "stopped", phase=phase, init=first)
    with pytest.raises(KeyboardInterrupt):
        training_run.train(job, Silent(signal_at=5))
    assert same(whole, training_run.train(dataclasses.replace(job, resume=True, init=None), Silent()))


def test_a_training_that_is_there_is_not_overwritten_by_accident(finished: TrainingJob) -> None:
    before = (finished.out / CHECKPOINT).read_bytes()
    with pytest.raises(UsageError, match="--resume continues from it, --restart starts again"):
        training_run.train(finished, Silent())
    assert (finished.out / CHECKPOINT).read_bytes() == before
    training_run.train(dataclasses.replace(finished, restart=True, steps=2), Silent())
    assert json.loads((finished.out / "record.json").read_text())["steps"] == 2


def test_a_folder_that_cannot_be_written_is_refused_before_pictures_are_read(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "file/run"):
        with pytest.raises(UsageError, match=f"^{tmp_path / 'file'} is a file, not a folder$"):
            training_run.train(job_on(photos, tmp_path / name, cache=tmp_path / "cache"), Silent())
    assert not (tmp_path / "cache").exists()


def test_going_on_with_what_is_finished_changes_nothing(finished: TrainingJob) -> None:
    path = weights_of(finished)
    before = path.read_bytes()
    resumed = dataclasses.replace(finished, resume=True, steps=None)
    assert training_run.train(resumed, Silent()) == path
    assert path.read_bytes() == before
    path.unlink()
    training_run.train(resumed, Silent())
    assert path.is_file()


def test_more_steps_begin_a_new_schedule(finished: TrainingJob) -> None:
    with pytest.raises(UsageError, match="12 steps already"):
        training_run.train(dataclasses.replace(finished, resume=True, steps=11), Silent())
    training_run.train(dataclasses.replace(finished, resume=True, steps=20), Silent())
    record = json.loads((finished.out / "record.json").read_text())
    assert (record["steps"], record["calls"][1]["from_step"]) == (20, 12)


def test_record_and_card_say_how_the_weights_came_to_be(trained: TrainingJob) -> None:
    card = load(weights_of(trained)).card
    assert (card.quality, card.lmbda, card.metric) == (3, 0.0067, "mse")
    record = card.record
    assert (record["target"], record["steps"], record["seed"], record["skipped_steps"]) == ("hyper@3", 12, 0, 0)
    assert record["pictures"]["training"] + record["pictures"]["validation"] == 6
    assert record["validation"]["step"] == 12
    assert {"machine", "device", "threads", "precision", "commit", "packages"} <= record["calls"][0].keys()


def test_any_widths_and_lambda_can_be_trained_coded_and_exported(photos: Path, tmp_path: Path) -> None:
    options = {"N": 8, "M": 12, "lmbda": 0.02, "steps": 2, "threads": 1, "compile": False, "crop": (64, 2)}
    folders = {"data": photos, "cache": tmp_path / "cache", "out": tmp_path / "own"}
    path = training_run.train(job_from_options("hyper@4", {**options, **folders, "device": "cpu"}), Silent())
    weights = load(path)
    assert (weights.model.config.N, weights.model.config.M, weights.card.lmbda) == (8, 12, 0.02)
    assert weights.card.record["phase"]["weights"] == {"rate": 1.0, "mse": 0.02}
    assert codec_class("mbt2018-mean").points(weights=str(path)) == (4,)
    codec = codec_class("hyper")(4, weights=str(path))
    assert codec.about.startswith(f"{path}: hyper, N=8, M=12, SHA-256 ")
    assert codec_class("hyper").points(weights=str(tmp_path / "own")) == (4,)
    assert codec_class("joint").missing(weights=str(tmp_path / "own"))
    export_checkpoint(path, tmp_path / "theirs.pth.tar")
    state = torch.load(tmp_path / "theirs.pth.tar", weights_only=True)["state_dict"]
    assert MeanScaleHyperprior.from_state_dict(state).M == 12
    further = {**folders, "out": tmp_path / "further", "init": tmp_path / "theirs.pth.tar"}
    assert training_run.train(job_from_options("hyper@5", {**options, **further, "device": "cpu"}), Silent()).is_file()


def test_one_width_leaves_the_other() -> None:
    config = job_from_options("joint@3", {"M": 80, "steps": 1}).config
    assert (config.N, config.M) == (64, 80)


def test_curve_has_a_row_for_each_validation_and_a_figure(trained: TrainingJob) -> None:
    with (trained.out / "curve.csv").open(newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["5", "10", "12"]
    assert (trained.out / "curve.svg").read_bytes().startswith(b"<?xml")


def test_equal_curves_give_equal_figures(tmp_path: Path) -> None:
    points = [CurvePoint(step, 1.0, 2.0, 3.0 / step, 0.5, 30.0, 0, 1e-3) for step in (1, 2)]
    for name in ("a.svg", "b.svg"):
        curve.draw(tmp_path / name, points, "joint@3")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_warm_start_takes_over_the_neighbour(trained: TrainingJob, photos: Path, tmp_path: Path) -> None:
    first = weights_of(trained)
    phase = dataclasses.replace(trained.phase, lr=1e-12)
    for family, taken in (
        ("joint", {"g_a", "g_s", "h_a", "h_s", "entropy_bottleneck"}),
        ("factorized", {"g_a", "g_s"}),
    ):
        target = Target(family, 2, options=NARROW)
        next_job = dataclasses.replace(
            job_on(photos, tmp_path / family), target=target, phase=phase, init=first, steps=2
        )
        weights = load(training_run.train(next_job, Silent()))
        assert set(weights.card.record["initial"]["taken"]) == taken
        assert weights.card.record["initial"]["steps_behind"] == load(first).card.record["steps"]
        started, reached = tensors(first), weights.model.state_dict()
        # A learning rate of 1e-12 moves nothing that float16 can show.
        assert torch.equal(reached["g_s.6.weight"].half(), started["g_s.6.weight"])


def test_checkpoint_of_another_training_is_refused(finished: TrainingJob) -> None:
    job = finished
    other = dataclasses.replace(job, target=Target("joint", 3, options=NARROW), resume=True)
    with pytest.raises(UsageError, match=r"its target is hyper@3, not joint@3.*--out"):
        training_run.train(other, Silent())
    wider = dataclasses.replace(job, target=dataclasses.replace(job.target, options={**NARROW, "N": 12}), resume=True)
    with pytest.raises(UsageError, match=rf"its model is N={NARROW['N']}, not N=12; choose another --out"):
        training_run.train(wider, Silent())


def test_resuming_nothing_says_so(job: TrainingJob) -> None:
    with pytest.raises(MissingError, match="omit --resume"):
        training_run.train(dataclasses.replace(job, resume=True), Silent())
    assert not job.out.exists()


def test_a_damaged_checkpoint_is_refused(finished: TrainingJob) -> None:
    path = finished.out / CHECKPOINT
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UsageError, match="damaged"):
        training_run.train(dataclasses.replace(finished, resume=True, steps=20), Silent())


def test_a_flipped_bit_in_a_checkpoint_is_seen_wherever_it_is(tmp_path: Path) -> None:
    path = tmp_path / CHECKPOINT
    checkpoint.save(path, {"seed": 1}, {"weight": torch.arange(300.0)})
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with pytest.raises(UsageError, match=f"{CHECKPOINT}: not a checkpoint of bench, or damaged"):
            checkpoint.load(path, {"seed": 1})
    path.write_bytes(whole)
    assert torch.equal(checkpoint.load(path, {"seed": 1})["weight"], torch.arange(300.0))


def test_a_checkpoint_from_before_there_was_a_checksum_is_gone_on_from(tmp_path: Path) -> None:
    path = tmp_path / CHECKPOINT
    torch.save({"format": 1, "identity": {"seed": 1}, "state": {"step": 7}}, path)
    assert checkpoint.load(path, {"seed": 1}) == {"step": 7}


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        torch.zeros(3),
        "text",
        {"format": 1, "identity": 5, "state": {}},
        {"format": 1, "identity": {}, "state": 5},
        {"format": 1, "identity": {}},
    ],
)
def test_a_checkpoint_of_other_types_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / CHECKPOINT
    torch.save(content, path)
    with pytest.raises(UsageError, match="not a checkpoint of bench"):
        checkpoint.load(path, {})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("record", {}),
        ("record", {"initial": None, "calls": 5}),
        ("model", {"a": 1}),
        ("optimizer", 3),
        ("average", None),
        ("progress", {"curve": 1}),
        ("guard", "x"),
    ],
)
def test_a_checkpoint_whose_state_is_of_other_types_is_refused(finished: TrainingJob, key: str, value: object) -> None:
    path = finished.out / CHECKPOINT
    content = torch.load(io.BytesIO(checkpoint._content(path).read()), weights_only=True)
    checkpoint.save(path, content["identity"], {**content["state"], key: value})
    with pytest.raises(UsageError, match="not a checkpoint of bench, or damaged"):
        training_run.train(dataclasses.replace(finished, resume=True, steps=20), Silent())


def test_what_a_killed_training_left_half_written_is_removed(job: TrainingJob) -> None:
    job.out.mkdir(parents=True)
    mine = [job.out / f".{name}.x7k2.part" for name in (CHECKPOINT, "weights.safetensors", "record.json")]
    other = job.out / ".notes.txt.x7k2.part"
    for path in (*mine, other):
        path.write_bytes(b"half")
    training_run.train(dataclasses.replace(job, steps=1), Silent())
    assert not any(path.exists() for path in mine)
    assert other.exists()


def test_a_short_budget_is_not_spent_on_compiling(job: TrainingJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "can_compile", lambda _: True)
    asked = dataclasses.replace(job, compile=True)
    short, long = (dataclasses.replace(asked, steps=None, budget_s=seconds) for seconds in (60.0, 3600.0))
    compiled = [one.compile and engine.compiles("cpu", one.budget_s) for one in (asked, short, long, job)]
    assert compiled == [True, False, True, False]


def test_the_time_of_a_budget_begins_with_the_command(job: TrainingJob) -> None:
    began = time.perf_counter() - 59.9  # imports took so long
    late = dataclasses.replace(job, steps=None, budget_s=60.0, began_s=began)
    assert load(training_run.train(late, Silent())).card.record["steps"] < 12


def test_a_full_disk_leaves_the_previous_checkpoint(finished: TrainingJob) -> None:
    job = finished
    path = job.out / CHECKPOINT
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(BenchError, match=r"cannot write the checkpoint.*previous one is intact"):
            training_run.train(dataclasses.replace(job, resume=True, steps=13), Silent())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert [entry.name for entry in job.out.iterdir() if entry.name.endswith(".part")] == []
    training_run.train(dataclasses.replace(job, resume=True, steps=13), Silent())


def test_a_loss_that_is_no_number_leaves_the_last_good_checkpoint(
    job: TrainingJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = PictureObjective.loss
    batches = iter(range(100))

    def poisoned(self: PictureObjective, network: torch.nn.Module, batch: Tensor, mode: Quantization) -> Tensor:
        return plain(self, network, batch, mode) * (float("nan") if next(batches) == 8 else 1.0)

    monkeypatch.setattr(PictureObjective, "loss", poisoned)
    with pytest.raises(DivergedError, match=rf"nan at step 8; the last good checkpoint is .*{CHECKPOINT}: --resume"):
        training_run.train(dataclasses.replace(job, checkpoint_s=0.0), Silent())
    state = checkpoint.load(job.out / CHECKPOINT, {})
    assert state["progress"]["step"] == 8
    assert all(value.isfinite().all() for value in state["model"].values() if value.is_floating_point())


def test_weights_of_a_model_that_shares_nothing_are_refused(trained: TrainingJob, job: TrainingJob) -> None:
    wider = dataclasses.replace(job, target=Target("hyper", 3, options={"N": 16, "M": 8}), init=weights_of(trained))
    with pytest.raises(UsageError, match="no sub-networks in common"):
        training_run.train(wider, Silent())


def several(job: TrainingJob, **changes: Any) -> TrainingJob:  # noqa: ANN401
    return dataclasses.replace(job, phase=dataclasses.replace(job.phase, qualities=(1, 3, 6), **changes))


def test_a_training_for_several_qualities_leaves_a_plain_model_of_each(trained_several: TrainingJob) -> None:
    job, path = trained_several, weights_of(trained_several)
    found = {quality: load(job.out / f"hyper-{quality}.safetensors") for quality in (1, 3, 6)}
    assert {quality: weights.card.lmbda for quality, weights in found.items()} == {1: 0.0018, 3: 0.0067, 6: 0.0483}
    assert [weights.card.quality for weights in found.values()] == [1, 3, 6]
    assert same(path, job.out / "hyper-3.safetensors")
    rows = [weights.card.record["validation"] for weights in found.values()]
    assert rows[0]["loss"] < rows[1]["loss"] < rows[2]["loss"]
    scaled = [
        row["loss"] * (0.0067 / weights.card.lmbda) ** 0.5 for row, weights in zip(rows, found.values(), strict=True)
    ]
    mean = json.loads((job.out / "record.json").read_text())["validation"]
    assert mean["loss"] == pytest.approx(sum(scaled) / 3)
    assert mean["rate_bpp"] == pytest.approx(sum(row["rate_bpp"] for row in rows) / 3)


def test_a_training_for_several_qualities_is_gone_on_with_exactly(
    trained_several: TrainingJob, job: TrainingJob
) -> None:
    job = several(job)
    with pytest.raises(KeyboardInterrupt):
        training_run.train(job, Silent(signal_at=3))
    assert (job.out / "hyper-6.safetensors").is_file()
    training_run.train(dataclasses.replace(job, resume=True), Silent())
    assert same(weights_of(trained_several), weights_of(job))


def test_several_qualities_start_from_the_weights_of_one(trained: TrainingJob, job: TrainingJob) -> None:
    first = weights_of(trained)
    further = dataclasses.replace(several(job, lr=1e-9, warmup_steps=1), init=first, steps=1)
    training_run.train(further, Silent())
    plain, gained = load(first).model, load(further.out / "hyper-6.safetensors").model
    ratio = gained.g_a[-1].weight / plain.g_a[-1].weight  # type: ignore[index]
    assert ratio.median().item() == pytest.approx((0.0483 / 0.0067) ** 0.5, rel=1e-3)


def test_a_training_with_more_channels_goes_on_from_the_picture_of_the_narrower_model(
    trained_several: TrainingJob, job: TrainingJob
) -> None:
    narrow = trained_several.out / "hyper-3.safetensors"
    target = Target("joint", 3, options={"N": 12, "M": NARROW["M"]})
    wider = dataclasses.replace(several(job), target=target, init=narrow, steps=2)
    model, initial = start.begin(wider, None)
    assert isinstance(model, Gained)
    assert initial is not None
    assert initial["widened_from"] == NARROW["N"]
    assert {"g_a", "g_s", "h_a", "entropy_bottleneck"} <= set(initial["taken"])
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    for which, quality in enumerate((1, 3, 6)):
        trained = load(narrow.with_name(f"hyper-{quality}.safetensors")).model
        y = trained.g_a(x)
        plain = model.plain(which)
        torch.testing.assert_close(plain.g_a(x), y, rtol=2e-3, atol=2e-3)
        torch.testing.assert_close(plain.g_s(y), trained.g_s(y), rtol=2e-3, atol=2e-3)
    assert load(training_run.train(wider, Silent())).card.record["initial"] == initial


def test_the_initial_weights_of_several_qualities_are_read_once(
    trained: TrainingJob, job: TrainingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init = shutil.copy(weights_of(trained), tmp_path / "hyper-3.safetensors")
    further = dataclasses.replace(several(job), init=init)
    paths: list[Path] = []
    read = tensor_file.read
    monkeypatch.setattr(tensor_file, "read", lambda path: paths.append(path) or read(path))  # type: ignore[func-returns-value]
    start.begin(further, None)
    assert paths == [init]


def test_entropy_models_are_trained_on_the_transforms_of_several_qualities(
    job: TrainingJob, photos: Path, tmp_path: Path
) -> None:
    trained = several(job, lr=1e-2, warmup_steps=1)
    training_run.train(trained, Silent())
    frozen = ("*", "!g_a.*", "!g_s.*", "!gain", "!inverse")
    target = dataclasses.replace(job.target, family="scale")
    fitted = several(job_on(photos, tmp_path / "scale", init=job.out / "hyper-3.safetensors"), trainable=frozen)
    training_run.train(dataclasses.replace(fitted, target=target), Silent())
    for quality in (1, 3, 6):
        plain, model = (
            load(folder / f"{family}-{quality}.safetensors").model
            for folder, family in ((job.out, "hyper"), (fitted.out, "scale"))
        )
        for name in ("g_a.6.weight", "g_s.0.weight"):
            torch.testing.assert_close(
                model.get_parameter(name), plain.get_parameter(name), rtol=2**-9, atol=1e-6, msg=f"{name} at {quality}"
            )
        assert not torch.equal(model.h_a[0].weight, plain.h_a[0].weight)  # type: ignore[index,union-attr]


def test_planes_are_trained_for_several_qualities_too(photos: Path, tmp_path: Path) -> None:
    target = Target("cca", 3, "mse-611", {"N": 16, "M": 16})
    phase = dataclasses.replace(phase_for(target), qualities=(1, 3), crops=(CropStage(64, 2),), validate_steps=2)
    job = job_on(photos, tmp_path / "cca", phase=phase, steps=2)
    training_run.train(dataclasses.replace(job, target=target), Silent())
    cards = [load(job.out / f"cca-{quality}.safetensors").card for quality in (1, 3)]
    assert [(card.quality, card.lmbda, card.metric) for card in cards] == [(1, 0.015, "mse-611"), (3, 0.045, "mse-611")]


def test_latents_are_not_those_of_several_qualities(job: TrainingJob) -> None:
    with pytest.raises(UsageError, match="latents are for a single quality, not for 1,3,6"):
        training_run.train(several(job, source="latents", crops=(CropStage(4, 2),)), Silent())


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target("hyper", 2, options=NARROW), "hyper@2: its quality must be one of the trained ones, 1,3,6"),
        (
            Target("attn", 3, options={"N": 8, "M": 8}),
            "attn supports gains .* only if M differs from N",
        ),
        (Target("joint", 3, modifier="ft"), r"joint\+ft@3: decoders are trained for a single quality"),
    ],
)
def test_what_cannot_be_trained_for_several_qualities_is_refused(
    job: TrainingJob, target: Target, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        training_run.train(dataclasses.replace(several(job), target=target), Silent())


def test_the_last_part_of_a_phase_can_feed_the_decoder_rounded_latents(
    job: TrainingJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes, plain = [], PictureObjective.loss

    def watched(self: PictureObjective, network: torch.nn.Module, batch: Tensor, mode: Quantization) -> Tensor:
        modes.append(mode)
        return plain(self, network, batch, mode)

    monkeypatch.setattr(PictureObjective, "loss", watched)
    training_run.train(dataclasses.replace(job, phase=dataclasses.replace(job.phase, mixed_begins=0.75)), Silent())
    assert modes == ["noise"] * 9 + ["mixed"] * 3
