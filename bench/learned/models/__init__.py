"""The learned models, in the papers' notation.

x, x_hat       picture and its reconstruction, (B, 3, H, W) in [0, 1]
y, y_hat       latents (B, M, H/16, W/16), before and after quantisation
rectified      output of the quantization rectifier for y_hat, closer to y
z, z_hat       hyper-latents (B, N, H/64, W/64), before and after quantisation: side information about y
g_a, g_s       analysis and synthesis: x to y, y_hat to x_hat
h_a, h_s       hyper-analysis and hyper-synthesis: y to z, z_hat to parameters of the distribution of y
scales, means  parameters of the conditional distribution of each element of y
N, M           channels inside the transforms and of z; channels of y
Q              quantisation: noise in training, rounding otherwise (`quantization.Quantization`)
EB, GC         entropy bottleneck (density of z), conditional distribution of y given scales and means
CP, EP         context prediction and entropy parameters

The names of sub-modules are CompressAI's, so that its published checkpoints load unchanged. `gaussian_conditional`
keeps its name even if the distribution is not Gaussian.
"""

from __future__ import annotations

import importlib

from bench.learned.families import FAMILIES
from bench.learned.models.base import LearnedModel, Likelihoods, Output
from bench.learned.models.config import ModelConfig, compact_config
from bench.learned.models.gained import Gained
from bench.learned.models.layers import prepare
from bench.learned.models.parts import TRANSFORMS, ParameterGroups, parameter_groups, share
from bench.learned.models.quantization import Quantization
from bench.learned.models.rectifier import GradientRouting, Rectified, Rectifier

__all__ = [
    "TRANSFORMS",
    "Codable",
    "Gained",
    "GradientRouting",
    "LearnedModel",
    "Likelihoods",
    "ModelConfig",
    "Output",
    "ParameterGroups",
    "Quantization",
    "Rectified",
    "Rectifier",
    "Trainable",
    "build",
    "compact_config",
    "parameter_groups",
    "share",
]

Codable = LearnedModel | Rectified
"""Models that encode and decode files."""

Trainable = Codable | Gained
"""Models that can be trained."""


def build(config: ModelConfig) -> LearnedModel:
    """Build a model with random weights, whose sensitive layers stay in float32 under autocast."""
    module, _, name = FAMILIES[config.family].model.partition(":")
    model: LearnedModel = getattr(importlib.import_module(module), name)(config)
    prepare(model)
    return model
