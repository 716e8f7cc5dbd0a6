"""Weights of +qr and +ft: a rectifier and a synthesis, as delta weights of a model.

Encoder, entropy model and CDFs are those of the base (see `delta`), because a decoder only fits the latents that it was
trained on.

The convolutions of a rectifier are stored in 8 bits, with a float32 scale per output channel. The error of a weight is
at most 1/254 of the channel's largest weight. This is too much for transforms and entropy models: in 8 bits, g_s loses
.1 to .16 dB, g_a up to .1 dB, an entropy model .1 to .5 % of the rate. A rectifier in 8 bits loses only .002 dB
(joint+qr at lambda .025) to .004 dB (at .0067). See docs/training.md.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from bench.learned.models import ModelConfig, Rectified, Rectifier
from bench.learned.models.config import MAX_WIDTH
from bench.learned.weights import catalogue, delta, tensor_file
from bench.learned.weights.full import ModelCard, require_finite, restore
from bench.system.errors import BenchError, UsageError, reason_of
from bench.system.files import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from bench.learned.weights.stored_cdfs import Tensors

_CHANGED = ("g_s.", "rectifier.")
"""Prefixes of the tensors in the file."""

_SCALE = ".scale"
"""Suffix of the names of the scales."""

_LARGEST = 127


@dataclasses.dataclass(frozen=True, slots=True)
class RectifiedWeights:
    """A loaded weights file with its base."""

    model: Rectified
    """The model in evaluation mode on the CPU, float32, with the base's CDFs."""
    card: ModelCard
    sha256: str
    """Fingerprint: SHA-256 of the file."""
    base: Path


def save_rectified(path: Path, model: Rectified, card: ModelCard, base: Path) -> None:
    """Write a decoder as delta weights (float16, rectifier in 8 bits).

    Args:
        path: the file; `base` must be in the same folder when it is loaded.
        model: equal to the base except for g_s and the rectifier.
        card: training objective and record of the decoder.
        base: the weights whose latents were decoded.

    Raises:
        BenchError: a parameter is not finite in float16, or encoder or entropy model differ from the base's.
        OSError: the file cannot be written; an earlier file is untouched.
    """
    theirs = delta.read(base)[1]
    tensors = theirs | _parameters(model)
    for name, tensor in delta.difference(tensors, theirs).items():
        if not name.startswith(_CHANGED):
            raise BenchError(f"'{name}' differs from that of {base}: the training of a decoder has changed its encoder")
        require_finite(name, tensor)
    header = {
        "config": dataclasses.asdict(model.codec.config),
        "card": dataclasses.asdict(card),
        "modifier": modifier_of(model),
        "rectifier": {"width": model.rectifier.width} if isinstance(model.rectifier, Rectifier) else None,
    }
    delta.write(path, header, tensors, base)


def is_decoder(path: Path) -> bool:
    """Whether a weights file holds a fine-tuned decoder (+qr, +ft).

    Raises:
        MissingError: there is no such file.
        UsageError: it is not a weights file, or damaged.
    """
    return "modifier" in tensor_file.read(path)[0]


def load_rectified(path: Path) -> RectifiedWeights:
    """Load a decoder with its base.

    Raises:
        MissingError: the file or its base is missing.
        UsageError: the file is invalid, damaged or of another version, or its base has changed.
    """
    header, tensors = delta.read(path)
    if "modifier" not in header:
        raise UsageError(f"{path}: full weights, not those of a decoder (+qr, +ft)")
    base = catalogue.base(path)
    try:
        config, card = ModelConfig(**header["config"]), ModelCard(**header["card"])
        options = header["rectifier"]
    except (KeyError, TypeError, UsageError) as error:
        raise UsageError(f"{path}: not a decoder of this version of bench ({error})") from error
    try:
        codec = restore(config, tensors)
        model = Rectified(codec, _rectifier(config.M, options))
        own = dequantize_int8({name: value for name, value in tensors.items() if name.startswith("rectifier.")})
        names = [name for name, _ in model.named_parameters() if name.startswith("rectifier.")]
        nn.Module.load_state_dict(model, {name: own[name] for name in names}, strict=False)
        return RectifiedWeights(model.eval(), card, sha256_of(path), base)
    except (KeyError, TypeError, ValueError, RuntimeError, UsageError) as error:
        raise UsageError(f"{path}: its tensors do not fit {base.name} ({reason_of(error)})") from error


def modifier_of(model: Rectified) -> str:
    """The modifier of a model as in a codec's name: qr or ft."""
    return "qr" if isinstance(model.rectifier, Rectifier) else "ft"


def _rectifier(channels: int, options: dict[str, Any] | None) -> nn.Module:
    if options is None:
        return nn.Identity()
    if options.get("width", 0) > MAX_WIDTH:
        raise ValueError(f"a rectifier of width {options['width']}; at most {MAX_WIDTH}")
    return Rectifier(channels, **options)


def _parameters(model: Rectified) -> Tensors:
    """All parameters as stored in a file: the rectifier in 8 bits, quantiles in float32, others in float16.

    Values too large for float16 become infinite.
    """
    codec: Tensors = {}
    rectifier: Tensors = {}
    for name, parameter in model.named_parameters():
        value = parameter.detach().cpu()
        value = (value if name.endswith("quantiles") else value.half()).contiguous()
        (rectifier if name.startswith("rectifier.") else codec)[name.removeprefix("codec.")] = value
    return codec | quantize_int8(rectifier)


def quantize_int8(tensors: Tensors) -> Tensors:
    """Convert the weights of convolutions to 8 bits and scales; other tensors are unchanged."""
    found: Tensors = {}
    for name, value in tensors.items():
        if value.dim() != 4:
            found[name] = value
            continue
        weights = value.float()
        scales = (weights.abs().amax((1, 2, 3)) / _LARGEST).clamp(min=torch.finfo(torch.float).tiny)
        found[name] = (weights / scales.view(-1, 1, 1, 1)).round().to(torch.int8)
        found[name + _SCALE] = scales
    return found


def dequantize_int8(tensors: Tensors) -> Tensors:
    """Restore the tensors of `quantize_int8`: convolutions in float32, equal on every machine.

    Raises:
        ValueError: scales are missing or do not fit their weights.
    """
    found = {name: value for name, value in tensors.items() if not name.endswith(_SCALE)}
    for name, value in found.items():
        if value.dtype == torch.int8:
            scales = tensors.get(name + _SCALE)
            if scales is None or value.dim() != 4 or scales.dtype != torch.float or scales.shape != value.shape[:1]:
                raise ValueError(f"'{name}' is in 8 bits and lacks matching scales")
            found[name] = value.float() * scales.view(-1, 1, 1, 1)
    return found
