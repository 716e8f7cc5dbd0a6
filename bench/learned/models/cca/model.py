"""Models for YUV 4:2:0: that of Duan et al. 2023, and one with the same entropy model but without their ideas.

In the former, g_a and g_s have a branch for luma and one for chroma, joined by a core of 1x1 convolutions.

.. code-block:: none

    Y, 4 planes --> conv --+--> D-FAB --> D-FAB --> D-FAB --> D-FAB --+
                          IGU                                         fusion --> core --> y
    U, V ---------> conv --+--> FAB ----> D-FAB --> D-FAB --> D-FAB --+

                    +--> U-FAB --> U-FAB --> U-FAB --> U-FAB --+--> conv --> Y
    y_hat --> core --> split                                  IGU
                    +--> U-FAB --> U-FAB --> U-FAB --> FAB ----+--> conv --> U, V

The order is the paper's. Our choices are the widths (from fine to coarse a quarter, a half, three quarters of N, and N,
in both branches, and N/8 for the guidance), three layers in the core, and a mirrored guidance in the synthesis, with a
first estimate instead of the raw planes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from compressai.layers import GDN, conv3x3
from compressai.models.utils import conv, deconv
from torch import Tensor, nn

from bench.learned.models.cca.blocks import SubpixelUpsample, down_fab, up_fab
from bench.learned.models.cca.enhancement import Acem
from bench.learned.models.cca.guidance import GUIDES, guide_width
from bench.learned.models.mixture import MixtureModel
from bench.learned.models.planes import CHANNELS, LUMA_PLANES

if TYPE_CHECKING:
    from bench.learned.models.config import ModelConfig


class Cca(MixtureModel):
    """Cross-component attention (Duan et al. 2023, IEEE TIP 10268865).

    forward() does not include the filter `acem`, which is trained separately, after the codec.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, analysis(config), synthesis(config))
        for part in (self.g_a, self.g_s):
            _initialise(part)
        self.acem = Acem(config) if config.acem else None


class JointYuv(MixtureModel):
    """The joint model's transforms on packed pictures: an RGB codec with only its input changed.

    Resolutions, widths and normalisations are those of the joint model. The outermost layers have no stride, because
    packed pictures have half the size. Latents and entropy model are those of `Cca`.
    """

    def __init__(self, config: ModelConfig) -> None:
        n, m = config.N, config.M
        g_a = [conv(CHANNELS, n, stride=1), GDN(n), conv(n, n), GDN(n), conv(n, n), GDN(n), conv(n, m)]
        g_s = [deconv(m, n), GDN(n, inverse=True), deconv(n, n), GDN(n, inverse=True), deconv(n, n)]
        g_s += [GDN(n, inverse=True), conv(n, CHANNELS, stride=1)]
        super().__init__(config, nn.Sequential(*g_a), nn.Sequential(*g_s))


def widths(config: ModelConfig) -> tuple[int, int, int, int]:
    """Return the channels of a branch at 1/2, 1/4, 1/8 and 1/16 of the size of luma."""
    return config.N // 4, config.N // 2, 3 * config.N // 4, config.N


def analysis(config: ModelConfig) -> nn.Sequential:
    """Build g_a, from packed pictures (B, 6, h, w) to y (B, M, h/8, w/8)."""
    return nn.Sequential(BranchAnalysis(config), _core(2 * config.N, config.M, config.M))


def synthesis(config: ModelConfig) -> nn.Sequential:
    """Build g_s, from y_hat (B, M, h/8, w/8) to packed pictures (B, 6, h, w)."""
    return nn.Sequential(_core(config.M, config.M, 2 * config.N), BranchSynthesis(config))


def _core(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Build 1x1 convolutions with PReLUs that are initially linear, as are the blocks around them (our choice)."""
    return nn.Sequential(
        nn.Conv2d(inputs, hidden, 1),
        nn.PReLU(init=1.0),
        nn.Conv2d(hidden, hidden, 1),
        nn.PReLU(init=1.0),
        nn.Conv2d(hidden, outputs, 1),
    )


class BranchAnalysis(nn.Module):
    """The two branches of g_a, up to the fusion, which concatenates their channels."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels = widths(config)
        fine, guided, options = channels[0], guide_width(config), {"attention": config.attention}

        def coarser() -> list[nn.Module]:
            return [down_fab(conv(*pair), pair[1], **options) for pair in pairwise(channels)]

        self.luma_in, self.chroma_in = conv3x3(LUMA_PLANES, LUMA_PLANES * guided), conv3x3(2, guided)
        self.guide = GUIDES[config.guide]()
        # The first block of either branch has no stride, because packed pictures have half the size already.
        self.luma = nn.Sequential(down_fab(conv3x3(LUMA_PLANES * guided, fine), fine, **options), *coarser())
        self.chroma = nn.Sequential(down_fab(conv3x3(guided, fine), fine, **options), *coarser())

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 6, h, w) to (B, 2N, h/8, w/8)."""
        raw = x[:, :LUMA_PLANES], x[:, LUMA_PLANES:]
        luma, chroma = self.guide(raw, (self.luma_in(raw[0]), self.chroma_in(raw[1])))
        return torch.cat((self.luma(luma), self.chroma(chroma)), dim=1)


class BranchSynthesis(nn.Module):
    """The two branches of g_s, from the split."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        channels = widths(config)[::-1]
        fine, guided, options = channels[-1], guide_width(config), {"attention": config.attention}

        def finer() -> list[nn.Module]:
            return [up_fab(pair[0], SubpixelUpsample(*pair), **options) for pair in pairwise(channels)]

        self.luma = nn.Sequential(*finer(), up_fab(fine, conv3x3(fine, LUMA_PLANES * guided), **options))
        self.chroma = nn.Sequential(*finer(), up_fab(fine, conv3x3(fine, guided), **options))
        self.guide = GUIDES[config.guide]()
        self.luma_out, self.chroma_out = conv3x3(LUMA_PLANES * guided, LUMA_PLANES), conv3x3(guided, 2)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, 2N, h/8, w/8) to (B, 6, h, w), in float32."""
        halves = features.chunk(2, dim=1)
        luma, chroma = self.luma(halves[0]), self.chroma(halves[1])
        return torch.cat(self._out(*self.guide(self._out(luma, chroma), (luma, chroma))), dim=1)

    def _out(self, luma: Tensor, chroma: Tensor) -> tuple[Tensor, Tensor]:
        # bfloat16 is too coarse for a picture.
        with torch.autocast(luma.device.type, enabled=False):
            return self.luma_out(luma.float()), self.chroma_out(chroma.float())


def _initialise(part: nn.Module) -> None:
    """Initialise weights as orthogonal, and residual branches with small values (our choice).

    A product of many random matrices preserves barely half of the directions of its input: 26 of 64 channels of y
    remained empty.
    """
    for name, layer in part.named_modules():
        if not isinstance(layer, nn.Conv2d) or layer.bias is None or name.endswith("query"):
            continue
        if name.endswith("_out"):
            layer.weight.data.mul_(0.1)
            layer.bias.data.fill_(0.5)
            continue
        nn.init.orthogonal_(layer.weight)
        nn.init.constant_(layer.bias, -2.0 if name.endswith("gate.2") else 0.0)
        if name.endswith(("body.2", "trunk")):
            layer.weight.data.mul_(0.1)
