"""Training recipes, such as that of the weights that ship with the package, and their progress.

Progress is read from the weights files themselves, so a fresh clone knows the next step. Training continues from a
checkpoint on this machine if it has at least as many steps as the weights file, and otherwise from the weights file.

The types and bounds of all values in a recipe are checked before anything is trained.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.resources
import json
import math
import time
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from bench.learned.models import TRANSFORMS, ModelConfig, Quantization, compact_config
from bench.learned.models.parts import value_bytes
from bench.learned.training import stp
from bench.learned.training.phases import CropStage, Phase, Target, parse_target
from bench.learned.training.training_job import TrainingJob, modified_phase, phase_for
from bench.learned.training.training_run import CHECKPOINT
from bench.learned.training.training_run import WEIGHTS as TRAINED
from bench.learned.weights import catalogue, delta, tensor_file
from bench.learned.weights.packing import MOST_BITS, WeightBits
from bench.system.errors import BenchError, MissingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.resources.abc import Traversable

RUNS = Path("runs") / "zoo"

PACKAGED = ("paper",)
"""Further recipes of the package. Their weights are written to a folder with the recipe's name."""

Stages = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Step:
    """One phase of one model."""

    model: str
    """FAMILY@QUALITY[-VARIANT]. Variants whose names begin with ms-ssim are trained for MS-SSIM instead of MSE."""
    stage: str
    phase: Phase
    steps: int
    target: Target
    start: str | None
    """Model that the first stage of this model starts from."""
    seed: int
    width: int | None = None
    """Channels of a new rectifier; None: the default."""

    @property
    def name(self) -> str:
        """Name of the step in messages."""
        return f"{self.model} {self.stage}"

    @property
    def keeps_transforms(self) -> bool:
        """Whether the transforms are frozen, as in entropy-model fine-tuning."""
        return {f"!{part}.*" for part in TRANSFORMS} <= set(self.phase.trainable)

    @property
    def run(self) -> str:
        """Name of the step's folder of checkpoints."""
        return f"{file_stem(self.model)}-{self.stage}"

    @property
    def models(self) -> dict[str, str]:
        """Models trained by the step, and the names of their files in its folder."""
        if not self.phase.qualities:
            return {self.model: TRAINED}
        bases = [replace(self.target, quality=quality).base for quality in self.phase.qualities]
        variant = self.model.removeprefix(self.target.base)
        return {base + variant: f"{file_stem(base)}.safetensors" for base in bases}


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """Steps in order, and globs of pictures to exclude."""

    steps: tuple[Step, ...]
    exclude: tuple[str, ...]
    weight_bits: WeightBits | None = None
    """Bits per stored weight; None: float16."""
    formerly: Mapping[str, str] = field(default_factory=dict)
    """Names of stages in older weights files, and their current names."""


