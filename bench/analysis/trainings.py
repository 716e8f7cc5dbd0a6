"""Training records of weights, and whether the trainings of two codecs are comparable."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    import pandas as pd

EQUAL_STEPS = 0.05
"""Maximum relative difference in the number of steps of equal trainings."""

EQUAL_COST = 0.1
"""Maximum relative difference in multiply-accumulates of equal complexity."""

_COSTS = ("encoder_kmac_per_pixel", "decoder_kmac_per_pixel")


def unequal(codecs: Sequence[str], weights: str, trained: pd.DataFrame, apart: Sequence[str] = ()) -> str:
    """Difference between the trainings of two codecs at common qualities, or "".

    `trained` is `Extras.weights`. The steps include those of the initial weights, if the export has them. Both
    trainings must have started from the same parts of other models, because a trained hyperprior is an advantage that
    the number of steps does not show. Steps of the stages `apart` are ignored: those of a component that only one codec
    has, trained with everything else frozen. Quantised weights have the training of the weights that they were
    quantised from.
    """
    own = trained[trained["weights"] == weights]
    records = [_records(own, codec) for codec in codecs]
    for codec, found in zip(codecs, records, strict=True):
        if not found or any(math.isnan(_steps(row, apart)) for row in found.values()):
            return f"the export has no training record for the weights of {codec}"
    shared = sorted(records[0].keys() & records[1].keys())
    if not shared:
        return "no quality in common"
    pairs = [[found[quality] for found in records] for quality in shared]
    for quality, rows in zip(shared, pairs, strict=True):
        initial = [_taken_steps(row) for row in rows]
        are_known = not any(map(math.isnan, initial))
        totals = [_steps(row, apart) + (taken if are_known else 0) for row, taken in zip(rows, initial, strict=True)]
        if max(totals) > min(totals) * (1 + EQUAL_STEPS):
            return f"training was not equal: {totals[0]:,.0f} and {totals[1]:,.0f} steps at quality {quality:g}"
    for rows in pairs:
        (source, parts), (other_source, other_parts) = map(_taken, rows)
        if parts != other_parts:
            which, more = (codecs[0], parts - other_parts) if parts - other_parts else (codecs[1], other_parts - parts)
            return f"training was not equal: only {which} started with trained {', '.join(sorted(more))}"
        if source != other_source and any(math.isnan(_taken_steps(row)) for row in rows):
            return "training was not equal: both started from different weights with unknown numbers of steps"
    return ""


def _records(trained: pd.DataFrame, codec: str) -> dict[float, Mapping[Hashable, Any]]:
    """Training record of a codec's weights by quality.

    For quantised weights, it is that of the weights that they were quantised from; empty if there is none.
    """
    found: dict[float, Mapping[Hashable, Any]] = {}
    for row in trained[trained["codec"] == codec].to_dict("records"):
        source, _, quality = str(row["quantized_from"]).partition("@")
        found[float(row["quality"])] = _records(trained, source).get(float(quality), {}) if source else row
    return found


def _steps(row: Mapping[Hashable, Any], apart: Sequence[str]) -> float:
    """Number of training steps without those of the stages `apart`; NaN if unknown."""
    stages = re.findall(r"(\S+) (\d+)", str(row.get("stages")))  # as in "planes-ladder 2500; acem 1000"
    left_out = sum(float(number) for name, number in stages if name in apart)
    return float(row.get("total_steps", math.nan)) - left_out


def _taken(row: Mapping[Hashable, Any]) -> tuple[str, set[str]]:
    """Weights of another model that a training started from, and the parts taken from them."""
    source, _, parts = str(row.get("taken", "")).partition(": ")
    return source, set(parts.split())


def _taken_steps(row: Mapping[Hashable, Any]) -> float:
    """Number of training steps of the weights that a training started from; NaN if unknown."""
    value = row.get("taken_steps", "")
    return math.nan if value == "" else float(value)


def seeds(codec: str, weights: Iterable[str], trained: pd.DataFrame) -> int:
    """Number of training seeds of a codec's weights (the minimum over qualities); 0 if unknown."""
    rows = trained[trained["weights"].isin(list(weights)) & (trained["codec"] == codec)]
    if "seed" not in rows or rows.empty:
        return 0
    return int(rows.groupby("quality")["seed"].nunique().min())


def siblings(codec: str, weights: str, trained: pd.DataFrame) -> list[str]:
    """Names of a codec's weights that differ from the given ones only in their seeds; the given name comes first."""
    rows = trained[trained["codec"] == codec]
    settings = {name: _settings_without_seed(group) for name, group in rows.groupby("weights", sort=False)}
    own = settings.get(weights)
    return [weights, *(str(name) for name, other in settings.items() if name != weights and own and other == own)]


_TRAINING_SETTINGS = ("quality", "metric", "lmbda", "total_steps", "stages", "taken", "taken_steps")


def _settings_without_seed(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    """Training settings of a codec's weights at all qualities, except the seed; empty if the steps are unknown."""
    if rows["total_steps"].isna().any():
        return []
    columns = [name for name in _TRAINING_SETTINGS if name in rows]
    return sorted(tuple(str(value) for value in row) for row in rows[columns].itertuples(index=False))


def unequal_cost(codecs: Sequence[str], weights: str, complexity: pd.DataFrame) -> str:
    """Difference in complexity of two codecs, or "": component gains are comparable only at equal complexity.

    `complexity` is `Extras.complexity`; the multiply-accumulates of encoder and decoder are compared.
    """
    own = complexity[complexity["weights"] == weights]
    costs = [own.loc[own["codec"] == codec, list(_COSTS)].sum(axis=1).mean() for codec in codecs]
    for codec, cost in zip(codecs, costs, strict=True):
        if math.isnan(cost):
            return f"the complexity of {codec} is not in the export, and equal complexity is required"
    if max(costs) > min(costs) * (1 + EQUAL_COST):
        return f"complexity was not equal: {costs[0]:.0f} and {costs[1]:.0f} kMAC per pixel to encode and decode"
    return ""


def quantized_from(codec: str, weights: str, trained: pd.DataFrame) -> str:
    """Codec whose weights these were quantised from, or ""."""
    rows = trained[(trained["weights"] == weights) & (trained["codec"] == codec)]
    return next((str(source).partition("@")[0] for source in rows["quantized_from"] if source), "")
