"""Loss terms by name, each a number per batch, and their weighted sum.

The rate-distortion loss is CompressAI's: R + lambda * 255^2 * MSE or R + lambda * (1 - MS-SSIM), with R in bits per
pixel. The lambda of each quality is in `bench.learned.lambdas`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from bench.learned.lambdas import lambda_of
from bench.learned.models.planes import CHANNELS, LUMA_PLANES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.learned.models import Output

SCALE_611 = 0.25
"""Factor of the squared error of planes in 8-bit levels, which lambda multiplies (our choice)."""


def bits(likelihoods: Mapping[str, Tensor]) -> Tensor:
    """Estimated bits: the sum of -log2 of all likelihoods."""
    return -torch.stack([likelihood.log2().sum() for likelihood in likelihoods.values()]).sum()


def rate_bpp(output: Output, x: Tensor) -> Tensor:
    """Estimated bits per pixel of x: RGB, or packed planes of 4:2:0 with one position per four pixels."""
    pixels = 4 if x.shape[1] == CHANNELS else 1
    return bits(output["likelihoods"]) / (pixels * x.shape[0] * x.shape[2] * x.shape[3])


def squared_error(output: Output, x: Tensor) -> Tensor:
    """Mean squared error in units of 8-bit levels: 255^2 * MSE."""
    return 255**2 * functional.mse_loss(output["x_hat"], x)


def squared_error_611(output: Output, x: Tensor) -> Tensor:
    """255^2 / 4 * (6 MSE_Y + MSE_U + MSE_V) / 8 of packed planes.

    The scale and plane weights that belong to the lambdas of Duan et al. 2023 are unknown. With a quarter of the scale
    of RGB, the lambdas correspond to qualities 2 to 4 of RGB; with the full scale they would need more than the latents
    of the compact models can represent. The weights are the usual ones for 4:2:0.
    """
    errors = functional.mse_loss(output["x_hat"], x, reduction="none").mean((0, 2, 3))
    weights = x.new_tensor([6 / 8 / LUMA_PLANES] * LUMA_PLANES + [1 / 8] * 2)
    # Not a matrix product, which autocast would compute in bf16.
    return SCALE_611 * 255**2 * (errors * weights).sum()


def structural_error(output: Output, x: Tensor) -> Tensor:
    """1 - MS-SSIM, in float32 even under autocast. Both sides of a picture must exceed 160 pixels."""
    from pytorch_msssim import ms_ssim  # noqa: PLC0415 - compiles TorchScript on import

    # A variance is a small difference of squares, for which bf16 is not precise enough.
    with torch.autocast(x.device.type, enabled=False):
        similarity: Tensor = ms_ssim(output["x_hat"].float(), x.float(), data_range=1.0)
    return 1 - similarity


def _feature_error(output: Output) -> Tensor:
    """Difference between the rectified latents and those of the encoder."""
    return output["rectified"].float() - output["y"].float()


def feature_l1(output: Output, _x: Tensor) -> Tensor:
    """Sum of the absolute errors of all latents in a batch."""
    return _feature_error(output).abs().sum()


def feature_l2(output: Output, _x: Tensor) -> Tensor:
    """Euclidean norm of the error of all latents in a batch, as in the code of the rectifier's authors.

    It is neither squared nor normalised, so it grows with the square root of the batch size. Choose alpha accordingly.
    """
    length: Tensor = torch.linalg.vector_norm(_feature_error(output))
    return length


def feature_smooth_l1(output: Output, _x: Tensor) -> Tensor:
    """Sum over all latents in a batch of half the squared error, or, above 1, of the absolute error minus a half."""
    error = _feature_error(output)
    return functional.smooth_l1_loss(error, torch.zeros_like(error), reduction="sum")


def feature_cosine(output: Output, _x: Tensor) -> Tensor:
    """1 - cosine similarity of the M latents at each position, averaged over positions and batch."""
    return 1 - functional.cosine_similarity(output["rectified"].float(), output["y"].float(), dim=1).mean()


TERMS: Mapping[str, Callable[[Output, Tensor], Tensor]] = {
    "rate": rate_bpp,
    "mse": squared_error,
    "mse-611": squared_error_611,
    "ms-ssim": structural_error,
    "feature-l1": feature_l1,
    "feature-l2": feature_l2,
    "feature-smooth-l1": feature_smooth_l1,
    "feature-cosine": feature_cosine,
}
"""Loss terms by name."""


def rate_distortion(quality: int, metric: str = "mse") -> dict[str, float]:
    """Weights of the rate-distortion loss: 1 for the rate, and the quality's lambda for the distortion."""
    return {"rate": 1.0, metric: lambda_of(quality, metric)}


def weighted(output: Output, x: Tensor, weights: Mapping[str, float]) -> Tensor:
    """Weighted sum of loss terms."""
    return torch.stack([weight * TERMS[name](output, x) for name, weight in weights.items()]).sum()


def psnr_db(output: Output, x: Tensor) -> float:
    """PSNR in dB of the reconstruction, clamped and rounded to 8 bits.

    For packed planes it is (6 PSNR_Y + PSNR_U + PSNR_V) / 8.
    """
    x_hat = (output["x_hat"].float().clamp(0, 1) * 255).round()
    errors = functional.mse_loss(x_hat, (x * 255).round(), reduction="none")
    if x.shape[1] != CHANNELS:
        return _decibels(errors)
    luma, u, v = errors[:, :LUMA_PLANES], errors[:, LUMA_PLANES], errors[:, LUMA_PLANES + 1]
    return (6 * _decibels(luma) + _decibels(u) + _decibels(v)) / 8


def _decibels(errors: Tensor) -> float:
    """PSNR in dB of squared errors of 8-bit samples."""
    mse = errors.mean().item()
    return math.inf if mse == 0 else 10 * math.log10(255**2 / mse)
