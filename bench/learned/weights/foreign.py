"""Models from checkpoints of others, and our weights as checkpoints for CompressAI."""

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
    """Load a checkpoint of an architecture of CompressAI that is a family here.

    Parameters and CDFs are those of the file, in float32; missing CDFs are built by CompressAI's `update()`. The
    quality is the number in the file's name.

    Raises:
        MissingError: there is no such file.
        UsageError: it is not a checkpoint, or not of this family.
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
    """Load a checkpoint of an architecture of CompressAI into CompressAI's class; see `load_checkpoint`."""
    found = recognition.require(path, architecture)
    model: nn.Module = recognition.build(architecture, found.N, found.M, recognition.tensors_of(path))
    tensors = load_pretrained(_completed(model, path, found))
    for name, buffer in model.named_buffers():
        # CompressAI resizes the tables of some classes only.
        if name.endswith(recognition.TABLES) and name in tensors:
            buffer.resize_(tensors[name].shape)
    try:
        model.load_state_dict(tensors)
    except (KeyError, RuntimeError) as error:
        raise UsageError(f"{path}: {' '.join(str(error).split())[:200]}") from error
    model.update()  # type: ignore[operator]
    return model.eval()


def _completed(model: nn.Module, path: Path, found: recognition.RecognizedModel) -> dict[str, Tensor]:
    """The tensors of a checkpoint in float32, completed by those that files may lack: tables and constants.

    If one table is missing, all are built, because tables of two versions may not fit together.
    """
    tensors = {name: _float32(value) for name, value in recognition.tensors_of(path).items()}
    if not found.has_tables:
        tensors = {name: value for name, value in tensors.items() if not name.endswith(recognition.TABLES)}
    learned = dict(model.named_parameters())
    return {**{name: value for name, value in model.state_dict().items() if name not in learned}, **tensors}


def load_any(path: Path, family: str | None = None) -> Weights:
    """Load a weights file of bench or a checkpoint.

    Raises:
        MissingError, UsageError: see `full.load` and `load_checkpoint`.
    """
    if catalogue.is_foreign(path):
        return load_checkpoint(path, family or recognition.identify(path).name)
    return full.load(path, family)


def export_checkpoint(path: Path, target: Path) -> str:
    """Write weights as a checkpoint of CompressAI's training script, with tables; the name of the architecture.

    Raises:
        MissingError: there is no such file.
        UsageError: it is not a weights file, or of a family that CompressAI lacks.
        OSError: the checkpoint cannot be written; an earlier file is untouched.
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
    """A tensor in float32; checkpoints may be in half precision."""
    return value.float() if value.is_floating_point() else value
