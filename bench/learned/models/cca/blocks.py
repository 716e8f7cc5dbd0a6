"""Feature attention blocks: a change of resolution, residual channel attention, and attention of each position.

All of this is our choice but for the order and the names: kernels, activations (leaky rectifiers, which a CPU trains
faster than PReLU), the reduction of the channel attention, the layers of the mask. The way past all residual branches
is linear. With a rectifier behind each change of resolution the loss was half as high again after 500 steps, and twice
that of `joint-yuv` after 6,000: each attenuates half of its signal, where joint's divisive normalisation lets all pass.

Transposed convolutions have the form of sub-pixel ones, which can be computed in bands. A U-FAB mirrors a D-FAB: its
attention works before the upsampling, at a quarter of the cost.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it

_SLOPE = 0.1
_REDUCTION = 4


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    """A convolution that keeps height and width."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def halving(inputs: int, outputs: int) -> nn.Conv2d:
    """A convolution with stride 2."""
    return nn.Conv2d(inputs, outputs, 5, stride=2, padding=2)


def activation() -> nn.Module:
    """The rectifier inside the residual branches."""
    return nn.LeakyReLU(_SLOPE)


class ResidualBlock(nn.Module):
    """x plus two convolutions of x."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv3x3(channels, channels), activation(), conv3x3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return x + cast("Tensor", self.body(x))


class ChannelAttention(nn.Module):
    """Each channel times a factor in (0, 1) that the means of all channels decide."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(1, channels // _REDUCTION)
        self.gate = nn.Sequential(
            nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return x * cast("Tensor", self.gate(x.mean((2, 3), keepdim=True)))


class ResidualChannelAttention(nn.Module):
    """RCA: two residual blocks and channel attention, around them one skip."""

    def __init__(self, channels: int, *, attention: bool = True) -> None:
        super().__init__()
        blocks: list[nn.Module] = [ResidualBlock(channels), ResidualBlock(channels)]
        self.body = nn.Sequential(*blocks, *([ChannelAttention(channels)] if attention else []))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return x + cast("Tensor", self.body(x))


class FeatureAttention(nn.Module):
    """FA: x plus a trunk times a mask in (0, 1), both of x: the attention of Cheng et al. 2020 in few layers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = max(1, channels // 2)
        self.trunk = nn.Conv2d(channels, channels, 1)
        self.mask = nn.Sequential(
            nn.Conv2d(channels, half, 1),
            activation(),
            conv3x3(half, half),
            activation(),
            nn.Conv2d(half, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return x + cast("Tensor", self.trunk(x) * self.mask(x))


def refinement(channels: int, *, attention: bool) -> list[nn.Module]:
    """RCA and FA; without attention the residual blocks alone."""
    blocks: list[nn.Module] = [ResidualChannelAttention(channels, attention=attention)]
    return [*blocks, FeatureAttention(channels)] if attention else blocks


class Doubling(nn.Module):
    """Twice the height and width, by a sub-pixel convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = conv3x3(inputs, 4 * outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, 2H, 2W)."""
        return F.pixel_shuffle(self.conv(x), 2)


def down_fab(change: nn.Module, channels: int, *, attention: bool) -> nn.Sequential:
    """D-FAB: a convolution to the channels and the resolution that it works at, then RCA and FA.

    That of a first block has no stride: chroma is at half size already, and so are the planes that luma comes as.
    """
    return nn.Sequential(change, *refinement(channels, attention=attention))


def up_fab(channels: int, change: nn.Module, *, attention: bool) -> nn.Sequential:
    """U-FAB: RCA and FA, then a convolution to the channels and resolution of what follows."""
    return nn.Sequential(*refinement(channels, attention=attention), change)
