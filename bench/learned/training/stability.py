"""Protection of a training from the rare batch whose gradient would wreck it."""

from __future__ import annotations

import math
import statistics
from collections import deque
from typing import Any


class GradientGuard:
    """Decides from the norm of each gradient whether its step is taken, taken shorter, or skipped.

    A norm above `outlier` times the running median, or one that is not finite, skips the step: Adam's second moments
    would remember it for thousands of steps. Norms above `clip` times the median are scaled down to that.

    Args:
        outlier: how many medians make an outlier.
        clip: how many medians a step may have.
        window: norms that the median is of.
        trusted: norms needed before the median is believed.
    """

    def __init__(self, outlier: float = 10.0, clip: float = 3.0, window: int = 200, trusted: int = 20) -> None:
        self.outlier = outlier
        self.clip = clip
        self.trusted = trusted
        self.norms: deque[float] = deque(maxlen=window)
        self.skipped = 0
        self.skipped_in_a_row = 0

    def factor(self, norm: float) -> float:
        """What to multiply the gradient by: 1, less where it is clipped, 0 where the step is skipped."""
        median = statistics.median(self.norms) if len(self.norms) >= self.trusted else math.inf
        if not math.isfinite(norm) or norm > self.outlier * median:
            self.skipped += 1
            self.skipped_in_a_row += 1
            return 0.0
        self.skipped_in_a_row = 0
        self.norms.append(norm)
        return min(1.0, self.clip * median / norm) if norm > 0 else 1.0

    def state_dict(self) -> dict[str, Any]:
        """All that changes, as plain values."""
        return {"norms": list(self.norms), "skipped": self.skipped, "skipped_in_a_row": self.skipped_in_a_row}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.norms.clear()
        self.norms.extend(state["norms"])
        self.skipped = state["skipped"]
        self.skipped_in_a_row = state["skipped_in_a_row"]
