"""Gain of a model's component: BD-rate against the model without it, over pictures and over trainings."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.analysis import seed_variance
from bench.analysis.comparison import bd_rows
from bench.analysis.rd_curve import measured_curve
from bench.analysis.trainings import unequal
from bench.learned.families import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.analysis.dataset_results import DatasetResults
    from bench.results.extras import Extras

COMPONENT_GAINS = {
    (name, base): component for name, family in FAMILIES.items() for base, component in family.adds.items()
}
"""Codecs, the one that has a component before the one that lacks it, and what it is."""

TRAINED_APART = ("acem",)
"""Stages of a part that one of two neighbours has and the other lacks, trained while all else stays as it is."""

TABLE = (
    "test", "anchor", "adds", "weights", "axis", "axis_title", "bd_rate_pchip_percent", "interval_low_percent",
    "interval_high_percent", "overlap_low", "overlap_high", "test_spread_percent", "anchor_spread_percent", "training",
    "notes",
)  # fmt: skip
"""Columns of `component_gain_table`."""


def component_gain_table(results: DatasetResults, extras: Extras) -> pd.DataFrame:
    """One row a pair of `COMPONENT_GAINS` that an image set has with weights of one name, on its first axis.

    The interval is over pictures. `test_spread_percent` and `anchor_spread_percent` say how far apart rates of
    trainings come out that differ in their seeds alone (`seed_variance.table`), the widest of those that belong to
    these weights; NaN where nobody trained twice. `training` says what else sets the two trainings apart, or "".
    """
    return pd.DataFrame(_rows(results, extras), columns=list(TABLE))


def _rows(results: DatasetResults, extras: Extras) -> Iterator[dict[str, Any]]:
    curves = results.curves.set_index(["codec", "weights"])[["name", "settings"]]
    spreads = {weights: _spreads(results, extras, weights) for weights in results.curves["weights"] if weights}
    for (test, anchor), adds in COMPONENT_GAINS.items():
        for weights, spread in spreads.items():
            if not {(test, weights), (anchor, weights)} <= set(curves.index):
                continue
            # Several backends or settings could share the weights; the first is the usual one, best on both sides.
            sides = (list(curves.loc[[(codec, weights)]].itertuples()) for codec in (test, anchor))
            pair = min(itertools.product(*sides), key=lambda both: str(both[0].settings) != str(both[1].settings))
            rd_curves = [measured_curve(results, str(side.name)) for side in pair]
            training = unequal((test, anchor), weights, extras.weights, TRAINED_APART)
            if not training and unequal((test, anchor), weights, extras.weights):
                training = f"equal trainings but for {' and '.join(TRAINED_APART)}"
            for row in bd_rows(rd_curves[1], rd_curves[0], results.axes[:1]):
                yield {
                    **{column: row[column] for column in TABLE if column in row},
                    "adds": adds,
                    "weights": weights,
                    "test_spread_percent": spread.get(test, math.nan),
                    "anchor_spread_percent": spread.get(anchor, math.nan),
                    "training": training,
                }


def _spreads(results: DatasetResults, extras: Extras, weights: str) -> dict[str, float]:
    """The widest spread of each codec's trainings, of those that are, or start from, weights of a name."""
    own = set(extras.weights.loc[extras.weights["weights"] == weights, "weights_sha256"].str[:12]) - {""}
    observed = extras.experiment("training_spread")
    observed = observed[observed["dataset"] == results.dataset]
    related = observed["start_sha256"].isin(own) | observed["weights_sha256"].isin(own)
    found = seed_variance.table(observed[related])
    widest = found.groupby("codec")["rate_spread_percent"].max().dropna()
    return {str(codec): float(value) for codec, value in widest.items()}
