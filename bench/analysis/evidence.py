"""Evidence on which codec needs fewer bits: from published points, from measured curves, from fits to equal latents.

Each function of `MEASURES` takes a claim and the sources and gives a piece of evidence; where the sources do not hold
what it takes, the evidence has no value and says why.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis import cca_ablation
from bench.analysis.axis import MS_SSIM, MS_SSIM_Y, PSNR, PSNR_Y
from bench.analysis.comparison import bd_rows, doubts
from bench.analysis.subject import measured_subject, published_names, published_subject
from bench.analysis.trainings import EQUAL_STEPS, quantised_from, unequal
from bench.analysis.verdict import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from bench.analysis.claims import Claim
    from bench.analysis.sources import Sources
    from bench.analysis.study import Study


def from_published(claim: Claim, sources: Sources) -> Evidence:
    """The BD-rate between two published curves of the claim's data set."""
    points = sources.export.published[sources.export.published["dataset"] == claim.dataset]
    if not set(published_names(points)).issuperset(claim.published):
        return Evidence("published points", reason=f"no published points on {claim.dataset}")
    test, anchor = (published_subject(points, name) for name in claim.published)
    axes = [axis for axis in (PSNR, PSNR_Y, MS_SSIM, MS_SSIM_Y) if axis.name == claim.axis]
    row = next(iter(bd_rows(anchor, test, axes)), {})
    return Evidence(
        "published points", _rate(row), reason=_lacks(row, f"{claim.axis} is not published") or _doubts(row)
    )


def bd_rate(claim: Claim, sources: Sources) -> Evidence:
    """The BD-rate between two measured curves, with its interval over the pictures."""
    study = sources.study(claim.dataset)
    if study is None:
        return Evidence("measured", reason=f"nothing is measured on {claim.dataset}")
    pair = _pair(claim, study)
    if pair is None:
        lacking = [name for name in (claim.codec, claim.anchor) if name not in set(study.curves["codec"])]
        return Evidence("measured", reason=f"{' and '.join(lacking) or 'a pair of equal weights'} not measured here")
    axes = [axis for axis in study.axes if axis.name == claim.axis]
    row = next(iter(bd_rows(measured_subject(study, pair[1]), measured_subject(study, pair[0]), axes)), {})
    curve = study.curves.set_index("name").loc[pair[0]]
    reason = _objection(claim, sources, study, pair)
    low, high = row.get("interval_low_percent"), row.get("interval_high_percent")
    return Evidence(
        _basis(claim, sources, str(curve["weights"])),
        _rate(row),
        None if low is None or high is None else (low, high),
        judges=not reason,
        reason=_lacks(row, f"{claim.axis} is not measured") or reason or _doubts(row),
    )


def _basis(claim: Claim, sources: Sources, weights: str) -> str:
    """What a measured figure rests on."""
    said = ["measured"]
    if weights:
        said.append(f"weights {weights}")
    if source := quantised_from(claim.codec, weights, sources.extras.weights):
        said.append(f"those of {claim.codec} quantised from {source}")
    if apart := claim.options.get("apart"):
        said.append(f"equal steps but for {' and '.join(apart)}")
    return ", ".join(said)


def _rate(row: Mapping[str, Any]) -> float:
    value = row.get("bd_rate_pchip_percent")
    return math.nan if value is None else float(value)


def _lacks(row: Mapping[str, Any], absent: str) -> str:
    """Why a row of BD-rates has no number, or "": its notes, or `absent` where there is no row."""
    return str(row.get("notes", absent)) if math.isnan(_rate(row)) else ""


def _doubts(row: Mapping[str, Any]) -> str:
    """What should be known before a BD-rate that judges is quoted, or ""."""
    return "; ".join(doubts(str(row["notes"])))


def _pair(claim: Claim, study: Study) -> tuple[str, str] | None:
    """Names of the two curves: learned codecs with weights of the same name.

    Those trained for MSE come before those for MS-SSIM, as the papers' curves are, and published ones before our own.
    """
    by_codec = {codec: list(group.itertuples()) for codec, group in study.curves.groupby("codec", sort=False)}
    candidates = [
        (test, anchor)
        for test, anchor in itertools.product(by_codec.get(claim.codec, ()), by_codec.get(claim.anchor, ()))
        if anchor.weights in {"", test.weights}
    ]
    names = [str(pair[0].weights) for pair in candidates]
    ranks = [(name.endswith("ms-ssim"), not name.startswith("zoo")) for name in names]
    best = [pair for _, pair in sorted(zip(ranks, candidates, strict=True), key=lambda entry: entry[0])]
    return (str(best[0][0].name), str(best[0][1].name)) if best else None


