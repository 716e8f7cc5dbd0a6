"""Evidence for claims on the quantization rectifier: pairs with and without it, and its experiments.

Each function of `MEASURES` returns the evidence of the sources for a claim. If the sources lack the necessary data, the
evidence has a reason instead of a value.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.analysis import experiments, rectifier_gain
from bench.analysis.batch import interval_over_images, too_few
from bench.analysis.evidence import fewest_seeds, training_difference, why_no_verdict
from bench.analysis.experiments import FLAT_DB, NO_DIFFERENCE
from bench.analysis.timing import task_times
from bench.analysis.trainings import siblings
from bench.analysis.verdict import Evidence
from bench.learned.weights.catalogue import ZOOS, is_for_ms_ssim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bench.analysis.sources import Sources
    from bench.analysis.verdict import Claim

NO_GAIN = "no gain to compare"
NO_OPTIMUM = "no optimum within the range"


def _of_gains(claim: Claim, sources: Sources, column: str) -> tuple[pd.DataFrame, Evidence]:
    """Gains of the claim's modifier with a value in `column`, and evidence whose value is still missing.

    The gains are those of weights of one name, and of weights that differ from them only in their seeds; the evidence
    has the number of training seeds of the decoders. Gains in MS-SSIM are those of models trained for it, if any; other
    gains are those of models trained for MSE. Published weights (zoo) take precedence over our own.
    """
    rows = sources.gains
    rows = rows[(rows["modifier"] == claim.codec) & rows[column].notna()]
    if rows.empty:
        return rows, Evidence("measured", reason=f"no codec with {claim.codec} and its baseline measured here")
    for_ms_ssim = column == "ms_ssim_gain_db"
    weights = min(
        dict.fromkeys(rows["weights"]),
        key=lambda name: (is_for_ms_ssim(name) != for_ms_ssim, name not in ZOOS),
    )
    reasons = [why_no_verdict(claim, sources.main, weights)]
    if for_ms_ssim and not is_for_ms_ssim(weights):
        reasons.append(f"no {claim.codec} trained for MS-SSIM was measured on {sources.main.dataset}")
    reason = "; ".join(filter(None, reasons))
    basis = f"measured, weights {weights}" if weights else "measured"
    models = [str(model) for model in rows.loc[rows["weights"] == weights, "model"].unique()]
    trained = sources.extras.weights
    kept = [(model, name) for model in models for name in siblings(model + claim.codec, weights, trained)]
    found = rows[pd.MultiIndex.from_frame(rows[["model", "weights"]]).isin(kept)]
    sides = [(f"{model}{claim.codec}", list(of["weights"].unique())) for model, of in found.groupby("model")]
    return found, Evidence(basis, judges=not reason, reason=reason, seeds=fewest_seeds(sides, sources))


_METRICS = {"psnr_db": "psnr", "ms_ssim_db": "ms_ssim"}


def gain(claim: Claim, sources: Sources) -> Evidence:
    """Mean gain in dB over models and qualities; the reason states the gain beyond +ft."""
    column = f"{_METRICS[claim.axis]}_gain_db"
    rows, found = _of_gains(claim, sources, column)
    if column == "ms_ssim_gain_db" and not is_for_ms_ssim(found.basis):
        rows, found = _of_trials(claim, sources) or (rows, found)
    if rows.empty:
        return found
    models = rows.groupby("model")[[column, column.replace("gain", "beyond_ft")]].mean()
    value, own = models.mean()
    beyond = "" if np.isnan(own) else f"beyond the control ({rectifier_gain.CONTROL}): {own:+.3f} dB"
    reason = "; ".join(filter(None, [found.reason, beyond])).replace("-0.", "\N{MINUS SIGN}0.")
    return dataclasses.replace(found, value=float(value), cases=tuple(models[column]), reason=reason)


def _of_trials(claim: Claim, sources: Sources) -> tuple[pd.DataFrame, Evidence] | None:
    """Gains in MS-SSIM of decoders on held-out photographs, and evidence whose value is missing; None without any."""
    name = claim.options.get("experiment", "")
    trials = sources.extras.experiment(name)
    rows = experiments.gains(trials, claim.codec) if len(trials) else trials
    if rows.empty:
        return None
    reason = "this project's weights are not the paper's" if claim.absolute else ""
    seeds = experiments.seeds(trials, experiments.TRIAL)
    return rows, Evidence(f"measured, {name}.csv", judges=not reason, reason=reason, seeds=seeds)


def equal_rate(claim: Claim, sources: Sources) -> Evidence:
    """Share of files of the same size as the baseline's."""
    rows, found = _of_gains(claim, sources, "equal_files")
    if rows.empty:
        return found
    files = sources.pairs.merge(rows[["model", "modifier", "weights", "quality"]])
    # The same encoder wrote both files, so the training of the decoders does not matter.
    found = dataclasses.replace(found, seeds=None)
    return _share(claim, found, list(files["bytes_added"] == 0))


