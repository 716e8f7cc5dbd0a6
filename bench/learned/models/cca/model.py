"""Models of YUV 4:2:0: that of Duan et al. 2023, and one of equal latents and entropy model without their ideas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compressai.layers import GDN
from compressai.models.utils import conv, deconv
from torch import nn

from bench.learned.models.cca.enhancement import Acem
from bench.learned.models.cca.transforms import analysis, synthesis
from bench.learned.models.mixture import MixtureModel

if TYPE_CHECKING:
    from bench.learned.models.config import ModelConfig

CHANNELS = 6
"""Channels of a packed picture."""


class Cca(MixtureModel):
    """Cross-component attention (Duan et al. 2023, IEEE TIP 10268865).

    forward() does not include the filter: `acem` is trained separately, after the codec.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, analysis(config), synthesis(config))
        for part in (self.g_a, self.g_s):
            _initialise(part)
        self.acem = Acem(config) if config.acem else None


class JointYuv(MixtureModel):
    """The joint model's transforms on packed pictures: a codec of RGB with only its input changed.

    Resolutions, widths and normalisations are those of the joint model; the outermost layers have no stride, because
    packed pictures have half the size. Latents and entropy model are those of `Cca`.
    """

    def __init__(self, config: ModelConfig) -> None:
        n, m = config.N, config.M
        g_a = [conv(CHANNELS, n, stride=1), GDN(n), conv(n, n), GDN(n), conv(n, n), GDN(n), conv(n, m)]
        inverse = [GDN(n, inverse=True) for _ in range(3)]
        g_s = [
            deconv(m, n),
            inverse[0],
            deconv(n, n),
            inverse[1],
            deconv(n, n),
            inverse[2],
            conv(n, CHANNELS, stride=1),
        ]
        super().__init__(config, nn.Sequential(*g_a), nn.Sequential(*g_s))


def _initialise(part: nn.Module) -> None:
    """Initialise weights as orthogonal, and residual branches with small values (our choice).

    A product of many random matrices keeps hardly half of the directions of its input: 26 of 64 channels of y stayed
    empty.
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
