"""Whether a model can be made of what a checkpoint of others holds: finite numbers, and CDFs that a coder can use.

The fields are CompressAI's: `_quantized_cdf`, a matrix whose rows are CDFs of `_cdf_length` entries that begin at
`_offset`; `quantiles`, between which new ones are built; `scale_table`, the scales of a Gaussian's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from bench.learned.models.entropy import PRECISION
from bench.learned.models.quantization import MAX_SYMBOL
from bench.learned.weights.stored_cdfs import check_cdfs
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

_WIDEST = 1 << PRECISION
"""Integers between two quantiles: there are no more frequencies to share."""

_TABLES = "leave out _quantized_cdf, _cdf_length and _offset, and new ones are built"


def require_sound(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """See that a model can compute and code with the tensors of a checkpoint. CDFs that are not built yet are empty.

    Raises:
        UsageError: it cannot; the message names the tensor.
    """
    for name, value in tensors.items():
        if value.layout is not torch.strided or value.is_meta or value.is_quantized or value.is_complex():
            raise UsageError(f"{path}: its {name} is no dense tensor of real numbers; save it as one")
        if value.is_floating_point() and not bool((value < torch.inf).all()):  # masks may hold -inf
            raise UsageError(f"{path}: its {name} is not finite; the training has diverged, take an earlier checkpoint")
        part, _, field = name.rpartition(".")
        if field == "quantiles" and not _is_narrow(value):
            raise UsageError(f"{path}: the quantiles of {part} are beyond all bounds; the training has diverged")
        if field == "_quantized_cdf" and value.numel():
            try:
                _check_matrix(value, tensors, part)
            except ValueError as error:
                raise UsageError(f"{path}: CDFs of {part}: {error}; {_TABLES}") from None


def _is_narrow(quantiles: Tensor) -> bool:
    """Whether tables between the lowest and the highest quantile of each channel can be built."""
    if not quantiles.numel() or not quantiles.ndim:
        return False
    near = bool((quantiles.abs() < MAX_SYMBOL).all())
    return near and bool((quantiles[..., -1] - quantiles[..., 0] < _WIDEST).all())


def _check_matrix(cdf: Tensor, tensors: Mapping[str, Tensor], part: str) -> None:
    """Refuse what is no matrix of CDFs, or not one for the quantiles or scales beside it."""
    lengths, offset = tensors.get(f"{part}._cdf_length"), tensors.get(f"{part}._offset")
    if lengths is None or offset is None or cdf.ndim != 2 or lengths.shape != cdf.shape[:1]:
        raise ValueError("they do not fit together")
    longest = int(lengths.max())
    if int(lengths.min()) < 0 or longest > cdf.shape[1]:
        raise ValueError("one has an impossible length")
    check_cdfs(cdf[:, :longest][torch.arange(longest) < lengths[:, None]], lengths, offset)
    quantiles, scales = tensors.get(f"{part}.quantiles"), tensors.get(f"{part}.scale_table")
    if quantiles is not None and len(quantiles) != len(cdf):
        raise ValueError("they are not those of its channels")
    if scales is None or not scales.numel():
        return
    if scales.shape != cdf.shape[:1] or not bool((scales > 0).all() and (scales.diff() > 0).all()):
        raise ValueError(f"they are not those of {len(cdf)} rising scales")
