"""Gaussian mixture as the conditional distribution of y (Cheng et al. 2020, arXiv 2001.01568, section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, cast

import torch
from compressai.models import JointAutoregressiveHierarchicalPriors
from compressai.ops import LowerBound
from torch import Tensor, nn

from bench.learned.models.autoregressive import Autoregressive
from bench.learned.models.base import last_conv
from bench.learned.models.entropy import Bottleneck
from bench.learned.models.quantization import Quantization, Quantizer

if TYPE_CHECKING:
    from bench.learned.models.base import Likelihoods
    from bench.learned.models.config import ModelConfig

COMPONENTS = 3
"""Number of components, K in the paper."""

SCALE_BOUND = 0.11
"""Lower bound of the scales, as in CompressAI: with a narrower distribution, the integer is practically certain."""

_LIKELIHOOD_BOUND = 1e-9


@dataclass(frozen=True, slots=True)
class Mixture:
    """Mixtures of elements; each tensor is (..., K, elements)."""

    scales: Tensor
    means: Tensor
    weights: Tensor
    """Sum to 1 over the components."""

    @classmethod
    def of(cls, params: Tensor) -> Self:
        """Create from the output of the entropy parameters, with 3 K M channels in the last dimension."""
        scales, means, logits = params.reshape(*params.shape[:-1], 3, COMPONENTS, -1).unbind(-3)
        return cls(scales, means, torch.softmax(logits, dim=-2))


class GaussianMixture(Quantizer, nn.Module):
    """Conditional distribution of y as a mixture of K Gaussians, integrated over unit intervals.

    P(y) = sum over k of w_k (Phi((y + 0.5 - mu_k) / sigma_k) - Phi((y - 0.5 - mu_k) / sigma_k)). The coded latents are
    integers, because a mixture has no single mean to round around.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale_bound, self.likelihood_bound = LowerBound(SCALE_BOUND), LowerBound(_LIKELIHOOD_BOUND)

    def forward(self, y: Tensor, params: Tensor) -> Tensor:
        """Return the likelihood of y (B, M, H, W), given parameters (B, 3 K M, H, W), in float32."""
        mixture = Mixture.of(params.float().permute(0, 2, 3, 1))
        distances = (y.float().permute(0, 2, 3, 1).unsqueeze(-2) - mixture.means).abs()
        scales = self.scale_bound(mixture.scales)
        # Differences of small tails are accurate; on the other side, differences of values near 1 would cancel.
        mass = _tail((distances - 0.5) / scales) - _tail((distances + 0.5) / scales)
        likelihood: Tensor = self.likelihood_bound((mixture.weights * mass).sum(-2))
        return likelihood.permute(0, 3, 1, 2)

    def quantize(self, y: Tensor, mode: str, means: Tensor | None = None) -> Tensor:
        """Quantise as in CompressAI without means: add uniform noise, or round."""
        del means
        return y + torch.empty_like(y).uniform_(-0.5, 0.5) if mode == "noise" else y.round()


def _tail(x: Tensor) -> Tensor:
    """Return the probability above x of the standard normal distribution."""
    return 0.5 * torch.erfc(x * 2**-0.5)


class MixtureModel(Autoregressive, JointAutoregressiveHierarchicalPriors):  # type: ignore[misc]
    """The joint entropy model with a mixture instead of a Gaussian; subclasses define the transforms.

    Hyperprior, context model and entropy parameters have the layers of the joint model (our choice: those of Cheng et
    al. differ in details), except for the last layer, with 3 K M outputs: scales, means and logits of the weights.
    """

    def __init__(self, config: ModelConfig, g_a: nn.Sequential, g_s: nn.Sequential) -> None:
        super().__init__(config.N, config.M)
        self.g_a, self.g_s = g_a, g_s
        self.entropy_bottleneck = Bottleneck(config.N)
        self._set_options(config)
        self.gaussian_conditional = GaussianMixture()  # type: ignore[assignment]  # replaces a Gaussian
        last_conv(self.entropy_parameters, 3 * COMPONENTS * config.M)

    def entropy(self, y: Tensor, mode: Quantization | None = None) -> tuple[Tensor, Likelihoods]:
        """See `LearnedModel`. Height and width of y must be multiples of 4."""
        mode = self._mode(mode)
        params, likelihoods = self.side_information(y, mode)
        y_hat, coded = self.gaussian_conditional.quantized(y.float(), mode)
        context = self.context_prediction(y_hat)
        parameters = self.entropy_parameters(torch.cat((cast("Tensor", params), context), dim=1))
        likelihoods["y"] = self.gaussian_conditional(coded, parameters)
        return y_hat, likelihoods
