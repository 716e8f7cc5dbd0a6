"""`bench train cca-ablation`: trained variants of cca beside each other, by real files of pictures of planes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from bench.analysis import cca_ablation as analysis
from bench.analysis.axis import with_decibels
from bench.datasets import missing, open_dataset
from bench.errors import UsageError
from bench.files import atomic_write
from bench.learned.planar import Cca
from bench.measure import measure
from bench.progress import progress
from bench.registry import METRICS, load_metric

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from bench.datasets import Dataset
    from bench.learned.weights import Weights
    from bench.picture import Yuv420

OUT = Path("reports/data/experiments/cca_ablation.csv")

FILTER_STAGE = "acem"
"""The stage of training that the filter has for itself."""

_KEY = ["variant", "weights_sha256", "dataset"]


class Unfiltered(Cca):
    """The same model, whose files say that nothing is to be filtered."""

    def encode_yuv420(self, picture: Yuv420) -> bytes:
        """Compress a picture, and clear the bits of the filter.

        Raises:
            CodecError: as `Cca.encode_yuv420`.
        """
        from bench.learned.coding import container  # noqa: PLC0415  # torch

        content = container.unpack(super().encode_yuv420(picture), self._identity)
        form = dataclasses.replace(content.form or container.Form(), indicator=0)
        return container.pack(self._identity, dataclasses.replace(content, form=form))


def run_cca_ablation(paths: Sequence[Path], *, out: Path = OUT, dataset: str | None = None) -> pd.DataFrame:
    """Measure what is missing in the file `out`, which is rewritten after each variant; the table of its rows.

    A file whose filter is trained gives two variants, with the filter as the encoder chooses for each picture and
    without. Without a data set the pictures are Kodak's in YUV 4:2:0, or the built-in ones where Kodak is missing.

    Raises:
        BenchError: files, data or settings that cannot be used.
    """
    chosen = open_dataset(dataset or ("builtin-yuv420" if missing("kodak-yuv420") else "kodak-yuv420"))
    if chosen.kind != "yuv420":
        raise UsageError(f"dataset '{chosen.name}' is of {chosen.kind} pictures; take kodak-yuv420 or a clip")
    observed = analysis.read(out) if out.is_file() else pd.DataFrame(columns=analysis.COLUMNS)
    for path in paths:
        for shared, codec in _variants(path):
            entry = {**shared, "dataset": chosen.name}
            if not _same(observed, entry, _KEY).empty:
                continue
            # Rows of an earlier training of the same variant are out of date.
            stale = _same(observed, entry, ["variant", "quality", "seed", "dataset"]).index
            rows = pd.DataFrame(_rows(entry, codec, chosen), columns=analysis.COLUMNS)
            observed = pd.concat([frame for frame in (observed.drop(stale), rows) if len(frame)], ignore_index=True)
            with atomic_write(out) as file:
                observed.to_csv(file, index=False, lineterminator="\n")
    return analysis.table(observed[observed["dataset"] == chosen.name])


def _same(rows: pd.DataFrame, wanted: dict[str, Any], names: list[str]) -> pd.DataFrame:
    """The rows that have the wanted values of some columns."""
    return rows[(rows[names] == pd.Series({name: wanted[name] for name in names})).all(axis=1)]


def _variants(path: Path) -> Iterator[tuple[dict[str, Any], Cca]]:
    """What a weights file can be measured as: the columns that all its rows share, and the codec."""
    from bench.learned.weights import load  # noqa: PLC0415  # torch

    weights = load(path, "cca")
    ways = (Unfiltered, Cca) if _has_trained_filter(weights) else (Unfiltered,)
    for way in ways:
        codec = way(weights.card.quality, weights=str(path))
        yield _described(weights, acem=way is Cca), codec


def _has_trained_filter(weights: Weights) -> bool:
    """Whether the filter does anything: it begins with last layers of zeros."""
    from bench.learned.models.cca.enhancement import Acem  # noqa: PLC0415  # torch

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


def _rows(shared: dict[str, Any], codec: Cca, dataset: Dataset) -> list[dict[str, Any]]:
    from bench.learned.training.losses import SCALE_611  # noqa: PLC0415  # torch

    metrics = [metric for metric in map(load_metric, METRICS) if dataset.kind in metric.kinds]
    rows = []
    with progress(shared["variant"], len(dataset.images), unit="pictures") as advance:
        for image in dataset.images:
            picture = image.read()
            result = measure(codec, codec, picture, metrics)
            bpp = 8 * result.num_bytes / (picture.width * picture.height)
            errors = dict(result.values)
            rows.append({**shared, "image": image.name, "num_bytes": result.num_bytes, "bpp": bpp, **errors})
            advance(1, image.name)
    table = with_decibels(pd.DataFrame(rows))
    error = SCALE_611 * (6 * table["mse_y"] + table["mse_u"] + table["mse_v"]) / 8
    table["loss"] = table["bpp"] + table["lambda"] * error
    table = table.round(dict.fromkeys(analysis.VALUES, 6))
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
