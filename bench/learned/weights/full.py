"""Full weights: a trained model with everything that its bitstreams depend on, and the record of its training.

Parameters are stored in float16. The integer CDFs are computed once, from the rounded model, and stored. They are never
computed again from floats, because a machine that rounds differently could not decode other machines' files. The
fingerprint of weights is the SHA-256 of their file, also for delta weights (see `delta`).
"""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING, Any

import torch

from bench.learned.models import LearnedModel, ModelConfig, build
from bench.learned.models.layers import CausalConv2d
from bench.learned.weights import delta, tensor_file
from bench.learned.weights.recognition import without_initialisation
from bench.learned.weights.stored_cdfs import Tensors, restore_tables, table_tensors
from bench.system.errors import BenchError, UsageError, reason_of
from bench.system.files import sha256_of

if TYPE_CHECKING:
    from pathlib import Path


@dataclasses.dataclass(frozen=True, slots=True)
class ModelCard:
    """Training objective of a model, and the record of its training."""

    quality: int
    """Point on the RD curve; 1 has the lowest rate."""
    lmbda: float
    """Weight of the distortion in the loss."""
    metric: str
    """The distortion: mse or ms-ssim."""
    record: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Steps, seed, hash of the data, commit, versions, SHA-256 of the initial weights; any JSON values."""


@dataclasses.dataclass(frozen=True, slots=True)
class Weights:
    """A loaded weights file."""

    model: LearnedModel
    """The model in evaluation mode on the CPU, float32, with its CDFs."""
    card: ModelCard
    sha256: str
    """Fingerprint: SHA-256 of the file."""


@torch.no_grad()
def finish(model: LearnedModel) -> LearnedModel:
    """A copy of a model as restored from a weights file: on the CPU, parameters rounded to float16, CDFs built.

    Raises:
        BenchError: a parameter is not finite, or too large for float16.
    """
    finished: LearnedModel = copy.deepcopy(model).cpu().float()
    for module in finished.modules():
        if isinstance(module, CausalConv2d):
            module.weight *= module.mask
    for name, parameter in finished.named_parameters():
        require_finite(name, parameter.copy_(parameter.half()))
    finished.update(force=True, update_quantiles=True)
    finished.eval()
    return finished


def require_finite(name: str, parameter: torch.Tensor) -> None:
    """Check a parameter that was rounded to float16.

    Raises:
        BenchError: it is not finite.
    """
    if not parameter.isfinite().all():
        raise BenchError(f"parameter '{name}' is not finite in float16: the training has diverged, so nothing is saved")


def save(path: Path, model: LearnedModel, card: ModelCard) -> None:
    """Write a finished copy of a model (see `finish`).

    Raises:
        BenchError: a parameter is not finite, or too large for float16.
        OSError: the file cannot be written; an earlier file is untouched.
    """
    finished = finish(model)
    header = {"config": model.config.described(), "card": dataclasses.asdict(card)}
    tensor_file.write(path, header, {**_parameters(finished), **table_tensors(finished)})


def load(path: Path, family: str | None = None) -> Weights:
    """Load a model from a file with full or delta weights.

    Raises:
        MissingError: the file or a base is missing.
        UsageError: the file is not a weights file, is damaged, of another version or family, or of a decoder.
    """
    header, tensors = delta.read(path)
    if "modifier" in header:
        raise UsageError(f"{path}: a decoder's weights (+{header['modifier']}), not full weights")
    try:
        config, card = ModelConfig(**header["config"]), ModelCard(**header["card"])
    except (KeyError, TypeError, UsageError) as error:
        raise UsageError(f"{path}: not a model of this version of bench ({error})") from error
    if family not in (None, config.family):
        raise UsageError(f"{path}: weights of family '{config.family}', not '{family}'")
    try:
        return Weights(restore(config, tensors), card, sha256_of(path))
    except (KeyError, ValueError, RuntimeError) as error:
        raise UsageError(f"{path}: its tensors do not fit its model {config} ({reason_of(error)})") from error


def restore(config: ModelConfig, tensors: Tensors) -> LearnedModel:
    """Create a model in evaluation mode from the tensors of a file.

    Raises:
        KeyError: a tensor is missing.
        ValueError: a value is not finite, CDFs are inconsistent, or the widths are those of a larger model.
        RuntimeError: a tensor has the wrong shape.
    """
    if max(config.N, config.M) ** 2 > sum(value.numel() for value in tensors.values()):
        raise ValueError(f"widths {config.N} and {config.M} belong to a larger model")
    for name, value in tensors.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise ValueError(f"'{name}' is not finite")
    with without_initialisation(), torch.random.fork_rng(devices=()):
        model = build(config)
    # Not CompressAI's load_state_dict, which requires matrices of CDFs.
    torch.nn.Module.load_state_dict(model, {name: tensors[name] for name in _parameters(model)}, strict=False)
    restore_tables(model, tensors)
    model.eval()
    return model


def _parameters(model: LearnedModel) -> Tensors:
    """All parameters in float16, except the quantiles, which are stored with the CDFs."""
    named = model.named_parameters()
    return {name: value.detach().half().contiguous() for name, value in named if not name.endswith("quantiles")}
