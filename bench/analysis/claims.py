"""Claims of the papers (baselines/claims.toml), with evidence and verdicts."""

from __future__ import annotations

import importlib.resources
import math
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from bench.analysis import evidence, rectifier_evidence
from bench.analysis.verdict import Claim, Evidence, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.analysis.sources import Sources

NOT_PUBLISHED = "no published points"

MEASURES = {**evidence.MEASURES, **rectifier_evidence.MEASURES}


@dataclass(frozen=True, slots=True)
class Book:
    """Content of claims.toml: papers and rules by key, and the claims in order."""

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
    """One row per claim: the paper's figure, and values and verdicts from published points and from measurements.

    Published points and measurements have separate verdicts. A reason explains a missing verdict or qualifies the
    value. `measured_cases` is the number of cases summarised by the measured value, if any.
    """
    return pd.DataFrame([_row(claim, book, sources) for claim in book.claims])


def _row(claim: Claim, book: Book, sources: Sources) -> dict[str, Any]:
    published = evidence.from_published(claim, sources) if claim.published else Evidence(reason=NOT_PUBLISHED)
    measured = MEASURES[claim.measure](claim, sources)
    low, high = measured.interval or (math.nan, math.nan)
    return {
        "id": claim.id,
        "paper": book.papers[claim.paper]["short"],
        "claim": claim.claim,
        "source": claim.source,
        "unit": claim.unit,
        "claimed": claim.claimed,
        "published": published.value,
        "published_verdict": verdict(claim, published),
        "published_reason": published.full_reason,
        "measured": measured.value,
        "measured_low": low,
        "measured_high": high,
        "measured_cases": len(measured.cases),
        "measured_on": measured.basis,
        "measured_verdict": verdict(claim, measured),
        "measured_reason": measured.full_reason,
        "rule": book.rules[claim.rule],
        "margin": claim.margin,
        "command": "" if measured.is_usable else claim.command,
    }
