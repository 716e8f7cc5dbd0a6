"""Widths and training lengths of the measured models and of the papers' models."""

from __future__ import annotations

import functools
import importlib.resources
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PAPER_RECIPE = "paper.toml"
"""Recipe in `bench.learned.training` with the published widths and training lengths of the papers' models."""

Range = tuple[float, float] | None
"""Smallest and largest value of several models; None if unknown."""


@dataclass(frozen=True, slots=True)
class ModelScale:
    """Ranges of transform channels (N), latent channels (M) and training steps of several models."""

    N: Range = None
    M: Range = None
    steps: Range = None


def own_scale(weights: pd.DataFrame) -> ModelScale:
    """Scale of the models in rows of `bench.results.extras.WEIGHTS`."""
    return ModelScale(*(_range(pd.to_numeric(weights[column]).dropna()) for column in ("N", "M", "total_steps")))


def paper_scale(codec: str) -> ModelScale:
    """Scale of a codec in `PAPER_RECIPE`; all None if the codec is not in it."""
    recipe = _recipe()
    steps = [step for step in recipe["steps"] if codec in {name.partition("@")[0] for name in step["train"]}]
    steps = [step for step in steps if not all(name.count("-ms-ssim") for name in step["train"])]
    lengths = [sum(recipe["phases"][phase]["steps"] for phase in step["phases"]) for step in steps]
    widths: list[Sequence[float]] = [
        [step["options"][name] for step in steps if name in step.get("options", {})] for name in ("N", "M")
    ]
    return ModelScale(*(_range(values) for values in (*widths, lengths)))


def _range(values: Iterable[float]) -> Range:
    found = list(values)
    return (min(found), max(found)) if found else None


@functools.cache
def _recipe() -> dict[str, Any]:
    source = importlib.resources.files("bench.learned.training") / PAPER_RECIPE
    return tomllib.loads(source.read_text(encoding="utf-8"))
