"""`bench train cca-ablation`: rate and distortion of trained variants of cca."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bench.analysis import cca_ablation as analysis
from bench.codecs.registry import codec_class
from bench.experiments.trained import TrainedWeights, complete
from bench.images.datasets import kodak_or_builtin, open_dataset
from bench.learned.codecs import PlanarCodec
from bench.learned.coding import container
from bench.learned.models.cca.enhancement import Acem
from bench.learned.training.losses import SCALE_611
from bench.learned.weights.full import load
from bench.results.extras import Observations
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from torch import Tensor

    from bench.images.picture import Yuv420
    from bench.learned.weights.full import Weights

OUT = Path("reports/data/experiments/cca_ablation.csv")

FILTER_STAGE = "acem"
"""Stage that trains only the filter."""


class Unfiltered(PlanarCodec):
    """cca with the filter switched off in its files."""

    title = "CCA, not filtered"
    family = "cca"

    def encode_yuv420(self, picture: Yuv420) -> bytes:
        """Compress a picture, and clear the filter's indicator.

        Raises:
            CodecError: as `PlanarCodec.encode_yuv420`.
        """
        content = container.unpack(super().encode_yuv420(picture), self._identity)
        return container.pack(self._identity, dataclasses.replace(content, indicator=0))


def run_cca_ablation(paths: Sequence[Path], *, out: Path = OUT, dataset: str | None = None) -> pd.DataFrame:
    """Measure the variants that the file `out` lacks; returns the table of all.

    Weights with a trained filter give two variants: with the filter, which the encoder switches for each picture, and
    without. The default image set is Kodak in YUV 4:2:0, or the built-in photographs if Kodak is missing.

    Raises:
        BenchError: files, data or settings are invalid.
    """
    chosen = open_dataset(dataset or kodak_or_builtin("-yuv420"))
    if chosen.kind != "yuv420":
        raise UsageError(f"dataset '{chosen.name}' has {chosen.kind} pictures; use kodak-yuv420 or a clip")
    variants = (variant for path in paths for variant in _variants(path))
    measured_by = ("variant", "weights_sha256", "dataset")
    return analysis.table(complete(observations(out), variants, chosen, _with_loss, measured_by=measured_by))


def observations(path: Path) -> Observations:
    """The file of this experiment."""
    return Observations(path, analysis.COLUMNS, ("variant", "quality", "seed", "dataset"), "bench train cca-ablation")


def _with_loss(rows: pd.DataFrame) -> pd.DataFrame:
    error = SCALE_611 * (6 * rows["mse_y"] + rows["mse_u"] + rows["mse_v"]) / 8
    return rows.assign(loss=rows["bpp"] + rows["lambda"] * error).round(dict.fromkeys(analysis.VALUES, 6))


def _variants(path: Path) -> Iterator[TrainedWeights]:
    """The variants to measure for a weights file."""
    weights = load(path, "cca")
    codecs = (Unfiltered, codec_class("cca")) if _has_trained_filter(weights) else (Unfiltered,)
    for codec in codecs:
        shared = _described(weights, acem=codec is not Unfiltered)
        yield TrainedWeights(shared["variant"], shared, codec(weights.card.quality, weights=str(path)))


def _has_trained_filter(weights: Weights) -> bool:
    """Whether the filter was trained; its last layers are initialised to zero."""
    filters = [part for part in weights.model.modules() if isinstance(part, Acem)]
    last = [cast("Tensor", layer[-1].weight) for part in filters for layer in (part.luma, part.chroma)]
    return any(bool(weight.any()) for weight in last)


def _described(weights: Weights, *, acem: bool) -> dict[str, Any]:
    config, card = weights.model.config, weights.card
    stages = card.record.get("stages") or {"": card.record}
    codec = [stage for name, stage in stages.items() if name != FILTER_STAGE]
    parameters = weights.model.named_parameters()
    return {
        "quality": card.quality,
        "lambda": card.lmbda,
        "variant": analysis.variant_name(config.guide, attention=config.attention, acem=acem),
        "guide": config.guide,
        "attention": "yes" if config.attention else "no",
        "acem": "yes" if acem else "no",
        "parameters": sum(value.numel() for name, value in parameters if acem or not name.startswith("acem.")),
        "weights_sha256": weights.sha256[:12],
        "seed": card.record.get("seed", 0),
        "steps": sum(stage.get("steps", 0) for stage in codec),
        "seconds": sum(stage.get("seconds", 0) for stage in codec),
    }
