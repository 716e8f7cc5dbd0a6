"""Complexity of a model: parameters, and multiply-accumulate operations per pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.learned.families import YUV420
from bench.learned.models import Rectified, Rectifier
from bench.learned.models.config import LATENT_STRIDE
from bench.learned.models.rectifier import HEAD_WIDTH, HEADS

if TYPE_CHECKING:
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
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        output = model(x, "round")
        if getattr(model, "acem", None) is not None:
            model.acem(output["x_hat"])
    macs = _macs(counter)
    if "context_prediction" in macs:  # all taps were counted, with the masked ones
        taps = model.config.kernel**2
        macs["context_prediction"] = macs["context_prediction"] // taps * (taps // 2)
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
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        rectifier(latents)
    # Products of queries and keys, and of weights and values, over all positions of a window.
    products = 2 * HEADS * HEAD_WIDTH * sum(positions**2 for positions in rectifier.attention.windows(latents.shape))
    added = (sum(_macs(counter).values()) + products) / (1000 * height * width)
    return Complexity(
        parameters=codec.parameters + sum(parameter.numel() for parameter in rectifier.parameters()),
        encoder_kmac_per_pixel=codec.encoder_kmac_per_pixel,
        decoder_kmac_per_pixel=codec.decoder_kmac_per_pixel + added,
        parts_kmac_per_pixel={**codec.parts_kmac_per_pixel, "rectifier": added},
    )


def _macs(counter: FlopCounterMode) -> dict[str, int]:
    """Return the multiply-accumulates of the counted convolutions, which are part of GDN too, by sub-network."""
    counted = {tuple(name.split(".")): operations for name, operations in counter.get_flop_counts().items()}
    convolution = torch.ops.aten.convolution
    return {path[1]: ops[convolution] // 2 for path, ops in counted.items() if len(path) == 2 and convolution in ops}
