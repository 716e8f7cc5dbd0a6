"""Post-training quantisation of a float network to an integer one, calibrated on photographs.

Layers are converted one after the other, with inputs from the integer layers before. Weights are rounded to 8 bits with
the smallest change of the sums. The bias gives the sums the mean of the float network, whose activations determine the
range of 8 bits. Each channel of activations has its own step, which is folded into the weights of the next layer.

Errors of independently rounded weights add up. Here, weights are rounded input by input, and the remaining ones are
adjusted to compensate for the error (optimal brain quantiser, Frantar and Alistarh 2022, arXiv 2208.11580; here in one
order for all outputs, as in arXiv 2210.17323).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from bench.learned.coding.fixed_point.network import (
    ACTIVATION_LEVELS,
    MAX_SHIFT,
    MULTIPLIER_BITS,
    WEIGHT_LIMIT,
    Layer,
    Network,
    Outputs,
    Rescaling,
)
from bench.learned.coding.subpixel import SubpixelConv2d
from bench.learned.coding.wavefront import causal_taps
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from bench.learned.models import LearnedModel


@dataclass(frozen=True, slots=True)
class Linear:
    """A zero-padded convolution in float64, optionally with a pixel shuffle, and a leaky ReLU."""

    weight: Tensor
    """(outputs, inputs, kernel, kernel)"""
    bias: Tensor
    """(outputs)"""
    spread: int = 1
    slope: float = 1.0
    """Factor of negative values; 1 without an activation."""

    def sums(self, x: Tensor) -> Tensor:
        """Compute the outputs before pixel shuffle and activation: (B, inputs, h, w) to (B, outputs, h, w)."""
        return F.conv2d(x, self.weight, self.bias, padding=self.weight.shape[-1] // 2)

    def finished(self, sums: Tensor) -> Tensor:
        """Apply pixel shuffle and activation."""
        values = F.pixel_shuffle(sums, self.spread) if self.spread > 1 else sums
        return torch.where(values < 0, values * self.slope, values)


@dataclass(frozen=True, slots=True)
class LinearNetwork:
    """Hyper-synthesis, context model and entropy parameters, with consecutive linear layers merged."""

    hyper: tuple[Linear, ...]
    """Layers from z_hat to its part of the first entropy layer."""
    context: Tensor
    """Weights from the context to its part of the first entropy layer, (outputs, taps, M)."""
    entropy: tuple[Linear, ...]
    """Further entropy layers."""
    bias: Tensor
    """Bias of the first entropy layer, including all constants of the layers before."""
    slope: float
    """Slope of the first entropy layer's activation."""


@torch.no_grad()
def linear_network(model: LearnedModel) -> LinearNetwork:
    """Convert the networks of an autoregressive model with a hyperprior.

    Raises:
        UsageError: the model has no hyperprior or context model, or has unsupported layers.
    """
    if not (hasattr(model, "h_s") and hasattr(model, "context_prediction")):
        raise UsageError(
            f"fixed point needs a model with a hyperprior and a context model, not '{model.config.family}'"
        )
    *before, last = _layers(cast("nn.Sequential", model.h_s))
    first, *entropy = _layers(cast("nn.Sequential", model.entropy_parameters))
    causal = cast("nn.Conv2d", model.context_prediction)
    taps = causal.weight.double().flatten(2)[..., causal_taps(model.config.kernel)]  # (2M, M, taps)
    from_hyper, from_context = first.weight[..., 0, 0].tensor_split(2, dim=1)
    bias = first.bias + from_context @ cast("Tensor", causal.bias).double() + from_hyper @ last.bias
    return LinearNetwork(
        hyper=(*before, Linear(product(from_hyper, last.weight), torch.zeros_like(bias))),
        context=product(from_context, taps).transpose(1, 2),
        entropy=tuple(entropy),
        bias=bias,
        slope=first.slope,
    )


def product(matrix: Tensor, weight: Tensor) -> Tensor:
    """Merge the weights of two linear layers, (hidden, outputs) and (outputs, ...), to (hidden, ...).

    The result is equal on every machine: both are first rounded to 21 bits, in steps of a power of two, so that float64
    represents every sum and their order has no effect. Weights with 10 bits are not changed.
    """
    left, right = (_rounded_to_bits(values.flatten(1)) for values in (matrix, weight.flatten()[None]))
    return (left @ right.view(len(weight), -1)).view(len(matrix), *weight.shape[1:])


