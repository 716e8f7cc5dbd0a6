"""Parts of a model: parameter groups for training, and sub-networks that one model can copy from another."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Collection

    from torch import Tensor, nn

    from bench.learned.models.base import LearnedModel

TRANSFORMS = ("g_a", "g_s")
"""Sub-networks between pictures and latents. All others belong to the entropy model."""


@dataclasses.dataclass(frozen=True, slots=True)
class ParameterGroups:
    """A model's parameters by name, in three disjoint groups."""

    transforms: dict[str, nn.Parameter]
    entropy: dict[str, nn.Parameter]
    quantiles: dict[str, nn.Parameter]
    """Trained only by the auxiliary loss."""


def parameter_groups(model: nn.Module) -> ParameterGroups:
    """Group the parameters: those of the transforms, those of the entropy model, and its bottleneck's quantiles."""
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
"""Sub-network to the one whose output it was trained on, which must be copied along with it."""


@torch.no_grad()
def share(source: LearnedModel, target: LearnedModel, parts: Collection[str] | None = None) -> tuple[str, ...]:
    """Copy the sub-networks that two models have in common, even across families; return their names.

    A sub-network is copied if its layers are the same and the sub-network that feeds it is copied, too. Two qualities
    of a family share everything; joint takes transforms and hyperprior from hyper. `parts` restricts what is copied.
    """
    copied: list[str] = []
    for name, needs in _NEEDS.items():
        ours, theirs = getattr(target, name, None), getattr(source, name, None)
        fed_alike = needs is None or needs in copied or not (hasattr(source, needs) or hasattr(target, needs))
        unwanted = parts is not None and name not in parts
        if ours is None or theirs is None or unwanted or not fed_alike:
            continue
        if _layers(ours) == _layers(theirs):
            # Copy parameters only: the integer tables of the source do not apply to the target.
            for parameter, source_parameter in zip(ours.parameters(), theirs.parameters(), strict=True):
                parameter.copy_(source_parameter)
            copied.append(name)
    return tuple(copied)


def value_bytes(tensor: Tensor) -> bytes:
    """Return the bytes of a tensor's values for hashing; tensors of equal values and type have the same bytes.

    -0.0 counts as 0.0, because averaging constant weights can turn one into the other.
    """
    values = tensor.detach().cpu()
    return (values + 0.0 if values.is_floating_point() else values).contiguous().numpy().tobytes()


def _layers(part: nn.Module) -> tuple[str, dict[str, tuple[int, ...]]]:
    # The precision of a layer does not make it a different layer.
    return str(part).replace("_Float32", ""), {
        name: tuple(parameter.shape) for name, parameter in part.named_parameters()
    }
