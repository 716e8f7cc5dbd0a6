"""The parts of a model: what trains with what, and what one family can take over from another."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Collection

    from torch import Tensor, nn

    from bench.learned.models.base import LearnedModel

TRANSFORMS = ("g_a", "g_s")
"""The sub-networks between pictures and latents. Everything else is the entropy model."""


@dataclasses.dataclass(frozen=True, slots=True)
class ParameterGroups:
    """A model's parameters by name, in three groups that together are all of them."""

    transforms: dict[str, nn.Parameter]
    entropy: dict[str, nn.Parameter]
    quantiles: dict[str, nn.Parameter]
    """They learn from the auxiliary loss alone."""


def parameter_groups(model: nn.Module) -> ParameterGroups:
    """The parameters of the transforms, of the entropy model, and the quantiles of its bottleneck."""
    groups = ParameterGroups({}, {}, {})
    for name, parameter in model.named_parameters():
        if name.endswith("quantiles"):
            groups.quantiles[name] = parameter
        elif name.split(".")[0] in TRANSFORMS:
            groups.transforms[name] = parameter
        else:
            groups.entropy[name] = parameter
    return groups


_NEEDS = {
    "g_a": None,
    "g_s": "g_a",
    "h_a": "g_a",
    "entropy_bottleneck": "h_a",
    "h_s": "entropy_bottleneck",
    "context_prediction": "g_a",
    "entropy_parameters": "context_prediction",
    "acem": "g_s",
}
"""Sub-network to the one whose output it was trained on: without that, its weights mean nothing."""


@torch.no_grad()
def share(source: LearnedModel, target: LearnedModel, parts: Collection[str] | None = None) -> tuple[str, ...]:
    """Copy the sub-networks that two models have alike, also across families; the names of those copied.

    A sub-network is copied whole or not at all: if its layers are the same and what feeds it was copied too. Two
    qualities of one family share everything; hyper gives joint its transforms and its hyperprior. With `parts`, no
    others are copied.
    """
    copied: list[str] = []
    for name, needs in _NEEDS.items():
        ours, theirs = getattr(target, name, None), getattr(source, name, None)
        fed_alike = needs is None or needs in copied or not (hasattr(source, needs) or hasattr(target, needs))
        unwanted = parts is not None and name not in parts
        if ours is None or theirs is None or unwanted or not fed_alike:
            continue
        if _layers(ours) == _layers(theirs):
            # Parameters only: the integer tables of a finished source are not the target's.
            for parameter, source_parameter in zip(ours.parameters(), theirs.parameters(), strict=True):
                parameter.copy_(source_parameter)
            copied.append(name)
    return tuple(copied)


def value_bytes(tensor: Tensor) -> bytes:
    """The bytes that stand for a tensor's values in a hash: tensors that are equal in value and type give the same.

    So -0.0 counts as 0.0, which is what the average of weights that stay as they are makes of it.
    """
    values = tensor.detach().cpu()
    return (values + 0.0 if values.is_floating_point() else values).contiguous().numpy().tobytes()


def _layers(part: nn.Module) -> tuple[str, dict[str, tuple[int, ...]]]:
    return str(part), {name: tuple(parameter.shape) for name, parameter in part.named_parameters()}
