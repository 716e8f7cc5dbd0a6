"""Limit on the symbols that CompressAI's range coder accepts.

The coder writes the distance of a symbol from its CDF in groups of four bits. To count the groups, it shifts the
distance to the right until nothing is left. A distance of 2^28 or more needs a shift by 32 bits, which x86 takes as 0,
so the loop never ends. Latents of a diverged model get there; on x86, NaN and infinity become the symbol -2^31.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from compressai import ans

from bench.learned.models.quantization import MAX_SYMBOL
from bench.system.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def limit_symbols() -> None:
    """Make CompressAI's encoders raise a `CodecError` for symbols of `MAX_SYMBOL` or more, in the whole process."""
    for encoder in (ans.RansEncoder, ans.BufferedRansEncoder):
        if not hasattr(encoder.encode_with_indexes, "__wrapped__"):
            encoder.encode_with_indexes = _limited(encoder.encode_with_indexes)


def _limited(encode: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(encode)
    def limited(self: object, symbols: Sequence[int], *tables: object) -> Any:  # noqa: ANN401 - of either encoder
        if min(symbols, default=0) <= -MAX_SYMBOL or max(symbols, default=0) >= MAX_SYMBOL:
            raise CodecError(
                f"latents beyond {MAX_SYMBOL}, or not finite: the model has diverged; use an earlier checkpoint"
            )
        return encode(self, symbols, *tables)

    return limited
