"""Training phases as data: trained parameters, loss, quantisation, learning rate and length."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from bench.learned.families import YUV420
from bench.learned.lambdas import lambda_of
from bench.learned.models.config import LATENT_STRIDE
from bench.learned.models.rectifier import GradientRouting
from bench.system.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from bench.learned.models import Quantization


Source = Literal["pictures", "latents", "decoded"]

METRICS = ("mse", "ms-ssim")
"""Metrics that can be trained for; for families of planes, mse is that of planes."""

_LATER: Mapping[str, Any] = {
    "gradient_routing": GradientRouting(),
    "mixed_begins": None,
    "qualities": (),
    "downscale": 1.0,
}
"""Fields that older checkpoints and records lack, and their defaults."""

_IN_FILES = {"gradient_routing": "wiring"}
"""Fields with another name in checkpoints and records: their former one."""

MARGIN = 2
"""Border of a crop of latents, in latents, whose pixels are ignored because g_s would need neighbours there."""


@dataclass(frozen=True, slots=True)
class CropStage:
    """Batches of `batch` crops of `size` x `size` pixels or latents, used from the share `begins` (0..1) of a phase."""

    size: int
    batch: int
    begins: float = 0.0


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of training with one objective. A recipe is a sequence of phases."""

    weights: Mapping[str, float]
    """Loss terms (`losses.TERMS`) and their weights."""
    name: str = "rate-distortion"
    trainable: tuple[str, ...] = ("*",)
    """Glob patterns of the trained parameters; patterns that begin with ! exclude. All other parameters are frozen."""
    source: Source = "pictures"
    """What batches are crops of: pictures; latents of whole pictures from the frozen g_a ("latents"); or latents
    decoded by a frozen codec, with their pixels ("decoded")."""
    quantization: Quantization = "noise"
    mixed_begins: float | None = None
    """Share of the phase (0..1) from which g_s gets rounded latents and only the rate noisy ones ("mixed"); None:
    never."""
    qualities: tuple[int, ...] = ()
    """Qualities to train together, in one model with gains for each (`models.Gained`); empty: only the target's."""
    gradient_routing: GradientRouting = field(default_factory=GradientRouting)
    """Routing of gradients if the model has a rectifier."""
    optimizer: str = "soap"
    lr: float = 1e-3
    lr_floor: float = 0.02
    """Final learning rate of the cosine, relative to `lr`."""
    warmup_steps: int = 200
    crops: tuple[CropStage, ...] = (CropStage(128, 8), CropStage(256, 2, begins=0.8))
    downscale: float = 1.0
    """Maximum factor by which crops are downscaled, see `training_pictures.Crops`."""
    ema_decay: float = 0.999
    """Decay of the averaged weights per step. The average is validated and saved."""
    validate_steps: int = 1000
    patience: int | None = None
    """Stop after this number of validations without a smaller loss; None: never."""

    def crop(self, share: float) -> CropStage:
        """The crops at `share` (0..1) of the phase."""
        return [stage for stage in self.crops if stage.begins <= share][-1]

    def mode(self, share: float) -> Quantization:
        """The quantisation at `share` (0..1) of the phase."""
        return "mixed" if self.mixed_begins is not None and share >= self.mixed_begins else self.quantization

    @property
    def side(self) -> int:
        """Minimum side of a picture in pixels: that of the largest crop.

        Pictures whose latents are computed are cropped to multiples of 64 pixels, which must contain a crop, too.
        """
        largest = max(stage.size for stage in self.crops)
        return largest if self.source == "pictures" else -(-LATENT_STRIDE * largest // 64) * 64

    @property
    def seen(self) -> int:
        """Side in pixels of the part of the smallest crop on which the distortion is computed."""
        smallest = min(stage.size for stage in self.crops)
        return smallest if self.source == "pictures" else LATENT_STRIDE * (smallest - 2 * MARGIN)

    def learns(self, model: nn.Module) -> dict[str, nn.Parameter]:
        """The parameters of a model that this phase trains, by name.

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
        """The phase as plain values for records and checkpoints. Fields in `_LATER` are omitted if they are default."""
        values = asdict(replace(self, weights=dict(self.weights)))
        absent = {name for name, default in _LATER.items() if getattr(self, name) == default}
        return {_IN_FILES.get(name, name): value for name, value in values.items() if name not in absent}


def _matches(name: str, pattern: str) -> bool:
    """Whether a pattern matches a parameter's name, with or without the prefix of a codec in another module."""
    return fnmatchcase(name, pattern) or fnmatchcase(name.removeprefix("codec."), pattern)


@dataclass(frozen=True, slots=True)
class TrainingSegment:
    """A part of a training run with its own learning-rate schedule, as long as a number of steps or a time.

    A resumed run continues its segment or starts another.
    """

    begins: int = 0
    """First step."""
    steps: int | None = None
    """Total number of steps at the end of the segment; None if its length is a time."""
    budget_s: float | None = None
    """Length in seconds; None if it is a number of steps."""

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.budget_s is None):
            raise UsageError("give either --steps or --budget")
        if self.budget_s is not None and self.budget_s <= 0:
            raise UsageError("--budget must be longer than 0 s")
        if self.steps is not None and self.steps <= self.begins:
            raise UsageError(f"the training run has {self.begins} steps already; give a larger --steps, or --budget")

    def share(self, step: int, elapsed_s: float) -> float:
        """Completed share (0..1) of the segment."""
        if self.steps is not None:
            return min(1.0, (step - self.begins) / (self.steps - self.begins))
        return min(1.0, elapsed_s / (self.budget_s or math.inf))

    def lr_factor(self, step: int, share: float, phase: Phase) -> float:
        """Learning rate relative to `phase.lr`: linear warm-up, then a cosine to the floor."""
        warmup = min(1.0, (step - self.begins + 1) / max(1, phase.warmup_steps))
        return warmup * (phase.lr_floor + (1 - phase.lr_floor) * (1 + math.cos(math.pi * share)) / 2)


