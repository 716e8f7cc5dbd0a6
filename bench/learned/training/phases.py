"""Phases of training, as data: what learns, from which loss, through which quantisation, how fast and for how long."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from bench.learned.families import YUV420
from bench.learned.models.config import LATENT_STRIDE
from bench.learned.models.rectifier import GradientRouting
from bench.system.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from bench.learned.models import Quantization


Source = Literal["pictures", "latents", "decoded"]

METRICS = ("mse", "ms-ssim")
"""What a user can train for; mse is that of the planes in families of planes."""

_LATER: Mapping[str, Any] = {"wiring": GradientRouting(), "mixed_begins": None, "qualities": (), "downscale": 1.0}
"""Fields that older checkpoints and records do not have, and their defaults."""

MARGIN = 2
"""Latents at the edge of a crop of latents whose pixels are not looked at: g_s would need their neighbours there."""


@dataclass(frozen=True, slots=True)
class CropStage:
    """Crops of `size` x `size` pixels (or latents), `batch` at a time, from the share `begins` of a phase on."""

    size: int
    batch: int
    begins: float = 0.0


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of training with one objective. A recipe is a sequence of these."""

    weights: Mapping[str, float]
    """Loss terms (`losses.TERMS`) and their weights."""
    name: str = "rate-distortion"
    trainable: tuple[str, ...] = ("*",)
    """Glob patterns of the parameters that learn; one that begins with ! takes away. The others stay as they are."""
    source: Source = "pictures"
    """What batches are of: crops of pictures, of the latents that the frozen g_a makes of whole pictures, or of the
    latents that a frozen codec decodes, with their pixels."""
    quantization: Quantization = "noise"
    mixed_begins: float | None = None
    """Share of the phase from which on noise stands for rounding in the rate alone, and g_s sees rounded latents
    ("mixed"); None: never."""
    qualities: tuple[int, ...] = ()
    """Qualities that one model is trained for at once, with gains for each (`models.Gained`); none: the target's."""
    wiring: GradientRouting = field(default_factory=GradientRouting)
    """How gradients run where the model has a rectifier."""
    optimizer: str = "soap"
    lr: float = 1e-3
    lr_floor: float = 0.02
    """The smallest learning rate, as a share of `lr`; the cosine ends there."""
    warmup_steps: int = 200
    crops: tuple[CropStage, ...] = (CropStage(128, 8), CropStage(256, 2, begins=0.8))
    downscale: float = 1.0
    """How many times as large a crop may be cut before it is downscaled, see `crops.Crops`."""
    ema_decay: float = 0.999
    """How much of the averaged weights each step keeps. The average is what is validated and shipped."""
    validate_steps: int = 1000
    patience: int | None = None
    """Stop after so many validations without a smaller loss; None: only the length ends the phase."""

    def crop(self, share: float) -> CropStage:
        """The crops in force when `share` (0..1) of the phase is done."""
        return [stage for stage in self.crops if stage.begins <= share][-1]

    def mode(self, share: float) -> Quantization:
        """How latents are quantised when `share` (0..1) of the phase is done."""
        return "mixed" if self.mixed_begins is not None and share >= self.mixed_begins else self.quantization

    @property
    def side(self) -> int:
        """Pixels that a picture must have each way to be used: the largest crop."""
        return max(stage.size for stage in self.crops) * (1 if self.source == "pictures" else LATENT_STRIDE)

    @property
    def seen(self) -> int:
        """Pixels each way that a distortion looks at: those of the smallest crop, or of its inner part."""
        smallest = min(stage.size for stage in self.crops)
        return smallest if self.source == "pictures" else LATENT_STRIDE * (smallest - 2 * MARGIN)

    def learns(self, model: nn.Module) -> dict[str, nn.Parameter]:
        """The model's parameters that this phase changes, by name.

        Raises:
            UsageError: a pattern matches no parameter.
        """
        learning: dict[str, nn.Parameter] = {}
        for pattern in self.trainable:
            matching = {n: p for n, p in model.named_parameters() if _matches(n, pattern.removeprefix("!"))}
            if not matching:
                raise UsageError(f"phase '{self.name}': no parameter of the model matches '{pattern}'")
            if pattern.startswith("!"):
                learning = {name: parameter for name, parameter in learning.items() if name not in matching}
            else:
                learning |= matching
        return learning

    def described(self) -> dict[str, Any]:
        """The phase as plain values, for records and checkpoints; what came later only where it is not the default."""
        values = asdict(replace(self, weights=dict(self.weights)))
        absent = {name for name, default in _LATER.items() if getattr(self, name) == default}
        return {name: value for name, value in values.items() if name not in absent}