def objection(claim: Claim, study: Study, weights: str) -> str:
    """Why nothing that was measured with some weights can judge the claim, or ""."""
    if study.is_subset:
        return f"only {study.extent} were measured"
    if claim.absolute and weights and not weights.startswith("zoo"):
        return f"weights {weights} are not the paper's"
    return ""


def unequal_steps(codecs: Sequence[str], weights: str, sources: Sources, apart: Sequence[str] = ()) -> str:
    """What sets the trainings of two codecs apart, or ""; those of published weights (zoo) are the paper's business."""
    return "" if weights.startswith("zoo") or not weights else unequal(codecs, weights, sources.extras.weights, apart)


def _objection(claim: Claim, sources: Sources, study: Study, pair: tuple[str, str]) -> str:
    """Why a measured BD-rate cannot judge the claim, or ""."""
    curves = study.curves.set_index("name")
    weights = str(curves.loc[pair[0], "weights"])
    found = objection(claim, study, weights)
    if found or not curves.loc[pair[1], "weights"]:
        return found
    codecs = [str(curves.loc[name, "codec"]) for name in pair]
    return unequal_steps(codecs, weights, sources, claim.options.get("apart", ()))


def ablation(claim: Claim, sources: Sources) -> Evidence:
    """The difference in rate between two entropy models fitted to the same latents: the pictures are equal.

    Of several settings (lambdas, pictures) the values are averaged; each is judged by its own interval.
    """
    from bench.analysis.ablation import table  # noqa: PLC0415  # only exports with an ablation need it

    rates = sources.extras.experiment("ablation")
    if not {claim.codec, claim.anchor} <= set(rates["variant"]):
        return Evidence("measured, ablation.csv", reason="the export does not hold this experiment")
    rows = table(rates, claim.anchor)
    found = rows[rows["variant"] == claim.codec]
    return _over_settings("measured, equal latents", found[["difference_percent", "low_percent", "high_percent"]])


def part(claim: Claim, sources: Sources) -> Evidence:
    """The difference in loss between two variants of cca that were trained alike, by real files of all pictures.

    Of several lambdas the values are averaged; each is judged by its own interval.
    """
    basis = "measured, cca_ablation.csv"
    observed = sources.extras.experiment("cca_ablation")
    observed = observed[observed["dataset"] == claim.dataset]
    if not {claim.codec, claim.anchor} <= set(observed["variant"]):
        return Evidence(basis, reason="the export does not hold this experiment")
    table = cca_ablation.table(observed, claim.anchor).set_index(cca_ablation.SETTING)
    ours, theirs = (table[table["variant"] == name] for name in (claim.codec, claim.anchor))
    ours = ours[ours["loss_difference_percent"].notna()]
    steps = ours["steps"] / theirs["steps"].reindex(ours.index)
    equal = bool(steps.between(1 / (1 + EQUAL_STEPS), 1 + EQUAL_STEPS).all())
    found = ours[["loss_difference_percent", "loss_difference_low_percent", "loss_difference_high_percent"]]
    return _over_settings(basis, found, objection="" if equal else "the variants were not trained equally long")


def _over_settings(basis: str, found: pd.DataFrame, objection: str = "") -> Evidence:
    """The mean of a difference over settings, from its value and the ends of its interval in each of them."""
    differences = found.to_numpy(dtype=float)
    differences = differences[~np.isnan(differences[:, 0])]
    if not len(differences):
        return Evidence(basis, reason="the two variants were not fitted in one and the same setting")
    values = tuple(differences[:, 0].tolist())
    # A picture alone has no interval: there the value stands for itself.
    ends = tuple(differences[~np.isnan(differences)].tolist())
    low, high = differences[0, 1:].tolist()
    interval = (low, high) if len(values) == 1 and not math.isnan(low) else None
    return Evidence(basis, sum(values) / len(values), interval, values, ends, judges=not objection, reason=objection)


def untested(claim: Claim, sources: Sources) -> Evidence:
    """No value, whatever the sources hold: nothing measures it, for the reason that the claim's entry gives."""
    del sources
    return Evidence("measured", reason=str(claim.options["reason"]))


MEASURES: Mapping[str, Callable[[Claim, Sources], Evidence]] = {
    function.__name__: function for function in (bd_rate, ablation, part, untested)
}
