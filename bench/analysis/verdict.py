"""The verdict on a claim, from its evidence, by the rules that baselines/claims.toml states."""

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
NOT_TESTED = "not tested"

VERDICTS = (HOLDS, IN_PART, DOES_NOT_HOLD, NOT_TESTED)

SEEDS = 2
"""Trainings from different seeds that each side of a comparison must have: an interval over pictures says nothing of
what another training of the same would have given."""


SHARE = "of "
"""How units of shares begin: "of files", "of models"."""


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
    options: Mapping[str, Any] = field(default_factory=dict)  # what a measure needs besides

    @property
    def things(self) -> str:
        """What a share is of: "files", "pairs"; empty where the unit is none of a share."""
        return self.unit.removeprefix(SHARE) if self.unit.startswith(SHARE) else ""

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """Read an entry; what has no field of its own is an option of its measure."""
        known = {name: value for name, value in entry.items() if name in cls.__slots__}
        rest = {name: value for name, value in entry.items() if name not in cls.__slots__}
        return cls(**known | {"published": tuple(known.get("published", ())), "options": rest})


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for or against a claim: a value, or the reason why there is none."""

    basis: str = ""  # "measured, weights zoo"
    value: float = math.nan  # in the claim's unit; for a share, 0 to 1
    interval: tuple[float, float] | None = None  # 95 %, of the value
    cases: tuple[float, ...] = ()  # what `value` sums up, where it does
    ends: tuple[float, ...] = ()  # of the intervals of all cases, where these have some
    judges: bool = True  # whether a verdict may rest on it
    reason: str = ""  # why there is no value, or why it does not judge
    seeds: int | None = None  # of the side that was trained from fewest; None: no training of ours is compared

    @property
    def is_usable(self) -> bool:
        """Whether there is a value that a verdict may rest on."""
        return self.judges and not math.isnan(self.value) and not self._too_few_seeds

    @property
    def full_reason(self) -> str:
        """The reason, and what it lacks in seeds where there is a value that would judge otherwise."""
        would_judge = self.judges and not math.isnan(self.value)
        return "; ".join(filter(None, [self.reason, self._too_few_seeds if would_judge else ""]))

    @property
    def _too_few_seeds(self) -> str:
        if self.seeds is None or self.seeds >= SEEDS:
            return ""
        if self.seeds == 0:
            return "nothing says from which seeds was trained"
        return f"trained from one seed, and {SEEDS} or more must say the same"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of claims.toml with the figures of one claim."""

    name: str
    claimed: float = math.nan
    margin: float = 0.0
    lower_is_better: bool = True

    def verdict(self, evidence: Evidence) -> str:
        """Judge one piece of evidence; one that is not usable tests nothing.

        Raises:
            KeyError: there is no such rule.
        """
        if not evidence.is_usable:
            return NOT_TESTED
        rules = {"figure": self._figure, "direction": self._direction, "ceiling": self._ceiling, "share": self._share}
        return rules[self.name](evidence)

    def _figure(self, evidence: Evidence) -> str:
        sign = math.copysign(1, self.claimed)
        if sign * evidence.value >= abs(self.claimed) - self.margin:
            return HOLDS
        return IN_PART if sign * evidence.value > 0 else DOES_NOT_HOLD

    def _direction(self, evidence: Evidence) -> str:
        sign = -1 if self.lower_is_better else 1
        if sign * evidence.value <= 0:
            return DOES_NOT_HOLD
        ends = evidence.ends or evidence.interval or (evidence.value,)
        return HOLDS if all(sign * end > 0 for end in ends) else IN_PART

    def _ceiling(self, evidence: Evidence) -> str:
        cases, limit = evidence.cases or (evidence.value,), self.claimed + self.margin
        if max(cases) <= limit:
            return HOLDS
        return IN_PART if statistics.median(cases) <= limit else DOES_NOT_HOLD

    def _share(self, evidence: Evidence) -> str:
        if evidence.value >= 1:
            return HOLDS
        return IN_PART if evidence.value > 0.5 else DOES_NOT_HOLD
