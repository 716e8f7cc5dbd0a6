"""Trained weights measured by real files: a CSV file with a row a picture, which is completed and kept up to date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.analysis.axis import with_decibels
from bench.codecs import adapter
from bench.codecs.registry import METRICS, load_metric
from bench.harness.measure import measure
from bench.results.observations import alike
from bench.system.csv_files import write_csv
from bench.system.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from bench.codecs.codec import Codec
    from bench.images.datasets import Dataset


@dataclass(frozen=True, slots=True)
class TrainedWeights:
    """Weights to measure."""

    title: str
    """How they are called while they are measured."""
    shared: Mapping[str, Any]
    """Values of the columns that all their rows have alike, data set and pictures apart."""
    codec: Codec


@dataclass(frozen=True, slots=True)
class Observations:
    """Such a file, and which of its rows are of one measurement."""

    path: Path
    columns: Sequence[str]
    key: Sequence[str]
    """Columns that rows of one measurement have alike: what is there is not measured again."""
    training: Sequence[str]
    """Columns that rows of one training and the same done anew have alike: the later takes the earlier's place."""
    read: Callable[[Path], pd.DataFrame]
    finish: Callable[[pd.DataFrame], pd.DataFrame]
    """From measured rows, with rate, metrics and their decibels, to rows that have all columns."""

    def completed(self, entries: Iterable[TrainedWeights], dataset: Dataset) -> pd.DataFrame:
        """Measure what the file lacks, which is rewritten after each entry; its rows of the data set.

        Raises:
            BenchError: a codec failed, or the file is none of these.
        """
        observed = self.read(self.path) if self.path.is_file() else pd.DataFrame(columns=list(self.columns))
        for entry in entries:
            shared = {**entry.shared, "dataset": dataset.name}
            if not alike(observed, {name: shared[name] for name in self.key}).empty:
                continue
            rows = self.finish(_measured(entry.title, shared, entry.codec, dataset))[list(self.columns)]
            kept = observed.drop(alike(observed, {name: shared[name] for name in self.training}).index)
            observed = pd.concat([frame for frame in (kept, rows) if len(frame)], ignore_index=True)
            write_csv(observed, self.path)
        return observed[observed["dataset"] == dataset.name]


def _measured(title: str, shared: Mapping[str, Any], codec: Codec, dataset: Dataset) -> pd.DataFrame:
    metrics = [metric for metric in map(load_metric, METRICS) if dataset.kind in metric.kinds]
    rows = []
    with progress(title, len(dataset.images), unit="pictures") as advance:
        for image in dataset.images:
            picture = image.read()
            result = measure(codec, adapter.decoder(codec), picture, metrics)
            bpp = 8 * result.num_bytes / (picture.width * picture.height)
            values = dict(result.values)
            rows.append({**shared, "image": image.name, "num_bytes": result.num_bytes, "bpp": bpp, **values})
            advance(1, image.name)
    return with_decibels(pd.DataFrame(rows))