@dataclass(frozen=True, slots=True)
class RecipeProgress:
    """A recipe, the folder of its weights files, and the folder of this machine's checkpoints."""

    recipe: TrainingRecipe
    weights: Path = catalogue.COMPACT
    runs: Path = RUNS

    def path(self, model: str) -> Path:
        """The weights file of a model."""
        return self.weights / f"{file_stem(model)}.safetensors"

    def stages(self, model: str) -> Stages:
        """The stages that a model's weights were trained in; empty if there is no file."""
        path = self.path(model)
        stages = _stages_in(path) if path.is_file() else {}
        return {self.recipe.formerly.get(name, name): stage for name, stage in stages.items()}

    def done(self, step: Step) -> int:
        """Number of training steps of a stage in the weights file; 0 if it is missing or outdated."""
        return 0 if self.is_outdated(step) else int(self.stages(step.model).get(step.stage, {}).get("steps", 0))

    def is_outdated(self, step: Step) -> bool:
        """Whether weights were trained for transforms that the model they started from no longer has.

        This happens if the start is trained again after entropy-model fine-tuning on it, or if the base of a +qr or +ft
        decoder changes. If a later stage trained all parameters of the model or of its start, their transforms differ
        as intended.
        """
        if step.target.modifier is not None:
            return self._has_other_base(step, self.path(step.model))
        if step.start is None or not step.keeps_transforms:
            return False
        files = (self.path(step.model), self.path(step.start))
        later = self.recipe.steps[self.recipe.steps.index(step) + 1 :]
        changed = any(
            other.stage in self.stages(other.model)
            for other in later
            if other.model in (step.model, step.start) and not other.keeps_transforms
        )
        return not changed and all(map(Path.is_file, files)) and not delta.alike(*files, TRANSFORMS)

    def _has_other_base(self, step: Step, decoder: Path) -> bool:
        """Whether a decoder exists that was trained for other weights than its base has now."""
        base = self.path(step.target.base)
        return decoder.is_file() and base.is_file() and not _is_decoder_of(decoder, base)

    def next(self) -> Step | None:
        """The first incomplete step, or None."""
        return next((step for step in self.recipe.steps if self.done(step) < step.steps), None)

    def job(self, step: Step, **options: Any) -> TrainingJob:  # noqa: ANN401 - fields of TrainingJob
        """The job that continues a step from its checkpoint or its weights file.

        Raises:
            MissingError: the model that the step starts from has no weights.
        """
        out, done, outdated = self.runs / step.run, self.done(step), self.is_outdated(step)
        stages = {} if outdated else self.stages(step.model)
        shared = {
            "stage": step.stage,
            "seed": step.seed,
            "width": step.width,
            "exclude": self.recipe.exclude,
            "weight_bits": self.recipe.weight_bits,
            "out": out,
            **options,
        }
        other_base = outdated or (step.target.modifier is not None and self._has_other_base(step, out / TRAINED))
        if not other_base and (out / CHECKPOINT).is_file():
            total = _total_of_run(out, step.stage, done)
            if total is not None:
                return TrainingJob(step.target, step.phase, steps=total, resume=True, **shared)
        own = {other.stage for other in self.recipe.steps if step.model in other.models} & stages.keys()
        init = self.path(step.model if own or step.start is None else step.start)
        if not init.is_file() and step.start is not None:
            raise MissingError(f"{step.name} starts from {step.start}, which has no weights in {self.weights}")
        shared |= {"init": init if init.is_file() else None, "history": stages if own else {}}
        return TrainingJob(step.target, step.phase, steps=step.steps - done, restart=True, **shared)

    def publish(self, step: Step, trained: Path) -> None:
        """Copy trained weights to the folder of weights files if they have more steps than the file there.

        After entropy-model fine-tuning, they become delta weights of the model that the step started from.
        """
        if not trained.is_file() or _stages_in(trained).get(step.stage, {"steps": 0})["steps"] <= self.done(step):
            return
        base = self._base_of(step)
        if base is None or step.target.modifier is None or _is_decoder_of(trained, base):
            # The step's own model first: the others are delta weights of it.
            for model, name in sorted(step.models.items(), key=lambda item: item[0] != step.model):
                own = base if model == step.model else self.path(step.model)
                delta.replace(self.path(model), *delta.read(trained.with_name(name)), own)

    def _base_of(self, step: Step) -> Path | None:
        """The base of a step's results, if these are stored as delta weights."""
        if step.target.modifier is not None:
            return self.path(step.target.base)
        if step.start is None or step.start == step.model or not step.keeps_transforms:
            return None
        return self.path(step.start)


def _stages_in(path: Path) -> Stages:
    stages: Stages = tensor_file.read_header(path)["card"]["record"].get("stages", {})
    return stages


def transforms_in(path: Path) -> str:
    """SHA-256 of the transforms in a weights file. Models with equal transforms have equal latents and pictures."""
    _, tensors = delta.read(path)
    digest = hashlib.sha256()
    for name in sorted(name for name in tensors if name.partition(".")[0] in TRANSFORMS):
        digest.update(value_bytes(tensors[name]))
    return digest.hexdigest()


def _is_decoder_of(path: Path, base: Path) -> bool:
    """Whether a decoder was trained for a base or for weights with equal tensors."""
    try:
        return delta.alike(catalogue.base(path), base)
    except (MissingError, UsageError):
        return False


