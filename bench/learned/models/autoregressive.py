"""Autoregressive models: the distribution of each latent depends on latents decoded before it (context model)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from compressai.layers import AttentionBlock, ResidualBlock, ResidualBlockWithStride, conv3x3
from compressai.models import Cheng2020Attention, FactorizedPrior, JointAutoregressiveHierarchicalPriors
from torch import Tensor, nn

from bench.learned.models.base import LearnedModel, Likelihoods, last_conv, split_parameters
from bench.learned.models.entropy import CONDITIONALS, Bottleneck
from bench.learned.models.layers import CausalConv2d, StridedPointwise

if TYPE_CHECKING:
    from bench.learned.models.config import ModelConfig
    from bench.learned.models.quantization import Quantization


class Autoregressive(LearnedModel):
    """Model whose entropy parameters depend on the latents above and to the left (Minnen et al. 2018).

    .. code-block:: none

           y ---> Q ---> y_hat ---------------> g_s        CP: context prediction, a masked convolution
                           |                               EP: entropy parameters, 1x1 convolutions
                           +--> CP ---+                    GC: conditional distribution of y
                                      EP ---> scales, means ---> GC ---> likelihoods of y
           z_hat ---------> h_s ------+

    As in CompressAI, y_hat is rounded without the mean, because the mean depends on y_hat itself; the likelihoods are
    those of the latents rounded around their means. Only a coder, which processes one latent after the other, can also
    round y_hat around its means.

    In training there are two draws of noise, as in CompressAI: one for the input of context model and g_s, and one for
    the likelihoods. Minnen et al. use one draw for both, as does `mixture.MixtureModel`.
    """

    def entropy(self, y: Tensor, mode: Quantization | None = None) -> tuple[Tensor, Likelihoods]:
        """See `LearnedModel`. Height and width of y must be multiples of 4 if there is a hyperprior."""
        mode = self._mode(mode)
        params, likelihoods = self.side_information(y, mode)
        y_hat, _ = self.gaussian_conditional.quantized(y.float(), mode)
        scales, means = self.distribution(y_hat, params)
        _, likelihoods["y"] = self.gaussian_conditional(y, scales, means, mode)
        return y_hat, likelihoods

    def distribution(self, y_hat: Tensor, params: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return scales and means (B, M, H, W) of y, given y_hat and the output of the hyperprior."""
        context = self.context_prediction(y_hat)
        features = context if params is None else torch.cat((params, context), dim=1)
        return split_parameters(self.entropy_parameters(features), mean=self.config.mean)

    def side_information(self, y: Tensor, mode: Quantization) -> tuple[Tensor | None, Likelihoods]:
        """Return the output of the hyperprior (B, 2M, H, W) and the likelihoods of z."""
        z_hat, z_likelihood = self.entropy_bottleneck(self.h_a(y), "round" if mode == "integer" else mode)
        return self.h_s(z_hat), {"z": z_likelihood}

    def _set_options(self, config: ModelConfig) -> None:
        self.config = config
        self.context_prediction = CausalConv2d(config.M, 2 * config.M, config.kernel)
        self.gaussian_conditional = CONDITIONALS[config.distribution]()
        if not config.mean:
            last_conv(self.entropy_parameters, config.M)


class Joint(Autoregressive, JointAutoregressiveHierarchicalPriors):  # type: ignore[misc]
    """Context model and hyperprior together (Minnen et al. 2018, arXiv 1809.02736)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config.N, config.M)
        self.entropy_bottleneck = Bottleneck(config.N)
        self._set_options(config)


class Attention(Autoregressive, Cheng2020Attention):  # type: ignore[misc]
    """The joint entropy model with residual transforms and attention (Cheng et al. 2020, arXiv 2001.01568).

    As in CompressAI, y has a Gaussian distribution; the paper uses a mixture of three. Paper and CompressAI use M = N.
    Otherwise, M is the number of channels of the layers at the resolution of y, which are cheap at any width.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config.N)
        for block in cast("nn.Sequential", self.g_a):
            if isinstance(block, ResidualBlockWithStride):
                block.skip.__class__ = StridedPointwise
        if config.M != config.N:
            self._widen(config.N, config.M)
        self.entropy_bottleneck = Bottleneck(config.N)
        self._set_options(config)

    def _widen(self, N: int, M: int) -> None:  # noqa: N803 - the papers' names
        """Change the number of channels of y to M."""
        g_a, g_s, h_a = (cast("nn.Sequential", part) for part in (self.g_a, self.g_s, self.h_a))
        g_a[-2], g_a[-1] = conv3x3(N, M, stride=2), AttentionBlock(M)
        g_s[0], g_s[1] = AttentionBlock(M), ResidualBlock(M, N)
        h_a[0] = conv3x3(M, N)
        last_conv(self.h_s, 2 * M)
        self.entropy_parameters = _entropy_parameters(4 * M, M)


class Context(Autoregressive, FactorizedPrior):  # type: ignore[misc]
    """Context model alone, without side information: a variant in Minnen et al. 2018 that CompressAI lacks.

    The entropy parameters are those of the joint model, with 2M context features instead of 4M features as input. The
    first latents of a picture have an empty context: their distribution follows from the biases.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config.N, config.M)
        del self.entropy_bottleneck
        self.entropy_parameters = _entropy_parameters(2 * config.M, config.M)
        self._set_options(config)

    def side_information(self, y: Tensor, mode: Quantization) -> tuple[None, Likelihoods]:  # noqa: ARG002
        """Return no side information."""
        return None, {}


def _entropy_parameters(features: int, M: int) -> nn.Sequential:  # noqa: N803 - the papers' name
    """Build the joint model's network from features of context and hyperprior to scales and means."""
    return nn.Sequential(
        nn.Conv2d(features, M * 10 // 3, 1),
        nn.LeakyReLU(inplace=True),
        nn.Conv2d(M * 10 // 3, M * 8 // 3, 1),
        nn.LeakyReLU(inplace=True),
        nn.Conv2d(M * 8 // 3, 2 * M, 1),
    )
