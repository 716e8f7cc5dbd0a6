"""`bench train spread`: rate and distortion of training runs that differ only in the seed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.analysis import seed_variance as analysis
from bench.codecs.registry import codec_class
from bench.experiments.trained import TrainedWeights, complete
from bench.images.datasets import kodak_or_builtin, open_rgb_dataset
from bench.learned.weights.full import load
from bench.results.extras import Observations

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

OUT = Path("reports/data/experiments/training_spread.csv")


def run_training_spread(paths: Sequence[Path], *, out: Path = OUT, dataset: str | None = None) -> pd.DataFrame:
    """Measure the weights that the file `out` lacks; returns the table of all.

    The default image set is Kodak, or the built-in photographs if Kodak is missing.

    Raises:
        BenchError: files or data are invalid.
    """
    chosen = open_rgb_dataset(dataset or kodak_or_builtin())
    rounded = dict.fromkeys(analysis.VALUES, 6)
    return analysis.table(complete(observations(out), map(_entry, paths), chosen, lambda rows: rows.round(rounded)))


def observations(path: Path) -> Observations:
    """The file of this experiment."""
    return Observations(path, analysis.COLUMNS, (*analysis.SETTING, "seed"), "bench train spread")


def _entry(path: Path) -> TrainedWeights:
    weights = load(path)
    family, card = weights.model.config.family, weights.card
    stage = str(card.record.get("stage", ""))
    trained = card.record.get("stages", {}).get(stage, card.record)
    shared: dict[str, Any] = {
        "codec": family,
        "quality": card.quality,
        "lambda": card.lmbda,
        "metric": card.metric,
        "stage": stage,
        "start_sha256": str((card.record.get("initial") or {}).get("sha256", ""))[:12],
        "steps": trained.get("steps", 0),
        "weights_sha256": weights.sha256[:12],
        "seed": card.record.get("seed", 0),
        "seconds": trained.get("seconds", 0),
    }
    return TrainedWeights(
        f"{family}@{card.quality}, seed {shared['seed']}", shared, codec_class(family)(card.quality, weights=str(path))
    )
