"""Read and validate state dicts in checkpoints of any training code.

Reads .pth, .pth.tar, .pt, .ckpt and safetensors files in common layouts. No code in a file is executed: pickles of
anything but tensors, numbers and plain containers are rejected.

`require_sound` checks that numbers are finite, and that CDFs in CompressAI's fields are valid: `_quantized_cdf` is a
matrix whose rows are CDFs, `_cdf_length` their numbers of entries, `_offset` their first integers, `quantiles` the
range in which new CDFs are built, and `scale_table` the scales of Gaussian ones.
"""

from __future__ import annotations

import argparse
import pickle
import re
import struct
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from bench.learned.models.entropy import PRECISION
from bench.learned.models.quantization import MAX_SYMBOL
from bench.learned.weights.stored_cdfs import check_cdfs
from bench.system.errors import MissingError, UsageError, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

State = dict[str, Tensor]

LAYOUTS = (
    *("state_dict_ema", "ema_state_dict", "model_ema", "params_ema", "ema"),
    *("state_dict", "model_state_dict", "network", "model", "net", "params", "module"),
)
"""Keys under which training scripts store a model's tensors. Averaged weights come first: they are evaluated."""

PREFIXES = ("module.", "net.", "model.", "ema_model.")
"""Prefixes that wrappers (DataParallel, Lightning, averages) add to names."""

_COMPILED = "_orig_mod."

_WRAPPED = re.compile(r"\w+\.(?=(\w+\.)*g_a\.)")
"""Attribute that holds the model in a user's class: the prefix of the analysis transform."""

