"""The recipe of the weights that ship with the package, and how far it has been followed.

What has been reached is read from the weights files themselves, so that a fresh clone knows what is next. A checkpoint
of this machine is gone on from when it is further than the weights file; otherwise the file's weights are.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import time
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.learned.models import TRANSFORMS, compact_config
from bench.learned.models.parts import value_bytes
from bench.learned.training import recipe_fields, stp
from bench.learned.training.jobs import Job, modified_phase, phase_for
from bench.learned.training.phases import CropStage, Phase, Target, parse_target
from bench.learned.training.run import CHECKPOINT
from bench.learned.training.run import WEIGHTS as TRAINED
from bench.learned.weights import catalogue, delta
from bench.system.errors import BenchError, MissingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.resources.abc import Traversable

RUNS = Path("runs") / "zoo"

PACKAGED = ("paper",)
"""Recipes of the package that are not that of the shipped weights; what they train goes into a folder of their name."""

Stages = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Step:
    """One phase of one model."""

    model: str
    """FAMILY@QUALITY[-VARIANT]; a variant that begins with ms-ssim is trained for that instead of the MSE."""
    stage: str
    phase: Phase
    steps: int
    target: Target
    start: str | None
    """Model that it starts from, unless the model has stages behind it already."""
    seed: int
    width: int | None = None
    """Channels of a new rectifier; None: the compact ones."""

    @property
    def name(self) -> str:
        """How the step is shown."""
        return f"{self.model} {self.stage}"

    @property
    def keeps_transforms(self) -> bool:
        """Whether it fits an entropy model to latents that stay as they are."""
        return self.phase.source == "latents"

    @property
    def run(self) -> str:
        """The step's folder among the runs of this machine."""
        return f"{file_stem(self.model)}-{self.stage}"

    @property
    def models(self) -> dict[str, str]:
        """Each model that the step trains, and the name of its file in the step's folder."""
        if not self.phase.qualities:
            return {self.model: TRAINED}
        bases = [replace(self.target, quality=quality).base for quality in self.phase.qualities]
        variant = self.model.removeprefix(self.target.base)
        return {base + variant: f"{file_stem(base)}.safetensors" for base in bases}


