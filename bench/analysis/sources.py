"""Data for the evidence on the papers' claims."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.analysis import rectifier_gain
from bench.analysis.dataset_results import DatasetResults
from bench.analysis.sets import measured_part

if TYPE_CHECKING:
    import pandas as pd

    from bench.results.extras import Extras
    from bench.results.frames import Export


@dataclass(frozen=True)
class Sources:
    """Data of one export. `main` are the main results of the report; others are computed on demand."""

    export: Export
    extras: Extras
    main: DatasetResults
    _all_results: dict[str, DatasetResults | None] = field(default_factory=dict)

    def results(self, dataset: str) -> DatasetResults | None:
        """Results on an image set, or on its measured part; None if the export has no such set."""
        if dataset == self.main.dataset:
            return self.main
        if dataset not in self._all_results:
            known = dataset in set(self.export.datasets["dataset"])
            self._all_results[dataset] = (
                DatasetResults.of(self.export, measured_part(self.export, dataset)) if known else None
            )
        return self._all_results[dataset]

    @functools.cached_property
    def pairs(self) -> pd.DataFrame:
        """Pairs with and without a modifier in the main results (`rectifier_gain.pairs`)."""
        return rectifier_gain.pairs(self.main)

    @functools.cached_property
    def gains(self) -> pd.DataFrame:
        """Mean gains over pictures, by model and quality (`rectifier_gain.gains`)."""
        return rectifier_gain.gains(self.pairs)
