"""Evidence on the quantization rectifier: what pairs with and without it, and its experiments, say of a claim.

Each function of `MEASURES` takes a claim and the sources and gives a piece of evidence; where the sources do not hold
what it takes, the evidence has no value and says why.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis import experiments, rectifier
from bench.analysis.batch import resample_weights
from bench.analysis.evidence import objection, unequal_steps
from bench.analysis.experiments import FLAT_DB
from bench.analysis.timing import cell_times
from bench.analysis.verdict import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd

    from bench.analysis.claims import Claim
    from bench.analysis.sources import Sources

FOR_MS_SSIM = "ms-ssim"
"""How the name of weights that were trained for MS-SSIM ends."""

NO_GAIN = "no gain to compare"
NO_DIFFERENCE = "no difference beyond the noise"
NO_OPTIMUM = "no optimum inside the range"


def _of_gains(claim: Claim, sources: Sources, column: str) -> tuple[pd.DataFrame, Evidence]:
    """Gains with the claim's modifier and a value in `column`, of weights of one name, and evidence without a value.

    The gain in MS-SSIM is of models trained for it where there are any, all others are of models trained for MSE;
    published weights (zoo) come before our own.
    """
    rows = sources.gains
    rows = rows[(rows["modifier"] == claim.codec) & rows[column].notna()]
    if rows.empty:
        return rows, Evidence("measured", reason=f"no codec with {claim.codec} and its baseline measured here")
    for_ms_ssim = column == "ms_ssim_gain_db"
    weights = min(
        dict.fromkeys(rows["weights"]),
        key=lambda name: (name.endswith(FOR_MS_SSIM) != for_ms_ssim, not name.startswith("zoo")),
    )
    reasons = [objection(claim, sources.main, weights)]
    if for_ms_ssim and not weights.endswith(FOR_MS_SSIM):
        reasons.append(f"no weights of a codec with {claim.codec} are trained for MS-SSIM")
    reason = "; ".join(filter(None, reasons))
    basis = f"measured, weights {weights}" if weights else "measured"
    return rows[rows["weights"] == weights], Evidence(basis, judges=not reason, reason=reason)


_METRICS = {"psnr_db": "psnr", "ms_ssim_db": "ms_ssim"}


def gain(claim: Claim, sources: Sources) -> Evidence:
    """The mean gain of the models' mean gains over their qualities, in dB; what of it +ft lacks is said beside it."""
    column = f"{_METRICS[claim.axis]}_gain_db"
    rows, found = _of_gains(claim, sources, column)
    if rows.empty:
        return found
    models = rows.groupby("model")[[column, column.replace("gain", "beyond_ft")]].mean()
    value, own = models.mean()
    reasons = [found.reason, "" if np.isnan(own) else f"beyond {rectifier.CONTROL}, the control, it is {own:+.3f} dB"]
    reason = "; ".join(filter(None, reasons)).replace("-0.", "\N{MINUS SIGN}0.")
    return dataclasses.replace(found, value=float(value), cases=tuple(models[column]), reason=reason)


def equal_rate(claim: Claim, sources: Sources) -> Evidence:
    """The share of files that are as long as the baseline's."""
    rows, found = _of_gains(claim, sources, "equal_files")
    if rows.empty:
        return found
    files = sources.pairs.merge(rows[["model", "modifier", "weights", "quality"]])
    return _share(claim, found, list(files["bytes_added"] == 0))


def gain_by_metric(claim: Claim, sources: Sources) -> Evidence:
    """The share of models that gain more decibels of MS-SSIM than of PSNR."""
    rows, found = _of_gains(claim, sources, "ms_ssim_gain_db")
    if rows.empty:
        return found
    ms_ssim = rows.groupby("model")["ms_ssim_gain_db"].mean()
    psnr = _of_gains(claim, sources, "psnr_gain_db")[0].groupby("model")["psnr_gain_db"].mean()
    models = ms_ssim.index.intersection(psnr.index)
    return _share(claim, found, [_is_larger(ms_ssim[model], psnr[model], FLAT_DB) for model in models])


def _is_larger(one: float, other: float, noise: float) -> bool | str:
    """Whether the first of two gains is the larger one; why that cannot be told, where neither is more than noise."""
    if max(one, other) <= noise:
        return NO_GAIN
    return bool(one > other) if abs(one - other) > noise else NO_DIFFERENCE


def gain_by_model(claim: Claim, sources: Sources) -> Evidence:
    """The share of pairs (one of the first group of models, one of the second) in which the first gains more PSNR."""
    return _by_model(claim, sources, "psnr_gain_db", FLAT_DB)


def error_by_model(claim: Claim, sources: Sources) -> Evidence:
    """As `gain_by_model`, of the reduction of the quantisation error."""
    return _by_model(claim, sources, "error_reduction_percent", 0)


