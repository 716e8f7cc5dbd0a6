"""The integer CDFs of a model's range coder, as tensors for a file.

CDFs differ widely in length. CompressAI pads them to the rows of a matrix; files store them concatenated, which takes
an eighth of the size.
"""

from __future__ import annotations

import torch
from compressai.entropy_models import EntropyBottleneck, EntropyModel
from torch import Tensor, nn

from bench.learned.models.entropy import PRECISION
from bench.learned.models.quantization import MAX_SYMBOL

Tensors = dict[str, Tensor]

_TOTAL = 1 << PRECISION
_SHORTEST = 3  # a CDF of one integer and the escape
_MOST_SCALES = 256  # the range coder stores the index of an element's CDF in a byte


def table_tensors(model: nn.Module) -> Tensors:
    """The CDFs of a model, and the floats they were computed from.

    For each entropy model: `cdf` (int32, concatenated), `cdf_length` and `offset` (int32, one per CDF), and the
    `scale_table` of a conditional model, or the `quantiles` of z (float32).
    """
    tensors: Tensors = {}
    for name, part in _entropy_models(model):
        lengths = part.cdf_length
        tensors[f"{name}.cdf"] = part.quantized_cdf[_in_use(lengths)]
        tensors[f"{name}.cdf_length"] = lengths
        tensors[f"{name}.offset"] = part.offset
        centre = _centre(part)
        tensors[f"{name}.{centre}"] = getattr(part, centre).detach()
    return tensors


@torch.no_grad()
def restore_tables(model: nn.Module, tensors: Tensors) -> None:
    """Restore the CDFs of a model from the output of `table_tensors`.

    Raises:
        KeyError: a tensor is missing.
        ValueError: the tensors are inconsistent, of another model, or not CDFs.
    """
    for name, part in _entropy_models(model):
        rows, lengths, offset = (tensors[f"{name}.{field}"] for field in ("cdf", "cdf_length", "offset"))
        centre = tensors[f"{name}.{_centre(part)}"]
        try:
            check_cdfs(rows, lengths, offset)
            _check_centre(part, centre, len(lengths))
        except ValueError as error:
            raise ValueError(f"CDFs of {name}: {error}") from None
        in_use = _in_use(lengths)
        cdf = torch.zeros(in_use.shape, dtype=torch.int32)
        cdf[in_use] = rows
        part._quantized_cdf, part._cdf_length, part._offset = cdf, lengths, offset  # noqa: SLF001 - CompressAI's buffers
        if isinstance(part, EntropyBottleneck):
            part.quantiles.copy_(centre)
        else:
            part.scale_table = centre


def check_cdfs(rows: Tensor, lengths: Tensor, offset: Tensor) -> None:
    """Check concatenated CDFs, their lengths and their offsets before memory is allocated for them.

    Raises:
        ValueError: they are invalid.
    """
    for tensor in (rows, lengths, offset):
        if tensor.dtype != torch.int32 or tensor.dim() != 1:
            raise ValueError("they are not lists of 32-bit integers")
    if lengths.shape != offset.shape or not len(lengths) or int(lengths.sum()) != rows.numel():
        raise ValueError("their shapes are inconsistent")
    # At least an integer and the escape, at most one entry per unit of frequency.
    if int(lengths.min()) < _SHORTEST or int(lengths.max()) > _TOTAL + 1:
        raise ValueError("a length is out of range")
    if bool((offset.long().abs() >= MAX_SYMBOL).any()):
        raise ValueError("an offset is out of range")
    ends = lengths.cumsum(0)
    frequencies = rows.long().diff()
    frequencies[ends[:-1] - 1] = 1  # between consecutive CDFs
    if bool((rows[ends - lengths] != 0).any() or (rows[ends - 1] != _TOTAL).any() or (frequencies < 1).any()):
        raise ValueError("values do not increase from 0 to the total frequency")


def _check_centre(part: EntropyModel, centre: Tensor, count: int) -> None:
    if centre.dtype != torch.float32:
        raise ValueError("their scales or quantiles are not 32-bit floats")
    if isinstance(part, EntropyBottleneck):
        if centre.shape != part.quantiles.shape or count != len(centre):
            raise ValueError("they do not match its channels")
        if bool((centre.abs() >= MAX_SYMBOL).any()):
            raise ValueError("a quantile is out of range")
    elif centre.shape != (count,) or count > _MOST_SCALES or not bool((centre > 0).all() and (centre.diff() > 0).all()):
        raise ValueError(f"they need 1 to {_MOST_SCALES} increasing positive scales")


def _entropy_models(model: nn.Module) -> list[tuple[str, EntropyModel]]:
    return [(name, part) for name, part in model.named_modules() if isinstance(part, EntropyModel)]


def _centre(part: EntropyModel) -> str:
    return "quantiles" if isinstance(part, EntropyBottleneck) else "scale_table"


def _in_use(lengths: Tensor) -> Tensor:
    """Mask of the elements in the matrix of CDFs that are not padding."""
    return torch.arange(int(lengths.max())) < lengths[:, None]
