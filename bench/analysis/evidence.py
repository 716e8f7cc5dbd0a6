"""Evidence for claims on rate: published points, measured curves, and entropy models on equal latents.

Each function of `MEASURES` returns the evidence of the sources for a claim. If the sources lack the necessary data, the
evidence has a reason instead of a value.
"""

from __future__ import annotations

import itertools
import math
import statistics
from typing import TYPE_CHECKING, Any

from bench.analysis import cca_ablation
from bench.analysis.ablation import SETTING, by_picture, difference
from bench.analysis.axis import PUBLISHED_AXES
from bench.analysis.comparison import bd_rows, doubts
from bench.analysis.rd_curve import curves_at_shared_qualities, measured_curve, published_curve
from bench.analysis.trainings import EQUAL_STEPS, quantized_from, seeds, siblings, unequal, unequal_cost
from bench.analysis.verdict import Evidence
from bench.learned.weights.catalogue import ZOOS, is_for_ms_ssim
from bench.results.published import published_names

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    import pandas as pd

    from bench.analysis.dataset_results import DatasetResults
    from bench.analysis.sources import Sources
    from bench.analysis.verdict import Claim


def from_published(claim: Claim, sources: Sources) -> Evidence:
    """BD-rate between two published curves on the claim's image set."""
    points = sources.export.published[sources.export.published["dataset"] == claim.dataset]
    if not set(published_names(points)).issuperset(claim.published):
        return Evidence(reason=f"no published points on {claim.dataset}")
    test, anchor = (published_curve(points, name) for name in claim.published)
    axes = [axis for axis in PUBLISHED_AXES if axis.name == claim.axis]
    row = next(iter(bd_rows(anchor, test, axes)), {})
    doubt = _doubts([row])
    reason = _why_no_rate(row, f"{claim.axis} is not published") or doubt
    return Evidence(value=_rate(row), judges=not doubt, reason=reason)


def bd_rate(claim: Claim, sources: Sources) -> Evidence:
    """BD-rate between two measured curves, with its interval over pictures.

    Quantised weights are compared at the qualities that were measured for both codecs: with other points, the
    interpolation would change by more than quantisation costs. If both codecs were trained from several seeds, the
    value is the mean over all pairs, and each pair is judged by its own interval.
    """
    results = sources.results(claim.dataset)
    if results is None:
        return Evidence("measured", reason=f"nothing is measured on {claim.dataset}")
    pair = _pair(claim, results)
    if pair is None:
        lacking = [name for name in (claim.codec, claim.anchor) if name not in set(results.curves["codec"])]
        return Evidence(
            "measured",
            reason=f"{' and '.join(lacking) or 'two curves with weights of the same name'} not measured here",
        )
    axes = [axis for axis in results.axes if axis.name == claim.axis]
    is_quantized = quantized_from(pair[0].codec, pair[0].weights, sources.extras.weights) == pair[1].codec
    pairs = _pairs_of_all_seeds(results, pair, sources, of_equal_names=is_quantized)
    rows = []
    for names in ([curve.name for curve in one] for one in pairs):
        test, anchor = (
            curves_at_shared_qualities(results, *names)
            if is_quantized
            else [measured_curve(results, name) for name in names]
        )
        rows += bd_rows(anchor, test, axes)
    sides = [(side[0].codec, {curve.weights for curve in side}) for side in zip(*pairs, strict=True)]
    reason = _why_no_verdict_of_pair(claim, sources, results, pair)
    doubt = _doubts(rows)
    ends = [end for row in rows for end in (row["interval_low_percent"], row["interval_high_percent"])]
    known = bool(ends) and None not in ends
    return Evidence(
        _basis(claim, sources, pair[0].weights),
        statistics.fmean(map(_rate, rows)) if rows else math.nan,
        (min(ends), max(ends)) if known else None,
        ends=tuple(ends) if known else tuple(map(_rate, rows)),
        judges=not (reason or doubt),
        reason=_why_no_rate(rows[0] if rows else {}, f"{claim.axis} is not measured")
        or "; ".join(filter(None, [reason, doubt])),
        # Quantised weights share the training of the weights that they were quantised from.
        seeds=None if is_quantized else fewest_seeds(sides, sources),
    )


