"""Checkpoints that others trained as models, ready for coding, and our weights as checkpoints that CompressAI loads."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import torch
from compressai.zoo.pretrained import load_pretrained

from bench.learned.architectures import ALIASES
from bench.learned.families import FAMILIES
from bench.learned.models import ModelConfig, build, load_zoo_state
from bench.learned.weights import catalogue, file_selection, full, recognition
from bench.learned.weights.full import ModelCard, Weights
from bench.system.errors import UsageError
from bench.system.files import atomic_write, sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn


@torch.no_grad()
def load_checkpoint(path: Path, family: str) -> Weights:
    """Load a checkpoint of one of CompressAI's architectures that are a family here.

    The parameters stay what the file holds, in float32, and so do the entropy coder's tables; what it lacks of these is
    built by CompressAI's `update()`. The card's quality is the number in the file's name.

    Raises:
        MissingError: there is no such file.
        UsageError: it is no checkpoint, or not of this family.
    """
    found = recognition.require(path, family)
    with recognition.without_initialisation(), torch.random.fork_rng(devices=()):
        model = build(ModelConfig(family, found.N, found.M))
    try:
        load_zoo_state(model, _completed(model, path, found))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    model.update()
    model.eval()
    card = ModelCard(int(file_selection.number_of(path)), 0.0, "", {"source": path.name})
    return Weights(model, card, sha256_of(path))


@torch.no_grad()
def load_theirs(path: Path, architecture: str) -> nn.Module:
    """Load a checkpoint of one of CompressAI's architectures into CompressAI's own class; see `load_checkpoint`."""
    found = recognition.require(path, architecture)
    model: nn.Module = recognition.build(architecture, found.N, found.M, recognition.tensors_of(path))
    tensors = load_pretrained(_completed(model, path, found))
    for name, buffer in model.named_buffers():
        # CompressAI makes room for the tables of some classes only.
        if name.endswith(recognition.TABLES) and name in tensors:
            buffer.resize_(tensors[name].shape)
    try:
        model.load_state_dict(tensors)
    except (KeyError, RuntimeError) as error:
        raise UsageError(f"{path}: {' '.join(str(error).split())[:200]}") from error
    model.update()  # type: ignore[operator]
    return model.eval()


def _completed(model: nn.Module, path: Path, found: recognition.RecognizedModel) -> dict[str, Tensor]:
    """The tensors of a checkpoint in float32, and those of a new model that files may lack: tables and constants.

    A file that lacks a table gives none: tables of two versions need not go together.
    """
    tensors = {name: _float32(value) for name, value in recognition.tensors_of(path).items()}
    if not found.has_tables:
        tensors = {name: value for name, value in tensors.items() if not name.endswith(recognition.TABLES)}
    learned = dict(model.named_parameters())
    return {**{name: value for name, value in model.state_dict().items() if name not in learned}, **tensors}


def load_any(path: Path, family: str | None = None) -> Weights:
    """Load weights of any make: those of bench, or a checkpoint.

    Raises:
        MissingError, UsageError: see `full.load` and `load_checkpoint`.
    """
    if catalogue.is_foreign(path):
        return load_checkpoint(path, family or recognition.identify(path).name)
    return full.load(path, family)


def export_checkpoint(path: Path, target: Path) -> str:
    """Write weights of bench as a checkpoint of CompressAI's training script, with tables; the architecture's name.

    Raises:
        MissingError: there is no such file.
        UsageError: it is no weights file, or of a family that CompressAI does not have.
        OSError: the checkpoint cannot be written; what was there before is untouched.
    """
    weights = full.load(path)
    config = weights.model.config
    architecture = FAMILIES[config.family].compressai
    plain = ModelConfig(config.family, config.N, config.M)
    if architecture is None or config != plain or (config.family == "attn" and config.M != config.N):
        raise UsageError(f"{path}: {config} is no architecture of CompressAI; it has {', '.join(ALIASES)}")
    content = {
        "state_dict": weights.model.state_dict(),
        "architecture": architecture,
        "N": config.N,
        "M": config.M,
        "lmbda": weights.card.lmbda,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with atomic_write(target) as file:
        file.write(buffer.getvalue())
    return architecture


def _float32(value: Tensor) -> Tensor:
    """A tensor as a model computes with it: files in half precision hold the same numbers."""
    return value.float() if value.is_floating_point() else value
