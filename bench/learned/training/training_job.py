"""The settings of a training run, from the command line or a recipe."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.learned.families import FAMILIES, YUV420
from bench.learned.models import ModelConfig, build, compact_config
from bench.learned.models.rectifier import GROUPS
from bench.learned.training import engine, optimizers, stp, training_pictures
from bench.learned.training.phases import MARGIN, CropStage, Phase, Target, parse_target, seconds
from bench.metrics.ms_ssim import MIN_SIDE
from bench.system.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.learned.weights.packing import WeightBits

RUNS = Path("runs")
"""Default folder of training runs."""

_SQUARED_ERROR_CROPS = (CropStage(128, 8), CropStage(256, 2, begins=0.8))
_CROPS = {
    "mse": _SQUARED_ERROR_CROPS,
    "mse-611": _SQUARED_ERROR_CROPS,
    "ms-ssim": (CropStage(192, 4), CropStage(256, 2, begins=0.8)),
}
_LR = {"soap": 1e-3, "adam": 4e-4}


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """The settings of one training run.

    `steps` or `budget_s` set its length. Without them, a resumed run continues to its former end.
    """

    target: Target
    phase: Phase
    out: Path
    data: Path = field(default_factory=training_pictures.default_folder)
    cache: Path = field(default_factory=training_pictures.default_cache)
    exclude: tuple[str, ...] = ()
    steps: int | None = None
    budget_s: float | None = None
    resume: bool = False
    init: Path | None = None
    take: tuple[str, ...] | None = None
    """Sub-networks to copy from the weights in `init`; None: all that the two models have in common."""
    weight_bits: WeightBits | None = None
    """Bits that trained convolutions are rounded to in the weights file; None: float16."""
    width: int | None = None
    """Channels of the rectifier; None: those of the initial one, or the default for a new one."""
    seed: int = 0
    device: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: engine.Precision = "auto"
    compile: bool = True
    threads: int | None = None
    checkpoint_s: float = 60.0
    restart: bool = False
    """Whether to start again if the folder has a checkpoint."""
    limit_s: float | None = None
    """Stop after this time, independently of the schedule; --resume continues."""
    stage: str | None = None
    """Name of the phase in a recipe."""
    history: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Earlier stages of the weights in `init`: name to steps and seconds."""
    began_s: float = field(default_factory=time.perf_counter, compare=False)
    """Start of the time budget, on the clock of `time.perf_counter`."""

    @property
    def config(self) -> ModelConfig:
        """The architecture: default widths, changed by the target's options."""
        return dataclasses.replace(compact_config(self.target.family), **self.target.options)


def phase_for(target: Target, *, optimizer: str = "soap", lr: float | None = None) -> Phase:
    """The rate-distortion phase of a target.

    Raises:
        UsageError: the family, metric, quality or optimiser is unknown.
    """
    if target.family not in FAMILIES:
        raise unknown("family", target.family, FAMILIES)
    if (target.family in YUV420) != (target.metric == "mse-611"):
        raise UsageError(f"{target.family} cannot be trained for '{target.metric}'; omit --metric")
    if optimizer not in optimizers.OPTIMIZERS:
        raise unknown("optimizer", optimizer, optimizers.OPTIMIZERS)
    filtered = target.family == "cca" and target.options.get("acem", True)
    return Phase(
        {"rate": 1.0, target.metric: target.lmbda},
        trainable=("*", "!acem.*") if filtered else ("*",),
        optimizer=optimizer,
        lr=lr or _LR[optimizer],
        crops=_CROPS[target.metric],
    )


def filter_phase(target: Target, **changes: Any) -> Phase:  # noqa: ANN401 - see `phase_for`
    """The phase that trains only the filter of cca, on decoded pictures.

    Raises:
        UsageError: see `phase_for`.
    """
    return dataclasses.replace(phase_for(target, **changes), name="acem", trainable=("acem.*",), quantization="round")


def modified_phase(name: str, target: Target, recipe: stp.StpRecipe | None = None, **changes: Any) -> Phase:  # noqa: ANN401
    """A phase of a target with a modifier (see `stp.PHASES`), with changes to its fields.

    Raises:
        UsageError: the name is unknown, the modifier has no such phase, or the family has no modifiers.
    """
    phase_for(dataclasses.replace(target, modifier=None), optimizer=changes.get("optimizer", "soap"))
    return dataclasses.replace(stp.phase_of(name, target, recipe), name=name, **changes)