def _total_of_run(out: Path, stage: str, done: int) -> int | None:
    """Planned number of steps of a training run on this machine; None if it has reached fewer than `done`.

    None also if the run was killed between its first checkpoint and its first record.
    """
    path = out / "record.json"
    if not path.is_file():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    if record["stages"][stage]["steps"] < done:
        return None
    total: int = record["calls"][-1]["to_step"]
    return total


def follow(
    progress: RecipeProgress,
    train: Callable[[TrainingJob], Path],
    *,
    budget_s: float | None = None,
    **options: Any,  # noqa: ANN401 - fields of TrainingJob
) -> None:
    """Train and publish one step after the other until the recipe is complete or the time is over.

    Args:
        progress: recipe and folders.
        train: trains a job and returns its weights file.
        budget_s: seconds; a step that is incomplete by then is continued by the next call. The first step is started
            even if no time is left, so that errors in its inputs are reported.
        options: fields of `TrainingJob` for all steps.

    Raises:
        BenchError: a training run did not add steps although time was left.
    """
    began, trained = time.perf_counter(), False
    while (step := progress.next()) is not None:
        left_s = None if budget_s is None else max(0.0, budget_s - (time.perf_counter() - began))
        if trained and left_s == 0:
            return
        before = progress.done(step)
        job = progress.job(step, limit_s=left_s, **options)
        try:
            train(job)
        finally:
            trained = True
            progress.publish(step, job.out / TRAINED)
        if progress.done(step) == before and (budget_s is None or time.perf_counter() - began < budget_s):
            outdated = progress.is_outdated(step)
            reason = f"the weights do not fit those of {step.start}" if outdated else "no steps were added"
            raise BenchError(
                f"{step.name}: still {before} of {step.steps} steps after training, {reason}; "
                f"remove {progress.runs / step.run} to train it again"
            )


def file_stem(model: str) -> str:
    """Name of a model's files, without suffix."""
    return model.replace("@", "-")


