"""How weights were trained, as far as two codecs can be compared by it."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

EQUAL_STEPS = 0.05
"""Trainings are equal if their numbers of steps differ by no more than this share."""


def unequal(codecs: Sequence[str], weights: str, trained: pd.DataFrame, apart: Sequence[str] = ()) -> str:
    """What sets the trainings of two codecs apart at the qualities that both have, or "".

    `trained` is `Extras.weights`. Steps of the stages `apart` do not count: those of a part that one codec has and the
    other lacks, trained while everything else stays as it is. Weights that were quantised have the training of those
    that they were quantised from.
    """
    own = trained[trained["weights"] == weights]
    steps = [_steps(own, codec, apart) for codec in codecs]
    for codec, found in zip(codecs, steps, strict=True):
        if not found or any(math.isnan(number) for number in found.values()):
            return f"the export does not say how the weights of {codec} were trained"
    shared = sorted(steps[0].keys() & steps[1].keys())
    if not shared:
        return "no quality in common"
    for quality in shared:
        two = steps[0][quality], steps[1][quality]
        if max(two) > min(two) * (1 + EQUAL_STEPS):
            return f"training was not equal: {two[0]:,.0f} and {two[1]:,.0f} steps at quality {quality:g}"
    return ""


def quantised_from(codec: str, weights: str, trained: pd.DataFrame) -> str:
    """The codec that another one's weights were quantised from, or ""."""
    rows = trained[(trained["weights"] == weights) & (trained["codec"] == codec)]
    return next((str(source).partition("@")[0] for source in rows["quantised_from"] if source), "")


def _steps(trained: pd.DataFrame, codec: str, apart: Sequence[str]) -> dict[float, float]:
    """Steps by quality; NaN where nobody knows."""
    found = {}
    for row in trained[trained["codec"] == codec].to_dict("records"):
        source, _, quality = str(row["quantised_from"]).partition("@")
        if source:
            found[float(row["quality"])] = _steps(trained, source, apart).get(float(quality), math.nan)
        else:
            found[float(row["quality"])] = float(row["total_steps"]) - _steps_of(str(row["stages"]), apart)
    return found


def _steps_of(stages: str, names: Sequence[str]) -> float:
    """Steps of some of the stages in a text such as "planes-ladder 2500; acem 1000"."""
    listed = re.findall(r"(\S+) (\d+)", stages)
    return sum(float(number) for name, number in listed if name in names)
