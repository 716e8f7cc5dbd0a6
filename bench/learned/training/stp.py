"""Soft-then-predictive training of the quantization rectifier (Luo and Chen 2023, arXiv 2403.17236), as phases.

R is the rate, D the distortion weighted by lambda, F the distance of the rectified latents from y; alpha weights F.

    soft        latents with noise, R + D + alpha F; everything is trained
    predictive  rounded latents, D + alpha F; encoder and entropy model are frozen, g_s and rectifier are trained

A codec, its +qr and its +ft must have the same files. Therefore the gradient of F stops before the encoder here, and D
of the soft phase is that of unrectified latents. The soft loss then has two terms without common parameters: R + D
trains the codec, and in alpha F the rectifier learns to remove noise. They can be trained together (`soft`), or one
after the other: `soft-rectifier` trains the second on latents of the finished codec at a fraction of the cost.
`soft-literal` is the soft phase of the paper: D is that of g_s(y_hat) as well, but the gradient of F reaches the
encoder and changes the codec.

`direct` is what the paper argues against: rounding from the first step, with a straight-through gradient.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from bench.learned.families import YUV420
from bench.learned.models.rectifier import GradientRouting
from bench.learned.training.phases import CropStage, Phase
from bench.system.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from bench.learned.training.phases import Target

Distance = Literal["l1", "l2", "smooth-l1", "cosine"]
Synthesis = Literal["rectified", "detached"]

ALPHAS: Mapping[str, float] = {"l1": 5e-6, "l2": 1e-3, "smooth-l1": 3e-5, "cosine": 1.0}
"""Default weight of each feature distance.

For l2 it is the largest of the best values in a search on joint (docs/quantization-rectifier.md). The others are chosen
such that each distance initially has about the same share of the loss."""

_DECODED = (CropStage(16, 2),)
_PICTURES = (CropStage(256, 2),)


@dataclass(frozen=True, slots=True)
class StpRecipe:
    """Options of the phases. `OPTIONS` lists the options of each phase.

    Raises:
        UsageError: the distance or synthesis is unknown.
    """

    alpha: float | None = None
    """None: that of `ALPHAS`, or a tenth of it for MS-SSIM, as in the paper."""
    distance: Distance = "l2"
    synthesis: Synthesis = "rectified"
    """Whether the distortion trains the rectifier."""

    def __post_init__(self) -> None:
        if self.distance not in ALPHAS:
            raise unknown("feature distance", self.distance, ALPHAS)
        if self.synthesis not in get_args(Synthesis):
            raise unknown("synthesis", self.synthesis, get_args(Synthesis))

    def feature(self, metric: str) -> dict[str, float]:
        """The feature term with its weight."""
        alpha = ALPHAS[self.distance] * (1 if metric == "mse" else 0.1) if self.alpha is None else self.alpha
        return {f"feature-{self.distance}": alpha}


def _whole(target: Target, recipe: StpRecipe, *, routing: GradientRouting, **changes: Any) -> Phase:  # noqa: ANN401
    """A phase that trains encoder, decoder and rectifier on pictures; `changes` sets further fields."""
    weights = {"rate": 1.0, target.metric: target.lmbda, **recipe.feature(target.metric)}
    return Phase(weights, crops=_PICTURES, gradient_routing=routing, **changes)


def _soft_rectifier(target: Target, recipe: StpRecipe) -> Phase:
    return Phase(
        recipe.feature(target.metric),
        trainable=("rectifier.*",),
        source="decoded",
        crops=(CropStage(16, 8),),
        gradient_routing=GradientRouting("none"),
    )


def _predictive(target: Target, recipe: StpRecipe) -> Phase:
    has_rectifier = target.modifier == "qr"
    features = recipe.feature(target.metric) if has_rectifier else {}
    return Phase(
        {target.metric: target.lmbda, **features},
        trainable=("codec.g_s.*", "rectifier.*") if has_rectifier else ("codec.g_s.*",),
        source="decoded",
        quantization="round",
        lr=1e-4,
        crops=_DECODED,
        gradient_routing=GradientRouting(recipe.synthesis),
    )


PHASES: Mapping[str, Callable[[Target, StpRecipe], Phase]] = {
    "soft": functools.partial(_whole, routing=GradientRouting("unrectified")),
    "soft-rectifier": _soft_rectifier,
    "soft-literal": functools.partial(_whole, routing=GradientRouting("unrectified", encoder_learns_features=True)),
    "predictive": _predictive,
    "direct": functools.partial(
        _whole, routing=GradientRouting("rectified", encoder_learns_features=True), quantization="mixed"
    ),
}
"""Phases by name."""

_FEATURE = frozenset({"alpha", "distance", "width"})

OPTIONS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "qr": {name: _FEATURE | {"synthesis"} if name == "predictive" else _FEATURE for name in PHASES},
    "ft": {"predictive": frozenset()},
}
"""The options of each phase, by modifier and phase."""


def phase_of(name: str, target: Target, recipe: StpRecipe | None = None) -> Phase:
    """A phase of a target with a modifier.

    Raises:
        UsageError: the phase or modifier is unknown, or the modifier has no such phase.
    """
    if name not in PHASES:
        raise unknown("phase", name, PHASES)
    if (phases := OPTIONS.get(target.modifier or "")) is None:
        raise unknown("modifier", f"+{target.modifier}", [f"+{modifier}" for modifier in OPTIONS])
    if target.family in YUV420:
        raise UsageError(f"{target.name}: families for planes have no +{target.modifier}; omit it")
    if name not in phases:
        raise UsageError(f"{target.name} has no rectifier; its only phase is 'predictive'")
    return PHASES[name](target, recipe or StpRecipe())


def require_used(name: str, target: Target, chosen: Collection[str]) -> None:
    """Check that a phase uses all options that were given.

    Args:
        name: of the phase; ignored if the target has no modifier.
        target: what is trained.
        chosen: names of the options.

    Raises:
        UsageError: an option has no effect in the phase.
    """
    used = OPTIONS.get(target.modifier or "", {}).get(name, frozenset())
    if not (unused := sorted(set(chosen) - used)):
        return
    if target.modifier == "qr":
        raise UsageError(f"--{unused[0]} has no effect in the phase '{name}' of {target.name}; omit it")
    other = "" if target.family in YUV420 else f"; {target.family}+qr has one"
    raise UsageError(f"--{unused[0]} needs a rectifier, and {target.name} has none{other}")
