"""The architecture of a model, apart from its weights."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args

from bench.learned.families import FAMILIES
from bench.system.errors import UsageError, unknown

Distribution = Literal["gaussian", "laplacian", "logistic"]
Guide = Literal["igu", "bgu", "none"]

LATENT_STRIDE = 16
"""Pixels between neighbouring latents in every family."""

MAX_WIDTH = 1024
"""Maximum number of channels of a layer; the widest published models have 384."""

_TYPES = {
    **dict.fromkeys(("family", "distribution", "guide"), str),
    **dict.fromkeys(("N", "M", "kernel"), int),
    **dict.fromkeys(("mean", "attention", "acem"), bool),
}

_LATER = {"guide", "attention", "acem"}

KERNELS = (3, 5, 7)
"""Sizes of the masked convolution of the context model that Minnen et al. 2018 compare."""


@dataclasses.dataclass(frozen=True, slots=True)
class ModelConfig:
    """Architecture of a model: family, widths, and options.

    An option that does not apply to a family (see `LearnedFamily.options`) must have its default.

    Raises:
        UsageError: the family is unknown, or a width or option is invalid or does not apply to the family.
    """

    family: str
    N: int
    """Channels inside the transforms and of z."""
    M: int
    """Channels of y."""
    kernel: int = 5
    """Side of the masked convolution of the context model."""
    distribution: Distribution = "gaussian"
    """Shape of the conditional distribution of y."""
    mean: bool = True
    """Whether the conditional distribution has a predicted mean; otherwise the mean is 0 (scale-only)."""
    guide: Guide = "igu"
    """Guidance between luma and chroma: from luma to chroma (igu), in both directions (bgu), or none."""
    attention: bool = True
    """Whether blocks have attention in addition to residual blocks."""
    acem: bool = True
    """Whether a filter follows the decoder."""

    def __post_init__(self) -> None:
        for name, kind in _TYPES.items():
            if type(value := getattr(self, name)) is not kind:
                raise UsageError(f"{name} is {value!r}, not of type {kind.__name__}")
        if self.family not in FAMILIES:
            raise unknown("family", self.family, FAMILIES)
        for field in dataclasses.fields(self)[3:]:
            if field.name not in FAMILIES[self.family].options and getattr(self, field.name) != field.default:
                raise UsageError(
                    f"family '{self.family}' has no option '{field.name}'; use the default {field.default!r}"
                )
        if not (1 <= self.N <= MAX_WIDTH and 1 <= self.M <= MAX_WIDTH):
            raise UsageError(f"widths N={self.N}, M={self.M}: both must be from 1 to {MAX_WIDTH}")
        if self.kernel not in KERNELS:
            raise UsageError(f"kernel {self.kernel}: must be one of {KERNELS}")
        for name, choices in (("distribution", get_args(Distribution)), ("guide", get_args(Guide))):
            if (value := getattr(self, name)) not in choices:
                raise unknown(name, value, choices)

    def described(self) -> dict[str, Any]:
        """Return the fields as stored in files; options added later are stored only for families that have them."""
        fields = dataclasses.asdict(self)
        return {name: fields[name] for name in fields if name not in _LATER or name in FAMILIES[self.family].options}


def compact_config(family: str) -> ModelConfig:
    """Return the architecture of the package's weights, which is small enough for training and use on a CPU.

    Raises:
        UsageError: the family is unknown.
    """
    if family not in FAMILIES:
        raise unknown("family", family, FAMILIES)
    return ModelConfig(family, *FAMILIES[family].widths)
