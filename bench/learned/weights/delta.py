"""Delta weights: files with only the tensors that differ from those of another file, the base.

    joint+qr-3 -> joint-3 -> hyper-3

After entropy-model fine-tuning, a model shares the transforms of the model it started from. A fine-tuned decoder shares
everything else with its model. Models trained together for several lambdas differ by one factor per channel.

The header names the base, a file in the same folder, with its SHA-256, and lists the tensors that are equal to the
base's (`taken`), those that are the base's times factors (`scaled`, see `scaling`), and those stored as a difference
from the base's, where that is smaller (`added`). All other tensors are stored as they are. A base may itself have a
base. `catalogue.bases` finds all of them and rejects one that has changed, so the SHA-256 of a file identifies the
whole model.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from bench.learned.models.parts import value_bytes
from bench.learned.weights import catalogue, packing, scaling, tensor_file
from bench.system.errors import BenchError, UsageError
from bench.system.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from bench.learned.weights.stored_cdfs import Tensors

Header = dict[str, Any]

_ENCODER = "g_a."
"""Prefix of the tensors that two models must share for one to be stored as delta weights of the other."""


def read(path: Path) -> tuple[Header, Tensors]:
    """Read the header of a file and all tensors of its model, including those of its bases.

    Raises:
        MissingError: the file or a base is missing.
        UsageError: the file is not a weights file, is damaged or of another version, or a base has changed.
    """
    header, tensors = tensor_file.read(path)
    bases = catalogue.bases(path)
    whole = _base(bases[0], header["base"]["sha256"]) if bases else {}
    return header, _completed(path, header, tensors, whole)


@functools.lru_cache(maxsize=1)
def _base(path: Path, _sha256: str) -> Tensors:
    """The tensors of a base, kept because all qualities of a family usually have the same one. Do not change them."""
    return read(path)[1]


def write(path: Path, header: Header, tensors: Tensors, base: Path | None = None) -> None:
    """Write a model as delta weights of `base`, or as full weights if the two encoders differ.

    Encoders that differ by one factor per channel count as equal.

    Args:
        path: the file; `base` must be in the same folder when it is read.
        header: further content of the header. An entry `base` is replaced.
        tensors: of the whole model.
        base: another file, with full or delta weights.

    Raises:
        OSError: the file cannot be written; an earlier file is untouched.
    """
    header = {name: value for name, value in header.items() if name != "base"}
    theirs = {} if base is None else read(base)[1]
    held = difference(tensors, theirs)
    factors = _factors(held, theirs)
    layers = set(map(_layer, factors))
    if base is not None and all(_layer(name) in layers for name in held if name.startswith(_ENCODER)):
        taken = sorted(tensors.keys() - held.keys())
        header["base"] = {"file": base.name, "sha256": sha256_of(base), "taken": taken}
        if factors:
            header["base"]["scaled"] = {name: axis for name, (axis, _) in factors.items()}
        if added := _increments({name: value for name, value in held.items() if name not in factors}, theirs):
            header["base"]["added"] = sorted(added)
        tensors = {**held, **{name: found for name, (_, found) in factors.items()}, **added}
    tensor_file.write(path, header, tensors)


def difference(tensors: Tensors, theirs: Tensors) -> Tensors:
    """The tensors that are missing in `theirs` or differ there."""
    return {name: value for name, value in tensors.items() if not _equal(value, theirs.get(name))}


def _factors(held: Tensors, theirs: Tensors) -> dict[str, tuple[int, torch.Tensor]]:
    """Axis and factors of the tensors that equal the base's with each channel multiplied."""
    found = {name: scaling.find(value, theirs[name]) for name, value in held.items() if name in theirs}
    return {name: factors for name, factors in found.items() if factors is not None}


def _increments(held: Tensors, theirs: Tensors) -> Tensors:
    """Differences from the base's tensors, where their sum is exact and they need fewer bytes than the tensor."""
    found = {name: _increment(value, theirs[name]) for name, value in held.items() if name in theirs}
    return {name: increment for name, increment in found.items() if increment is not None}


def _increment(value: torch.Tensor, start: torch.Tensor) -> torch.Tensor | None:
    if value.dim() != 4 or start.shape != value.shape or not value.dtype == start.dtype == torch.half:
        return None
    increment = (value.float() - start.float()).half()
    exact = _equal(_sum(start, increment), value)
    return increment if exact and packing.num_bytes(increment) < packing.num_bytes(value) else None


def _sum(start: torch.Tensor, increment: torch.Tensor) -> torch.Tensor:
    """Sum of two float16 tensors, rounded once and therefore equal on every machine.

    Raises:
        ValueError: their shapes or types differ.
    """
    if start.shape != increment.shape or not start.dtype == increment.dtype == torch.half:
        raise ValueError(f"{tuple(increment.shape)} added to {tuple(start.shape)}")
    return (start.double() + increment.double()).half()


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def alike(one: Path, other: Path, parts: Collection[str] | None = None) -> bool:
    """Whether two files have equal tensors (of the sub-networks `parts` only, if given).

    False if a file is missing or invalid.
    """
    try:
        ours, theirs = (
            {name: value for name, value in _digests(path).items() if parts is None or name.partition(".")[0] in parts}
            for path in (one, other)
        )
    except BenchError:
        return False
    return ours == theirs


