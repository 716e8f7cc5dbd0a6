"""Gradient clipping and skipping of outliers, relative to the median gradient norm."""

from __future__ import annotations

import math
import statistics
from collections import deque
from typing import Any


class GradientGuard:
    """Decides from the gradient norm whether a step is taken, scaled down, or skipped.

    A step is skipped if its norm is not finite, or above `outlier` times the running median: Adam's second moments
    would be affected for thousands of steps. Norms above `clip` times the median are scaled down to that.

    Args:
        outlier: limit of the norm, in medians.
        clip: maximum norm of a step, in medians.
        window: number of norms for the median.
        trusted: number of norms before the median is used.
    """

    def __init__(self, outlier: float = 10.0, clip: float = 3.0, window: int = 200, trusted: int = 20) -> None:
        self.outlier = outlier
        self.clip = clip
        self.trusted = trusted
        self.norms: deque[float] = deque(maxlen=window)
        self.skipped = 0
        self.skipped_in_a_row = 0

    def factor(self, norm: float) -> float:
        """Factor of the gradient: 1, less if it is clipped, 0 if the step is skipped."""
        median = statistics.median(self.norms) if len(self.norms) >= self.trusted else math.inf
        if not math.isfinite(norm) or norm > self.outlier * median:
            self.skipped += 1
            self.skipped_in_a_row += 1
            return 0.0
        self.skipped_in_a_row = 0
        self.norms.append(norm)
        return min(1.0, self.clip * median / norm) if norm > 0 else 1.0

    def state_dict(self) -> dict[str, Any]:
        """The state, as plain values."""
        return {"norms": list(self.norms), "skipped": self.skipped, "skipped_in_a_row": self.skipped_in_a_row}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the output of `state_dict`."""
        self.norms.clear()
        self.norms.extend(state["norms"])
        self.skipped = state["skipped"]
        self.skipped_in_a_row = state["skipped_in_a_row"]
