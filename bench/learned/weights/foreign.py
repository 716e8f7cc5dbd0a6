"""Load checkpoints of CompressAI and other training code, and export weights to CompressAI."""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING

import torch
from compressai.zoo.pretrained import load_pretrained

from bench.learned.architectures import ALIASES
from bench.learned.families import FAMILIES
from bench.learned.models import ModelConfig, build
from bench.learned.weights import catalogue, checkpoints, file_selection, full, recognition
from bench.learned.weights.full import ModelCard, Weights
from bench.system.errors import UsageError, reason_of
from bench.system.files import atomic_write, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn


def load_zoo(family: str, quality: int, metric: str = "mse") -> Weights:
    """Load a downloaded checkpoint of CompressAI's model zoo; see `checkpoints` and `load_checkpoint`.

    Raises:
        MissingError: the file is missing or damaged; the message says how to get it.
        UsageError: there is no such model, or the file contains another one.
    """
    checkpoint = checkpoints.find(family, quality, metric)
    path, _ = checkpoints.require(checkpoint)
    card = ModelCard(quality, checkpoint.lmbda, metric, {"source": checkpoint.url})
    return dataclasses.replace(load_checkpoint(path, family), card=card)


@torch.no_grad()
def load_checkpoint(path: Path, family: str) -> Weights:
    """Load a checkpoint of an architecture of CompressAI that is a family in bench.

    Parameters are loaded in float32. CDFs are those of the file; if one is missing, CompressAI's `update()` builds all
    of them. The quality is the number in the file's name.

    Raises:
        MissingError: there is no such file.
        UsageError: it is not a checkpoint, or not of this family.
    """
    recognized = recognition.require(path, family)
    with recognition.without_initialisation(), torch.random.fork_rng(devices=()):
        model = build(ModelConfig(family, recognized.N, recognized.M))
    _load_into(model, path, recognized, recognition.tensors_of(path))
    card = ModelCard(int(file_selection.number_of(path)), 0.0, "", {"source": path.name})
    return Weights(model, card, sha256_of(path))


@torch.no_grad()
def load_theirs(path: Path, architecture: str) -> nn.Module:
    """Load a checkpoint of an architecture of CompressAI into CompressAI's class; see `load_checkpoint`."""
    recognized = recognition.require(path, architecture)
    tensors = recognition.tensors_of(path)
    model: nn.Module = recognition.build(architecture, recognized.N, recognized.M, tensors)
    _load_into(model, path, recognized, tensors)
    return model


def _load_into(
    model: nn.Module, path: Path, recognized: recognition.RecognizedModel, tensors: Mapping[str, Tensor]
) -> None:
    """Load the tensors of a checkpoint in float32, with constants and CDFs that files may lack.

    If a CDF is missing, all are built, because CDFs built by two versions may be inconsistent.
    """
    state = {
        name: value.float() if value.is_floating_point() else value  # checkpoints may be in half precision
        for name, value in tensors.items()
        if recognized.has_tables or not name.endswith(recognition.CDF_BUFFERS)
    }
    learned = dict(model.named_parameters())
    constants = {name: value for name, value in model.state_dict().items() if name not in learned}
    try:
        load_state(model, {**constants, **state})
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    model.update()  # type: ignore[operator]
    model.eval()


def load_state(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load a state dict with CompressAI's names, including those of older versions and of training scripts.

    Raises:
        UsageError: the state dict is of another architecture or of other widths.
    """
    tensors = load_pretrained(dict(state))
    for name, buffer in model.named_buffers():
        # CompressAI resizes the CDFs of some classes only.
        if name.endswith(recognition.CDF_BUFFERS) and name in tensors:
            buffer.resize_(tensors[name].shape)
    try:
        model.load_state_dict(tensors)
    except (KeyError, RuntimeError) as error:
        raise UsageError(f"the checkpoint does not fit a {type(model).__name__}: {reason_of(error)}") from error


def load_any(path: Path, family: str | None = None) -> Weights:
    """Load a weights file of bench or a checkpoint.

    Raises:
        MissingError, UsageError: see `full.load` and `load_checkpoint`.
    """
    if catalogue.is_foreign(path):
        return load_checkpoint(path, family or recognition.identify(path).name)
    return full.load(path, family)


def load_named(weights: str, path: Path, family: str, quality: int) -> Weights:
    """Load a published checkpoint if `weights` names a zoo, and otherwise the file `path`.

    Raises:
        MissingError, UsageError: see `load_zoo` and `load_any`.
    """
    if (metric := catalogue.ZOOS.get(weights)) is not None:
        return load_zoo(family, quality, metric)
    return load_any(path, family)


def export_checkpoint(path: Path, target: Path) -> str:
    """Write weights in the format of CompressAI's training script, with CDFs.

    Returns:
        CompressAI's name of the architecture.

    Raises:
        MissingError: there is no such file.
        UsageError: it is not a weights file, or its family does not exist in CompressAI.
        OSError: the checkpoint cannot be written; an earlier file is untouched.
    """
    weights = full.load(path)
    config = weights.model.config
    architecture = FAMILIES[config.family].compressai
    plain = ModelConfig(config.family, config.N, config.M)
    if architecture is None or config != plain or (config.family == "attn" and config.M != config.N):
        raise UsageError(f"{path}: {config} is not an architecture of CompressAI; those are {', '.join(ALIASES)}")
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
