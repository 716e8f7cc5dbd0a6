"""One training from its settings to its files: checkpoint, curve, record and weights."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from bench.errors import UsageError
from bench.files import atomic_write, sha256_of
from bench.learned.models import LearnedModel, ModelConfig, build, compact_config, share
from bench.learned.training import checkpoint, curve, engine, pictures
from bench.learned.training.evaluation_sets import fingerprints
from bench.learned.training.latents import LatentTask
from bench.learned.training.loop import CurvePoint, DivergedError, Loop
from bench.learned.training.losses import lambda_of
from bench.learned.training.phases import Phase, Stretch, Target
from bench.learned.training.task import PictureTask, Task
from bench.learned.weights import ModelCard, load, save
from bench.provenance import git_state, machine, package_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from lightning_fabric import Fabric

CHECKPOINT = "checkpoint.pt"
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, slots=True)
class Job:
    """The settings of one training.

    `steps` or `budget_s` say how long; with neither, a resumed training goes on to where it was going.
    """

    target: Target
    phase: Phase
    out: Path
    data: Path = field(default_factory=pictures.default_folder)
    cache: Path = field(default_factory=pictures.default_cache)
    exclude: tuple[str, ...] = ()
    steps: int | None = None
    budget_s: float | None = None
    resume: bool = False
    init: Path | None = None
    seed: int = 0
    device: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: engine.Precision = "auto"
    compile: bool = True
    threads: int | None = None
    checkpoint_s: float = 60.0
    limit_s: float | None = None
    """Stop after so long, wherever the schedule is; --resume goes on."""
    stage: str | None = None
    """Name of the phase in a recipe."""
    history: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Stages that the weights in `init` have behind them: name to steps and seconds."""

    @property
    def config(self) -> ModelConfig:
        """The architecture: compact widths and the target's options."""
        return dataclasses.replace(compact_config(self.target.family), **self.target.options)


class Unheard:
    """What all processes but the first say."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Take anything and do nothing."""
        return lambda *_: None


@dataclass(slots=True)
class Report:
    """Writes what happens in a loop to the training's folder, and tells `say` about it."""

    job: Job
    identity: dict[str, Any]
    record: dict[str, Any]
    say: Any
    stopped: threading.Event
    leader: bool = True
    began_s: float = field(default_factory=time.perf_counter)
    _saved_s: float = field(default_factory=time.perf_counter)

    def stepped(self, loop: Loop) -> None:
        """Show the step, and write a checkpoint when the last one is old."""
        self.say.stepped(loop)
        if time.perf_counter() - self._saved_s >= self.job.checkpoint_s:
            self.save(loop)

    def validated(self, loop: Loop, point: CurvePoint) -> None:
        """Show the point and rewrite the curve."""
        self.say.validated(loop, point)
        if self.leader:
            curve.write_csv(self.job.out / "curve.csv", loop.progress.curve)

    def stop(self, loop: Loop) -> bool:  # noqa: ARG002 - part of the protocol
        """Whether the user or the scheduler asked for an end, or the time is over."""
        late = self.job.limit_s is not None and time.perf_counter() - self.began_s >= self.job.limit_s
        return late or self.stopped.is_set()

    def save(self, loop: Loop) -> None:
        """Write the checkpoint and the record."""
        if self.leader:
            checkpoint.save(self.job.out / CHECKPOINT, self.identity, {**loop.state_dict(), "record": self.record})
            self.write_record(loop)
        self._saved_s = time.perf_counter()

    def write_record(self, loop: Loop) -> None:
        """Write how the weights came to be."""
        with atomic_write(self.job.out / "record.json") as file:
            file.write(json.dumps(described(self.record, loop), indent=1).encode())


def train(job: Job, say: Any) -> Path:  # noqa: ANN401 - the terminal, see `cli.Terminal`
    """Train, and write the weights; what it returns is their file.

    Raises:
        BenchError: settings that do not fit, data or files that cannot be used, or a training that diverged.
    """
    began = time.perf_counter()
    threads = engine.tune(job.threads)
    fabric = engine.fabric(job.device, devices=job.devices, nodes=job.nodes, precision=job.precision)
    fabric.launch()
    found = pictures.load(job.data, job.cache, exclude=job.exclude, refuse=fingerprints())
    data = found.at_least(job.phase.side)
    identity = _identity(job, data, engine.precision_of(fabric))
    state = checkpoint.load(job.out / CHECKPOINT, identity) if job.resume else None
    loop, record = _begin(job, data, fabric, threads)
    if state is not None:
        record = state.pop("record")
        loop.load_state_dict(state)
    stretch = _stretch(job, loop)
    record["calls"].append(_call(job, loop, stretch, fabric))
    with _stop_on_signal() as stopped:
        say = say if fabric.is_global_zero else Unheard()
        report = Report(job, identity, record, say, stopped, leader=fabric.is_global_zero)
        try:
            say.began(loop, stretch, data)
            loop.run(stretch, report, spent_s=time.perf_counter() - began)
        except DivergedError as error:
            raise DivergedError(f"{error}; {_last_good(job)}") from error
    report.save(loop)
    return _finish(job, loop, report)


