"""The ablation of Minnen et al. 2018 (arXiv 1809.02736) at a CPU's cost: entropy models compared on equal latents.

The transforms of one trained model are frozen, and each variant of the entropy model is fitted to the same latents:
from random weights, for the same number of steps, on the same crops. Afterwards every variant has to code the same
integers, round(y). The picture is then the same for all, and only the rate differs.

The paper trains each variant's transforms along with it. Here a variant gets latents that were not made for it, so that
the differences are those of the entropy models alone, and not what the paper's figures show.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from bench.learned.models import TRANSFORMS, ModelConfig, parameter_groups
from bench.learned.models.layers import CausalConv2d
from bench.learned.training.jobs import Job
from bench.learned.training.phases import CropStage, Phase, Target
from bench.learned.training.run import CHECKPOINT
from bench.learned.training.run import WEIGHTS as TRAINED
from bench.learned.training.zoo_recipe import transforms_in
from bench.learned.weights.full import Weights, load
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

    from bench.learned.models import LearnedModel


@dataclass(frozen=True, slots=True)
class Variant:
    """One entropy model."""

    name: str
    family: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `ModelConfig` that differ from the paper's choice."""


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
"""The paper's choice first: context and hyperprior, 5x5, a Gaussian with a mean of its own."""

PRIORS = {"joint": "context + hyperprior", "hyper": "hyperprior", "context": "context", "factorized": "factorized"}
"""Family to what its distributions depend on."""

_CROPS = (CropStage(32, 4),)


@dataclass(frozen=True, slots=True)
class Fit:
    """A variant from one seed."""

    variant: Variant
    seed: int

    def __str__(self) -> str:
        return f"{self.variant.name} seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Ablation:
    """Whose latents are modelled, for how long, from which seeds, and where the fits are kept."""

    transforms: Path
    runs: Path
    steps: int
    seeds: tuple[int, ...] = (1, 2)
    """Every variant is fitted from each: a difference that two fits of one thing have is none."""
    variants: tuple[Variant, ...] = VARIANTS

    @property
    def transforms_sha256(self) -> str:
        """The first digits of the hash of the transforms, whatever else their file holds."""
        return transforms_in(self.transforms)[:12]

    def fits(self) -> list[Fit]:
        """What there is to fit: everything from the first seed before anything from the next."""
        return [Fit(variant, seed) for seed in self.seeds for variant in self.variants]

    def job(self, fit: Fit, start: Weights, **options: Any) -> Job:  # noqa: ANN401 - fields of Job
        """The training of one fit; one that was cut off is gone on with."""
        config, card = start.model.config, start.card
        target = Target(
            fit.variant.family, card.quality, card.metric, {"N": config.N, "M": config.M, **fit.variant.options}
        )
        out = self.runs / f"{self.transforms_sha256}-{self.steps}" / f"{fit.variant.name}-{fit.seed}"
        return Job(
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
    """What a fit learns: all but the transforms, from the rate of noisy latents."""
    return Phase(
        {"rate": 1.0},
        name="ablation",
        trainable=("*", *(f"!{part}.*" for part in TRANSFORMS)),
        source="latents",
        lr=3e-3,
        warmup_steps=min(50, steps // 10),
        validate_steps=steps,
        crops=_CROPS,
    )


def start(path: Path) -> Weights:
    """The weights whose transforms are taken.

    Raises:
        MissingError: there is no such file.
        UsageError: it is no weights file, or of a family with transforms of its own.
    """
    weights = load(path)
    if weights.model.config.family not in (*PRIORS, "scale"):
        raise UsageError(f"{path}: the ablation needs the transforms of {', '.join(PRIORS)} or scale")
    return weights


def finished(
    ablation: Ablation,
    begin: Weights,
    train: Callable[[Job], Path],
    *,
    budget_s: float | None = None,
    **options: Any,  # noqa: ANN401 - fields of Job
) -> Iterator[tuple[Fit, Weights]]:
    """Each fit with its weights, as it is complete; those that are complete already are not trained again.

    Args:
        ablation: what to fit.
        begin: the weights whose transforms are taken.
        train: trains a job and returns its weights file.
        budget_s: seconds; a fit that they do not suffice for is gone on with by the next call.
        options: fields of `Job` that hold for all fits.
    """
    began = time.perf_counter()
    for fit in ablation.fits():
        left_s = None if budget_s is None else budget_s - (time.perf_counter() - began)
        job = ablation.job(fit, begin, limit_s=left_s, **options)
        path = job.out / TRAINED
        if not _is_complete(path, ablation.steps):
            if left_s is not None and left_s <= 0:
                return
            train(job)
        if not _is_complete(path, ablation.steps):
            return
        yield fit, load(path)


def _is_complete(path: Path, steps: int) -> bool:
    return path.is_file() and load(path).card.record["steps"] >= steps


@torch.inference_mode()
def integer_bits(model: LearnedModel, y: Tensor) -> dict[str, float]:
    """What an ideal coder needs for round(y), the same integers whatever the means, and for z; y is (1, M, h, w)."""
    _, likelihoods = model.entropy(y, "integer")
    return {part: float(-values.log2().sum(dtype=torch.float64)) for part, values in likelihoods.items()}


def entropy_parameters(model: LearnedModel) -> int:
    """How many parameters the entropy model has; taps that a context model's mask hides do not count."""
    hidden = sum(int((part.mask == 0).sum()) for part in model.modules() if isinstance(part, CausalConv2d))
    return sum(parameter.numel() for parameter in parameter_groups(model).entropy.values()) - hidden


def described(config: ModelConfig) -> dict[str, str | int]:
    """A variant's properties, empty where it has no such thing."""
    conditional = config.family != "factorized"
    return {
        "prior": PRIORS[config.family],
        "kernel": config.kernel if config.family in {"joint", "context"} else "",
        "distribution": config.distribution if conditional else "",
        "mean": ("mean & scale" if config.mean else "scale-only") if conditional else "",
    }