def _pairs_of_all_seeds(
    results: DatasetResults, pair: tuple[Any, Any], sources: Sources, *, of_equal_names: bool
) -> list[tuple[Any, Any]]:
    """Return the pair and further pairs of curves that differ from it only in the seeds of their weights.

    With `of_equal_names`, both curves of a pair have weights of the same name.
    """
    sides = []
    for curve in pair:
        rows = results.curves[(results.curves["codec"] == curve.codec) & (results.curves["backend"] == curve.backend)]
        by_weights = {row.weights: row for row in rows.itertuples()} | {curve.weights: curve}
        names = siblings(curve.codec, curve.weights, sources.extras.weights) if curve.weights else [""]
        sides.append({name: by_weights[name] for name in names if name in by_weights})
    first, second = sides
    if of_equal_names:
        return [(first[name], second[name]) for name in first if name in second]
    return list(itertools.product(first.values(), second.values()))


def fewest_seeds(sides: Iterable[tuple[str, Collection[str]]], sources: Sources) -> int | None:
    """Smallest number of training seeds of codecs, each with names of weights; None if none was trained here.

    Published weights are treated like published points; conventional codecs are not trained.
    """
    trained = sources.extras.weights
    ours = [(codec, names) for codec, names in sides if not any(is_published(name) for name in names)]
    return min((seeds(codec, names, trained) for codec, names in ours), default=None)


def is_published(weights: str) -> bool:
    """Whether weights were published by others; also true if there are no weights."""
    return not weights or weights in ZOOS


def _basis(claim: Claim, sources: Sources, weights: str) -> str:
    """Description of the measurements behind a value."""
    parts = ["measured"]
    if weights:
        parts.append(f"weights {weights}")
    if source := quantized_from(claim.codec, weights, sources.extras.weights):
        parts.append(f"{claim.codec} quantised from {source}")
    if apart := claim.options.get("apart"):
        parts.append(f"equal steps except for {' and '.join(apart)}")
    return ", ".join(parts)


def _rate(row: Mapping[str, Any]) -> float:
    value = row.get("bd_rate_pchip_percent")
    return math.nan if value is None else float(value)


def _why_no_rate(row: Mapping[str, Any], absent: str) -> str:
    """Reason why a row has no BD-rate (its notes, or `absent` if there is no row), or ""."""
    return str(row.get("notes", absent)) if math.isnan(_rate(row)) else ""


def _doubts(rows: Iterable[Mapping[str, Any]]) -> str:
    """Reasons why BD-rates are too doubtful for a verdict, or ""."""
    return "; ".join(dict.fromkeys(itertools.chain(*(doubts(str(row.get("notes", ""))) for row in rows))))


def _pair(claim: Claim, results: DatasetResults) -> tuple[Any, Any] | None:
    """The two curves to compare, as rows of `results.curves`: learned codecs with weights of the same name.

    Order of preference: weights trained for MSE, as in the papers, before those for MS-SSIM; published weights before
    our own; pairs with equal settings before others.
    """
    by_codec = {codec: list(group.itertuples()) for codec, group in results.curves.groupby("codec", sort=False)}
    candidates = [
        (test, anchor)
        for test, anchor in itertools.product(by_codec.get(claim.codec, ()), by_codec.get(claim.anchor, ()))
        if anchor.weights in {"", test.weights}
    ]

    def rank(pair: tuple[Any, Any]) -> tuple[bool, bool, bool]:
        test, anchor = pair
        return is_for_ms_ssim(test.weights), test.weights not in ZOOS, test.settings != anchor.settings

    return min(candidates, key=rank, default=None)


def why_no_verdict(claim: Claim, results: DatasetResults, weights: str) -> str:
    """Reason why measurements with these weights give no verdict on the claim, or ""."""
    if results.is_subset:
        return f"only {results.extent} were measured"
    if claim.absolute and not is_published(weights):
        return f"measured with {weights} weights, not the paper's"
    return ""


def training_difference(codecs: Sequence[str], weights: str, sources: Sources, apart: Sequence[str] = ()) -> str:
    """Difference between the trainings of two codecs, or ""; published weights (zoo) are not checked."""
    return "" if is_published(weights) else unequal(codecs, weights, sources.extras.weights, apart)