@dataclass(frozen=True, slots=True)
class ZooRecipe:
    """Steps in order, and pictures to leave out."""

    steps: tuple[Step, ...]
    exclude: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Zoo:
    """A recipe, the folder of its weights files, and the folder of this machine's checkpoints."""

    recipe: ZooRecipe
    weights: Path = catalogue.COMPACT
    runs: Path = RUNS

    def path(self, model: str) -> Path:
        """The weights file of a model."""
        return self.weights / f"{file_stem(model)}.safetensors"

    def stages(self, model: str) -> Stages:
        """What a model's weights have behind them; nothing if there is no file."""
        path = self.path(model)
        return _stages_in(path) if path.is_file() else {}

    def done(self, step: Step) -> int:
        """How many steps of a step the weights file has; none, if they were for other latents than its start's now."""
        return 0 if self.is_outdated(step) else int(self.stages(step.model).get(step.stage, {}).get("steps", 0))

    def is_outdated(self, step: Step) -> bool:
        """Whether a fit is for transforms that its start had once: the start was trained anew, or further, since.

        A model that has been trained whole since has transforms of its own, and so has its start: they differ rightly.
        A fit whose file is a part of its start's is outdated when that is another file than it was; so is the decoder
        of +qr or +ft with its base.
        """
        if step.target.modifier is not None:
            return self._has_other_base(step)
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

    def _has_other_base(self, step: Step) -> bool:
        """Whether what was trained of a decoder, published or not, was for other weights than its base's now."""
        base = self.path(step.target.base)
        known = [path for path in (self.path(step.model), self.runs / step.run / TRAINED) if path.is_file()]
        return base.is_file() and not all(_is_decoder_of(path, base) for path in known)

    def next(self) -> Step | None:
        """The first step that is not complete."""
        return next((step for step in self.recipe.steps if self.done(step) < step.steps), None)

    def job(self, step: Step, **options: Any) -> Job:  # noqa: ANN401 - fields of Job
        """The training that takes a step further, from whatever is furthest.

        Raises:
            MissingError: the model that it starts from has no weights yet.
        """
        out, done, outdated = self.runs / step.run, self.done(step), self.is_outdated(step)
        stages = {} if outdated else self.stages(step.model)
        shared = {
            "stage": step.stage,
            "seed": step.seed,
            "width": step.width,
            "exclude": self.recipe.exclude,
            "out": out,
            **options,
        }
        if (
            not outdated
            and (out / CHECKPOINT).is_file()
            and (total := _total_of_run(out, step.stage, done)) is not None
        ):
            return Job(step.target, step.phase, steps=total, resume=True, **shared)
        own = {other.stage for other in self.recipe.steps if step.model in other.models} & stages.keys()
        init = self.path(step.model if own or step.start is None else step.start)
        if not init.is_file() and step.start is not None:
            raise MissingError(f"{step.name} starts from {step.start}, which has no weights in {self.weights}")
        shared |= {"init": init if init.is_file() else None, "history": stages if own else {}}
        return Job(step.target, step.phase, steps=step.steps - done, restart=True, **shared)

    def publish(self, step: Step, trained: Path) -> None:
        """Put trained weights where the package's are, if there are any that are further than those.

        A model that was fitted to the latents of another becomes a part of that one's weights.
        """
        if not trained.is_file() or _stages_in(trained).get(step.stage, {"steps": 0})["steps"] <= self.done(step):
            return
        base = self._base_of(step)
        if base is None or step.target.modifier is None or _is_decoder_of(trained, base):
            # The step's own model first: the others are parts of it.
            for model, name in sorted(step.models.items(), key=lambda item: item[0] != step.model):
                own = base if model == step.model else self.path(step.model)
                delta.replace(self.path(model), *delta.read(trained.with_name(name)), own)

    def _base_of(self, step: Step) -> Path | None:
        """What the weights of a step can be a part of: a decoder's of its model's, a fit's of those it started from."""
        if step.target.modifier is not None:
            return self.path(step.target.base)
        if step.start is None or step.start == step.model or not step.keeps_transforms:
            return None
        return self.path(step.start)


def _stages_in(path: Path) -> Stages:
    stages: Stages = catalogue.header(path)["card"]["record"].get("stages", {})
    return stages


def transforms_in(path: Path) -> str:
    """The SHA-256 of the transforms in a weights file: models that share their latents and pictures have one."""
    _, tensors = delta.read(path)
    digest = hashlib.sha256()
    for name in sorted(name for name in tensors if name.partition(".")[0] in TRANSFORMS):
        digest.update(value_bytes(tensors[name]))
    return digest.hexdigest()


def _is_decoder_of(path: Path, base: Path) -> bool:
    """Whether a decoder's weights are for a base, or for one with equal tensors under another header."""
    try:
        return delta.alike(catalogue.base(path), base)
    except (MissingError, UsageError):
        return False


def _total_of_run(out: Path, stage: str, done: int) -> int | None:
    """Steps at the end of a run that was begun here, or None where the weights file is further than it."""
    record = json.loads((out / "record.json").read_text(encoding="utf-8"))
    if record["stages"][stage]["steps"] < done:
        return None
    total: int = record["calls"][-1]["to_step"]
    return total


def follow(zoo: Zoo, train: Callable[[Job], Path], *, budget_s: float | None = None, **options: Any) -> None:  # noqa: ANN401
    """Train the next steps until the recipe is complete or the time is over; each result is published.

    Args:
        zoo: recipe and folders.
        train: trains a job and returns its weights file.
        budget_s: seconds; the next call continues a step that they do not suffice for. The first step is begun even if
            they are over before it, so that what is wrong with it is an error.
        options: fields of `Job` that hold for all steps.

    Raises:
        BenchError: a step got no further although there was time, so that the next call would not either.
    """
    began, trained = time.perf_counter(), False
    while (step := zoo.next()) is not None:
        left_s = None if budget_s is None else max(0.0, budget_s - (time.perf_counter() - began))
        if trained and left_s == 0:
            return
        before = zoo.done(step)
        job = zoo.job(step, limit_s=left_s, **options)
        try:
            train(job)
        finally:
            trained = True
            zoo.publish(step, job.out / TRAINED)
        if zoo.done(step) == before and (budget_s is None or time.perf_counter() - began < budget_s):
            raise BenchError(_no_progress(zoo, step))