def _begin(job: Job, data: pictures.Pictures, fabric: Fabric, threads: int) -> tuple[Loop, dict[str, Any]]:
    torch.manual_seed(job.seed)
    model = build(job.config)
    initial = warm_start(model, job.init) if job.init else None
    options: Any = {"seed": job.seed, "device": fabric.device, "rank": fabric.global_rank}
    from_latents = job.phase.source == "latents"
    task: Task = (
        LatentTask(model, data, job.phase, **options) if from_latents else PictureTask(data, job.phase, **options)
    )
    can_compile = job.compile and engine.can_compile(fabric.device.type)
    compile_with = engine.compiled if can_compile else None
    loop = Loop(model, job.phase, task=task, fabric=fabric, seed=job.seed, compile_with=compile_with)
    learn, held = data.split()
    record = {
        "target": job.target.name,
        "seed": job.seed,
        "phase": job.phase.described(),
        "initial": initial,
        "pictures": {"training": len(learn), "validation": len(held), "sha256": data.fingerprint},
        "threads": threads,
        "stage": job.stage,
        "history": {name: dict(stage) for name, stage in job.history.items()},
        "calls": [],
    }
    return loop, record


def warm_start(model: LearnedModel, path: Path) -> dict[str, Any]:
    """Take over the sub-networks that another model's weights have alike; what was taken, for the record.

    Raises:
        UsageError: the two models share nothing, or the file is no weights file.
    """
    weights = load(path)
    taken = share(weights.model, model)
    if not taken:
        raise UsageError(f"--init {path}: a {weights.model.config.family} model of other widths has nothing to share")
    return {"sha256": weights.sha256, "family": weights.model.config.family, "taken": list(taken)}


def _identity(job: Job, data: pictures.Pictures, precision: str) -> dict[str, Any]:
    """What must be the same for a checkpoint to be gone on from."""
    return {
        "target": job.target.name,
        "model": dataclasses.asdict(job.config),
        "phase": json.loads(json.dumps(job.phase.described())),
        "seed": job.seed,
        "data": data.fingerprint,
        "precision": precision,
    }


def _stretch(job: Job, loop: Loop) -> Stretch:
    """How far this call goes: on where the checkpoint was going, or from here with a new schedule."""
    old = loop.progress.stretch
    if job.resume and (job.steps, job.budget_s) in ((None, None), (old.steps, None)):
        return old
    return Stretch(loop.progress.step, job.steps, job.budget_s)


def _call(job: Job, loop: Loop, stretch: Stretch, fabric: Fabric) -> dict[str, Any]:
    return {
        "started": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "from_step": loop.progress.step,
        "to_step": stretch.steps,
        "from_s": loop.progress.elapsed_s,
        "machine": machine(),
        "device": torch.cuda.get_device_name(fabric.device) if fabric.device.type == "cuda" else "cpu",
        "processes": fabric.world_size,
        "threads": torch.get_num_threads(),
        "precision": engine.precision_of(fabric),
        "compiled": job.compile,
        "packages": package_versions(),
        **git_state(),
    }


def described(record: dict[str, Any], loop: Loop) -> dict[str, Any]:
    """The record with what the loop has reached."""
    progress = loop.progress
    last = dataclasses.asdict(progress.curve[-1]) if progress.curve else None
    reached = {"steps": progress.step, "seconds": round(progress.elapsed_s, 1), "skipped_steps": loop.guard.skipped}
    return {**record, **reached, "stages": _stages(record, reached), "validation": last}


def _stages(record: dict[str, Any], reached: dict[str, Any]) -> dict[str, dict[str, float]]:
    """All that the weights have behind them: the stages of those they started from, and this one."""
    stages: dict[str, dict[str, float]] = dict(record["history"])
    if record["stage"] is not None:
        before = stages.get(record["stage"], {"steps": 0, "seconds": 0.0})
        stages[record["stage"]] = {key: before[key] + reached[key] for key in before}
    return stages


def _finish(job: Job, loop: Loop, report: Report) -> Path:
    path = job.out / WEIGHTS
    if report.leader:
        card = ModelCard(
            quality=job.target.quality,
            lmbda=lambda_of(job.target.quality, job.target.metric),
            metric=job.target.metric,
            record=described(report.record, loop),
        )
        save(path, loop.average.model, card)
        curve.write_csv(job.out / "curve.csv", loop.progress.curve)
        curve.draw(job.out / "curve.svg", loop.progress.curve, job.target.name)
        report.say.finished(loop, path, sha256_of(path))
    return path


def _last_good(job: Job) -> str:
    path = job.out / CHECKPOINT
    if not path.is_file():
        return "no checkpoint was written yet: begin again with a smaller --lr"
    return f"the last good checkpoint is {path}: --resume goes on from it"


@contextlib.contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """Let a first SIGINT or SIGTERM end the training after the step in hand; a second one ends it at once."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(*_: object) -> None:
        stopped.set()
        for number, handler in previous.items():
            signal.signal(number, handler)

    for number in previous:
        signal.signal(number, ask)
    try:
        yield stopped
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