def _why_no_verdict_of_pair(claim: Claim, sources: Sources, results: DatasetResults, pair: tuple[Any, Any]) -> str:
    """Reason why a measured BD-rate gives no verdict on the claim, or ""."""
    weights, codecs = pair[0].weights, [curve.codec for curve in pair]
    found = why_no_verdict(claim, results, weights)
    if found or not pair[1].weights:
        return found
    reasons = [training_difference(codecs, weights, sources, claim.options.get("apart", ()))]
    if claim.options.get("equal_complexity"):
        reasons.append(unequal_cost(codecs, weights, sources.extras.complexity))
    return "; ".join(filter(None, reasons))


def ablation(claim: Claim, sources: Sources) -> Evidence:
    """Difference in rate between two entropy models trained on the same latents, so that decoded pictures are equal.

    Values in several settings (lambdas, image sets) are averaged; each is judged by its own intervals.
    """
    rates = sources.extras.experiment("ablation")
    if not {claim.codec, claim.anchor} <= set(rates["variant"]):
        return Evidence("measured, ablation.csv", reason="this experiment is not in the export")
    rates = rates.assign(bpp=rates["bpp_y"] + rates["bpp_z"])
    return _over_settings("measured, equal latents", _in_settings(rates, claim, SETTING), "bpp")


def part(claim: Claim, sources: Sources) -> Evidence:
    """Difference in loss between two equally trained variants of cca, from coded bitstreams, not estimated rates.

    Values at several lambdas are averaged; each is judged by its own intervals.
    """
    basis = "measured, cca_ablation.csv"
    observed = sources.extras.experiment("cca_ablation")
    observed = observed[observed["dataset"] == claim.dataset]
    if not {claim.codec, claim.anchor} <= set(observed["variant"]):
        return Evidence(basis, reason="this experiment is not in the export")
    settings = _in_settings(observed, claim, cca_ablation.SETTING)
    steps = [ours["steps"].mean() / theirs["steps"].mean() for ours, theirs in settings]
    equal = all(1 / (1 + EQUAL_STEPS) <= ratio <= 1 + EQUAL_STEPS for ratio in steps)
    return _over_settings(basis, settings, "loss", "" if equal else "the variants were not trained equally long")


def _in_settings(
    observed: pd.DataFrame, claim: Claim, setting: Sequence[str]
) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Rows of the claim's two variants in each common setting."""
    groups = [group for _, group in observed.groupby(list(setting), sort=False)]
    sides = [(group[group["variant"] == claim.codec], group[group["variant"] == claim.anchor]) for group in groups]
    return [(ours, theirs) for ours, theirs in sides if len(ours) and len(theirs)]


def _over_settings(
    basis: str, settings: Sequence[tuple[pd.DataFrame, pd.DataFrame]], column: str, doubt: str = ""
) -> Evidence:
    """Mean difference of a column over settings; `ends` are the interval ends of all pairs of seeds in all settings."""
    if not settings:
        return Evidence(basis, reason="the two variants were not trained in the same setting")
    frames = [(by_picture(ours, column), by_picture(theirs, column)) for ours, theirs in settings]
    means, pairs = [], []
    for ours, theirs in frames:
        # Common seeds give equal crops.
        common = ours.columns.intersection(theirs.columns)
        means.append(difference(ours, theirs) if common.empty else difference(ours[common], theirs[common]))
        pairs += [difference(ours[[one]], theirs[[other]]) for one, other in itertools.product(ours, theirs)]
    values = tuple(mean["difference_percent"] for mean in means)
    # Few pictures have no interval; the value itself is used.
    ends = tuple(end for pair in pairs for end in pair.values() if not math.isnan(end))
    low, high = means[0]["low_percent"], means[0]["high_percent"]
    interval = (low, high) if len(values) == 1 and not math.isnan(low) else None
    counts = [len(side.columns) for sides in frames for side in sides]
    value = statistics.fmean(values)
    return Evidence(basis, value, interval, cases=values, ends=ends, judges=not doubt, reason=doubt, seeds=min(counts))


def untested(claim: Claim, sources: Sources) -> Evidence:
    """Evidence without a value: the claim cannot be measured, for the reason given in its entry."""
    del sources
    return Evidence("measured", reason=str(claim.options["reason"]))


MEASURES: Mapping[str, Callable[[Claim, Sources], Evidence]] = {
    function.__name__: function for function in (bd_rate, ablation, part, untested)
}
