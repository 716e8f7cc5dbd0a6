"""One model for several lambdas, which can be folded into a plain model for each.

Gained VAE (Cui et al. 2021, arXiv 2003.02012): all lambdas share the sub-networks. Each lambda has its own quantisation
step for every channel, through a learned gain before rounding and another one after it. A gain next to a convolution
can be folded into its weights, so that the plain model of a lambda computes the same as the gained one.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, cast

import torch
from compressai.layers import AttentionBlock, ResidualBlock
from torch import Tensor, nn
from torch.func import functional_call

from bench.learned.models.mixture import MixtureModel
from bench.learned.models.parts import TRANSFORMS
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.learned.models.base import LearnedModel, Output
    from bench.learned.models.quantization import Quantization

ROUNDING = 2.0**-9
"""Tolerance for parameters that were rounded to float16 twice."""

_Factor = tuple[str, int, Tensor]
"""A sub-network, its first (0) or last (-1) convolution, and factors of its inputs or outputs, respectively."""


class Gained(nn.Module):
    """A codec with gains for each of several lambdas.

    .. code-block:: none

           g_a --+--> * gain --> Q --> * inverse --+--> g_s
                 |                                 +--> context model
                 +--> h_a --> * z_gain --> Q --> * z_inverse --> h_s --> (entropy parameters) --> * gain

    For all lambdas, hyperprior, context model and entropy parameters work on latents in the units of g_a. Gains are
    positive, (lambdas, channels). Parameters are their logarithms, those of inverse gains relative to the reciprocals
    of the gains.

    Args:
        codec: a model of any family; attn only if M differs from N.
        lambdas: lambda of each set of gains.
        reference: the lambda that the codec's weights were trained for, with initial gains of 1. Other gains are
            initialised in proportion to the square root of lambda, which is optimal for fine quantisation.

    Raises:
        UsageError: gains cannot be folded into this model.
    """

    def __init__(self, codec: LearnedModel, lambdas: Sequence[float], reference: float) -> None:
        super().__init__()
        M, N = codec.config.M, codec.config.N  # noqa: N806 - the papers' names
        if codec.config.family == "attn" and M == N:
            raise UsageError("attn supports gains for several qualities only if M differs from N; choose another --M")
        self.codec = codec
        start = torch.tensor([0.5 * math.log(lmbda / reference) for lmbda in lambdas])
        self.gain = nn.Parameter(start[:, None].repeat(1, M))
        self.inverse = nn.Parameter(torch.zeros(len(lambdas), M))
        if hasattr(codec, "h_a"):
            self.z_gain = nn.Parameter(torch.zeros(len(lambdas), N))
            self.z_inverse = nn.Parameter(torch.zeros(len(lambdas), N))

    def forward(self, x: Tensor, which: Tensor, mode: Quantization | None = None) -> Output:
        """Return the codec's output at the lambda of index `which`, a tensor so that one graph is compiled for all."""
        return cast("Output", functional_call(self.codec, self.folded(which), (x, mode)))

    def folded(self, which: Tensor) -> dict[str, Tensor]:
        """Return the parameters of the plain model at a lambda that differ from the codec's, by name."""
        return _multiplied(self.codec, self._factors(which))

    @torch.no_grad()
    def plain(self, which: int) -> LearnedModel:
        """Return the plain model at a lambda, a new model in evaluation mode."""
        return _with(self.codec, self.folded(self._index(which)))

    @torch.no_grad()
    def beside(self, model: LearnedModel, whose: int, which: int) -> LearnedModel:
        """Compute the plain model at lambda `which` from the plain model at lambda `whose`, with rounded parameters.

        Convolutions of the two differ only by one factor per channel, so that delta weights are small.
        """
        ours, theirs = (self._factors(self._index(index)) for index in (which, whose))
        ratios = [(part, end, mine / other) for (part, end, mine), (_, _, other) in zip(ours, theirs, strict=True)]
        return _with(model, _multiplied(model, ratios))

    @torch.no_grad()
    def take_transforms(self, which: int, plain: LearnedModel) -> bool:
        """Take the gains of y from the transforms of the plain model at a lambda; return whether these match.

        They match if they equal those of the codec up to one factor per channel of y and the rounding of weights files.
        The plain model may be of another family.
        """
        own = dict(self.codec.named_parameters())
        found = {name: value for name, value in plain.named_parameters() if name.partition(".")[0] in TRANSFORMS}
        if any(name not in own or own[name].shape != value.shape for name, value in found.items()):
            return False
        gain = _norms(plain, "g_a", -1) / _norms(self.codec, "g_a", -1)
        shrink = _norms(plain, "g_s", 0) / _norms(self.codec, "g_s", 0)
        expected = {**own, **_multiplied(self.codec, [("g_a", -1, gain), ("g_s", 0, shrink)])}
        for name, value in found.items():
            tolerance = ROUNDING * float(value.abs().max())
            if not torch.allclose(value, expected[name], rtol=ROUNDING, atol=tolerance):
                return False
        self.gain[which] = gain.log()
        self.inverse[which] = (shrink * gain).log()
        return True

    def _index(self, which: int) -> Tensor:
        return torch.tensor(which, device=self.gain.device)

    def _factors(self, which: Tensor) -> list[_Factor]:
        """Return the factors of the sub-networks for the gains of a lambda."""
        gain, shrink = _row(self.gain, which), _row(self.inverse, which)
        factors: list[_Factor] = [("g_a", -1, gain.exp()), ("g_s", 0, (shrink - gain).exp())]
        if hasattr(self.codec, "context_prediction"):
            factors.append(("context_prediction", 0, (shrink - gain).exp()))
        if hasattr(self.codec, "h_a"):
            z_gain, z_shrink = _row(self.z_gain, which), _row(self.z_inverse, which)
            factors += [("h_a", 0, (-gain).exp()), ("h_a", -1, z_gain.exp()), ("h_s", 0, (z_shrink - z_gain).exp())]
        predicts = next((part for part in ("entropy_parameters", "h_s") if hasattr(self.codec, part)), None)
        return factors if predicts is None else [*factors, (predicts, -1, self._of_parameters(predicts, gain.exp()))]

    def _of_parameters(self, part: str, gain: Tensor) -> Tensor:
        """Return the factors of the outputs: scales, means if there are any, and the logits of a mixture."""
        _, last = _ends(self.codec, part)[-1]
        times = len(cast("Tensor", last.bias)) // len(gain)
        if not isinstance(self.codec, MixtureModel):
            return gain.repeat(times)
        return torch.cat((gain.repeat(2 * times // 3), torch.ones_like(gain).repeat(times // 3)))

    def aux_loss(self) -> Tensor:
        """Return the auxiliary loss of the codec."""
        return self.codec.aux_loss()


def _with(codec: LearnedModel, parameters: dict[str, Tensor]) -> LearnedModel:
    """Copy a codec, with other values for some parameters."""
    model: LearnedModel = copy.deepcopy(codec).eval()
    ours = dict(model.named_parameters())
    for name, value in parameters.items():
        ours[name].copy_(value)
    return model


def _multiplied(codec: LearnedModel, factors: Sequence[_Factor]) -> dict[str, Tensor]:
    """Return the parameters that change if inputs or outputs of a codec's sub-networks are multiplied."""
    found: dict[str, Tensor] = {}
    for part, end, factor in factors:
        name, layer = _end(codec, part, end)
        multiplied = _scaled if end else _fed
        outermost, block = _ends(codec, part)[end]
        if isinstance(block, AttentionBlock):
            found |= _between(outermost, block, factor if end else 1 / factor)
        found |= multiplied(name, layer, factor)
    return found


def _norms(codec: LearnedModel, part: str, end: int) -> Tensor:
    """Return the norm of the weights of each input (end 0) or output (end -1) channel of a sub-network."""
    _, layer = _end(codec, part, end)
    layer = layer.conv1 if isinstance(layer, ResidualBlock) else layer
    axis = 0 if bool(end) != isinstance(layer, nn.ConvTranspose2d) else 1
    norms: Tensor = torch.linalg.vector_norm(cast("Tensor", layer.weight).movedim(axis, 0).flatten(1), dim=1)
    return norms


def _row(table: Tensor, which: Tensor) -> Tensor:
    # Indexing with a 0-dimensional tensor would yield a number, and compile a graph for each one.
    return table.index_select(0, which.view(1))[0]


def _ends(codec: LearnedModel, part: str) -> list[tuple[str, nn.Module]]:
    """Return the layers of a sub-network that have parameters, with names: convolutions, and blocks with skips."""
    return list(_layers(part, codec.get_submodule(part)))


def _end(codec: LearnedModel, part: str, end: int) -> tuple[str, nn.Module]:
    """Return the layer into which factors at an end of a sub-network are folded.

    This is the outermost layer, or the one next to it if that is an attention block.
    """
    ends = _ends(codec, part)
    inner = end - 1 if end else 1
    return ends[inner if isinstance(ends[end][1], AttentionBlock) else end]


def _layers(name: str, layer: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(layer, nn.Sequential):
        for number, child in layer.named_children():
            yield from _layers(f"{name}.{number}", child)
    elif next(layer.parameters(), None) is not None:
        yield name, layer


def _scaled(name: str, layer: nn.Module, factor: Tensor) -> dict[str, Tensor]:
    """Return the parameters of a convolution with multiplied outputs."""
    weight, bias = cast("Tensor", layer.weight), cast("Tensor", layer.bias)
    across = (1, -1, 1, 1) if isinstance(layer, nn.ConvTranspose2d) else (-1, 1, 1, 1)
    return {f"{name}.weight": weight * factor.view(across), f"{name}.bias": bias * factor}


def _fed(name: str, layer: nn.Module, factor: Tensor) -> dict[str, Tensor]:
    """Return the parameters of a convolution, or of a residual block with one as skip, with multiplied inputs."""
    if isinstance(layer, ResidualBlock):
        return _fed(f"{name}.conv1", layer.conv1, factor) | _fed(f"{name}.skip", layer.skip, factor)
    across = (-1, 1, 1, 1) if isinstance(layer, nn.ConvTranspose2d) else (1, -1, 1, 1)
    return {f"{name}.weight": cast("Tensor", layer.weight) * factor.view(across)}


def _between(name: str, block: nn.Module, factor: Tensor) -> dict[str, Tensor]:
    """Return the parameters of an attention block that passes factors from its inputs to its outputs.

    Its residual units apply ReLU to the sum of their input and their convolutions' output, through which positive
    factors pass.
    """
    found: dict[str, Tensor] = {}
    for unit, layer in block.named_modules():
        path = f"{name}.{unit}"
        if unit.endswith("conv"):
            convolutions = cast("nn.Sequential", layer)
            found |= _fed(f"{path}.0", convolutions[0], 1 / factor)
            found |= _scaled(f"{path}.4", convolutions[4], factor)
        elif unit == "conv_b.3":
            found |= _fed(path, layer, 1 / factor)
    return found