def gain_by_metric(claim: Claim, sources: Sources) -> Evidence:
    """Share of models whose gain in dB is larger in MS-SSIM than in PSNR."""
    rows, found = _of_gains(claim, sources, "ms_ssim_gain_db")
    if rows.empty:
        return found
    ms_ssim = _by_training(rows, "ms_ssim_gain_db")
    psnr = _by_training(_of_gains(claim, sources, "psnr_gain_db")[0], "psnr_gain_db")
    pairs = {model: itertools.product(ms_ssim[model], psnr[model]) for model in ms_ssim if model in psnr}
    return _share(claim, found, [_agreed(_is_larger(*two, FLAT_DB) for two in pairs[model]) for model in pairs])


def _by_training(rows: pd.DataFrame, column: str) -> dict[str, list[float]]:
    """Mean gain of each training of each model."""
    means = rows.groupby(["model", "weights"], sort=False)[column].mean()
    return {str(model): list(group) for model, group in means.groupby("model", sort=False)}


def _agreed(cases: Iterable[bool | str]) -> bool | str:
    """Common answer of the trainings from all seeds; a reason if a training has no answer or they disagree."""
    answers = list(dict.fromkeys(cases))
    texts = [case for case in answers if isinstance(case, str)]
    return texts[0] if texts else answers[0] if len(answers) == 1 else NO_DIFFERENCE


def _is_larger(one: float, other: float, noise: float) -> bool | str:
    """Whether the first of two gains is larger; a reason if no gain or no difference exceeds the noise."""
    if max(one, other) <= noise:
        return NO_GAIN
    return bool(one > other) if abs(one - other) > noise else NO_DIFFERENCE


def gain_by_model(claim: Claim, sources: Sources) -> Evidence:
    """Share of pairs of models, one from each group, in which the first gains more PSNR."""
    return _by_model(claim, sources, "psnr_gain_db", FLAT_DB)


def error_by_model(claim: Claim, sources: Sources) -> Evidence:
    """Like `gain_by_model`, for the reduction of the quantisation error."""
    return _by_model(claim, sources, "error_reduction_percent", 0)


def _by_model(claim: Claim, sources: Sources, column: str, noise: float) -> Evidence:
    """Compare models with equally trained modifiers; differences must be significant over pictures."""
    rows, found = _of_gains(claim, sources, column)
    if rows.empty:
        return found
    own = sources.pairs.merge(rows[["model", "modifier", "weights", "quality"]])
    trainings = {
        str(model): {str(name): of.groupby("image")[column].mean() for name, of in group.groupby("weights", sort=False)}
        for model, group in own.groupby("model", sort=False)
    }
    first, second = ([name for name in group if name in trainings] for group in claim.options["groups"])
    cases: list[bool | str] = []
    for one, other in itertools.product(first, second):
        names = one + claim.codec, other + claim.codec
        pairs = itertools.product(trainings[one].values(), trainings[other].values())
        case = _agreed(_is_significantly_larger(*two, noise) for two in pairs)
        reason = isinstance(case, bool) and training_difference(names, next(iter(trainings[one])), sources)
        cases.append(reason or case)
    return _share(claim, found, cases) if cases else Evidence(found.basis, reason="models of only one group")


def _is_significantly_larger(one: pd.Series[float], other: pd.Series[float], noise: float) -> bool | str:
    """`_is_larger` for the means over pictures of two models, if 95 % of the bootstrap samples agree."""
    case = _is_larger(float(one.mean()), float(other.mean()), noise)
    values = (one - other).dropna().to_numpy(dtype=float)
    if isinstance(case, bool) and (few := too_few(len(values))):
        return few
    low, high = interval_over_images(len(values), lambda weights: weights @ values)
    return case if isinstance(case, str) or low * high > 0 else NO_DIFFERENCE


def error_falls_with_quality(claim: Claim, sources: Sources) -> Evidence:
    """Share of models whose error falls at all qualities, and most at the lowest quality."""
    rows, found = _of_gains(claim, sources, "error_reduction_percent")
    if rows.empty:
        return found
    cases = [
        _agreed(_falls_with_quality(group) for _, group in of.groupby("weights", sort=False))
        for _, of in rows.groupby("model")
        if len(of["quality"].unique()) > 1
    ]
    return _share(claim, found, cases) if cases else Evidence(found.basis, reason="models at only one quality")


