"""The integer tables of a model's entropy coder, as tensors that a file can hold.

A table is a set of cumulative distributions of very different lengths. CompressAI keeps them as rows of one matrix; a
file holds the rows one after the other, which is an eighth of the size.
"""

from __future__ import annotations

import torch
from compressai.entropy_models import EntropyBottleneck, EntropyModel
from torch import Tensor, nn

Tensors = dict[str, Tensor]


def table_tensors(model: nn.Module) -> Tensors:
    """The tables of a model and the floats they were made for: scales, and the quantiles that centre z.

    For each entropy model: `cdf` (int32, all rows), `cdf_length` and `offset` (int32, one a row).
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
    """Put the tables that `table_tensors` took out back into a model.

    Raises:
        KeyError: a table is missing.
        ValueError: the tensors do not fit together, or not this model.
    """
    for name, part in _entropy_models(model):
        rows, lengths, offset = (tensors[f"{name}.{field}"] for field in ("cdf", "cdf_length", "offset"))
        centre = tensors[f"{name}.{_centre(part)}"]
        if not (int(lengths.sum()) == rows.numel() and lengths.shape == offset.shape == centre.shape[:1]):
            raise ValueError(f"tables of {name} do not fit together")
        in_use = _in_use(lengths)
        cdf = torch.zeros(in_use.shape, dtype=torch.int32)
        cdf[in_use] = rows
        part._quantized_cdf, part._cdf_length, part._offset = cdf, lengths, offset  # noqa: SLF001 - CompressAI's buffers
        if isinstance(part, EntropyBottleneck):
            part.quantiles.copy_(centre)
        else:
            part.scale_table = centre


def _entropy_models(model: nn.Module) -> list[tuple[str, EntropyModel]]:
    return [(name, part) for name, part in model.named_modules() if isinstance(part, EntropyModel)]


def _centre(part: EntropyModel) -> str:
    return "quantiles" if isinstance(part, EntropyBottleneck) else "scale_table"


def _in_use(lengths: Tensor) -> Tensor:
    """Which elements of the matrix of CDFs belong to its rows; the others are padding."""
    return torch.arange(int(lengths.max())) < lengths[:, None]