def _rounded_to_bits(rows: Tensor) -> Tensor:
    """Round each row to multiples of a power of two, at most 2^20 of them."""
    exponents = torch.frexp(rows.abs().amax(1, keepdim=True)).exponent - 20
    step = torch.ldexp(torch.ones((), dtype=torch.float64), exponents.double())
    return (rows / step).round() * step


def _layers(part: nn.Sequential) -> list[Linear]:
    layers: list[Linear] = []
    for layer in part:
        if isinstance(layer, nn.LeakyReLU):
            last = layers.pop()
            layers.append(Linear(last.weight, last.bias, last.spread, layer.negative_slope))
        else:
            layers.append(_linear(layer))
    return layers


def _linear(layer: nn.Module) -> Linear:
    if isinstance(layer, nn.Sequential) and len(layer) == 2 and isinstance(layer[1], nn.PixelShuffle):
        shuffle = layer[1]
        inner = _linear(layer[0])
        return Linear(inner.weight, inner.bias, int(shuffle.upscale_factor))
    if SubpixelConv2d.fits(layer):
        ours = SubpixelConv2d(layer)
        # The outputs are ordered by pixel and channel; a pixel shuffle needs the order of channel and pixel.
        order = torch.arange(4 * ours.outputs).view(4, ours.outputs).t().flatten()
        return Linear(ours.weight[order].double(), ours.bias[order].double(), 2)
    if isinstance(layer, nn.Conv2d) and layer.stride == (1, 1) and layer.padding[0] == layer.kernel_size[0] // 2:
        return Linear(layer.weight.double(), cast("Tensor", layer.bias).double())
    raise UsageError(f"fixed point does not support the layer {layer}")


MARGIN = 1.5
"""Range of 8 bits relative to the observed range: clipping costs more than a coarser step."""

GRID = 16
"""Units of latents per 1: means are multiples of 1/16."""

SUM_LIMIT = (1 << 31) - 1
FINENESS = 1 << 10
"""Maximum number of units of the context's sums per unit of the hyperprior's."""

DAMPING = 0.01
"""Relative increase of the inputs' mean square, which avoids large weights for inputs that were not observed."""

_BLOCK = 128


@dataclass(frozen=True, slots=True)
class Seen:
    """Decoded latents of photographs, in float64."""

    z: Tensor
    """z_hat, (B, N, h/4, w/4)"""
    y: Tensor
    """y_hat, (B, M, h, w)"""


@dataclass(frozen=True, slots=True)
class _Activations:
    """Activations between two layers, in floats and in 8 bits."""

    exact: Tensor
    """Activations of the float network, (B, C, h, w)."""
    integers: Tensor
    """Activations of the integer network, (B, C, h, w)."""
    steps: Tensor
    """Value of 1 in integers, (C)."""


@torch.no_grad()
def calibrated(model: LearnedModel, seen: Seen, outputs: Outputs) -> Network:
    """Convert a model with hyperprior and context model to integers, given latents of training photographs.

    Raises:
        UsageError: the model has unsupported layers.
    """
    floats = linear_network(model)
    z, z_entry = _entered(seen.z)
    y, y_entry = _entered(seen.y)
    hyper = []
    for layer in floats.hyper[:-1]:
        quantised, z = _hidden(layer, z)
        hyper.append(quantised)
    context, last, values = _first(floats, z, y, model.config.kernel)
    entropy = []
    for layer in floats.entropy[:-1]:
        quantised, values = _hidden(layer, values)
        entropy.append(quantised)
    medians = cast("Tensor", model.entropy_bottleneck.quantiles)[:, 0, 1]
    return Network(
        grid=GRID,
        medians=(medians * GRID).round().int(),
        z_entry=z_entry,
        y_entry=y_entry,
        hyper=(*hyper, last),
        context=context,
        entropy=(*entropy, _last(floats.entropy[-1], values, outputs)),
        output_grids=outputs.grids.int(),
        lookups=outputs.lookups,
    )


