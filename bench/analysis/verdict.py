"""Verdict on a claim from its evidence, by the rules in baselines/claims.toml."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

HOLDS = "holds"
IN_PART = "holds in part"
DOES_NOT_HOLD = "does not hold"
NO_VERDICT = "no verdict"

VERDICTS = (HOLDS, IN_PART, DOES_NOT_HOLD, NO_VERDICT)

SEEDS = 2
"""Minimum number of seeds of each side of a comparison: an interval over pictures does not cover the variance between
trainings."""

SHARE = "of "
"""Prefix of the units of shares: "of files", "of models"."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One entry of claims.toml."""

    id: str
    paper: str
    claim: str
    source: str
    measure: str
    rule: str
    command: str
    codec: str = ""
    anchor: str = ""
    dataset: str = "kodak"
    axis: str = "psnr_db"
    claimed: float = math.nan
    unit: str = "%"
    margin: float = 0.0
    published: tuple[str, ...] = ()
    absolute: bool = False
    lower_is_better: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)  # further options of the measure

    @property
    def things(self) -> str:
        """Noun counted by a share, such as "files" or "pairs"; "" if the unit is not a share."""
        return self.unit.removeprefix(SHARE) if self.unit.startswith(SHARE) else ""

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """Create from an entry; keys that are not fields become options of its measure."""
        known = {name: value for name, value in entry.items() if name in cls.__slots__}
        rest = {name: value for name, value in entry.items() if name not in cls.__slots__}
        return cls(**known | {"published": tuple(known.get("published", ())), "options": rest})


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence for or against a claim: a value, or the reason why there is none."""

    basis: str = ""  # "measured, weights zoo"
    value: float = math.nan  # in the claim's unit; for a share, 0 to 1
    interval: tuple[float, float] | None = None  # 95 %, of the value
    cases: tuple[float, ...] = ()  # the values that `value` summarises, if any
    ends: tuple[float, ...] = ()  # interval ends of all cases, if any
    judges: bool = True  # whether a verdict can be based on it
    reason: str = ""  # why there is no value, or no verdict
    seeds: int | None = None  # of the side with fewer; None: no training of ours is compared

    @property
    def is_usable(self) -> bool:
        """Whether there is a value that a verdict can be based on."""
        return self.judges and not math.isnan(self.value) and not self._too_few_seeds

    @property
    def full_reason(self) -> str:
        """The reason, including the lack of seeds if this alone prevents a verdict."""
        lacking = self._too_few_seeds if self.judges and not math.isnan(self.value) else ""
        return "; ".join(filter(None, [self.reason, lacking]))

    @property
    def _too_few_seeds(self) -> str:
        if self.seeds is None or self.seeds >= SEEDS:
            return ""
        if self.seeds == 0:
            return "the training seeds are unknown"
        return f"trained from one seed; at least {SEEDS} are required"


def verdict(claim: Claim, evidence: Evidence) -> str:
    """Apply the rule of a claim to its evidence; without usable evidence there is no verdict.

    Raises:
        KeyError: there is no such rule.
    """
    if not evidence.is_usable:
        return NO_VERDICT
    rules = {"figure": _figure, "direction": _direction, "ceiling": _ceiling, "share": _share}
    holds, holds_in_part = rules[claim.rule](claim, evidence)
    return HOLDS if holds else IN_PART if holds_in_part else DOES_NOT_HOLD


def _figure(claim: Claim, evidence: Evidence) -> tuple[bool, bool]:
    value = math.copysign(1, claim.claimed) * evidence.value
    return value >= abs(claim.claimed) - claim.margin, value > 0


def _direction(claim: Claim, evidence: Evidence) -> tuple[bool, bool]:
    sign = -1 if claim.lower_is_better else 1
    is_so = sign * evidence.value > 0
    return is_so and all(sign * end > 0 for end in evidence.ends or evidence.interval or ()), is_so


def _ceiling(claim: Claim, evidence: Evidence) -> tuple[bool, bool]:
    cases, limit = evidence.cases or (evidence.value,), claim.claimed + claim.margin
    return max(cases) <= limit, statistics.median(cases) <= limit


def _share(_claim: Claim, evidence: Evidence) -> tuple[bool, bool]:
    return evidence.value >= 1, evidence.value > 0.5
