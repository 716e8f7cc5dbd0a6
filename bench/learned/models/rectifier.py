"""Quantization rectifier: a network between entropy decoder and synthesis that reduces the quantisation error.

Luo and Chen 2023, arXiv 2403.17236. The paper's text was not available; the layers are those of the authors' code
(luowei2018/CompressAI at 1157b0b, class `Unet`, which is not a U-Net), without its unused time embedding. With a width
of 512, the number of parameters is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

from bench.learned.models.quantization import straight_through
from bench.system.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.learned.models.base import LearnedModel, Output
    from bench.learned.models.quantization import Quantization

COMPACT_WIDTH = 96
"""Width of the package's rectifiers; the authors use 512."""

HEADS, HEAD_WIDTH = 4, 32
GROUPS = 8
END_WIDTH = 64
"""Output channels of the last residual block, for all widths."""

WINDOW = 64
"""Maximum side of an attention window, in latents (1024 pixels). Smaller pictures have global attention."""


class Rectifier(nn.Module):
    """Network that adds an estimate of the quantisation error to the decoded latents.

    .. code-block:: none

           y_hat ---> conv 7x7 ---+---> residual block ---> attention ---> residual block ---> concat
             |                    |                                                              |
             |                    +--------------------------------------------------------------+---> residual block
             |                                                                                               |
             |                                                                                           conv 1x1
             |                                                                                               |
             +---------------------------------------------------------------------------------------------> + ---> y

    y_hat and the rectified latents are (B, M, h, w). The last convolution is initialised to 0, so that an untrained
    rectifier changes nothing; the authors' is random. As for all latents, the output is float32 even under autocast.

    Args:
        channels: M.
        width: number of inner channels, a multiple of `GROUPS`.
    """

    def __init__(self, channels: int, width: int = COMPACT_WIDTH) -> None:
        super().__init__()
        self.channels, self.width = channels, width
        self.first = nn.Conv2d(channels, width, 7, padding=3)
        self.before = NormalizedResidualBlock(width, width)
        self.attention = SelfAttention(width)
        self.after = NormalizedResidualBlock(width, width)
        self.join = NormalizedResidualBlock(2 * width, END_WIDTH)
        self.last = nn.Conv2d(END_WIDTH, channels, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(cast("Tensor", self.last.bias))

    def forward(self, y_hat: Tensor) -> Tensor:
        """Return the rectified latents."""
        features = self.first(y_hat)
        deep = self.after(self.attention(self.before(features)))
        end = self.join(torch.cat((deep, features), dim=1))
        with torch.autocast(y_hat.device.type, enabled=False):
            rectified: Tensor = y_hat.float() + self.last(end.float())
        return rectified


Synthesis = Literal["rectified", "detached", "unrectified", "none"]
"""Input of g_s in training, which determines what the distortion trains.

rectified    the rectified latents: the distortion also trains the rectifier
detached     the same, but the gradient of the distortion bypasses the rectifier, as in the authors' code
unrectified  the latents before the rectifier, which only the feature term trains
none         no synthesis
"""


@dataclass(frozen=True, slots=True)
class GradientRouting:
    """Gradient routing of distortion and feature term through a codec with a rectifier.

    Raises:
        UsageError: the synthesis is unknown.
    """

    synthesis: Synthesis = "rectified"
    encoder_learns_features: bool = False
    """Whether the gradient of the feature term reaches g_a and the entropy model, or stops at the latents."""

    def __post_init__(self) -> None:
        if self.synthesis not in get_args(Synthesis):
            raise unknown("synthesis", self.synthesis, get_args(Synthesis))


class Rectified(nn.Module):
    """A codec with a rectifier between entropy decoder and synthesis; encoder and entropy model are unchanged.

    With `nn.Identity` as rectifier, the synthesis alone can be trained.

    Args:
        codec: a model of any family.
        rectifier: module from latents to latents.
        gradient_routing: gradient routing in training; in evaluation, g_s always gets the rectified latents.
    """

    def __init__(
        self, codec: LearnedModel, rectifier: nn.Module, gradient_routing: GradientRouting | None = None
    ) -> None:
        super().__init__()
        self.codec, self.rectifier, self.gradient_routing = codec, rectifier, gradient_routing or GradientRouting()

    def forward(self, x: Tensor, mode: Quantization | None = None) -> Output:
        """Return the output of `LearnedModel`, with the latents before quantisation and after rectification."""
        y = self.codec.g_a(x)
        y_hat, likelihoods = self.codec.entropy(y, mode)
        x_hat, rectified = self.decode(y_hat)
        y = y if self.gradient_routing.encoder_learns_features else y.detach()
        return {"x_hat": x_hat, "likelihoods": likelihoods, "y": y, "rectified": rectified}

    def decode(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Return the picture of decoded latents, and the rectified latents for the feature term."""
        stops = latents.requires_grad and not self.gradient_routing.encoder_learns_features
        rectified = self.rectifier(latents.detach() if stops else latents)
        synthesis = self.gradient_routing.synthesis if self.training else "rectified"
        if synthesis == "none":
            return rectified.new_zeros(()), rectified
        if synthesis == "rectified":
            seen = self.rectifier(latents) if stops else rectified
        else:
            seen = latents if synthesis == "unrectified" else straight_through(latents, rectified)
        return self.codec.g_s(seen), rectified

    def aux_loss(self) -> Tensor:
        """Return the auxiliary loss of the codec."""
        return self.codec.aux_loss()


class StandardizedConv2d(nn.Conv2d):
    """A convolution with weights of mean 0 and variance 1 per output channel (Qiao et al. 2019, arXiv 1903.10520)."""

    eps = 1e-5

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x with the standardised weights."""
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), correction=0, keepdim=True)
        weight = (self.weight - mean) * (variance + self.eps).rsqrt()
        features: Tensor = self._conv_forward(x, weight, self.bias)
        return features


