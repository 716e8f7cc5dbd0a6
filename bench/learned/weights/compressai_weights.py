"""CompressAI's published checkpoints as weights, ready for coding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from bench.learned.models import build, load_zoo_state, zoo_config
from bench.learned.weights import checkpoints
from bench.learned.weights.full import ModelCard, Weights
from bench.learned.weights.state_dicts import UNREADABLE
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@torch.no_grad()
def load_zoo(family: str, quality: int, metric: str = "mse") -> Weights:
    """Load a checkpoint on this machine; see `bench.learned.weights.checkpoints`.

    Parameters and CDFs are those of the file, in float32; new CDFs are built only if the file has none.

    Raises:
        MissingError: the file is missing or damaged; the message says how to get it.
        UsageError: there is no such model, or the file has another one.
    """
    checkpoint = checkpoints.find(family, quality, metric)
    path, sha256 = checkpoints.require(checkpoint)
    with torch.random.fork_rng(devices=()):
        model = build(zoo_config(family, quality))
    try:
        load_zoo_state(model, _read(path))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    model.update()
    model.eval()
    card = ModelCard(quality, checkpoint.lmbda, metric, {"source": checkpoint.url})
    return Weights(model, card, sha256)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        # Only tensors and plain containers: other pickles could run code.
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"not a checkpoint of tensors ({reason})") from error
    if not isinstance(state, dict):
        raise UsageError(f"not a checkpoint: it holds a {type(state).__name__}")
    return state
