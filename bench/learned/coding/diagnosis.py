"""Latents of a picture, with the coder bits and the estimated bits of each element.

coder bits      Information content of the coded symbols under the integer CDFs of the range coder: the size of a file
                without its header, up to the last word of the payload. As in CompressAI, there are CDFs for 64 scales,
                and the next larger one is used.
estimated bits  -log2 of the likelihoods under the trained densities at the predicted scales: what forward() of a model
                returns and what most papers report.

The two differ by tenths of a percent, in both directions: the larger scale costs bits where the predicted one is right,
and saves bits where the predicted one is too small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from bench.learned.coding.latent_codecs import summed
from bench.system.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from bench.learned.coding.latent_codecs import Latents
    from bench.learned.coding.loaded_model import LoadedModel
    from bench.learned.models import LearnedModel


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """Latents of one picture, their distributions, and their bits."""

    y: Tensor
    """Latents before quantisation, (1, M, h, w)."""
    latents: Latents
    """Quantised latents, and the distributions that they were coded with."""
    bits: dict[str, Tensor]
    """Coder bits of each element of "y" and, if the model has it, "z"."""
    estimated_bits: dict[str, float]
    """Estimated bits of all of "y" and "z"."""
    y_rectified: Tensor | None = None
    """Rectified latents, of the shape of y, if the codec has a rectifier."""

    def arrays(self) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
        """Return all tensors that the model has, by name, without the batch dimension."""
        coded = self.latents
        tensors = {"y": self.y, "y_hat": coded.y_hat, "z_hat": coded.z_hat, "scales": coded.scales}
        tensors |= {"means": coded.means, "params": coded.params, "y_rectified": self.y_rectified}
        tensors |= {f"{part}_bits": bits for part, bits in self.bits.items()}
        return {name: value[0].float().contiguous().numpy() for name, value in tensors.items() if value is not None}


@torch.inference_mode()
def diagnose(loaded_model: LoadedModel, y: Tensor) -> Diagnosis:
    """Code the latents of a picture, and return all intermediate values.

    Raises:
        CodecError: the latents are too large to be coded.
    """
    latents = loaded_model.coder.encode(y).latents
    rectified = None if loaded_model.rectifier is None else loaded_model.rectified(latents.y_hat)
    return Diagnosis(
        y, latents, loaded_model.coder.bits(latents), estimated_bits(loaded_model.model, latents), rectified
    )


def save(path: Path, diagnosis: Diagnosis) -> None:
    """Write all arrays to an .npz file for `numpy.load`."""
    with atomic_write(path) as file:
        np.savez_compressed(file, **diagnosis.arrays())


def estimated_bits(model: LearnedModel, latents: Latents) -> dict[str, float]:
    """Return the estimated bits of the coded latents, for "y" and, if the model has it, "z"."""
    return summed(_estimated_bits(model, strip) for strip in latents.strips())


@torch.inference_mode()
def _estimated_bits(model: LearnedModel, latents: Latents) -> dict[str, float]:
    likelihoods = {}
    if latents.params is not None:
        likelihoods["y"] = model.gaussian_conditional(latents.y_hat, latents.params)
    elif latents.scales is None:
        _, likelihoods["y"] = model.entropy_bottleneck(latents.y_hat, "round")
    else:
        _, likelihoods["y"] = model.gaussian_conditional(latents.y_hat, latents.scales, latents.means, "round")
    if latents.z_hat is not None:
        _, likelihoods["z"] = model.entropy_bottleneck(latents.z_hat, "round")
    return {part: float(-values.log2().sum(dtype=torch.float64)) for part, values in likelihoods.items()}
