"""Fixed-point latent codecs of autoregressive models, with a single Gaussian or a mixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from bench.learned.coding.cdfs import FEWEST_BITS, Cdfs, RangeCoder
from bench.learned.coding.fixed_point import integer_mixture
from bench.learned.coding.fixed_point.integer_mixture import SCALE_GRID, IntegerMixture
from bench.learned.coding.fixed_point.network import Evaluator, Outputs
from bench.learned.coding.latent_codecs import Channels, LatentCodec, Latents, Size, WavefrontLatentCodec, z_size
from bench.learned.coding.mixture_latent_codec import code_integers, element_bits
from bench.learned.coding.wavefront import wavefront
from bench.learned.models.mixture import MixtureModel
from bench.learned.models.quantization import symbols_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.learned.coding.fixed_point.network import Network
    from bench.learned.models import LearnedModel

OUTPUT_LIMIT = (1 << 24) - 1
"""Bound of a Gaussian's scale and mean, in their units; exact in float32."""


def outputs_of(model: LearnedModel, grid: int) -> Outputs:
    """Return the outputs of a model's integer network. Means of a single Gaussian are in units of the latents' grid."""
    channels = model.config.M
    if isinstance(model, MixtureModel):
        return integer_mixture.outputs(channels)
    # Upper bounds of the scales of each CDF; the last one has none.
    scales = cast("Tensor", model.gaussian_conditional.scale_table)[:-1]
    limit = torch.full((2 * channels,), OUTPUT_LIMIT)
    bounds = (scales.double() * SCALE_GRID).floor().int()
    grids = torch.tensor([SCALE_GRID, grid]).repeat_interleave(channels)
    return Outputs(grids, -limit, limit, {"scale_bounds": bounds})


def fixed_point_latent_codec(model: LearnedModel, network: Network) -> LatentCodec:
    """Return the latent codec of a model with an integer network."""
    return (IntegerMixtureLatentCodec if isinstance(model, MixtureModel) else GaussianLatentCodec)(model, network)


class FixedPointLatentCodec(WavefrontLatentCodec):
    """Codes z, then y in wavefronts; see `bench.learned.coding.latent_codecs`.

    Only the encoder uses floats: y, z and their differences from the means. The decoder uses integers and finally
    divides by the grids, which is exact because they are powers of 2. Until then, elements of y and outputs of the
    network are in units of the grids.
    """

    _network: Evaluator

    def __init__(self, model: LearnedModel, network: Network) -> None:
        self.z_channels = self._z = Channels(model)
        self.num_channels = model.config.M
        self._analysis = cast("torch.nn.Module", model.h_a)
        self._network = Evaluator(network)
        self._dtype = self._network.dtype
        self._kernel, self._grid = network.kernel, network.grid
        self._output_grids = network.output_grids

    def _side_information(self, coder: RangeCoder, y: Tensor | None, size: Size) -> tuple[Tensor, Tensor]:
        z = None if y is None else self._analysis(y)
        symbols = self._z.code_symbols(coder, z, z_size(size))
        prepared = self._network.prepare(symbols)[wavefront(*size, self._kernel).order]
        return self._z.values(symbols), prepared

    def _scaled(self, values: Tensor, outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        described = outputs.float() / self._output_grids
        return values.float() / self._grid, described, self._network.y_entry(values).to(self._dtype)


class GaussianLatentCodec(FixedPointLatentCodec):
    """Codes each element with the CDF of its scale, around its mean. The CDFs are those of the float model."""

    def __init__(self, model: LearnedModel, network: Network) -> None:
        super().__init__(model, network)
        self.y_tables = Cdfs.of(model.gaussian_conditional)
        self._bounds = network.lookups["scale_bounds"]

    def y_bits(self, latents: Latents) -> Tensor:
        """See `LatentCodec`."""
        scales, means = cast("Tensor", latents.scales), cast("Tensor", latents.means)
        bits = self.y_tables.bits(self._indexes(scales * SCALE_GRID), symbols_of(latents.y_hat, means))
        return torch.from_numpy(bits).view(latents.y_hat.shape)

    def _latents(self, y_hat: Tensor, z_hat: Tensor | None, params: Tensor) -> Latents:
        return Latents(y_hat, z_hat, *params.chunk(2, 1))

    def _code_elements(self, coder: RangeCoder, y: Tensor | None, params: Tensor) -> Tensor:
        scales, means = params.chunk(2, 1)
        symbols = None if y is None else symbols_of(y, means / self._grid)
        coded = coder.code(self.y_tables, self._indexes(scales), symbols)
        return torch.from_numpy(coded).view(means.shape).double().mul_(self._grid).add_(means)

    def _indexes(self, scales: Tensor) -> NDArray[np.uint8]:
        """Return the CDF of each scale, which is in units of its grid."""
        return torch.bucketize(scales.int().flatten(), self._bounds, out_int32=True).numpy().astype(np.uint8)


class IntegerMixtureLatentCodec(FixedPointLatentCodec):
    """Codes each element, rounded to an integer, with its mixture."""

    def __init__(self, model: LearnedModel, network: Network) -> None:
        super().__init__(model, network)
        self.y_tables = FEWEST_BITS
        self._mixture = IntegerMixture(network.outputs)

    def y_bits(self, latents: Latents) -> Tensor:
        """See `LatentCodec`."""
        return element_bits(latents, lambda params: self._mixture.rows(params.double() * self._output_grids))

    def _latents(self, y_hat: Tensor, z_hat: Tensor | None, params: Tensor) -> Latents:
        return Latents(y_hat, z_hat, params=params)

    def _code_elements(self, coder: RangeCoder, y: Tensor | None, params: Tensor) -> Tensor:
        coded = code_integers(coder, y, self._mixture.rows(params))
        return torch.from_numpy(coded).view(len(params), -1).double().mul_(self._grid)
