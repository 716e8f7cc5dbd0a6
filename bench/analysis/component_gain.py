"""Gain of a model's component: BD-rate against the model without it, and its variance over trainings."""

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
"""(codec with the component, codec without it): name of the component."""

TRAINED_APART = ("acem",)
"""Training stages of a component that only one codec of a pair has, trained with everything else frozen."""

TABLE = (
    "test", "anchor", "adds", "weights", "axis", "axis_title", "bd_rate_pchip_percent", "interval_low_percent",
    "interval_high_percent", "overlap_low", "overlap_high", "test_spread_percent", "anchor_spread_percent", "training",
    "notes",
)  # fmt: skip
"""Columns of `component_gain_table`."""


def component_gain_table(results: DatasetResults, extras: Extras) -> pd.DataFrame:
    """One row per pair of `COMPONENT_GAINS` measured with weights of one name, on the first axis of an image set.

    The interval is over pictures. `test_spread_percent` and `anchor_spread_percent` are the seed variance
    (`seed_variance.table`): the range of rates of trainings that differ only in their seeds, the widest one for these
    weights; NaN with a single seed. `training` is another difference between the two trainings, or "".
    """
    return pd.DataFrame(_rows(results, extras), columns=list(TABLE))


def _rows(results: DatasetResults, extras: Extras) -> Iterator[dict[str, Any]]:
    curves = results.curves.set_index(["codec", "weights"])[["name", "settings"]]
    spreads = {weights: _spreads(results, extras, weights) for weights in results.curves["weights"] if weights}
    for (test, anchor), adds in COMPONENT_GAINS.items():
        for weights, spread in spreads.items():
            if not {(test, weights), (anchor, weights)} <= set(curves.index):
                continue
            # Several backends or settings may share the weights; the first is the default one.
            sides = (list(curves.loc[[(codec, weights)]].itertuples()) for codec in (test, anchor))
            pair = min(itertools.product(*sides), key=lambda both: str(both[0].settings) != str(both[1].settings))
            rd_curves = [measured_curve(results, str(side.name)) for side in pair]
            training = unequal((test, anchor), weights, extras.weights, TRAINED_APART)
            if not training and unequal((test, anchor), weights, extras.weights):
                training = f"equal trainings except for {' and '.join(TRAINED_APART)}"
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
    """Widest spread of each codec's trainings that resulted in, or started from, weights of this name."""
    own = set(extras.weights.loc[extras.weights["weights"] == weights, "weights_sha256"].str[:12]) - {""}
    observed = extras.experiment("training_spread")
    observed = observed[observed["dataset"] == results.dataset]
    related = observed["start_sha256"].isin(own) | observed["weights_sha256"].isin(own)
    found = seed_variance.table(observed[related])
    widest = found.groupby("codec")["rate_spread_percent"].max().dropna()
    return {str(codec): float(value) for codec, value in widest.items()}
