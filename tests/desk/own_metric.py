"""A metric of a user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.metrics import Metric

if TYPE_CHECKING:
    from bench.images import Picture


def worst(original: Picture, decoded: Picture) -> float:
    return float(np.abs(original.pixels.astype(int) - decoded.pixels).max())


WORST = Metric("worst", worst, "Largest error", higher_is_better=False)