def _matches(name: str, pattern: str) -> bool:
    """Whether a pattern is for a parameter, which has its own name also where its codec is a part of the model."""
    return fnmatchcase(name, pattern) or fnmatchcase(name.removeprefix("codec."), pattern)


@dataclass(frozen=True, slots=True)
class TrainingSegment:
    """How long one call trains: to a total number of steps, or for a time. A resumed call may begin a new segment."""

    begins: int = 0
    """Step at which it begins."""
    steps: int | None = None
    """Total steps at its end, or None where time decides."""
    budget_s: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.budget_s is None):
            raise UsageError("give either --steps or --budget")
        if self.budget_s is not None and self.budget_s <= 0:
            raise UsageError("--budget must be longer than nothing")
        if self.steps is not None and self.steps <= self.begins:
            raise UsageError(f"the training has {self.begins} steps already; give a larger --steps, or --budget")

    def share(self, step: int, elapsed_s: float) -> float:
        """How much of the segment is done, 0..1."""
        if self.steps is not None:
            return min(1.0, (step - self.begins) / (self.steps - self.begins))
        return min(1.0, elapsed_s / (self.budget_s or math.inf))

    def lr_factor(self, step: int, share: float, phase: Phase) -> float:
        """The learning rate as a share of `phase.lr`: linear warm-up, then a cosine down to the floor."""
        warmup = min(1.0, (step - self.begins + 1) / max(1, phase.warmup_steps))
        return warmup * (phase.lr_floor + (1 - phase.lr_floor) * (1 + math.cos(math.pi * share)) / 2)


@dataclass(frozen=True, slots=True)
class Target:
    """What is trained: a family at a quality for a metric, or a modifier of it."""

    family: str
    quality: int
    metric: str = "mse"
    options: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the model's configuration that differ from the compact ones."""
    modifier: str | None = None
    """qr, a rectifier, or ft, the synthesis alone; the rest is that of other weights."""
    own_lmbda: float | None = None
    """Weight of the distortion, where it is not the one that stands for the quality."""

    @property
    def base(self) -> str:
        """The name without the modifier."""
        plain = self.metric == plain_metric(self.family)
        return f"{self.family}@{self.quality}" + ("" if plain else f"-{self.metric}")

    @property
    def name(self) -> str:
        """As a user writes it: `joint@3`, `joint+qr@3`, with the metric where it is not MSE."""
        family, at, rest = self.base.partition("@")
        return f"{family}+{self.modifier}{at}{rest}" if self.modifier else self.base


def plain_metric(family: str) -> str:
    """The squared error that a family is trained for unless another metric is asked for."""
    return "mse-611" if family in YUV420 else "mse"


def parse_target(text: str, metric: str = "mse") -> Target:
    """A target from `FAMILY@QUALITY` or `FAMILY+MODIFIER@QUALITY`; mse is that of the planes where they are coded.

    Raises:
        UsageError: the text has another form, or there is no such metric.
    """
    if metric not in METRICS:
        raise unknown("metric", metric, METRICS)
    name, at, quality = text.partition("@")
    family, plus, modifier = name.partition("+")
    if not (family and at and quality.isdecimal()) or (plus and not modifier):
        raise UsageError(f"'{text}' is not FAMILY@QUALITY, such as joint@3 or joint+qr@3")
    metric = plain_metric(family) if metric == "mse" else metric
    return Target(family, int(quality), metric, modifier=modifier or None)


def seconds(text: str) -> float:
    """A time such as 90s, 30m or 1.5h, in seconds.

    Raises:
        UsageError: the text has another form, or is no time at all.
    """
    units = {"s": 1, "m": 60, "h": 3600}
    try:
        found = float(text[:-1]) * units[text[-1]]
    except (KeyError, ValueError, IndexError):
        found = math.nan
    if not 0 < found < math.inf:
        raise UsageError(f"'{text}' is not a time such as 90s, 30m or 1.5h")
    return found