_HARMLESS: tuple[Any, ...] = (
    argparse.Namespace,
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8", "?")),
    (np.float64(0).__reduce__()[0], "numpy._core.multiarray.scalar"),
    (np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar"),
)
"""Types other than tensors that cannot execute code: options, and numbers of NumPy."""

UNREADABLE = (
    *(pickle.UnpicklingError, RuntimeError, EOFError, OSError),
    *(ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError, struct.error),
)
"""Exceptions that PyTorch raises for unreadable files."""


@dataclass(frozen=True, slots=True)
class StateDict:
    """The tensors in a file."""

    tensors: State
    place: str
    """Their key in the file, such as "state_dict"; "" at the top level."""


def read(path: Path) -> StateDict:
    """Read a model's tensors from a file.

    Raises:
        MissingError: there is no such file.
        UsageError: it is not a checkpoint, is truncated, would run code, or has no tensors by name.
    """
    if not path.is_file():
        raise MissingError(f"there is no file {path}")
    try:
        content = safetensors.torch.load_file(path) if path.suffix == ".safetensors" else _pickle(path)
    except (safetensors.SafetensorError, ValueError) as error:
        raise UsageError(f"{path}: not a safetensors file, or truncated ({error})") from error
    if (found := _find(content, ())) is None:
        raise UsageError(f"{path}: it contains no named tensors, such as a state_dict")
    place, tensors = found
    return StateDict({name.replace(_COMPILED, ""): value for name, value in tensors.items()}, ".".join(place))


def variants(tensors: State) -> Iterator[State]:
    """Yield the tensors as they are, then without the prefixes of wrappers, outermost first.

    Tensors without the prefix, such as those of a loss, are omitted.
    """
    yield tensors
    attributes = (match[0] for name in tensors if (match := _WRAPPED.match(name)))
    for prefix in dict.fromkeys((*PREFIXES, *attributes)):
        inner = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        if inner:
            yield from variants(inner)


def _pickle(path: Path) -> Any:  # noqa: ANN401 - any content of a file
    _require_intact(path)
    try:
        with torch.serialization.safe_globals(list(_HARMLESS)), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about an unusual pickle protocol
            # Memory-mapped tensors are read from the disk only when used, not for names and shapes.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except UNREADABLE as error:
        if foreign := re.search(r"GLOBAL ([\w.]+)", str(error)):
            raise UsageError(
                f"{path}: contains an object of {foreign[1]} besides tensors, which could run code, and is not opened; "
                "save only the model's state_dict()"
            ) from error
        if odd := re.search(r"but got <class '([\w.]+)'>", str(error)):
            raise UsageError(
                f"{path}: contains a {odd[1]} besides tensors and is not opened; save only the model's state_dict()"
            ) from error
        # Other messages of PyTorch would advise loading the file without protection.
        reason = f" ({reason_of(error, 100)})" if isinstance(error, RuntimeError) else ""
        raise UsageError(f"{path}: not a PyTorch checkpoint, or truncated{reason}") from error


def _require_intact(path: Path) -> None:
    """Check the CRC of each part of a zip file, which PyTorch does not, so that no damaged tensor is used."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise UsageError(f"{path}: not a PyTorch checkpoint, or truncated ({reason_of(error, 100)})") from error
    if damaged:
        raise UsageError(f"{path}: damaged, the checksum of {damaged} does not match; copy or save it again")


def _find(content: object, place: tuple[str, ...]) -> tuple[tuple[str, ...], State] | None:
    """Keys of a model's tensors in the content of a file, and the tensors; None if there are none."""
    if not isinstance(content, dict) or len(place) > 3:
        return None
    named = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if any("." in name for name in named):
        return place, named
    for key in LAYOUTS:
        if (found := _find(content.get(key), (*place, key))) is not None:
            return found
    others = (_find(value, (*place, str(key))) for key, value in content.items() if key not in LAYOUTS)
    # If there are several models, the one with an analysis transform.
    return max(filter(None, others), key=lambda found: any("g_a." in name for name in found[1]), default=None)


_WIDEST = 1 << PRECISION
"""Maximum distance of two quantiles: the number of frequencies that the integers between them share."""


def require_sound(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Check that the tensors of a checkpoint can be used for computing and coding. CDFs may be empty (not yet built).

    Raises:
        UsageError: they cannot; the message names the tensor.
    """
    for name, value in tensors.items():
        if value.layout is not torch.strided or value.is_meta or value.is_quantized or value.is_complex():
            raise UsageError(f"{path}: its {name} is not a dense tensor of real numbers; save it as one")
        if value.is_floating_point() and not bool((value < torch.inf).all()):  # masks may hold -inf
            raise UsageError(f"{path}: its {name} is not finite; the training has diverged, use an earlier checkpoint")
        part, _, field = name.rpartition(".")
        if field == "quantiles" and not _is_narrow(value):
            raise UsageError(f"{path}: the quantiles of {part} are out of range; the training has diverged")
        if field == "_quantized_cdf" and value.numel():
            try:
                _check_matrix(value, tensors, part)
            except ValueError as error:
                advice = "omit _quantized_cdf, _cdf_length and _offset to have new ones built"
                raise UsageError(f"{path}: CDFs of {part}: {error}; {advice}") from None


def _is_narrow(quantiles: Tensor) -> bool:
    """Whether CDFs between the lowest and the highest quantile of each channel can be built."""
    if not quantiles.numel() or not quantiles.ndim:
        return False
    near = bool((quantiles.abs() < MAX_SYMBOL).all())
    return near and bool((quantiles[..., -1] - quantiles[..., 0] < _WIDEST).all())


def _check_matrix(cdf: Tensor, tensors: Mapping[str, Tensor], part: str) -> None:
    """Check that a matrix of CDFs is valid and matches its quantiles or scales."""
    lengths, offset = tensors.get(f"{part}._cdf_length"), tensors.get(f"{part}._offset")
    if lengths is None or offset is None or cdf.ndim != 2 or lengths.shape != cdf.shape[:1]:
        raise ValueError("their shapes are inconsistent")
    longest = int(lengths.max())
    if int(lengths.min()) < 0 or longest > cdf.shape[1]:
        raise ValueError("a length is out of range")
    check_cdfs(cdf[:, :longest][torch.arange(longest) < lengths[:, None]], lengths, offset)
    quantiles, scales = tensors.get(f"{part}.quantiles"), tensors.get(f"{part}.scale_table")
    if quantiles is not None and len(quantiles) != len(cdf):
        raise ValueError("they do not match its channels")
    if scales is None or not scales.numel():
        return
    if scales.shape != cdf.shape[:1] or not bool((scales > 0).all() and (scales.diff() > 0).all()):
        raise ValueError(f"they need {len(cdf)} increasing positive scales")
