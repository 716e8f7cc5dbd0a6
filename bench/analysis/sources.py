"""What evidence for the papers' claims is looked for in."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.analysis import rectifier
from bench.analysis.dataset_results import Study
from bench.analysis.sets import measured_part

if TYPE_CHECKING:
    import pandas as pd

    from bench.results.extras import Extras
    from bench.results.frames import Export


@dataclass(frozen=True)
class Sources:
    """One export. `main` is the study of the report; others are made when a claim asks."""

    export: Export
    extras: Extras
    main: Study
    _studies: dict[str, Study | None] = field(default_factory=dict)

    def study(self, dataset: str) -> Study | None:
        """The study of a data set, or of the part of it that was measured; None if the export does not know the set."""
        if dataset == self.main.dataset:
            return self.main
        if dataset not in self._studies:
            known = dataset in set(self.export.datasets["dataset"])
            self._studies[dataset] = Study.of(self.export, measured_part(self.export, dataset)) if known else None
        return self._studies[dataset]

    @functools.cached_property
    def pairs(self) -> pd.DataFrame:
        """What the rectifier adds in the main study, by model, quality and picture."""
        return rectifier.pairs(self.main)

    @functools.cached_property
    def gains(self) -> pd.DataFrame:
        """The same over the pictures, by model and quality."""
        return rectifier.gains(self.pairs)
