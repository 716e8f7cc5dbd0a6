"""Feature attention blocks: a change of resolution, residual channel attention, and spatial attention.

Except for the order and the names, all details are our choice: kernels, activations (leaky ReLU, which trains faster on
a CPU than PReLU), the reduction of the channel attention, and the layers of the mask. The path around all residual
branches is linear. With an activation after each change of resolution, the loss was 1.5 times as high after 500 steps,
and twice that of `joint-yuv` after 6,000: each activation attenuates half of the signal, whereas GDN in joint does not.

Upsampling is by sub-pixel convolutions, which can be computed in row tiles. A U-FAB mirrors a D-FAB: its attention
comes before the upsampling, at a quarter of the cost.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - PyTorch's own name for it
from torch.overrides import handle_torch_function, has_torch_function_unary

_SLOPE = 0.1
_REDUCTION = 4


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    """A convolution that keeps height and width."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def halving(inputs: int, outputs: int) -> nn.Conv2d:
    """A convolution with stride 2."""
    return nn.Conv2d(inputs, outputs, 5, stride=2, padding=2)


def activation() -> nn.Module:
    """The activation in the residual branches."""
    return nn.LeakyReLU(_SLOPE)


class ResidualBlock(nn.Module):
    """x plus two convolutions of x."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv3x3(channels, channels), activation(), conv3x3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return x + cast("Tensor", self.body(x))


def channel_means(x: Tensor) -> Tensor:
    """Means of the channels of (B, C, H, W) over all positions, (B, C, 1, 1).

    It is a function with `__torch_function__`, so that a mode can compute it from the tiles of a big picture.
    """
    if has_torch_function_unary(x):
        means: Tensor = handle_torch_function(channel_means, (x,), x)
        return means
    return x.mean((2, 3), keepdim=True)


class ChannelAttention(nn.Module):
    """Multiply each channel by a factor in (0, 1) computed from the means of all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(1, channels // _REDUCTION)
        self.gate = nn.Sequential(
            nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return x * cast("Tensor", self.gate(channel_means(x)))


class ResidualChannelAttention(nn.Module):
    """RCA: two residual blocks and channel attention, with a skip."""

    def __init__(self, channels: int, *, attention: bool = True) -> None:
        super().__init__()
        blocks: list[nn.Module] = [ResidualBlock(channels), ResidualBlock(channels)]
        self.body = nn.Sequential(*blocks, *([ChannelAttention(channels)] if attention else []))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return x + cast("Tensor", self.body(x))


class FeatureAttention(nn.Module):
    """FA: x plus a branch times a mask in (0, 1): the attention of Cheng et al. 2020 with fewer layers."""

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
    """RCA and FA; without attention, the residual blocks alone."""
    blocks: list[nn.Module] = [ResidualChannelAttention(channels, attention=attention)]
    return [*blocks, FeatureAttention(channels)] if attention else blocks


class Doubling(nn.Module):
    """Upsampling by 2 with a sub-pixel convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = conv3x3(inputs, 4 * outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, 2H, 2W)."""
        return F.pixel_shuffle(self.conv(x), 2)


def down_fab(change: nn.Module, channels: int, *, attention: bool) -> nn.Sequential:
    """D-FAB: a convolution to the given channels and resolution, then RCA and FA.

    The first block of chroma, and of luma as four planes, has no stride, because its input is at half size already.
    """
    return nn.Sequential(change, *refinement(channels, attention=attention))


def up_fab(channels: int, change: nn.Module, *, attention: bool) -> nn.Sequential:
    """U-FAB: RCA and FA, then a convolution to the channels and resolution of the next block."""
    return nn.Sequential(*refinement(channels, attention=attention), change)
