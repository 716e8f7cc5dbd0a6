"""A start as a linear transform codec, instead of transforms with random weights.

Random transforms need thousands of steps to pass on what a linear one passes on from the first. So each stage of g_a
begins as the Karhunen-Loeve transform of the 2x2 positions that it halves, estimated from crops of the training
pictures behind the stages before it, and each stage of g_s as its transpose. GDN sees small numbers, and nearly leaves
them as they are. The gain of the last stage is that of the quantisation step that fine quantisation has at a lambda;
the entropy model begins with the standard deviation of each latent as its scale. Channels that a transform leaves over
keep random weights; g_s does not listen to them yet.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from bench.system.errors import UsageError

if TYPE_CHECKING:
    from bench.learned.models import LearnedModel

FAMILIES = ("factorized", "scale", "hyper", "context", "joint")
"""Those with the transforms of Balle et al. 2018: four strided convolutions with GDN between them."""

_STAGES = 4
_AMPLITUDE = 0.25
"""What features are multiplied by, so that GDN changes them little: each stage doubles what pixels have in common."""
_CENTRE = slice(2, 4)
"""The taps of a kernel of 5 that lie on the 2x2 positions which a stride of 2 makes one of."""
_SPREAD = 0.1
"""What the last weights of the entropy model are multiplied by, so that the biases count at first."""


@torch.no_grad()
def begin(codec: LearnedModel, x: Tensor, lmbda: float) -> None:
    """Make a codec with random weights a linear one.

    Args:
        codec: of one of the families `FAMILIES`.
        x: crops of training pictures, (B, 3, H, W).
        lmbda: weight of the distortion that the quantisation step is for.

    Raises:
        UsageError: a family with other transforms.
    """
    if codec.config.family not in FAMILIES:
        raise UsageError(f"--linear: {codec.config.family} has other transforms than {', '.join(FAMILIES)}")
    g_a, g_s = cast("nn.Sequential", codec.g_a), cast("nn.Sequential", codec.g_s)
    features, channels = x, x.shape[1]
    for stage in range(_STAGES):
        analysis = cast("nn.Conv2d", g_a[2 * stage])
        synthesis = cast("nn.ConvTranspose2d", g_s[2 * (_STAGES - 1 - stage)])
        gain = {0: _AMPLITUDE, _STAGES - 1: 1 / (_AMPLITUDE * quantization_step(lmbda))}.get(stage, 1.0)
        channels = _begin_stage(analysis, synthesis, features[:, :channels], gain)
        features = analysis(features)
        if stage < _STAGES - 1:
            features = g_a[2 * stage + 1](features)
    _begin_scales(codec, features)


def quantization_step(lmbda: float) -> float:
    """The step of an orthonormal transform of samples in 0..1 with the least rate-distortion loss, if it is a fine one.

    A coefficient adds step^2 / 12 to the squared errors of the three samples of a pixel, and -log2(step) bits.
    """
    return math.sqrt(18 / (lmbda * 255**2 * math.log(2)))


def _begin_stage(analysis: nn.Conv2d, synthesis: nn.ConvTranspose2d, features: Tensor, gain: float) -> int:
    """Make two stages the transform of some features and its inverse; how many channels it has."""
    channels = features.shape[1]
    mean, basis = _klt(F.pixel_unshuffle(features, 2), analysis.out_channels)
    kept = len(basis)
    analysis.weight[:kept] = 0
    analysis.weight[:kept, :channels, _CENTRE, _CENTRE] = gain * basis.view(kept, channels, 2, 2)
    cast("Tensor", analysis.bias)[:kept] = -gain * (basis @ mean)
    synthesis.weight[:kept] = 0
    synthesis.weight[kept:, :channels] = 0
    synthesis.weight[:kept, :channels, _CENTRE, _CENTRE] = basis.view(kept, channels, 2, 2) / gain
    cast("Tensor", synthesis.bias)[:channels] = mean.view(channels, 4).mean(1)
    return kept


def _klt(vectors: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """The mean of the channels of (B, C, H, W), and the eigenvectors (at most `most`, C) of their largest variances."""
    rows = vectors.permute(0, 2, 3, 1).flatten(0, 2).double()
    mean = rows.mean(0)
    _, basis = torch.linalg.eigh((rows - mean).T @ (rows - mean))
    return mean.float(), basis.flip(1)[:, :most].T.float()


def _begin_scales(codec: LearnedModel, y: Tensor) -> None:
    """Let the entropy model begin with the scales of the latents, where it has any, and means of 0."""
    part = next((name for name in ("entropy_parameters", "h_s") if hasattr(codec, name)), None)
    if part is None:
        return
    last = [layer for layer in codec.get_submodule(part) if isinstance(layer, nn.Conv2d)][-1]
    scales = y.transpose(0, 1).flatten(1).std(1)
    last.weight.mul_(_SPREAD)
    bias = cast("Tensor", last.bias)
    bias.zero_()
    bias[: len(scales)] = scales
