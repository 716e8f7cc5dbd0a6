"""What a model makes of a picture, element by element: its latents, and the bits that each of them takes.

Two figures go by the name of estimated bits, and both are here:

bits             what the coded symbols take by the integer tables that the coder has. A file is this, to the last
                 word of its payload, and a header. Like CompressAI, a coder has 64 scales and takes the next wider.
likelihood bits  what the same latents take by the model's densities at its very scales, without limits of tables: what
                 forward() of a model promises, and what most papers report.

They differ by tenths of a percent, in both directions: a wider table costs where the model's scale is right, and helps
where the model thinks too well of itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from bench.system.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from bench.learned.coding.latent_codecs import Latents
    from bench.learned.coding.loaded_model import LoadedModel
    from bench.learned.models import LearnedModel


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """One picture as a model sees it."""

    y: Tensor
    """The latents before quantisation, (1, M, h, w)."""
    latents: Latents
    """The quantised ones, and the distributions by which they were coded."""
    bits: dict[str, Tensor]
    """What each element of "y" and, where there is one, "z" takes in the file."""
    likelihood_bits: dict[str, float]
    """What the model's densities give to the whole of "y" and "z"."""
    y_rectified: Tensor | None = None
    """What the synthesis of a codec with a rectifier sees, as y."""

    def arrays(self) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
        """Those of all tensors that there are, by name, without their batch's dimension."""
        told = self.latents
        tensors = {"y": self.y, "y_hat": told.y_hat, "z_hat": told.z_hat, "scales": told.scales, "means": told.means}
        tensors |= {"params": told.params, "y_rectified": self.y_rectified}
        tensors |= {f"{part}_bits": bits for part, bits in self.bits.items()}
        return {name: value[0].float().contiguous().numpy() for name, value in tensors.items() if value is not None}


def diagnose(system: LoadedModel, y: Tensor) -> Diagnosis:
    """Code the latents of a picture and keep what a file does not show.

    Raises:
        CodecError: the model goes out of bounds on it.
    """
    latents = system.coder.encode(y).latents
    rectified = None if system.rectifier is None else system.rectified(latents.y_hat)
    return Diagnosis(y, latents, system.coder.bits(latents), likelihood_bits(system.model, latents), rectified)


def save(path: Path, diagnosis: Diagnosis) -> None:
    """Write all arrays to an .npz file, which `numpy.load` reads."""
    with atomic_write(path) as file:
        np.savez_compressed(file, **diagnosis.arrays())


@torch.inference_mode()
def likelihood_bits(model: LearnedModel, latents: Latents) -> dict[str, float]:
    """The bits of the coded latents by the model's own densities, for "y" and, where there is one, "z"."""
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
