"""ACEM: the filter after the decoder, guided by luma, which each file enables for luma and for chroma.

.. code-block:: none

    Y_hat, 4 planes --> enhance --> * A_i ---+--> guide of each plane ---> + --> enhance --> Y
          |                         ^        |                             ^
          +---- an attention -------+        |                         Y features
    U_hat, V_hat ------------------ ^        sum --> guide of chroma ----> + --> enhance --> U, V
          |                                                                ^
          +--> U, V features ----------------------------------------------+

Our choices: the filter has its own attention, of the same form as IGU's but trained on decoded pictures (the paper
reuses IGU's map); widths are N/8 channels per plane, as in the guidance of g_s; each enhancement has one residual
block; and the filter adds its output, initially 0, to its input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from compressai.layers import conv3x3
from torch import Tensor, nn

from bench.learned.models.cca.blocks import ResidualBlock
from bench.learned.models.cca.guidance import ComponentAttention, attended, guide_width
from bench.learned.models.planes import LUMA_PLANES

if TYPE_CHECKING:
    from bench.learned.models.config import ModelConfig


LUMA, CHROMA = 1, 2
"""Bits of the indicator, which has the filtered components."""


def choose(plain: Tensor, enhanced: Tensor, indicator: int) -> Tensor:
    """Combine filtered and unfiltered components of packed pictures (B, 6, h, w)."""
    luma, chroma = (enhanced if indicator & bit else plain for bit in (LUMA, CHROMA))
    return torch.cat((luma[:, :LUMA_PLANES], chroma[:, LUMA_PLANES:]), dim=1)


class Acem(nn.Module):
    """The filter for packed pictures (B, 6, h, w). It does not apply the indicator."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = guide_width(config)
        self.attention = ComponentAttention()
        self.luma_in, self.chroma_in = conv3x3(LUMA_PLANES, LUMA_PLANES * width), conv3x3(2, width)
        self.luma_guide = ResidualBlock(LUMA_PLANES * width)
        self.luma = nn.Sequential(ResidualBlock(LUMA_PLANES * width), conv3x3(LUMA_PLANES * width, LUMA_PLANES))
        self.chroma = nn.Sequential(ResidualBlock(width), conv3x3(width, 2))
        for last in (self.luma[-1], self.chroma[-1]):
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x_hat: Tensor) -> Tensor:
        """Return the picture with both components enhanced, in float32."""
        raw = x_hat[:, :LUMA_PLANES], x_hat[:, LUMA_PLANES:]
        luma = self.luma_in(raw[0])
        guides = attended(self.luma_guide(luma), self.attention(*raw))
        enhanced = self.luma(luma + guides.flatten(1, 2)), self.chroma(self.chroma_in(raw[1]) + guides.sum(1))
        return x_hat + torch.cat(enhanced, dim=1).float()