def _phase_from_options(target: Target, given: dict[str, Any]) -> Phase:
    """Select a phase by options, which are removed from `given`, except the width."""
    plain = {key: given.pop(key) for key in ("optimizer", "lr") if key in given}
    name = given.pop("phase", None)
    if name == "acem" and (target.family != "cca" or target.modifier is not None):
        raise UsageError(f"--phase acem is a phase of cca; {target.name} has no such filter")
    chosen = {key: given.pop(key) for key in ("alpha", "distance", "synthesis") if key in given}
    options = {*chosen, *({"width"} & given.keys())}
    if target.modifier is None:
        stp.require_used(name or "", target, options if name in {None, "acem"} else {*options, "phase"})
        return filter_phase(target, **plain) if name == "acem" else phase_for(target, **plain)
    name = name or "predictive"
    phase = modified_phase(name, target, stp.StpRecipe(**chosen), **plain)
    stp.require_used(name, target, options)
    return phase


def _target_from_options(target: Target, given: dict[str, Any]) -> Target:
    """Apply the options for widths and lambda, which are removed from `given`, to a target."""
    widths: dict[str, Any] = {name: given.pop(name) for name in ("N", "M") if name in given}
    lmbda = given.pop("lmbda", None)
    if (widths or lmbda) and target.modifier is not None:
        option = f"--{min(widths)}" if widths else "--lmbda"
        raise UsageError(f"{option}: {target.name} has that of its initial weights; omit it")
    if widths and target.family in FAMILIES:
        dataclasses.replace(compact_config(target.family), **widths)  # raises for invalid widths
    return dataclasses.replace(target, options={**target.options, **widths}, own_lmbda=lmbda)


def _require_whole_latents(target: Target, phase: Phase) -> None:
    """Check that crops consist of whole latents and hyper-latents; otherwise reconstructions would be larger."""
    multiple = int(build(compact_config(target.family)).downsampling_factor) if phase.source == "pictures" else 1
    for stage in phase.crops:
        if stage.size % multiple:
            raise UsageError(f"--crop {stage.size}: the side must be a multiple of {multiple}")


def _with_options(phase: Phase, given: dict[str, Any]) -> Phase:
    """Apply the options for crops and qualities, which are removed from `given`, to a phase."""
    if crop := given.pop("crop", None):
        phase = dataclasses.replace(phase, crops=(CropStage(*crop),))
    if qualities := given.pop("qualities", None):
        words = qualities.split(",")
        if not all(word.strip().isdecimal() for word in words) or len(set(words)) < len(words):
            raise UsageError(f"--qualities {qualities}: must be different numbers separated by commas, such as 1,3,6")
        phase = dataclasses.replace(phase, qualities=tuple(sorted(map(int, words))))
    return phase


def _require_agreement(given: Mapping[str, Any]) -> None:
    """Check that the options for length and initial weights do not contradict each other."""
    if "steps" in given and "budget_s" in given:
        raise UsageError("--steps and --budget exclude each other; use only one of them")
    if not ({"steps", "budget_s"} & given.keys() or given.get("resume")):
        raise UsageError("set the length of the training: --steps N or --budget 30m")
    if given.get("resume") and given.get("restart"):
        raise UsageError("--resume and --restart exclude each other; use only one of them")
    if given.get("resume") and "init" in given:
        raise UsageError("--init is for a new training run; --resume continues an existing one")


def job_from_options(text: str, options: dict[str, Any]) -> TrainingJob:
    """Create a job from the options of `bench train FAMILY@QUALITY`; None means the default.

    Raises:
        UsageError: a name is unknown, options contradict each other, or a glob to exclude matches no picture.
    """
    given = {key: value for key, value in options.items() if value is not None and value != ()}
    target = _target_from_options(parse_target(text, given.pop("metric", "mse")), given)
    phase = _phase_from_options(target, given)
    if (width := given.get("width", GROUPS)) % GROUPS:
        raise UsageError(f"--width {width}: must be a multiple of {GROUPS}")
    phase = _with_options(phase, given)
    if phase.qualities and target.own_lmbda:
        raise UsageError("--lmbda is for a single quality; omit it with --qualities")
    if "ms-ssim" in phase.weights and phase.seen < MIN_SIDE:
        raise UsageError(f"--crop {phase.crops[0].size}: MS-SSIM needs crops of {MIN_SIDE} pixels or more")
    _require_whole_latents(target, phase)
    if phase.gradient_routing.synthesis != "none" and phase.seen <= 0:
        raise UsageError(
            f"--crop {phase.crops[0].size}: use {2 * MARGIN + 1} latents or more; the outer ones are not used"
        )
    if budget := given.pop("budget", None):
        given["budget_s"] = seconds(budget)
    _require_agreement(given)
    given.setdefault("out", RUNS / target.name)
    job = TrainingJob(target, phase, **given)
    training_pictures.require_matched(job.data, job.exclude)
    return job
