"""Rate and distortion metrics, one module per family.

distortion   `Metric`, the contract; MSE of RGB and of planes, and the instances of MS-SSIM
ms_ssim      multi-scale SSIM
rate         bits per pixel
video        VMAF and XPSNR, by ffmpeg
structure    FSIM, GMSD, IW-SSIM and VIF, by piq
vision       PSNR-HVS, PSNR-HVS-M, NLPD, FLIP and ColorVideoVDP
ssimulacra2  SSIMULACRA 2
deep         LPIPS and DISTS
packages     shared by metrics from other packages: versions, minimum sizes, tensors

Metrics from other packages are measured on request: `bench run --metric vmaf`; see docs/metrics.md.

Imports `system` and `images`. The next folder below is `codecs`.
"""

from bench.metrics.distortion import Metric

__all__ = ["Metric"]
