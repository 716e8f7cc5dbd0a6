"""Distortion metrics: one module a family.

distortion   `Metric`, the contract; MSE of RGB and of planes, and the instances of MS-SSIM
ms_ssim      multi-scale SSIM

Imports `system` and `images`. The next folder up is `codecs`.
"""

from bench.metrics.distortion import Metric

__all__ = ["Metric"]