def _digests(path: Path) -> dict[str, str]:
    """A digest of each tensor of a file's model; cached until the file or one of its bases changes."""
    states = [file.stat() for file in (path, *catalogue.bases(path))]
    return _digests_of(path, tuple((state.st_mtime_ns, state.st_size) for state in states))


@functools.lru_cache(maxsize=256)
def _digests_of(path: Path, _states: tuple[tuple[int, int], ...]) -> dict[str, str]:
    found = {}
    for name, value in read(path)[1].items():
        digest = hashlib.sha256(f"{value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value_bytes(value))
        found[name] = digest.hexdigest()
    return found


def replace(path: Path, header: Header, tensors: Tensors, base: Path | None = None) -> None:
    """Write a model (see `write`) in place of a file that may be the base of others.

    Dependants that are whole models keep their tensors: they become delta weights of the new file, or full weights if
    they have another encoder. Decoders and integer entropy models belong to one model. They are updated if its tensors
    are unchanged; otherwise they are left as they are and are rejected on loading, because they must be trained again.
    """
    before, dependants = _readable(path), _dependants(path)
    write(path, header, tensors, base)
    stays = before is not None and before.keys() == tensors.keys()
    stays = stays and all(_equal(value, tensors[name]) for name, value in (before or {}).items())
    _rewrite(path, dependants, stays=stays)


@dataclass(frozen=True, slots=True)
class _Dependant:
    """A file that depends on another, read before that one changes, with its own dependants."""

    path: Path
    header: Header
    tensors: Tensors
    """Tensors of the whole model; only those in the file if it belongs to one model."""
    dependants: tuple[_Dependant, ...]


def _dependants(path: Path) -> tuple[_Dependant, ...]:
    found = []
    for file in _files_with_base(path):
        header, held = tensor_file.read(file)
        tensors = held if _belongs_to_one(header) else _readable(file)
        if tensors is not None:
            found.append(_Dependant(file, header, tensors, _dependants(file)))
    return tuple(found)


def _rewrite(base: Path, dependants: tuple[_Dependant, ...], *, stays: bool) -> None:
    """Rewrite the dependants of a new base; `stays`: its tensors are those of the former one."""
    for file in dependants:
        if not _belongs_to_one(file.header):
            write(file.path, file.header, file.tensors, base)
            _rewrite(file.path, file.dependants, stays=True)
        elif stays:
            linked = {**file.header["base"], "sha256": sha256_of(base)}
            tensor_file.write(file.path, {**file.header, "base": linked}, file.tensors)


def _readable(path: Path) -> Tensors | None:
    """The tensors of a file's model, if the file and all its bases can be read."""
    try:
        return read(path)[1]
    except BenchError:
        return None


def _completed(path: Path, header: Header, held: Tensors, base: Tensors) -> Tensors:
    """Complete the tensors in a file with those of its base, if it has one."""
    if "base" not in header:
        return held
    if "fixed_point" in header:
        raise UsageError(f"{path}: weights of an integer entropy model, not of a whole model")
    if "taken" not in header["base"]:
        raise UsageError(f"{path}: it does not list the tensors taken from {header['base']['file']}; train it again")
    axes, increments = header["base"].get("scaled", {}), header["base"].get("added", [])
    if absent := [name for name in (*header["base"]["taken"], *axes, *increments) if name not in base]:
        raise UsageError(f"{path}: '{absent[0]}' is not in its base {header['base']['file']}")
    try:
        made = {name: scaling.scaled(base[name], held[name], axis) for name, axis in axes.items()}
        made |= {name: _sum(base[name], held[name]) for name in increments}
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: its tensors do not fit its base {header['base']['file']} ({error})") from error
    return {**{name: base[name] for name in header["base"]["taken"]}, **held, **made}


def _files_with_base(path: Path) -> Iterator[Path]:
    """The files in the same folder with this base; unreadable ones are skipped."""
    if not path.is_file():
        return
    sha256 = sha256_of(path)
    for file in sorted(path.parent.glob("*.safetensors")):
        with contextlib.suppress(UsageError):
            named = tensor_file.read(file)[0].get("base", {})
            if (named.get("file"), named.get("sha256")) == (path.name, sha256):
                yield file


def _belongs_to_one(header: Header) -> bool:
    """Whether a file is a decoder or an integer entropy model, which belongs to one model."""
    return "modifier" in header or "fixed_point" in header


def _equal(ours: torch.Tensor, theirs: torch.Tensor | None) -> bool:
    return theirs is not None and ours.dtype == theirs.dtype and torch.equal(ours, theirs)