def _no_progress(zoo: Zoo, step: Step) -> str:
    """What to say of a step whose training did not take it further."""
    reason = f"the weights do not fit those of {step.start}" if zoo.is_outdated(step) else "the weights are no further"
    return (
        f"{step.name}: still {zoo.done(step)} of {step.steps} steps after a training, {reason}; "
        f"remove {zoo.runs / step.run} to train it anew"
    )


def file_stem(model: str) -> str:
    """The name of a model's files, without their suffix."""
    return model.replace("@", "-")


def read(path: Path | None = None) -> ZooRecipe:
    """The recipe in a TOML file, or one of the package by its name; that of the shipped weights by default.

    Raises:
        UsageError: it is no recipe, or a name in it does not exist.
        OSError: it cannot be read.
    """
    source: Traversable = Path("zoo" if path is None else path)
    if path is None or str(path) in PACKAGED:
        source = importlib.resources.files(__package__).joinpath(f"{source}.toml")
    try:
        content = tomllib.loads(source.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{source}: not a recipe ({error})") from error
    return parse(str(source), content)


def parse(name: str, content: Mapping[str, Any]) -> ZooRecipe:
    """The recipe in the content of a TOML file of a name.

    Raises:
        UsageError: it is no recipe, or a name in it does not exist.
    """
    try:
        return _recipe(content)
    except UsageError as error:
        raise UsageError(f"{name}: not a recipe ({error})") from error
    except KeyError as error:
        raise UsageError(f"{name}: not a recipe, it lacks {error}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{name}: not a recipe ({error})") from error


def _recipe(content: Mapping[str, Any]) -> ZooRecipe:
    for name, settings in content["phases"].items():
        recipe_fields.require_phase(name, settings)
    for entry in content["steps"]:
        recipe_fields.require_step(entry)
    excluded = content.get("data", {}).get("exclude", [])
    recipe_fields.require_names("[data] exclude", excluded)
    steps = tuple(
        _step(model, stage, entry, content["phases"])
        for entry in content["steps"]
        for model in entry["train"]
        for stage in entry["phases"]
    )
    return ZooRecipe(steps, tuple(excluded))


def _step(model: str, stage: str, entry: Mapping[str, Any], phases: Mapping[str, Mapping[str, Any]]) -> Step:
    if stage not in phases:
        raise UsageError(f"recipe: {model} has phase '{stage}', which is not under [phases]")
    family, _, rest = model.partition("@")
    quality, _, variant = rest.partition("-")
    target = parse_target(f"{family}@{quality}", "ms-ssim" if variant.startswith("ms-ssim") else "mse")
    target = replace(target, options=entry.get("options", {}))
    replace(compact_config(target.family), **target.options)  # refuses options that no such model has
    settings = dict(phases[stage])
    steps = settings.pop("steps")
    plain = phase_for(target) if target.modifier is None else _decoder_phase(target, settings)
    crops = tuple(CropStage(**crop) for crop in settings.pop("crops", ())) or plain.crops
    settings |= {name: tuple(settings[name]) for name in ("trainable", "qualities") if name in settings}
    phase = replace(plain, name=stage, crops=crops, **settings)
    return Step(model, stage, phase, steps, target, entry.get("start"), entry.get("seed", 1), entry.get("width"))


def _decoder_phase(target: Target, settings: dict[str, Any]) -> Phase:
    """The phase of +qr or +ft that settings name by their `kind`; what belongs to it is taken out of them."""
    chosen = {key: settings.pop(key) for key in ("alpha", "distance", "synthesis") if key in settings}
    kind = settings.pop("kind", "predictive")
    phase = modified_phase(kind, target, stp.StpRecipe(**chosen))
    stp.require_read(kind, target, chosen)
    return phase
