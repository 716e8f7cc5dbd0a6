"""Evidence on the quantization rectifier: what pairs with and without it, and its experiments, say of a claim.

Each function of `MEASURES` takes a claim and the sources and gives a piece of evidence; where the sources do not hold
what it takes, the evidence has no value and says why.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from bench.analysis import experiments, rectifier
from bench.analysis.timing import cell_times
from bench.analysis.verdict import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from bench.analysis.claims import Claim
    from bench.analysis.sources import Sources


def _of_gains(claim: Claim, sources: Sources, column: str) -> tuple[pd.DataFrame, Evidence]:
    """Gains with the claim's modifier that have a value in `column`, and the evidence if there are none.

    The gain in MS-SSIM is of models trained for it where there are any, all others are of models trained for MSE.
    """
    rows = sources.gains
    rows = rows[(rows["modifier"] == claim.codec) & rows[column].notna()] if len(rows) else rows
    if len(rows):
        for_ms_ssim = rows["weights"].str.endswith("ms-ssim")
        wanted = for_ms_ssim if column == "ms_ssim_gain_db" else ~for_ms_ssim
        rows = rows[wanted] if wanted.any() else rows
    weights = ", ".join(dict.fromkeys(rows["weights"])) if len(rows) else ""
    basis = f"measured, weights {weights}" if weights else "measured"
    reason = "" if len(rows) else f"no codec with {claim.codec} and its baseline measured here"
    return rows, Evidence(basis, reason=reason)


_GAIN_COLUMNS = {"psnr_db": "psnr_gain_db", "ms_ssim_db": "ms_ssim_gain_db"}


def gain(claim: Claim, sources: Sources) -> Evidence:
    """The mean gain of the models' mean gains over their qualities, in dB."""
    column = _GAIN_COLUMNS[claim.axis]
    rows, nothing = _of_gains(claim, sources, column)
    if rows.empty:
        return nothing
    models = rows.groupby("model")[column].mean()
    return Evidence(nothing.basis, float(models.mean()), cases=tuple(models))


def equal_rate(claim: Claim, sources: Sources) -> Evidence:
    """The share of files that are as long as the baseline's."""
    rows, nothing = _of_gains(claim, sources, "equal_files")
    return nothing if rows.empty else Evidence(nothing.basis, float((rows["equal_files"] * 1.0).mean()))


def gain_by_metric(claim: Claim, sources: Sources) -> Evidence:
    """The share of models that gain more decibels of MS-SSIM than of PSNR."""
    rows, nothing = _of_gains(claim, sources, "ms_ssim_gain_db")
    if rows.empty:
        return nothing
    ms_ssim = rows.groupby("model")["ms_ssim_gain_db"].mean()
    psnr = _of_gains(claim, sources, "psnr_gain_db")[0].groupby("model")["psnr_gain_db"].mean()
    return _share(
        nothing.basis, [bool(ms_ssim[model] > psnr[model]) for model in ms_ssim.index.intersection(psnr.index)]
    )


def gain_by_model(claim: Claim, sources: Sources) -> Evidence:
    """The share of pairs (one of the first group of models, one of the second) in which the first gains more PSNR."""
    return _by_model(claim, sources, "psnr_gain_db")


def error_by_model(claim: Claim, sources: Sources) -> Evidence:
    """As `gain_by_model`, of the reduction of the quantisation error."""
    return _by_model(claim, sources, "error_reduction_percent")


def _by_model(claim: Claim, sources: Sources, column: str) -> Evidence:
    rows, nothing = _of_gains(claim, sources, column)
    if rows.empty:
        return nothing
    means = rows.groupby("model")[column].mean()
    first, second = ([name for name in group if name in means.index] for group in claim.options["groups"])
    pairs = [bool(means[one] > means[other]) for one, other in itertools.product(first, second)]
    return _share(nothing.basis, pairs) if pairs else Evidence(nothing.basis, reason="models of one kind only")


def error_falls_with_quality(claim: Claim, sources: Sources) -> Evidence:
    """The share of models whose error falls at every quality, and most at the lowest."""
    rows, nothing = _of_gains(claim, sources, "error_reduction_percent")
    if rows.empty:
        return nothing
    ordered = [group.sort_values("quality")["error_reduction_percent"] for _, group in rows.groupby("model")]
    return _share(nothing.basis, [bool((r > 0).all() and r.iloc[0] == r.max()) for r in ordered if len(r) > 1])


def time_ratio(claim: Claim, sources: Sources) -> Evidence:
    """How much longer decoding takes with the rectifier, in percent, by model and machine."""
    ratios = rectifier.time_ratios(cell_times(sources.main, sources.export), sources.main.curves)
    wanted = (ratios["modifier"] == claim.codec) & ratios["model"].isin(claim.options["models"])
    rows = ratios[wanted & (ratios["stage"] == "decode")]
    if rows.empty:
        return Evidence("measured", reason=f"no times of a codec with {claim.codec} and of its baseline")
    added = (rows["ratio"] - 1) * 100
    basis = f"measured, {rows['machine'].iloc[0]}, {rows['threads'].iloc[0]:g} threads"
    return Evidence(basis, float(added.median()), cases=tuple(added))


def unimodal_alpha(claim: Claim, sources: Sources) -> Evidence:
    """The share of alpha searches whose quality rises to one optimum and falls after it."""
    del claim
    return _share("measured, alpha_search.csv", experiments.unimodal(sources.extras.experiment("alpha_search")))


def best_variant(claim: Claim, sources: Sources) -> Evidence:
    """The share of models and qualities at which a variant is the best; see `experiments.best_variants`."""
    name = claim.options["experiment"]
    wins = experiments.best_variants(sources.extras.experiment(name), claim.options["variant"])
    return _share(f"measured, {name}.csv", wins)


def _share(basis: str, cases: list[bool]) -> Evidence:
    if not cases:
        return Evidence(basis, reason="the export does not hold this experiment")
    return Evidence(basis, sum(cases) / len(cases), cases=tuple(map(float, cases)))


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
