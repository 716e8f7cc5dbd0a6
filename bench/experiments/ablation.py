"""`bench train ablation`: fine-tune the variants of the entropy model, and measure their rates on an image set."""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from bench.analysis import ablation as analysis
from bench.images.datasets import kodak_or_builtin, open_rgb_dataset
from bench.results.extras import Observations, alike
from bench.system.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from bench.experiments.entropy_models import Ablation, Fit
    from bench.images.datasets import Dataset
    from bench.images.picture import Picture
    from bench.learned.training.training_job import TrainingJob
    from bench.learned.weights.full import Weights

OUT = Path("reports/data/experiments/ablation.csv")


def ablation_from_options(options: dict[str, Any]) -> Ablation:
    """Create an ablation from the options of `bench train ablation`, which are removed from `options`.

    Raises:
        UsageError: a glob matches no variant.
    """
    from bench.experiments.entropy_models import VARIANTS, Ablation  # noqa: PLC0415  # torch
    from bench.learned.weights import catalogue  # noqa: PLC0415

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
    from bench.experiments import entropy_models  # noqa: PLC0415  # torch

    chosen = open_rgb_dataset(dataset or kodak_or_builtin())
    initial = entropy_models.start(ablation.transforms)
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
    for fit, weights in entropy_models.finished(ablation, initial, train, **options):
        if not alike(rates, {**setting, "variant": fit.variant.name, "seed": fit.seed}).empty:
            continue
        latents = latents or _latents(initial, chosen)
        new = pd.DataFrame([{**setting, **row} for row in _rows(fit, weights, latents)], columns=analysis.COLUMNS)
        rates = observations.replace(new)
    return analysis.table(alike(rates, setting))


def _latents(initial: Weights, dataset: Dataset) -> dict[str, tuple[Tensor, int]]:
    """The latents y of each picture, (1, M, h, w), and its number of pixels."""
    from bench.learned.coding.transforms import PictureTransforms  # noqa: PLC0415  # torch

    transforms = PictureTransforms(initial.model)
    pictures = ((image.name, cast("Picture", image.read())) for image in dataset.images)
    return {name: (transforms.analysis(picture), picture.width * picture.height) for name, picture in pictures}


def _rows(fit: Fit, weights: Weights, latents: Mapping[str, tuple[Tensor, int]]) -> list[dict[str, Any]]:
    from bench.experiments import entropy_models  # noqa: PLC0415  # torch

    shared = {
        "variant": fit.variant.name,
        **entropy_models.described(weights.model.config),
        "parameters": entropy_models.entropy_parameters(weights.model),
        "seed": fit.seed,
        "seconds": weights.card.record["seconds"],
    }
    rows = []
    for image, (y, num_pixels) in latents.items():
        bits = entropy_models.integer_bits(weights.model, y)
        rates = {f"bpp_{part}": round(bits.get(part, 0.0) / num_pixels, 6) for part in ("y", "z")}
        rows.append({**shared, "image": image, **rates})
    return rows