def read(path: Path | None = None) -> TrainingRecipe:
    """Read a recipe from a TOML file, or by name from the package; by default that of the package's weights.

    Raises:
        UsageError: the file is not a valid recipe.
        OSError: it cannot be read.
    """
    source: Traversable = Path("compact" if path is None else path)
    if path is None or str(path) in PACKAGED:
        source = importlib.resources.files(__package__).joinpath(f"{source}.toml")
    try:
        content = tomllib.loads(source.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{source}: not a recipe ({error})") from error
    return parse(str(source), content)


def parse(name: str, content: Mapping[str, Any]) -> TrainingRecipe:
    """Parse a recipe from the content of a TOML file; `name` is the file's name in errors.

    Raises:
        UsageError: the content is not a valid recipe.
    """
    try:
        return _recipe(content)
    except KeyError as error:
        raise UsageError(f"{name}: not a recipe: {error} is missing") from error
    except (UsageError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{name}: not a recipe ({error})") from error


def _recipe(content: Mapping[str, Any]) -> TrainingRecipe:
    for name, settings in content["phases"].items():
        _require_phase(name, settings)
    for entry in content["steps"]:
        _require("[[steps]]", entry, _STEP)
        _require("[[steps]] options", entry.get("options", {}), get_type_hints(ModelConfig))
    excluded = content.get("data", {}).get("exclude", [])
    _require("[data] exclude", {"value": excluded}, {"value": tuple[str, ...]})
    steps = tuple(
        _step(model, stage, entry, content["phases"])
        for entry in content["steps"]
        for model in entry["train"]
        for stage in entry["phases"]
    )
    formerly = content.get("formerly", {})
    _require("[formerly]", formerly, dict.fromkeys(content["phases"], str))
    bits = _weight_bits(content.get("weight_bits"))
    return TrainingRecipe(steps, tuple(excluded), bits, {old: new for new, old in formerly.items()})


def _step(model: str, stage: str, entry: Mapping[str, Any], phases: Mapping[str, Mapping[str, Any]]) -> Step:
    if stage not in phases:
        raise UsageError(f"recipe: {model} has phase '{stage}', which is not in [phases]")
    family, _, rest = model.partition("@")
    quality, _, variant = rest.partition("-")
    target = parse_target(f"{family}@{quality}", "ms-ssim" if variant.startswith("ms-ssim") else "mse")
    target = replace(target, options=entry.get("options", {}))
    replace(compact_config(target.family), **target.options)  # refuses unknown options
    settings = dict(phases[stage])
    steps = settings.pop("steps")
    plain = phase_for(target) if target.modifier is None else _decoder_phase(target, settings)
    crops = tuple(CropStage(**crop) for crop in settings.pop("crops", ())) or plain.crops
    settings |= {name: tuple(settings[name]) for name in ("trainable", "qualities") if name in settings}
    phase = replace(plain, name=stage, crops=crops, **settings)
    return Step(model, stage, phase, steps, target, entry.get("start"), entry.get("seed", 1), entry.get("width"))


def _decoder_phase(target: Target, settings: dict[str, Any]) -> Phase:
    """The phase of +qr or +ft that `kind` names; its own settings are removed from `settings`."""
    chosen = {key: settings.pop(key) for key in ("alpha", "distance", "synthesis") if key in settings}
    kind = settings.pop("kind", "predictive")
    phase = modified_phase(kind, target, stp.StpRecipe(**chosen))
    stp.require_used(kind, target, chosen)
    return phase


_STEP = {
    "train": tuple[str, ...],
    "phases": tuple[str, ...],
    "start": str,
    "seed": int,
    "width": int,
    "options": Mapping,
}

_LEAST: Mapping[str, float] = {
    "steps": 1,
    "size": 1,
    "batch": 1,
    "begins": 0,
    "validate_steps": 1,
    "patience": 1,
    "warmup_steps": 0,
    "lr": 1e-12,
    "lr_floor": 0,
    "ema_decay": 0,
    "alpha": 0,
    "seed": 0,
    "mixed_begins": 0,
    "downscale": 1,
    "width": 1,
    "N": 1,
    "M": 1,
    "kernel": 1,
}
"""Lower bounds of numbers."""


def _require_phase(name: str, settings: Any) -> None:  # noqa: ANN401 - any value in a file
    """Check the names, types and bounds of a phase's settings."""
    named = {"Mapping": Mapping, "Quantization": Quantization}
    of_decoders = {**get_type_hints(stp.StpRecipe), "kind": str}
    _require(f"[phases.{name}]", settings, {**get_type_hints(Phase, localns=named), **of_decoders, "steps": int})
    for crop in settings.get("crops", ()):
        _require(f"[phases.{name}] crops", crop, get_type_hints(CropStage))


def _weight_bits(entry: Any) -> WeightBits | None:  # noqa: ANN401 - any value in a file
    """Parse and check [weight_bits]; None if it is missing."""
    if entry is None:
        return None
    _require("[weight_bits]", entry, get_type_hints(WeightBits))
    if len(entry) < 2 or not all(2 <= bits <= MOST_BITS for bits in entry.values()):
        raise UsageError(
            f"[weight_bits] has {_shown(entry)}; transforms and entropy_model must be from 2 to {MOST_BITS}"
        )
    return WeightBits(**entry)


def _require(place: str, entry: Any, hints: Mapping[str, Any]) -> None:  # noqa: ANN401 - any value in a file
    if not isinstance(entry, Mapping):
        raise UsageError(f"{place} is not a table but {_shown(entry)}")
    for key, value in entry.items():
        if key not in hints:
            raise UsageError(f"{place} has '{key}', which is not a setting; omit it")
        if not _fits(value, hints[key]):
            raise UsageError(f"{place} has {key} = {_shown(value)}, which has the wrong type")
        if isinstance(value, int | float) and value < _LEAST.get(key, -math.inf):
            raise UsageError(f"{place} has {key} = {_shown(value)}; it must be {_LEAST[key]:g} or more")


def _fits(value: Any, hint: Any) -> bool:  # noqa: ANN401 - a value and a type hint
    origin, within = get_origin(hint), get_args(hint)
    if origin is Literal:
        return isinstance(value, str) and value in within
    if origin in {typing.Union, types.UnionType}:
        return any(_fits(value, one) for one in within)
    if origin is tuple:
        return isinstance(value, list) and all(_fits(each, within[0]) for each in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, Mapping if dataclasses.is_dataclass(hint) else origin or hint)


def _shown(value: Any) -> str:  # noqa: ANN401 - any value in a file
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
