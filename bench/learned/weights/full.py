"""Weights files: a trained model, everything its bitstreams depend on, and how it came to be.

The parameters are float16. The model is rounded to them first, and the integer tables of the entropy coder are built
once, from the rounded model, and stored: no machine rebuilds them from floats, because one that rounds differently
could not decode the others' files. The file's SHA-256 is the weights' fingerprint. A file may hold a part of a model
and name the file that the rest is in (see `part`): its fingerprint covers that too.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING, Any

import torch

from bench.learned.models import LearnedModel, ModelConfig, build
from bench.learned.models.layers import CausalConv2d
from bench.learned.weights import delta, tensor_file
from bench.learned.weights.stored_cdfs import Tensors, restore_tables, table_tensors
from bench.system.errors import BenchError, UsageError
from bench.system.files import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ModelCard", "Weights", "finish", "load", "restore", "save"]


@dataclasses.dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model was trained for, and how it came to be."""

    quality: int
    """Point on the rate-distortion curve, 1 the smallest file."""
    lmbda: float
    """Weight of the distortion in the loss."""
    metric: str
    """The distortion: mse or ms-ssim."""
    record: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Steps, seed, hash of the data, commit, versions, SHA-256 of the weights it started from: anything JSON holds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Weights:
    """A weights file, loaded."""

    model: LearnedModel
    """In evaluation mode on the CPU, float32, with its tables."""
    card: ModelCard
    sha256: str
    """Fingerprint: the SHA-256 of the file."""


@torch.no_grad()
def finish(model: LearnedModel) -> LearnedModel:
    """The model that a weights file restores, as a new one on the CPU: parameters rounded to float16, tables built.

    Raises:
        BenchError: a parameter is not finite, or too large for float16.
    """
    finished: LearnedModel = copy.deepcopy(model).cpu().float()
    for module in finished.modules():
        if isinstance(module, CausalConv2d):
            module.weight *= module.mask
    for name, parameter in finished.named_parameters():
        parameter.copy_(parameter.half())
        if not parameter.isfinite().all():
            raise BenchError(f"parameter '{name}' is not finite in float16: the training has diverged, save nothing")
    finished.update(force=True, update_quantiles=True)
    finished.eval()
    return finished


def save(path: Path, model: LearnedModel, card: ModelCard) -> str:
    """Finish a model (see `finish`; the one given stays as it is) and write it; the file's SHA-256.

    Raises:
        BenchError: a parameter is not finite, or too large for float16.
        OSError: the file cannot be written; what was there before is untouched.
    """
    finished = finish(model)
    header = {"config": model.config.described(), "card": dataclasses.asdict(card)}
    tensor_file.write(path, header, {**_parameters(finished), **table_tensors(finished)})
    return sha256_of(path)


def load(path: Path, family: str | None = None) -> Weights:
    """Restore exactly what `save` wrote, whether the file holds all of it or a part.

    Raises:
        MissingError: there is no such file, or another that it is a part of is not beside it.
        UsageError: it is not a weights file, damaged, of another version, not of the family asked for, or a decoder's.
    """
    header, tensors = delta.read(path)
    if "modifier" in header:
        raise UsageError(f"{path}: a decoder's weights (+{header['modifier']}), not those of a whole model")
    try:
        config, card = ModelConfig(**header["config"]), ModelCard(**header["card"])
    except (KeyError, TypeError, UsageError) as error:
        raise UsageError(f"{path}: no model of this version of bench ({error})") from error
    if family not in (None, config.family):
        raise UsageError(f"{path}: weights of family '{config.family}', not '{family}'")
    try:
        return Weights(restore(config, tensors), card, sha256_of(path))
    except (KeyError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"{path}: its tensors do not fit its model {config} ({reason})") from error


def restore(config: ModelConfig, tensors: Tensors) -> LearnedModel:
    """A model in evaluation mode from the tensors of a file.

    Raises:
        KeyError: one is missing.
        ValueError: one is not finite, tables do not fit together, or the widths are of a larger model.
        RuntimeError: a tensor has another shape than the model's.
    """
    if max(config.N, config.M) ** 2 > sum(value.numel() for value in tensors.values()):
        raise ValueError(f"widths {config.N} and {config.M} are of a larger model than it holds")
    if odd := [name for name, value in tensors.items() if value.is_floating_point() and not value.isfinite().all()]:
        raise ValueError(f"'{odd[0]}' is not finite")
    with torch.random.fork_rng(devices=()):
        model = build(config)
    # CompressAI's own load_state_dict wants its matrices of tables here.
    torch.nn.Module.load_state_dict(model, {name: tensors[name] for name in _parameters(model)}, strict=False)
    restore_tables(model, tensors)
    model.eval()
    return model


def _parameters(model: LearnedModel) -> Tensors:
    """All parameters in float16, but for the quantiles: they are part of the tables."""
    named = model.named_parameters()
    return {name: value.detach().half().contiguous() for name, value in named if not name.endswith("quantiles")}
