"""Quantisation of latents in training, in evaluation, and to the symbols of a file.

`Quantizer` computes y_hat from y in one of several modes; `symbols_of` returns the integers that the range coder codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast, get_args

from bench.system.errors import unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Quantization = Literal["noise", "round", "mixed", "integer"]
"""Mode of quantisation: how to compute y_hat and the values whose likelihoods are returned.

noise    y + U(-0.5, 0.5) for both, with the same draw: CompressAI's training mode.
round    round(y - mean) + mean for both: CompressAI's evaluation mode, and the content of files.
mixed    likelihoods of the noisy y; g_s and the context model get the rounded y with a straight-through gradient
         (Minnen and Singh 2020, arXiv 2007.08739).
integer  round(y) for both, independent of the mean: for comparing entropy models on equal latents.

If a Gaussian's parameters depend on y_hat, y_hat and the likelihoods are computed one after the other: with two draws
of noise, and with y_hat = round(y). See `autoregressive.Autoregressive`.
"""

MODES = get_args(Quantization)

ESCAPE_BITS = 24
"""Escaped values are less than 2^ESCAPE_BITS - 1, the largest range of the coder's uniform distribution."""

MAX_SYMBOL = 1 << ESCAPE_BITS
"""Symbols of this magnitude or more cannot be coded. Those of real pictures are in the hundreds."""


def straight_through(values: Tensor, rounded: Tensor) -> Tensor:
    """Return the rounded values with the gradient of the values before rounding."""
    return values + (rounded - values).detach()


class Quantizer:
    """Mixin that adds the modes of quantisation to a class with CompressAI's `quantize`."""

    def quantized(self, y: Tensor, mode: Quantization, means: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return `y_hat`, the input of the decoder, and the values whose likelihoods are computed.

        Raises:
            UsageError: the mode is unknown.
        """
        if mode not in MODES:
            raise unknown("quantization", mode, MODES)
        if mode == "noise":
            noisy = self._quantize_as(y, "noise", None)
            return noisy, noisy
        rounded = self._quantize_as(y, "dequantize", None if mode == "integer" else means)
        if mode == "mixed":
            return straight_through(y, rounded), self._quantize_as(y, "noise", None)
        return rounded, rounded

    def _quantize_as(self, y: Tensor, mode: str, means: Tensor | None) -> Tensor:
        return cast("Tensor", self.quantize(y, mode, means))  # type: ignore[attr-defined]


def symbols_of(values: Tensor, means: Tensor | None) -> NDArray[np.int32]:
    """Return the symbols of values, flattened: their rounded differences from the means."""
    centred = values if means is None else values - means
    # The encoder refuses larger symbols, which must not overflow here.
    integers: NDArray[np.int32] = centred.round().clamp_(-MAX_SYMBOL, MAX_SYMBOL).int().flatten().numpy()
    return integers
