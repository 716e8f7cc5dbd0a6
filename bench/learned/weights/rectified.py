"""Weights files of a decoder that was trained further: a rectifier and a synthesis, and which weights they go with.

Encoder, entropy model and integer tables are those of another file, the base, which lies in the same folder. It is
known by its SHA-256: a decoder is of no use with other latents than those that it was trained on.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from bench.errors import BenchError, UsageError
from bench.files import sha256_of
from bench.learned import catalogue
from bench.learned.models import Rectified, Rectifier
from bench.learned.weights import ModelCard, container, load

if TYPE_CHECKING:
    from pathlib import Path

    from bench.learned.weights.tables import Tensors

_CHANGED = ("codec.g_s.", "rectifier.")
"""What a file holds, by the beginnings of the parameters' names."""


@dataclasses.dataclass(frozen=True, slots=True)
class RectifiedWeights:
    """A weights file and its base, loaded."""

    model: Rectified
    """In evaluation mode on the CPU, float32, with the base's tables."""
    card: ModelCard
    sha256: str
    """Fingerprint: the SHA-256 of the file."""
    base: Path
    base_sha256: str


def save_rectified(path: Path, model: Rectified, card: ModelCard, base: Path) -> str:
    """Write what differs from the base, rounded to float16; the file's SHA-256.

    Args:
        path: the file; `base` has to lie beside it when it is loaded.
        model: its other parameters are those of the base.
        card: what the decoder was trained for.
        base: the weights file that wrote the latents.

    Raises:
        BenchError: a parameter is not finite in float16, or encoder or entropy model are not the base's.
        OSError: the file cannot be written; what was there before is untouched.
    """
    _require_equal(model, base)
    tensors = _changed(model)
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise BenchError(f"parameter '{name}' is not finite in float16: the training has diverged, save nothing")
    header = {
        "config": dataclasses.asdict(model.codec.config),
        "card": dataclasses.asdict(card),
        "modifier": modifier_of(model),
        "rectifier": {"width": model.rectifier.width} if isinstance(model.rectifier, Rectifier) else None,
        "base": {"file": base.name, "sha256": sha256_of(base)},
    }
    container.write(path, header, tensors)
    return sha256_of(path)


def load_rectified(path: Path) -> RectifiedWeights:
    """Restore what `save_rectified` wrote, with its base.

    Raises:
        MissingError: there is no such file, or its base is not beside it.
        UsageError: it is not such a file, damaged, of another version, or the base is another than it was trained on.
    """
    header, tensors = container.read(path)
    base = catalogue.base(path)
    found = load(base)
    try:
        model = rectified(Rectified(found.model, _rectifier(found.model.config.M, header["rectifier"])), tensors)
        return RectifiedWeights(model, ModelCard(**header["card"]), sha256_of(path), base, found.sha256)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"{path}: its tensors do not fit {base.name} ({reason})") from error


def rectified(model: Rectified, tensors: Tensors) -> Rectified:
    """Put tensors of a file into a model; it is returned in evaluation mode.

    Raises:
        KeyError: one is missing.
        RuntimeError: one has another shape.
    """
    torch.nn.Module.load_state_dict(model, {name: tensors[name] for name in _changed(model)}, strict=False)
    return model.eval()


def modifier_of(model: Rectified) -> str:
    """The modifier that a model is, as in a codec's name."""
    return "qr" if isinstance(model.rectifier, Rectifier) else "ft"


def _rectifier(channels: int, options: dict[str, Any] | None) -> nn.Module:
    return nn.Identity() if options is None else Rectifier(channels, **options)


def _changed(model: Rectified) -> Tensors:
    named = model.named_parameters()
    return {name: value.detach().cpu().half().contiguous() for name, value in named if name.startswith(_CHANGED)}


def _require_equal(model: Rectified, base: Path) -> None:
    """See that files of the model are those of its base."""
    ours, theirs = model.codec.state_dict(), load(base).model.state_dict()
    differing = [
        name for name, _ in model.codec.named_parameters()
        if not name.startswith("g_s.") and not torch.equal(ours[name].cpu().float(), theirs[name])
    ]  # fmt: skip
    if differing:
        raise BenchError(f"'{differing[0]}' is not that of {base}: the training of a decoder has changed its encoder")
