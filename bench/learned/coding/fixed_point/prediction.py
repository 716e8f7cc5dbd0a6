"""Prediction of an integer network's weights from its float model, so that a file stores only the differences.

Calibration rounds most weights to the nearest integers and moves the others by one or two. The nearest integers follow
from the float weights and the steps of inputs and outputs, and the steps from the rescalings in the file. Every
operation is exact or rounded as IEEE 754 prescribes, in an order that does not depend on the machine, so that the
prediction is the same on every machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from bench.learned.coding.fixed_point.calibration import GRID, linear_network, weight_steps
from bench.learned.coding.fixed_point.network import WEIGHT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from bench.learned.coding.fixed_point.network import Rescaling
    from bench.learned.models import LearnedModel


@torch.no_grad()
def predicted_weights(
    model: LearnedModel, z_entry: Rescaling, y_entry: Rescaling, layers: Sequence[Rescaling]
) -> list[Tensor]:
    """Predict the weights of all layers of an integer network.

    Args:
        model: the float model that was calibrated.
        z_entry: rescaling of z.
        y_entry: rescaling of y.
        layers: rescalings of the layers of hyper-synthesis, context model and entropy parameters.

    Returns:
        int8 tensors in the shapes of `Layer.weight`, in the same order.

    Raises:
        UsageError: the model cannot be converted to integers.
        ValueError, RuntimeError: the rescalings do not match the model, or a multiplier is 0.
    """
    floats = linear_network(model)
    if len(layers) != len(floats.hyper) + 1 + len(floats.entropy):
        raise ValueError("its number of layers does not match the base")
    hyper, (context, *entropy) = layers[: len(floats.hyper)], layers[len(floats.hyper) :]
    predicted = []
    inputs = _entry_steps(z_entry)
    for layer, rescaling in zip(floats.hyper, hyper, strict=True):
        weight, units = _nearest(layer.weight, inputs.view(1, -1, 1, 1))
        predicted.append(weight)
        outputs = units * _inverse(rescaling)
        inputs = outputs[:: layer.spread**2]
    # The last layer's sums are rescaled to the units of the context's sums.
    weight, _ = _nearest(floats.context, _entry_steps(y_entry), outputs)
    predicted.append(weight)
    units = outputs
    for before, layer in zip((context, *entropy[:-1]), floats.entropy, strict=True):
        inputs = units * _inverse(before)
        weight, units = _nearest(layer.weight, inputs.view(1, -1, 1, 1))
        predicted.append(weight)
    return predicted


def _nearest(weight: Tensor, inputs: Tensor, units: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the nearest integers to weights for inputs of given steps, and the units of the sums."""
    folded = weight * inputs
    rows = folded.flatten(1)
    units = weight_steps(rows) if units is None else units
    integers = (rows / units[:, None]).round().clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT)
    return integers.to(torch.int8).view(weight.shape), units


def _entry_steps(entry: Rescaling) -> Tensor:
    """Return the value of 1 in integers, for the latents."""
    return _inverse(entry) / GRID


def _inverse(rescaling: Rescaling) -> Tensor:
    """Return the steps of the outputs, in steps of the sums."""
    if not (rescaling.multiplier > 0).all():
        raise ValueError("a multiplier is 0")
    return 1 / rescaling.ready().factor