def _falls_with_quality(gains: pd.DataFrame) -> bool:
    reductions = gains.sort_values("quality")["error_reduction_percent"]
    return bool((reductions > 0).all() and reductions.iloc[0] == reductions.max())


def time_ratio(claim: Claim, sources: Sources) -> Evidence:
    """Increase of the decoding time by the rectifier in percent: median over models on one machine.

    Published weights (zoo) take precedence over our own, and machines or settings with more timed models over others.
    """
    ratios = rectifier_gain.time_ratios(task_times(sources.main, sources.export), sources.main.curves)
    wanted = (ratios["modifier"] == claim.codec) & ratios["model"].isin(claim.options["models"])
    rows = ratios[wanted & (ratios["stage"] == "decode")]
    if rows.empty:
        return Evidence("measured", reason=f"no times of a codec with and without {claim.codec}")
    groups = [group for _, group in rows.groupby(["weights", "machine", "threads", "device"], sort=False)]
    own = max(groups, key=lambda group: (group["weights"].iloc[0] in ZOOS, len(group)))
    first, added = own.iloc[0], (own["ratio"] - 1) * 100
    of = f"weights {first['weights']}, " if first["weights"] else ""
    basis = f"measured, {of}{first['machine']}, {first['threads']:g} threads, {first['device']}; median over models"
    reason = why_no_verdict(claim, sources.main, first["weights"])
    return Evidence(basis, float(added.median()), cases=tuple(added), judges=not reason, reason=reason)


def unimodal_alpha(claim: Claim, sources: Sources) -> Evidence:
    """Share of alpha searches whose quality rises to one optimum and falls after it.

    A search is inconclusive if its trainings ended before the loss stopped falling.
    """
    searches = sources.extras.experiment("alpha_search")
    cases = [NO_OPTIMUM if case is None else case for case in experiments.unimodal(searches)]
    return _of_experiment(claim, "alpha_search", cases, searches, experiments.SEARCH)


def best_variant(claim: Claim, sources: Sources) -> Evidence:
    """Share of models and qualities at which a variant is the best; see `experiments.best_variants`."""
    name = claim.options["experiment"]
    trials = sources.extras.experiment(name)
    if claim.options.get("equal_encoders"):
        trials = trials.assign(encoder=trials.get("encoder", ""))
    wins = experiments.best_variants(trials, claim.options["variant"])
    return _of_experiment(claim, name, wins, trials, experiments.TRIAL)


def better_than_control(claim: Claim, sources: Sources) -> Evidence:
    """Share of models and qualities at which all trainings of the modifier have a higher PSNR than all of +ft."""
    name = claim.options["experiment"]
    trials = sources.extras.experiment(name)
    trials = trials[trials["model"].str.endswith((claim.codec, rectifier_gain.CONTROL))]
    cases = experiments.better_than_control(trials, claim.codec)
    return _of_experiment(claim, name, cases, trials, ("model", "quality"))


def _of_experiment(
    claim: Claim, name: str, cases: Sequence[bool | str], rows: pd.DataFrame, setting: Sequence[str]
) -> Evidence:
    basis = f"measured, {name}.csv"
    if not cases:
        return Evidence(basis, reason="this experiment is not in the export")
    return _share(claim, Evidence(basis, seeds=experiments.seeds(rows, setting)), cases)


def _share(claim: Claim, found: Evidence, cases: Iterable[bool | str]) -> Evidence:
    """Add the share of true cases to evidence; a case that is a text does not count, for the reason in the text."""
    listed = list(cases)
    values = tuple(float(case) for case in listed if not isinstance(case, str))
    not_counted = Counter(case for case in listed if isinstance(case, str))
    left_out = [f"{reason} ({number} of {len(listed)} {claim.things})" for reason, number in not_counted.items()]
    value = sum(values) / len(values) if values else float("nan")
    reason = "; ".join(filter(None, [found.reason, *left_out]))
    return dataclasses.replace(found, value=value, cases=values, reason=reason)


MEASURES: Mapping[str, Callable[[Claim, Sources], Evidence]] = {
    function.__name__: function
    for function in (
        gain, equal_rate, gain_by_metric, gain_by_model, error_by_model, error_falls_with_quality, time_ratio,
        unimodal_alpha, best_variant, better_than_control,
    )
}  # fmt: skip