def rescaling(factor: Tensor, slope: float, low: Tensor, high: Tensor) -> Rescaling:
    """Return the rescaling nearest to given factors (channels), times `slope` for negative sums.

    Raises:
        ValueError: a factor is too large.
    """
    exponent = torch.frexp(factor.double())[1]  # factor = (1/2 to 1) * 2^exponent
    shift = (MULTIPLIER_BITS - exponent).clamp_max(MAX_SHIFT)
    if int(shift.min()) < 1:
        raise ValueError(f"a factor of {float(factor.max()):g} is too large")
    power = torch.ldexp(torch.ones((), dtype=torch.float64), shift.double())
    limit = (1 << MULTIPLIER_BITS) - 1
    multiplier = (factor * power).round().clamp_max(limit).int()
    leak = multiplier if slope == 1 else (factor * slope * power).round().int()
    return Rescaling(multiplier, leak, shift.int(), low.round().int(), high.round().int())


def _span(values: Tensor, units: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return steps of channels for MARGIN times the range of values (B, C, h, w), and the bounds in steps.

    No step is finer than the units of the sums.
    """
    rows = MARGIN * values.transpose(0, 1).flatten(1)
    low, high = rows.amin(1).clamp_max(0), rows.amax(1).clamp_min(0)
    steps = torch.maximum((high - low) / (ACTIVATION_LEVELS - 1), units)
    least = (low / steps).round()
    return steps, least, least + ACTIVATION_LEVELS - 1


def _entered(latents: Tensor) -> tuple[_Activations, Rescaling]:
    """Convert latents to 8 bits."""
    steps, low, high = _span(latents, torch.tensor(1 / GRID, dtype=torch.float64))
    entry = rescaling(1 / (GRID * steps), 1, low, high)
    units = (latents * GRID).round()
    return _Activations(latents, _applied(entry, units), steps), entry


def _applied(entry: Rescaling, sums: Tensor) -> Tensor:
    """Rescale sums with channels along the second dimension."""
    return entry.ready()(sums.transpose(1, -1)).transpose(1, -1)


def _quantised(weight: Tensor, inputs: Tensor, finest: float | Tensor = 0.0) -> tuple[Tensor, Tensor]:
    """Return integers for weights (outputs, inputs), given inputs (n, inputs), and the steps of the outputs."""
    units = weight_steps(weight).clamp_min(torch.as_tensor(finest, dtype=torch.float64))
    return rounded(weight / units[:, None], second_moments(inputs)), units


def _convolved(layer: Linear, values: _Activations) -> tuple[Tensor, Tensor, Tensor]:
    """Return the integer weights of a layer, their steps, and the sums without bias."""
    kernel = layer.weight.shape[-1]
    folded = (layer.weight * values.steps.view(1, -1, 1, 1)).flatten(1)
    columns = F.unfold(values.integers, kernel, padding=kernel // 2).transpose(1, 2).flatten(0, 1)
    weight, units = _quantised(folded, columns)
    weight = weight.view(layer.weight.shape)
    return weight, units, F.conv2d(values.integers, weight, padding=kernel // 2)


def _centred(exact: Tensor, sums: Tensor, units: Tensor) -> Tensor:
    """Return the bias, in units, that gives sums (B, C, h, w), in units, the mean of the exact ones."""
    return ((exact - sums * units.view(1, -1, 1, 1)).mean((0, 2, 3)) / units).round()


def _hidden(layer: Linear, values: _Activations) -> tuple[Layer, _Activations]:
    weight, units, sums = _convolved(layer, values)
    exact = layer.sums(values.exact)
    bias = _centred(exact, sums, units)
    finished, activations = _finished(layer, exact, sums + bias.view(1, -1, 1, 1), units)
    return Layer(weight.to(torch.int8), bias.int(), finished, layer.spread), activations


def _finished(layer: Linear, exact: Tensor, sums: Tensor, units: Tensor) -> tuple[Rescaling, _Activations]:
    """Return the rescaling from sums to activations of 8 bits, and the activations."""
    outputs = layer.finished(exact)
    each = layer.spread**2
    steps, low, high = _span(outputs, units.view(-1, each).amax(1))
    by_sum = [values.repeat_interleave(each) for values in (steps, low, high)]
    finished = rescaling(units / by_sum[0], layer.slope, by_sum[1], by_sum[2])
    integers = F.pixel_shuffle(_applied(finished, sums), layer.spread)
    return finished, _Activations(outputs, integers, steps)


def _first(floats: LinearNetwork, z: _Activations, y: _Activations, kernel: int) -> tuple[Layer, Layer, _Activations]:
    """Convert the first entropy layer: parts for context and hyperprior, in the same units, and activations."""
    hyper_weights, own, hyper_sums = _convolved(floats.hyper[-1], z)
    # If the context has little effect, its sums need not be much finer than those of the hyperprior.
    finest = own / FINENESS
    weight, units = _quantised((floats.context * y.steps).flatten(1), _neighbours(y.integers, kernel), finest)
    limit = torch.full_like(own, SUM_LIMIT)
    into = rescaling(own / units, 1, -limit, limit)
    hyper = Layer(hyper_weights.to(torch.int8), torch.zeros_like(own).int(), into, 1)

    def context(values: Tensor, matrix: Tensor) -> Tensor:
        sums = _neighbours(values, kernel) @ matrix.t()
        return sums.view(values.shape[0], *values.shape[2:], -1).permute(0, 3, 1, 2)

    exact = context(y.exact, floats.context.flatten(1)) + floats.hyper[-1].sums(z.exact) + floats.bias.view(1, -1, 1, 1)
    sums = context(y.integers, weight) + _applied(into, hyper_sums)
    bias = _centred(exact, sums, units)
    layer = Linear(floats.context, floats.bias, slope=floats.slope)
    finished, activations = _finished(layer, exact, sums + bias.view(1, -1, 1, 1), units)
    return Layer(weight.view(floats.context.shape).to(torch.int8), bias.int(), finished, 1), hyper, activations


def _neighbours(values: Tensor, kernel: int) -> Tensor:
    """Return the causal neighbours of each position, (positions, taps C), taps in raster order."""
    batch, channels = values.shape[:2]
    columns = F.unfold(values, kernel, padding=kernel // 2).view(batch, channels, kernel * kernel, -1)
    return columns[:, :, causal_taps(kernel)].permute(0, 3, 2, 1).flatten(0, 1).flatten(1)


def _last(layer: Linear, values: _Activations, outputs: Outputs) -> Layer:
    weight, units, sums = _convolved(layer, values)
    bias = _centred(layer.sums(values.exact), sums, units)
    finished = rescaling(units * outputs.grids, 1, outputs.low.double(), outputs.high.double())
    return Layer(weight.to(torch.int8), bias.int(), finished, 1)


def weight_steps(weight: Tensor) -> Tensor:
    """Return the step of each output's weights (outputs, inputs), whose largest weight is WEIGHT_LIMIT steps."""
    largest = weight.abs().amax(1)
    return (largest / WEIGHT_LIMIT).clamp_min(float(largest.max()) * 1e-6 + 1e-30)


def second_moments(inputs: Tensor) -> Tensor:
    """Return the damped second moments of inputs (n, inputs) for `rounded`, in float64."""
    inputs = inputs.double()
    moments = inputs.t() @ inputs / len(inputs)
    damping = DAMPING * float(moments.diagonal().mean()) + 1e-9
    moments.diagonal().add_(damping)
    return moments


def rounded(weight: Tensor, moments: Tensor) -> Tensor:
    """Round float64 weights (outputs, inputs), in units of their steps, with the smallest change of the sums."""
    weight = weight.clone()
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(moments))
    factor = torch.linalg.cholesky(inverse, upper=True)
    result = torch.empty_like(weight)
    inputs = weight.shape[1]
    for start in range(0, inputs, _BLOCK):
        end = min(start + _BLOCK, inputs)
        errors = torch.empty(weight.shape[0], end - start, dtype=weight.dtype)
        for column in range(start, end):
            result[:, column] = weight[:, column].round().clamp_(-WEIGHT_LIMIT, WEIGHT_LIMIT)
            error = (weight[:, column] - result[:, column]) / factor[column, column]
            weight[:, column:end] -= error[:, None] * factor[column, column:end]
            errors[:, column - start] = error
        weight[:, end:] -= errors @ factor[start:end, end:]
    return result
