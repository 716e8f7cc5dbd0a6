"""Computation of the distributions of y, which must be bit-identical in encoder and decoder.

Floating-point sums depend on their order, and the order on shapes, kernels and the number of threads. Both directions
therefore run the same code with the same shapes on one thread.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from bench.learned.coding.wavefront import causal_taps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.learned.models import LearnedModel


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch use one thread in the block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True, slots=True)
class ContextNetwork:
    """Context prediction and entropy parameters of an autoregressive model as matrices.

    The masked convolution becomes a product over its unmasked taps. The hyperprior's part of the first entropy layer
    does not depend on decoded latents and is computed once for all positions.
    """

    context: tuple[Tensor, Tensor]
    """Weights (taps M, 2M) and biases (2M)."""
    layers: tuple[tuple[Tensor, Tensor], ...]
    """Weights (in, out) and biases (out) of the 1x1 convolutions, the first without the hyperprior's part."""
    hyper: Tensor | None
    """Weights (2M, out) of the hyperprior's part of the first layer."""
    slope: float
    """Slope of the leaky ReLUs between the layers."""

    @classmethod
    def of(cls, model: LearnedModel) -> Self:
        """Create from a model."""
        causal = cast("nn.Conv2d", model.context_prediction)
        taps = causal.weight.detach().flatten(2)[..., causal_taps(model.config.kernel)]  # (2M, M, taps)
        matrix = taps.permute(2, 1, 0).reshape(-1, taps.shape[0]).contiguous()
        network = list(cast("nn.Sequential", model.entropy_parameters))
        layers = [_matrix(layer) for layer in network if isinstance(layer, nn.Conv2d)]
        slope = next(layer.negative_slope for layer in network if isinstance(layer, nn.LeakyReLU))
        (first, bias), *others = layers
        width = taps.shape[0]
        hyper = first[:-width].contiguous() if first.shape[0] > width else None
        layers = [(first[-width:].contiguous(), bias), *others]
        return cls((matrix, cast("Tensor", causal.bias).detach()), tuple(layers), hyper, slope)

    def prepare(self, params: Tensor | None, num_positions: int) -> Tensor:
        """Return the part of the first layer's output that does not depend on the context, (positions, out).

        `params` is the output of the hyperprior, (positions, 2M).
        """
        bias = self.layers[0][1]
        if self.hyper is None or params is None:
            return bias.expand(num_positions, -1)
        return torch.addmm(bias, params, self.hyper)

    def __call__(self, neighbours: Tensor, prepared: Tensor) -> Tensor:
        """Return the entropy parameters (n, 2M) of positions, given their context (n, taps M) and the prepared part."""
        matrix, bias = self.context
        features = torch.addmm(bias, neighbours, matrix)
        hidden = torch.addmm(prepared, features, self.layers[0][0])
        for matrix, bias in self.layers[1:]:
            hidden = torch.addmm(bias, F.leaky_relu_(hidden, self.slope), matrix)
        return hidden


def _matrix(layer: nn.Conv2d) -> tuple[Tensor, Tensor]:
    return layer.weight.detach()[..., 0, 0].t().contiguous(), cast("Tensor", layer.bias).detach()