@dataclass(frozen=True, slots=True)
class Target:
    """What to train: a family at a quality for a metric, with an optional modifier."""

    family: str
    quality: int
    metric: str = "mse"
    options: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the model's configuration that differ from the family's defaults."""
    modifier: str | None = None
    """qr (train rectifier and synthesis) or ft (train only the synthesis); everything else is taken from a base."""
    own_lmbda: float | None = None
    """Weight of the distortion; None: that of the quality."""

    @property
    def lmbda(self) -> float:
        """Weight of the distortion in the loss.

        Raises:
            UsageError: the quality or metric is unknown.
        """
        return self.own_lmbda or lambda_of(self.quality, self.metric)

    @property
    def base(self) -> str:
        """The name without the modifier: `joint@3`, or `joint@3-ms-ssim` for another metric than MSE."""
        plain = self.metric == plain_metric(self.family)
        return f"{self.family}@{self.quality}" + ("" if plain else f"-{self.metric}")

    @property
    def name(self) -> str:
        """The name with the modifier: `joint@3`, `joint+qr@3`, `joint+qr@3-ms-ssim`."""
        family, at, rest = self.base.partition("@")
        return f"{family}+{self.modifier}{at}{rest}" if self.modifier else self.base


def plain_metric(family: str) -> str:
    """The default metric of a family: the squared error of RGB, or that of planes."""
    return "mse-611" if family in YUV420 else "mse"


def parse_target(text: str, metric: str = "mse") -> Target:
    """Parse `FAMILY@QUALITY` or `FAMILY+MODIFIER@QUALITY`; the metric mse means the default metric of the family.

    Raises:
        UsageError: the text or the metric is invalid.
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
    """Convert a time such as 90s, 30m or 1.5h to seconds.

    Raises:
        UsageError: the text is invalid, or the time is not positive.
    """
    units = {"s": 1, "m": 60, "h": 3600}
    try:
        time_s = float(text[:-1]) * units[text[-1]]
    except (KeyError, ValueError, IndexError):
        time_s = math.nan
    if not 0 < time_s < math.inf:
        raise UsageError(f"'{text}' is not a time such as 90s, 30m or 1.5h")
    return time_s
