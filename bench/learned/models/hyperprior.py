"""Models with a factorized prior or a hyperprior, which decode all latents in parallel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from compressai.models import FactorizedPrior, MeanScaleHyperprior, ScaleHyperprior
from torch import Tensor

from bench.learned.models.base import LearnedModel, Likelihoods, last_conv, split_parameters
from bench.learned.models.entropy import CONDITIONALS, Bottleneck

if TYPE_CHECKING:
    from bench.learned.models.config import ModelConfig
    from bench.learned.models.quantization import Quantization


class Factorized(LearnedModel, FactorizedPrior):  # type: ignore[misc]
    """Factorized prior: one learned density per channel of y (baseline of Ballé et al. 2018, arXiv 1802.01436).

    .. code-block:: none

           y ---> Q ---> y_hat        EB: entropy bottleneck
                  |
                  EB ---> likelihoods of y
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config.N, config.M)
        self.config = config
        self.entropy_bottleneck = Bottleneck(config.M)

    def entropy(self, y: Tensor, mode: Quantization | None = None) -> tuple[Tensor, Likelihoods]:
        """See `LearnedModel`. y may have any height and width."""
        y_hat, likelihood = self.entropy_bottleneck(y, self._mode(mode))
        return y_hat, {"y": likelihood}


class _Hyperprior(LearnedModel):
    """Model with side information z, from which the decoder computes the distribution of each element of y.

    .. code-block:: none

           y -----------------> Q ---> y_hat      EB: entropy bottleneck
           |                    |                 GC: conditional distribution of y
          h_a                   GC ---> likelihoods of y
           |                    |
           z --> Q --> z_hat --> h_s ---> scales (and means)
                 |
                 EB ---> likelihoods of z
    """

    has_mean: bool

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config.N, config.M)
        self.config = config
        self.entropy_bottleneck = Bottleneck(config.N)
        self.gaussian_conditional = CONDITIONALS[config.distribution]()

    def entropy(self, y: Tensor, mode: Quantization | None = None) -> tuple[Tensor, Likelihoods]:
        """See `LearnedModel`. Height and width of y must be multiples of 4."""
        mode = self._mode(mode)
        z_hat, z_likelihood = self.entropy_bottleneck(self.hyper_analysis(y), "round" if mode == "integer" else mode)
        scales, means = split_parameters(self.h_s(z_hat), mean=self.has_mean)
        y_hat, y_likelihood = self.gaussian_conditional(y, scales, means, mode)
        return y_hat, {"y": y_likelihood, "z": z_likelihood}

    def hyper_analysis(self, y: Tensor) -> Tensor:
        """Return the hyper-latents z (B, N, H/64, W/64)."""
        return self.h_a(y)  # type: ignore[no-any-return]


class Scale(_Hyperprior, ScaleHyperprior):  # type: ignore[misc]
    """Scale hyperprior: z determines the scale of each latent, the mean is 0 (Ballé et al. 2018, arXiv 1802.01436)."""

    has_mean = False

    def hyper_analysis(self, y: Tensor) -> Tensor:
        """Return the hyper-latents z of the magnitudes of y: with a mean of 0, scales do not depend on signs."""
        return self.h_a(torch.abs(y))  # type: ignore[no-any-return]


class Hyper(_Hyperprior, MeanScaleHyperprior):  # type: ignore[misc]
    """Mean and scale hyperprior: z determines both (Minnen et al. 2018, arXiv 1809.02736, without context)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.has_mean = config.mean
        if not config.mean:
            last_conv(self.h_s, config.M)
