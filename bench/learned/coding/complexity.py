"""Complexity of a model: parameters, and multiply-accumulate operations per pixel."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from compressai.layers import GDN
from torch import Tensor, nn

from bench.learned.families import YUV420
from bench.learned.models import Rectified, Rectifier
from bench.learned.models.config import LATENT_STRIDE
from bench.learned.models.layers import CausalConv2d
from bench.learned.models.rectifier import HEAD_WIDTH, HEADS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.learned.models import Codable


@dataclass(frozen=True, slots=True)
class Complexity:
    """Parameters, and thousands of multiply-accumulates (MAC) per pixel of luma, of the published architecture.

    Each sub-network counts once. The encoder runs everything but the synthesis, because it needs the decoder's
    distributions; the decoder runs everything but the analyses. With a filter, the encoder also decodes, to choose the
    indicator. Products over channels in GDN count; element-wise operations do not.
    """

    parameters: int
    encoder_kmac_per_pixel: float
    decoder_kmac_per_pixel: float
    parts_kmac_per_pixel: dict[str, float]
    """Complexity per sub-network: g_a, g_s, h_a, h_s, context_prediction, entropy_parameters, acem, rectifier."""


def complexity(model: Codable, height: int, width: int) -> Complexity:
    """Compute the complexity for one picture, padded to the multiple of pixels that the model needs."""
    if isinstance(model, Rectified):
        return _with_rectifier(model, height, width)
    multiple = int(model.downsampling_factor)
    padded = [-(-side // multiple) * multiple for side in (height, width)]
    planar = model.config.family in YUV420
    x = torch.zeros(1, 6, *(side // 2 for side in padded)) if planar else torch.zeros(1, 3, *padded)
    with torch.inference_mode(), _counting(model) as macs:
        output = model(x, "round")
        if getattr(model, "acem", None) is not None:
            model.acem(output["x_hat"])
    parts = {name: count / (1000 * height * width) for name, count in macs.items()}
    return Complexity(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        encoder_kmac_per_pixel=sum(count for name, count in parts.items() if name != "g_s" or "acem" in parts),
        decoder_kmac_per_pixel=sum(count for name, count in parts.items() if name not in {"g_a", "h_a"}),
        parts_kmac_per_pixel=parts,
    )


def _with_rectifier(model: Rectified, height: int, width: int) -> Complexity:
    """Compute the complexity with a rectifier in the decoder; an identity adds nothing."""
    codec, rectifier = complexity(model.codec, height, width), model.rectifier
    if not isinstance(rectifier, Rectifier):
        return codec
    multiple = int(model.codec.downsampling_factor)
    sides = (-(-side // multiple) * multiple // LATENT_STRIDE for side in (height, width))
    latents = torch.zeros(1, rectifier.channels, *sides)
    with torch.inference_mode(), _counting(rectifier) as macs:
        rectifier(latents)
    # Products of queries and keys, and of weights and values, over all positions of a window.
    products = 2 * HEADS * HEAD_WIDTH * sum(positions**2 for positions in rectifier.attention.windows(latents.shape))
    added = (sum(macs.values()) + products) / (1000 * height * width)
    return Complexity(
        parameters=codec.parameters + sum(parameter.numel() for parameter in rectifier.parameters()),
        encoder_kmac_per_pixel=codec.encoder_kmac_per_pixel,
        decoder_kmac_per_pixel=codec.decoder_kmac_per_pixel + added,
        parts_kmac_per_pixel={**codec.parts_kmac_per_pixel, "rectifier": added},
    )


@contextlib.contextmanager
def _counting(model: nn.Module) -> Iterator[dict[str, int]]:
    """Count multiply-accumulates in the block, by sub-network."""
    macs: dict[str, int] = {}

    def count(part: str) -> Any:  # noqa: ANN401 - a hook
        def hook(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            macs[part] = macs.get(part, 0) + _macs(layer, inputs[0], output)

        return hook

    handles = [
        layer.register_forward_hook(count(name.split(".")[0]))
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | GDN)
    ]
    try:
        yield macs
    finally:
        for handle in handles:
            handle.remove()


def _macs(layer: nn.Module, x: Tensor, output: Tensor) -> int:
    if isinstance(layer, GDN):
        return x.numel() * x.shape[1]
    if isinstance(layer, nn.ConvTranspose2d):
        return x.numel() * layer.weight[0].numel()  # every input is multiplied by every tap
    if not isinstance(layer, nn.Conv2d):
        return 0
    taps = int(layer.mask[0, 0].sum()) if isinstance(layer, CausalConv2d) else layer.weight[0, 0].numel()
    return output.numel() * layer.weight.shape[1] * taps
