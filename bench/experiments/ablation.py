"""Ablation of entropy models on equal latents, after Minnen et al. 2018 (arXiv 1809.02736), affordable on a CPU.

The transforms of one trained model are frozen, and each variant of the entropy model is trained on the same latents:
from random weights, for the same number of steps, on the same crops. All variants then code the same integers,
round(y), so that the pictures are equal and only the rates differ.

In the paper, each variant has its own transforms, trained jointly. Here the transforms are shared, so the differences
are due to the entropy models alone and are not comparable with the paper's figures.
"""

from __future__ import annotations

import fnmatch
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
import torch

from bench.analysis import ablation as analysis
from bench.images.datasets import kodak_or_builtin, open_rgb_dataset
from bench.learned.coding.transforms import PictureTransforms
from bench.learned.models import TRANSFORMS, ModelConfig, parameter_groups
from bench.learned.models.layers import CausalConv2d
from bench.learned.training.phases import CropStage, Phase, Target
from bench.learned.training.training_job import TrainingJob
from bench.learned.training.training_recipe import transforms_in
from bench.learned.training.training_run import CHECKPOINT, WEIGHTS, steps_of
from bench.learned.weights import catalogue
from bench.learned.weights.full import Weights, load
from bench.results.extras import Observations, alike
from bench.system.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor

    from bench.images.datasets import Dataset
    from bench.images.picture import Picture
    from bench.learned.models import LearnedModel

OUT = Path("reports/data/experiments/ablation.csv")


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant of the entropy model."""

    name: str
    family: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `ModelConfig` that differ from the paper's model."""


VARIANTS = (
    Variant("joint", "joint"),
    Variant("joint-3x3", "joint", {"kernel": 3}),
    Variant("joint-7x7", "joint", {"kernel": 7}),
    Variant("joint-laplacian", "joint", {"distribution": "laplacian"}),
    Variant("joint-logistic", "joint", {"distribution": "logistic"}),
    Variant("joint-scale-only", "joint", {"mean": False}),
    Variant("hyper", "hyper"),
    Variant("hyper-scale-only", "hyper", {"mean": False}),
    Variant("context", "context"),
    Variant("context-3x3", "context", {"kernel": 3}),
    Variant("context-7x7", "context", {"kernel": 7}),
    Variant("context-scale-only", "context", {"mean": False}),
    Variant("factorized", "factorized"),
)
"""The paper's model first: context and hyperprior, 5x5, a Gaussian with mean and scale."""

PRIORS = {"joint": "context + hyperprior", "hyper": "hyperprior", "context": "context", "factorized": "factorized"}
"""Inputs of the conditional distribution, by family."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A variant with one seed."""

    variant: Variant
    seed: int


@dataclass(frozen=True, slots=True)
class Ablation:
    """Transforms, length, seeds and folder of the training runs."""

    transforms: Path
    runs: Path
    steps: int
    seeds: tuple[int, ...] = (1, 2)
    """Each variant is trained with each seed, to show the seed variance."""
    variants: tuple[Variant, ...] = VARIANTS

    @property
    def transforms_sha256(self) -> str:
        """The first 12 digits of the SHA-256 of the transforms."""
        return transforms_in(self.transforms)[:12]

    def fits(self) -> list[Fit]:
        """All training runs: every variant with the first seed, then with the next."""
        return [Fit(variant, seed) for seed in self.seeds for variant in self.variants]

    def job(self, fit: Fit, start: Weights, **options: Any) -> TrainingJob:  # noqa: ANN401 - fields of TrainingJob
        """The job that trains a variant, resumed if there is a checkpoint."""
        config, card = start.model.config, start.card
        target = Target(
            fit.variant.family, card.quality, card.metric, {"N": config.N, "M": config.M, **fit.variant.options}
        )
        out = self.runs / f"{self.transforms_sha256}-{self.steps}" / f"{fit.variant.name}-{fit.seed}"
        return TrainingJob(
            target,
            phase(self.steps),
            out,
            steps=self.steps,
            seed=fit.seed,
            init=self.transforms,
            take=TRANSFORMS,
            resume=(out / CHECKPOINT).is_file(),
            **options,
        )


