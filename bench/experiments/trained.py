"""Measure rate and distortion of trained weights from coded bitstreams, to compare training runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.analysis.axis import with_decibels
from bench.codecs import adapter
from bench.codecs.registry import METRICS, load_metric
from bench.harness.measure import measure
from bench.metrics.rate import bits_per_pixel
from bench.results.extras import alike
from bench.system.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bench.codecs.codec import Codec
    from bench.images.datasets import Dataset
    from bench.results.extras import Observations


@dataclass(frozen=True, slots=True)
class TrainedWeights:
    """Weights to measure."""

    title: str
    """Name in the progress bar."""
    shared: Mapping[str, Any]
    """Values of the columns that are equal in all rows, except `dataset`."""
    codec: Codec


def complete(
    observations: Observations,
    entries: Iterable[TrainedWeights],
    dataset: Dataset,
    finish: Callable[[pd.DataFrame], pd.DataFrame],
    *,
    measured_by: Sequence[str] = ("weights_sha256", "dataset"),
) -> pd.DataFrame:
    """Measure the weights that a file lacks, and write the file after each.

    Args:
        observations: the file.
        entries: weights to measure.
        dataset: the image set.
        finish: adds columns to measured rows, which have rate, metrics and their values in dB.
        measured_by: columns that identify measured weights.

    Returns:
        All rows of the file for the image set.

    Raises:
        BenchError: a codec failed, or the file is of another experiment.
    """
    observed = observations.read()
    for entry in entries:
        shared = {**entry.shared, "dataset": dataset.name}
        if alike(observed, {name: shared[name] for name in measured_by}).empty:
            rows = finish(_measured(entry.title, shared, entry.codec, dataset))[list(observations.columns)]
            observed = observations.replace(rows)
    return observed[observed["dataset"] == dataset.name]


def _measured(title: str, shared: Mapping[str, Any], codec: Codec, dataset: Dataset) -> pd.DataFrame:
    metrics = [metric for metric in map(load_metric, METRICS) if dataset.kind in metric.kinds]
    rows = []
    with progress(title, len(dataset.images), unit="pictures") as advance:
        for image in dataset.images:
            picture = image.read()
            result = measure(codec, adapter.decoder(codec), picture, metrics)
            bpp = bits_per_pixel(result.num_bytes, picture.width, picture.height)
            values = dict(result.values)
            rows.append({**shared, "image": image.name, "num_bytes": result.num_bytes, "bpp": bpp, **values})
            advance(1, image.name)
    return with_decibels(pd.DataFrame(rows))