class NormalizedResidualBlock(nn.Module):
    """Two standardised 3x3 convolutions with group normalisation and SiLU, and a skip (1x1 if the widths differ)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        layers = ((in_channels, out_channels), (out_channels, out_channels))
        self.layers = nn.Sequential(*(layer for sides in layers for layer in _normalised(*sides)))
        self.skip = nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, out_channels, h, w)."""
        return cast("Tensor", self.layers(x) + self.skip(x))


def _normalised(in_channels: int, out_channels: int) -> Iterable[nn.Module]:
    conv = StandardizedConv2d(in_channels, out_channels, 3, padding=1)
    return conv, nn.GroupNorm(GROUPS, out_channels), nn.SiLU()


class SelfAttention(nn.Module):
    """Self-attention over all positions, with normalisation before it and a skip.

    Time and memory grow with the square of the number of positions. Pictures with a side of more than `WINDOW` latents
    are therefore split into windows of at most this size, as equal as possible, with attention within each.
    """

    def __init__(self, channels: int, window: int = WINDOW) -> None:
        super().__init__()
        self.window = window
        self.norm = nn.LayerNorm(channels, bias=False)
        self.to_qkv = nn.Conv2d(channels, 3 * HEADS * HEAD_WIDTH, 1, bias=False)
        self.to_out = nn.Conv2d(HEADS * HEAD_WIDTH, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the same shape (B, C, h, w)."""
        normalised = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        down, across = self._cuts(x.shape)
        rows = self.to_qkv(normalised).tensor_split(down, dim=2)
        seen = [[_attend(window) for window in row.tensor_split(across, dim=3)] for row in rows]
        return x + cast("Tensor", self.to_out(torch.cat([torch.cat(row, dim=3) for row in seen], dim=2)))

    def windows(self, shape: torch.Size) -> list[int]:
        """Return the number of positions in each window, for features of shape (B, C, h, w)."""
        down, across = self._cuts(shape)
        rows, columns = torch.arange(shape[2]).tensor_split(down), torch.arange(shape[3]).tensor_split(across)
        return [len(row) * len(column) for row in rows for column in columns]

    def _cuts(self, shape: torch.Size) -> tuple[int, int]:
        """Return the number of windows along height and width."""
        return -(-shape[2] // self.window), -(-shape[3] // self.window)


def _attend(qkv: Tensor) -> Tensor:
    """Apply attention within a window: (B, 3 * hidden, h, w) to (B, hidden, h, w)."""
    batch, _, height, width = qkv.shape
    heads = qkv.reshape(batch, 3, HEADS, HEAD_WIDTH, height * width).transpose(-1, -2)
    q, k, v = (part.contiguous() for part in heads.unbind(1))
    seen = F.scaled_dot_product_attention(q, k, v)
    return seen.transpose(-1, -2).reshape(batch, HEADS * HEAD_WIDTH, height, width)