def phase(steps: int) -> Phase:
    """The phase of a variant: everything but the transforms is trained for the rate of noisy latents."""
    return Phase(
        {"rate": 1.0},
        name="ablation",
        trainable=("*", *(f"!{part}.*" for part in TRANSFORMS)),
        source="latents",
        lr=3e-3,
        warmup_steps=min(50, steps // 10),
        validate_steps=steps,
        crops=(CropStage(32, 4),),
    )


def start(path: Path) -> Weights:
    """Load the weights with the transforms.

    Raises:
        MissingError: there is no such file.
        UsageError: it is not a weights file, or its family has other transforms.
    """
    weights = load(path)
    if weights.model.config.family not in (*PRIORS, "scale"):
        raise UsageError(f"{path}: the ablation needs the transforms of {', '.join(PRIORS)} or scale")
    return weights


def finished(
    ablation: Ablation,
    begin: Weights,
    train: Callable[[TrainingJob], Path],
    *,
    budget_s: float | None = None,
    **options: Any,  # noqa: ANN401 - fields of TrainingJob
) -> Iterator[tuple[Fit, Weights]]:
    """Yield the variants with their weights, one after the other. Only incomplete ones are trained.

    Args:
        ablation: the training runs.
        begin: the weights with the transforms.
        train: trains a job and returns its weights file.
        budget_s: seconds; a training run that is incomplete by then is continued by the next call.
        options: fields of `TrainingJob` for all runs.
    """
    began = time.perf_counter()
    for fit in ablation.fits():
        left_s = None if budget_s is None else budget_s - (time.perf_counter() - began)
        job = ablation.job(fit, begin, limit_s=left_s, **options)
        path = job.out / WEIGHTS
        if (steps_of(path) or 0) < ablation.steps:
            if left_s is not None and left_s <= 0:
                return
            train(job)
            if (steps_of(path) or 0) < ablation.steps:
                return
        yield fit, load(path)


def ablation_from_options(options: dict[str, Any]) -> Ablation:
    """Create an ablation from the options of `bench train ablation`, which are removed from `options`.

    Raises:
        UsageError: a glob matches no variant.
    """
    globs = options.pop("variants", ()) or ("*",)
    for glob in globs:
        if not any(fnmatch.fnmatchcase(variant.name, glob) for variant in VARIANTS):
            raise unknown("variant", glob, [variant.name for variant in VARIANTS])
    return Ablation(
        options.pop("transforms", None) or catalogue.find("compact", "hyper", 5),
        options.pop("runs"),
        options.pop("steps"),
        tuple(range(1, options.pop("seeds") + 1)),
        tuple(v for v in VARIANTS if any(fnmatch.fnmatchcase(v.name, glob) for glob in globs)),
    )


def run_ablation(
    ablation: Ablation,
    train: Callable[[TrainingJob], Path],
    *,
    out: Path,
    dataset: str | None = None,
    **options: Any,  # noqa: ANN401 - a time limit and fields of TrainingJob
) -> pd.DataFrame:
    """Train and measure the variants that the file `out` lacks; returns the table of all variants.

    The file is rewritten after each variant. Rates are estimated bits, because bitstreams code y rounded around its
    means, which differ between variants. The default image set is Kodak, or the built-in photographs if Kodak is
    missing.

    Raises:
        BenchError: files, data or settings are invalid, or a training run diverged.
    """
    chosen = open_rgb_dataset(dataset or kodak_or_builtin())
    initial = start(ablation.transforms)
    observations = Observations(out, analysis.COLUMNS, (*analysis.SETTING, "variant", "seed"), "bench train ablation")
    rates = observations.read()
    setting = {
        "transforms": ablation.transforms.stem,
        "transforms_sha256": ablation.transforms_sha256,
        "lambda": initial.card.lmbda,
        "steps": ablation.steps,
        "dataset": chosen.name,
    }
    latents: Mapping[str, tuple[Tensor, int]] = {}
    for fit, weights in finished(ablation, initial, train, **options):
        if not alike(rates, {**setting, "variant": fit.variant.name, "seed": fit.seed}).empty:
            continue
        latents = latents or _latents(initial, chosen)
        new = pd.DataFrame([{**setting, **row} for row in _rows(fit, weights, latents)], columns=analysis.COLUMNS)
        rates = observations.replace(new)
    return analysis.table(alike(rates, setting))


def _latents(initial: Weights, dataset: Dataset) -> dict[str, tuple[Tensor, int]]:
    """The latents y of each picture, (1, M, h, w), and its number of pixels."""
    transforms = PictureTransforms(initial.model)
    pictures = ((image.name, cast("Picture", image.read())) for image in dataset.images)
    return {name: (transforms.analysis(picture), picture.width * picture.height) for name, picture in pictures}


def _rows(fit: Fit, weights: Weights, latents: Mapping[str, tuple[Tensor, int]]) -> list[dict[str, Any]]:
    shared = {
        "variant": fit.variant.name,
        **described(weights.model.config),
        "parameters": entropy_parameters(weights.model),
        "seed": fit.seed,
        "seconds": weights.card.record["seconds"],
    }
    rows = []
    for image, (y, num_pixels) in latents.items():
        bits = integer_bits(weights.model, y)
        rates = {f"bpp_{part}": round(bits.get(part, 0.0) / num_pixels, 6) for part in ("y", "z")}
        rows.append({**shared, "image": image, **rates})
    return rows


@torch.inference_mode()
def integer_bits(model: LearnedModel, y: Tensor) -> dict[str, float]:
    """Estimated bits of round(y), which does not depend on the means, and of z; y is (1, M, h, w)."""
    _, likelihoods = model.entropy(y, "integer")
    return {part: float(-values.log2().sum(dtype=torch.float64)) for part, values in likelihoods.items()}


def entropy_parameters(model: LearnedModel) -> int:
    """Number of parameters of the entropy model, without masked taps of the context model."""
    masked = sum(int((part.mask == 0).sum()) for part in model.modules() if isinstance(part, CausalConv2d))
    return sum(parameter.numel() for parameter in parameter_groups(model).entropy.values()) - masked


def described(config: ModelConfig) -> dict[str, str | int]:
    """The properties of a variant; "" where they do not apply."""
    conditional = config.family != "factorized"
    return {
        "prior": PRIORS[config.family],
        "kernel": config.kernel if config.family in {"joint", "context"} else "",
        "distribution": config.distribution if conditional else "",
        "mean": ("mean & scale" if config.mean else "scale-only") if conditional else "",
    }