def _by_model(claim: Claim, sources: Sources, column: str, noise: float) -> Evidence:
    """Of models whose modifiers were trained for as many steps; other pictures must not turn the difference round."""
    rows, found = _of_gains(claim, sources, column)
    if rows.empty:
        return found
    weights = str(rows["weights"].iloc[0])
    own = sources.pairs.merge(rows[["model", "modifier", "weights", "quality"]])
    by_picture = own.pivot_table(index="image", columns="model", values=column)
    first, second = ([name for name in group if name in by_picture] for group in claim.options["groups"])
    cases: list[bool | str] = []
    for one, other in itertools.product(first, second):
        case = _is_larger(by_picture[one].mean(), by_picture[other].mean(), noise)
        if not isinstance(case, str):
            case = unequal_steps((one + claim.codec, other + claim.codec), weights, sources) or case
        if not isinstance(case, str) and not _is_certain(by_picture[one] - by_picture[other]):
            case = NO_DIFFERENCE
        cases.append(case)
    return _share(claim, found, cases) if cases else Evidence(found.basis, reason="models of one kind only")


def _is_certain(differences: pd.Series[float]) -> bool:
    """Whether the mean of pictures' differences has the same sign in 95 % of their resamples."""
    values = differences.dropna().to_numpy(dtype=float)
    low, high = np.percentile(resample_weights(len(values)) @ values, [2.5, 97.5])
    return bool(low * high > 0)


def error_falls_with_quality(claim: Claim, sources: Sources) -> Evidence:
    """The share of models whose error falls at every quality, and most at the lowest."""
    rows, found = _of_gains(claim, sources, "error_reduction_percent")
    if rows.empty:
        return found
    ordered = [group.sort_values("quality")["error_reduction_percent"] for _, group in rows.groupby("model")]
    cases = [bool((r > 0).all() and r.iloc[0] == r.max()) for r in ordered if len(r) > 1]
    return _share(claim, found, cases) if cases else Evidence(found.basis, reason="models at one quality only")


def time_ratio(claim: Claim, sources: Sources) -> Evidence:
    """How much longer decoding takes with the rectifier, in percent: the median of the models on one machine.

    Published weights (zoo) come before our own, and of several machines or settings the one that timed most models.
    """
    ratios = rectifier.time_ratios(cell_times(sources.main, sources.export), sources.main.curves)
    wanted = (ratios["modifier"] == claim.codec) & ratios["model"].isin(claim.options["models"])
    rows = ratios[wanted & (ratios["stage"] == "decode")]
    if rows.empty:
        return Evidence("measured", reason=f"no times of a codec with {claim.codec} and of its baseline")
    groups = [group for _, group in rows.groupby(["weights", "machine", "threads", "device"], sort=False)]
    own = max(groups, key=lambda group: (group["weights"].iloc[0].startswith("zoo"), len(group)))
    first, added = own.iloc[0], (own["ratio"] - 1) * 100
    of = f"weights {first['weights']}, " if first["weights"] else ""
    basis = f"measured, {of}{first['machine']}, {first['threads']:g} threads, {first['device']}; the median of models"
    reason = objection(claim, sources.main, first["weights"])
    return Evidence(basis, float(added.median()), cases=tuple(added), judges=not reason, reason=reason)


def unimodal_alpha(claim: Claim, sources: Sources) -> Evidence:
    """The share of alpha searches whose quality rises to one optimum and falls after it."""
    found = experiments.unimodal(sources.extras.experiment("alpha_search"))
    cases = [NO_OPTIMUM if case is None else case for case in found]
    return _of_experiment(claim, "alpha_search", cases)


def best_variant(claim: Claim, sources: Sources) -> Evidence:
    """The share of models and qualities at which a variant is the best; see `experiments.best_variants`."""
    name = claim.options["experiment"]
    wins = experiments.best_variants(sources.extras.experiment(name), claim.options["variant"])
    return _of_experiment(claim, name, wins)


def _of_experiment(claim: Claim, name: str, cases: Sequence[bool | str]) -> Evidence:
    basis = f"measured, {name}.csv"
    if not cases:
        return Evidence(basis, reason="the export does not hold this experiment")
    return _share(claim, Evidence(basis), cases)


def _share(claim: Claim, found: Evidence, cases: Iterable[bool | str]) -> Evidence:
    """The share of cases in which it is so. A text in the place of a case says why that one tells nothing."""
    listed = list(cases)
    told = tuple(float(case) for case in listed if not isinstance(case, str))
    untold = Counter(case for case in listed if isinstance(case, str))
    left_out = [f"{reason} ({number} of {len(listed)} {claim.things})" for reason, number in untold.items()]
    value = sum(told) / len(told) if told else float("nan")
    return dataclasses.replace(
        found, value=value, cases=told, reason="; ".join(filter(None, [found.reason, *left_out]))
    )


MEASURES: Mapping[str, Callable[[Claim, Sources], Evidence]] = {
    function.__name__: function
    for function in (
        gain,
        equal_rate,
        gain_by_metric,
        gain_by_model,
        error_by_model,
        error_falls_with_quality,
        time_ratio,
        unimodal_alpha,
        best_variant,
    )
}
