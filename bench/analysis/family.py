"""Families of curves, and the order in which curves are shown everywhere."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.codecs.registry import CODECS, family_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd


@dataclass(frozen=True, slots=True)
class Family:
    """A codec and its variants: jpeg, jpeg-444 and jpeg-opt; joint, joint+qr and joint-int."""

    name: str
    learned: bool
    names: tuple[str, ...]
    """Names of its curves; `leading` come first."""
    leading: tuple[str, ...]
    """Curves of its first codec: one per weights, each in its first setting."""


def rank(codec: str) -> tuple[int, int, str]:
    """Sort key of a codec: families in the registry's order, and within a family its codecs; unknown ones last."""
    return _position().get(family_of(codec), len(CODECS)), list(CODECS).index(codec) if codec in CODECS else 0, codec


@functools.cache
def _position() -> dict[str, int]:
    return {family_of(codec): place for place, codec in reversed([*enumerate(CODECS)])}


def families(curves: pd.DataFrame) -> tuple[Family, ...]:
    """Group sorted curves into families."""
    groups = curves.groupby([curves["weights"] == "", curves["codec"].map(family_of)], sort=False)
    found = []
    for (_, name), group in groups:
        first = group.iloc[0]
        leading = group[(group["codec"] == first["codec"]) & (group["backend"] == first["backend"])]
        leading = leading.drop_duplicates("weights")
        found.append(Family(str(name), bool(first["weights"]), tuple(group["name"]), tuple(leading["name"])))
    return tuple(found)


def each_alone(names: Iterable[str]) -> tuple[Family, ...]:
    """Put each curve into a separate family."""
    return tuple(Family(name=name, learned=True, names=(name,), leading=(name,)) for name in names)
