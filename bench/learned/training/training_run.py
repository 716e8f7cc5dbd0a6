"""Execute one training run and write its files: checkpoint, curve, record and weights."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import tempfile
import time
from typing import TYPE_CHECKING, Any

import torch

from bench.images.datasets import evaluation_files
from bench.learned.families import YUV420
from bench.learned.models import Gained, Rectified
from bench.learned.training import checkpoint, curve, engine, start, training_pictures, training_record
from bench.learned.training.latent_objectives import DecodedObjective, LatentObjective
from bench.learned.training.loop import DivergedError, Loop
from bench.learned.training.objective import GainedObjective, PictureObjective
from bench.learned.training.phases import TrainingSegment
from bench.learned.training.plane_objective import RANGE, PlanesObjective
from bench.learned.weights import catalogue, recognition, tensor_file
from bench.learned.weights.full import ModelCard
from bench.system.errors import UsageError
from bench.system.files import atomic_write, make_folder, remove_parts, sha256_of
from bench.system.interruption import stop_on_signal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lightning_fabric import Fabric

    from bench.learned.models import Trainable
    from bench.learned.training.objective import Objective
    from bench.learned.training.training_job import TrainingJob
    from bench.learned.training.training_record import Record

CHECKPOINT = "checkpoint.pt"
WEIGHTS = catalogue.TRAINED
OWN = (CHECKPOINT, WEIGHTS, "record.json", "curve.csv", "curve.svg")
"""Files in the folder of a training run, except the base of a decoder."""


def train(job: TrainingJob, say: Any) -> Path:  # noqa: ANN401 - has the methods of `terminal.Terminal`
    """Execute a training run, write the weights, and return their file.

    Raises:
        BenchError: settings are inconsistent, data or files are invalid, or the loss diverged.
        KeyboardInterrupt: after a signal; checkpoint and weights have been written.
    """
    _require_inputs(job)
    _require_folder(job.out)
    engine.tune(job.threads)
    fabric = engine.fabric(job.device, devices=job.devices, nodes=job.nodes, precision=job.precision)
    fabric.launch()
    data = training_pictures.load(job.data, job.cache, exclude=job.exclude, refuse=evaluation_files(job.data))
    data = data.at_least(job.phase.side)
    identity = _identity(job, data, engine.precision_of(fabric))
    loop, record = _begin(job, data, fabric, _state(job, identity))
    segment = _segment(job, loop)
    first = loop.progress.step
    record["calls"].append(training_record.call(job, loop, segment))
    leader = fabric.is_global_zero
    began_s = saved_s = time.perf_counter()
    with stop_on_signal() as stopped, _advice_after_divergence(job.out):
        if leader:
            say.began(loop, segment, data)
        for point in loop.run(segment, spent_s=time.perf_counter() - job.began_s):
            if leader and point is not None:
                say.validated(loop, point)
                curve.write_csv(job.out / "curve.csv", loop.progress.curve)
            if leader:
                say.stepped(loop)
            if leader and time.perf_counter() - saved_s >= job.checkpoint_s:
                _save(job, identity, loop, record)
                saved_s = time.perf_counter()
            late = job.limit_s is not None and time.perf_counter() - began_s >= job.limit_s
            if loop.agreed(late or stopped.is_set()):
                break
    path = job.out / WEIGHTS
    if leader:
        if loop.progress.step > first or steps_of(path) != first:
            _save(job, identity, loop, record)
            _write(job, loop, record)
        say.finished(loop, path, sha256_of(path))
    if stopped.is_set():
        raise KeyboardInterrupt
    return path


def _save(job: TrainingJob, identity: dict[str, Any], loop: Loop, record: Record) -> None:
    """Write the checkpoint and the record."""
    checkpoint.save(job.out / CHECKPOINT, identity, {**loop.state_dict(), "record": record})
    with atomic_write(job.out / "record.json") as file:
        file.write(json.dumps(training_record.described(record, loop), indent=1).encode())


@contextlib.contextmanager
def _advice_after_divergence(folder: Path) -> Iterator[None]:
    """Add to the error of a diverged training how to continue."""
    try:
        yield
    except DivergedError as error:
        if (folder / CHECKPOINT).is_file():
            advice = f"the last good checkpoint is {folder / CHECKPOINT}: --resume continues from it"
        else:
            advice = "no checkpoint was written: start again with a smaller --lr"
        raise DivergedError(f"{error}; {advice}") from error


def _require_inputs(job: TrainingJob) -> None:
    """Check the inputs of a training run before its folder is created and pictures are decoded.

    Raises:
        MissingError: there are no pictures, or no checkpoint to continue from.
        UsageError: the initial weights or the architecture are invalid.
    """
    if job.resume:
        checkpoint.require(job.out / CHECKPOINT)
    training_pictures.find(job.data, job.exclude)
    if job.init is not None and job.init.is_file() and catalogue.is_foreign(job.init):
        recognition.identify(job.init)
    elif job.init is not None:
        tensor_file.read_header(job.init)
    _ = job.config


def _require_folder(folder: Path) -> None:
    """Create the folder of a training run and check that it is writable.

    Raises:
        UsageError: it is not.
    """
    try:
        make_folder(folder)
        remove_parts(folder, OWN)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"--out {folder}: {error.strerror}") from error


def _state(job: TrainingJob, identity: dict[str, Any]) -> dict[str, Any] | None:
    """The state in the checkpoint to continue from; None for a new training run."""
    path = job.out / CHECKPOINT
    if job.resume:
        return checkpoint.load(path, identity)
    if path.exists() and not job.restart:
        raise UsageError(f"{path} exists: --resume continues from it, --restart starts again")
    return None


def _begin(
    job: TrainingJob, data: training_pictures.Pictures, fabric: Fabric, state: dict[str, Any] | None
) -> tuple[Loop, Record]:
    """Create loop and record, or restore them from the state of a checkpoint."""
    with checkpoint.usable(job.out / CHECKPOINT) if state else contextlib.nullcontext():
        model, initial = start.begin(job, None if state is None else state["record"]["initial"])
        if state is not None:
            # Before the objective is created, which computes latents with the model.
            torch.nn.Module.load_state_dict(model, state["model"])
    objective = _objective(job, model, data, fabric)
    if state is None and isinstance(objective, DecodedObjective):
        base = start.base_of(job).to(fabric.device)
        initial = {**(initial or {}), "base_validation": dataclasses.asdict(objective.validate(base))}
    compiles = job.compile and engine.compiles(fabric.device.type, job.budget_s)
    loop = Loop(model, job.phase, objective=objective, fabric=fabric, seed=job.seed, compiles=compiles)
    if state is None:
        return loop, training_record.new(job, data, initial)
    with checkpoint.usable(job.out / CHECKPOINT):
        loop.load_state_dict(state)
        record: Record = {**state["record"], "calls": list(state["record"]["calls"])}
    return loop, record


def _objective(job: TrainingJob, model: Trainable, data: training_pictures.Pictures, fabric: Fabric) -> Objective:
    options: Any = {"seed": job.seed, "device": fabric.device, "rank": fabric.global_rank}
    yuv420 = job.target.family in YUV420
    if yuv420 or job.phase.source == "pictures":
        objective = (
            PlanesObjective(data, job.phase, cache=job.cache, **options)
            if yuv420
            else PictureObjective(data, job.phase, **options)
        )
        return GainedObjective(objective) if isinstance(model, Gained) else objective
    assert not isinstance(model, Gained)  # noqa: S101 - see `start.begin`
    if isinstance(model, Rectified):
        return DecodedObjective(model, data, job.phase, cache=job.cache, **options)
    return LatentObjective(model, data, job.phase, cache=job.cache, **options)


def _identity(job: TrainingJob, data: training_pictures.Pictures, precision: str) -> dict[str, Any]:
    """Properties of a training run that a checkpoint must match to resume from it."""
    identity = {
        "target": job.target.name,
        "model": job.config.described(),
        "phase": json.loads(json.dumps(job.phase.described())),
        "seed": job.seed,
        "data": data.fingerprint,
        "precision": precision,
    }
    return identity | ({"range of the planes": RANGE} if job.target.family in YUV420 else {})


def _segment(job: TrainingJob, loop: Loop) -> TrainingSegment:
    """The segment of this call: the rest of the checkpoint's segment, or a new one."""
    old = loop.progress.segment
    if job.resume and (job.steps, job.budget_s) in ((None, None), (old.steps, None)):
        return old
    return TrainingSegment(loop.progress.step, job.steps, job.budget_s)


def steps_of(path: Path) -> int | None:
    """Number of training steps of a weights file, or None if it does not exist."""
    return int(tensor_file.read_header(path)["card"]["record"]["steps"]) if path.is_file() else None


def _write(job: TrainingJob, loop: Loop, record: Record) -> None:
    """Write weights and curve."""
    model, objective, target = loop.average.model, loop.objective, job.target
    card = ModelCard(target.quality, target.lmbda, target.metric, training_record.described(record, loop))
    if isinstance(model, Gained):
        assert isinstance(objective, GainedObjective)  # noqa: S101 - see `_objective`
        if not objective.validated:
            # The run was stopped before the first validation.
            with loop.fabric.autocast():
                objective.validate(model)
        start.write_all(job, model, card, objective.validated)
    else:
        start.write(job, model, card)
    curve.write_csv(job.out / "curve.csv", loop.progress.curve)
    curve.draw(job.out / "curve.svg", loop.progress.curve, target.name)
