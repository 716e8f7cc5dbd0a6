"""The lambda of each quality: the weight of the distortion in the rate-distortion loss.

The loss is R + lambda * 255^2 * MSE or R + lambda * (1 - MS-SSIM), with R in bits per pixel. Qualities 1 to 8 have the
lambdas of CompressAI's published checkpoints (docs/source/zoo.rst of CompressAI); models for YUV 4:2:0 have the four of
Duan et al. 2023. This module does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.system.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

LAMBDAS: Mapping[str, tuple[float, ...]] = {
    "mse": (0.0018, 0.0035, 0.0067, 0.0130, 0.0250, 0.0483, 0.0932, 0.1800),
    "ms-ssim": (2.40, 4.58, 8.73, 16.64, 31.73, 60.50, 115.37, 220.00),
    "mse-611": (0.015, 0.03, 0.045, 0.06),
}
"""Lambdas by metric, in the order of the qualities from 1. CompressAI's attn ends at quality 6."""


def lambda_of(quality: int, metric: str = "mse") -> float:
    """Return the lambda of a quality.

    Raises:
        UsageError: the metric or quality does not exist.
    """
    if metric not in LAMBDAS:
        raise unknown("metric", metric, LAMBDAS)
    if not 1 <= quality <= len(LAMBDAS[metric]):
        raise UsageError(f"quality {quality}: must be 1 to {len(LAMBDAS[metric])}")
    return LAMBDAS[metric][quality - 1]
