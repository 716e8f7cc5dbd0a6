"""Widths and checkpoints of CompressAI's published models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compressai.zoo.image import cfgs
from compressai.zoo.pretrained import load_pretrained

from bench.learned.families import FAMILIES
from bench.learned.models.config import ModelConfig
from bench.system.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from bench.learned.models.base import LearnedModel

ARCHITECTURES = {name: family.compressai for name, family in FAMILIES.items() if family.compressai is not None}
"""Family to its name in CompressAI."""


def zoo_config(family: str, quality: int) -> ModelConfig:
    """The widths of CompressAI's published weights.

    Raises:
        UsageError: CompressAI published no such family or quality.
    """
    if family not in ARCHITECTURES:
        raise unknown("family of the zoo", family, ARCHITECTURES)
    widths = cfgs[ARCHITECTURES[family]]
    if quality not in widths:
        raise UsageError(f"the zoo has '{family}' at qualities {min(widths)} to {max(widths)}, not {quality}")
    N, *rest = widths[quality]  # noqa: N806 - the paper's name
    return ModelConfig(family, N, rest[0] if rest else N)


def load_zoo_state(model: LearnedModel, state: Mapping[str, Any]) -> None:
    """Load a state dict with CompressAI's names, including those of older versions and of training scripts.

    Raises:
        UsageError: the state dict is of another family or of other widths.
    """
    tensors: Mapping[str, Tensor] = state.get("state_dict", state)
    for name, buffer in model.named_buffers():
        # CompressAI resizes these buffers to those of a checkpoint only if they are empty.
        if name.endswith(("._offset", "._quantized_cdf", "._cdf_length", ".scale_table")):
            buffer.resize_(0)
    try:
        model.load_state_dict(load_pretrained(dict(tensors)))
    except (KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"the checkpoint does not fit {model.config}: {reason}") from error
