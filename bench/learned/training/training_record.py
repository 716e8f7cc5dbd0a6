"""The record of a training run: settings, data, and each call with its machine and versions."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any

import torch

from bench.learned.families import YUV420
from bench.learned.training import engine
from bench.learned.training.plane_objective import RANGE
from bench.system.provenance import git_state, machine, package_versions

if TYPE_CHECKING:
    from bench.learned.training.loop import Loop
    from bench.learned.training.phases import TrainingSegment
    from bench.learned.training.training_job import TrainingJob
    from bench.learned.training.training_pictures import Pictures

Record = dict[str, Any]
"""JSON-compatible values."""


def new(job: TrainingJob, data: Pictures, initial: Record | None) -> Record:
    """The record of a new training run; `initial` describes what was copied from other weights."""
    training_set, validation_set = data.split()
    return {
        "target": job.target.name,
        "seed": job.seed,
        "phase": job.phase.described(),
        "initial": initial,
        "pictures": {
            "training": len(training_set),
            "validation": len(validation_set),
            "sha256": data.fingerprint,
            **({"range": RANGE} if job.target.family in YUV420 else {}),
        },
        "stage": job.stage,
        "history": {name: dict(stage) for name, stage in job.history.items()},
        "calls": [],
    }


def call(job: TrainingJob, loop: Loop, segment: TrainingSegment) -> Record:
    """The entry of one call: its steps, machine and versions."""
    fabric = loop.fabric
    return {
        "started": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "from_step": loop.progress.step,
        "to_step": segment.steps,
        "from_s": loop.progress.elapsed_s,
        "machine": machine(),
        "device": torch.cuda.get_device_name(fabric.device) if fabric.device.type == "cuda" else "cpu",
        "processes": fabric.world_size,
        "threads": torch.get_num_threads(),
        "precision": engine.precision_of(fabric),
        "compiled": job.compile and engine.compiles(fabric.device.type, job.budget_s),
        "packages": package_versions(),
        **git_state(),
    }


def described(record: Record, loop: Loop) -> Record:
    """The record with the results so far."""
    progress = loop.progress
    reached = {"steps": progress.step, "seconds": round(progress.elapsed_s, 1), "cpu_s": round(progress.cpu_s, 1)}
    return {
        **record,
        **reached,
        "skipped_steps": loop.guard.skipped,
        "stages": _stages(record, reached),
        "validation": dataclasses.asdict(progress.curve[-1]) if progress.curve else None,
    }


def steps_behind(record: Record) -> int | None:
    """Number of training steps of weights, including those of their initial weights; None if unknown."""
    initial = record.get("initial") or {"steps_behind": 0}
    steps, before = record.get("steps"), initial.get("steps_behind")
    return None if steps is None or before is None else int(steps + before)


def _stages(record: Record, reached: dict[str, Any]) -> dict[str, dict[str, float]]:
    """All stages of the weights: those of the initial weights, and the present one."""
    stages: dict[str, dict[str, float]] = dict(record["history"])
    if record["stage"] is not None:
        # Older versions did not record processor time.
        before = stages.get(record["stage"], {"steps": 0, "seconds": 0.0, "cpu_s": 0.0})
        stages[record["stage"]] = {key: before[key] + reached[key] for key in before}
    return stages
