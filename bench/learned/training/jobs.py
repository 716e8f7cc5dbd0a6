"""From what a user asks for to the settings of a training."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from bench.errors import UsageError, unknown
from bench.learned.models import FAMILIES
from bench.learned.training import losses, optimizers
from bench.learned.training.phases import CropStage, Phase, Target, parse_target, seconds
from bench.learned.training.run import Job

RUNS = Path("runs")
"""Where trainings are kept unless the user names a folder."""

_SMALLEST_FOR_MS_SSIM = 161
"""MS-SSIM has five scales of windows of 11 pixels; a smaller picture has no fifth."""

_CROPS = {
    "mse": (CropStage(128, 8), CropStage(256, 2, begins=0.8)),
    "ms-ssim": (CropStage(192, 4), CropStage(256, 2, begins=0.8)),
}
_LR = {"soap": 1e-3, "adam": 4e-4}


def phase_for(target: Target, *, optimizer: str = "soap", lr: float | None = None) -> Phase:
    """The plain rate-distortion phase of a target.

    Raises:
        UsageError: an unknown family, metric, quality or optimiser.
    """
    if target.family not in FAMILIES:
        raise unknown("family", target.family, FAMILIES)
    if optimizer not in optimizers.OPTIMIZERS:
        raise unknown("optimizer", optimizer, optimizers.OPTIMIZERS)
    weights = losses.rate_distortion(target.quality, target.metric)
    return Phase(weights, optimizer=optimizer, lr=lr or _LR[optimizer], crops=_CROPS[target.metric])


def job_from_options(text: str, options: dict[str, Any]) -> Job:
    """The job that the options of `bench train FAMILY@QUALITY` describe; options that are None are left at defaults.

    Raises:
        UsageError: an unknown name, or options that contradict each other.
    """
    given = {key: value for key, value in options.items() if value is not None and value != ()}
    target = parse_target(text, given.pop("metric", "mse"))
    phase = phase_for(target, optimizer=given.pop("optimizer", "soap"), lr=given.pop("lr", None))
    if crop := given.pop("crop", None):
        phase = dataclasses.replace(phase, crops=(CropStage(*crop),))
    if target.metric == "ms-ssim" and min(stage.size for stage in phase.crops) < _SMALLEST_FOR_MS_SSIM:
        raise UsageError(f"--crop {phase.crops[0].size}: MS-SSIM needs crops of {_SMALLEST_FOR_MS_SSIM} pixels or more")
    if budget := given.pop("budget", None):
        given["budget_s"] = seconds(budget)
    if "steps" in given and "budget_s" in given:
        raise UsageError("--steps and --budget contradict each other; give one")
    if not ({"steps", "budget_s"} & given.keys() or given.get("resume")):
        raise UsageError("say how long to train: --steps N or --budget 30m")
    if given.get("resume") and "init" in given:
        raise UsageError("--init is for a new training; --resume goes on with one")
    given.setdefault("out", RUNS / target.name)
    return Job(target, phase, **given)
