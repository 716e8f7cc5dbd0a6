"""The papers' claims, and what published points and our measurements say of them: baselines/claims.toml as a table."""

from __future__ import annotations

import importlib.resources
import math
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from bench.analysis import evidence, rectifier_evidence
from bench.analysis.verdict import NOT_TESTED, Claim, Evidence, Rule, judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.analysis.sources import Sources

COLUMNS = (
    "id",
    "paper",
    "claim",
    "source",
    "unit",
    "claimed",
    "published",
    "measured",
    "measured_low",
    "measured_high",
    "measured_cases",
    "measured_on",
    "measured_judges",
    "difference",
    "verdict",
    "judged_on",
    "rule",
    "margin",
    "reason",
    "command",
)
"""Columns of `claim_table`. `difference` is the judged value minus the claimed one. `measured_cases` is the number of
values that the measured one sums up, if it does. `measured_judges` says whether it could count: a compact model cannot
disprove what a paper says of its own."""

MEASURES = {**evidence.MEASURES, **rectifier_evidence.MEASURES}


@dataclass(frozen=True, slots=True)
class Book:
    """All of claims.toml: papers and rules by their keys, and the claims in their order."""

    papers: Mapping[str, Mapping[str, str]]
    rules: Mapping[str, str]
    claims: Sequence[Claim]

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """Read baselines/claims.toml, or another file of its form."""
        source = path or importlib.resources.files("baselines") / "claims.toml"
        content = tomllib.loads(source.read_text(encoding="utf-8"))
        return cls(content["papers"], content["rules"], [Claim.of(entry) for entry in content["claims"]])


def claim_table(book: Book, sources: Sources) -> pd.DataFrame:
    """One row a claim: the paper's figure, what published points give, what was measured here, and the verdict."""
    return pd.DataFrame([_row(claim, book, sources) for claim in book.claims], columns=COLUMNS)


def _row(claim: Claim, book: Book, sources: Sources) -> dict[str, Any]:
    published = evidence.from_published(claim, sources) if claim.published else None
    measured = MEASURES[claim.measure](claim, sources)
    found = [piece for piece in (published, measured) if piece is not None]
    verdict = judge(Rule(claim.rule, claim.claimed, claim.margin, claim.lower_is_better), found)
    judged = [piece for piece in found if piece.is_usable]
    low, high = measured.interval or (math.nan, math.nan)
    return {
        "id": claim.id,
        "paper": book.papers[claim.paper]["short"],
        "claim": claim.claim,
        "source": claim.source,
        "unit": claim.unit,
        "claimed": claim.claimed,
        "published": published.value if published else math.nan,
        "measured": measured.value,
        "measured_low": low,
        "measured_high": high,
        "measured_cases": len(measured.cases),
        "measured_on": measured.basis,
        "measured_judges": measured.is_usable,
        # What is measured here weighs more than what others published.
        "difference": judged[-1].value - claim.claimed if judged else math.nan,
        "verdict": verdict,
        "judged_on": ", ".join(piece.basis for piece in judged),
        "rule": book.rules[claim.rule],
        "margin": claim.margin,
        "reason": _reason(verdict, found),
        "command": claim.command if verdict == NOT_TESTED or not measured.is_usable else "",
    }


def _reason(verdict: str, found: Sequence[Evidence]) -> str:
    """Why something was not tested, or why what was measured does not count."""
    reasons = [piece.said for piece in found if piece.said]
    return "; ".join(dict.fromkeys(reasons)) if verdict == NOT_TESTED or reasons else ""
