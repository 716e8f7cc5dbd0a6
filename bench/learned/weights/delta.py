"""Weights files that hold part of a model: what differs from another file, their base.

    joint+qr-3 -> joint-3 -> hyper-3

Models that were fitted to the latents of one encoder share its transforms; a decoder that was trained further shares
all else with its model; models of several lambdas that were trained as one differ by factors of some channels. Such a
file names its base, which lies in the same folder, the base's SHA-256, the tensors that it takes from there, and those
that it makes of the base's by factors (see `scaling`); it holds factors and the others. A base may have a base itself.
`catalogue.bases` finds them and refuses one that has changed, so the SHA-256 of the part's file stands for the whole
model.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from bench.learned.models.parts import value_bytes
from bench.learned.weights import catalogue, scaling, tensor_file
from bench.system.errors import BenchError, UsageError
from bench.system.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from bench.learned.weights.stored_cdfs import Tensors

Header = dict[str, Any]

_Value = TypeVar("_Value")

_ENCODER = "g_a."
"""How the names of the tensors begin without which two files have nothing to do with each other."""


def read(path: Path) -> tuple[Header, Tensors]:
    """Header of a file, and all tensors of its model: its own and those that it takes from its bases.

    Raises:
        MissingError: there is no such file, or a base is not beside it.
        UsageError: it is not a weights file, damaged, of another version, or a base is another than it was made for.
    """
    header, tensors = tensor_file.read(path)
    whole: Tensors = {}
    for base in reversed(catalogue.bases(path)):
        whole = _on(base, *tensor_file.read(base), whole, scaling.scaled)
    return header, _on(path, header, tensors, whole, scaling.scaled)


def write(path: Path, header: Header, tensors: Tensors, base: Path | None = None) -> None:
    """Write a model as a part of a base that has its encoder, but for factors of some channels, else whole.

    Args:
        path: the file; `base` has to lie beside it when it is read.
        header: what else the file says. A base in it is that of before, and is not kept.
        tensors: of the whole model.
        base: another file, a whole one or a part.

    Raises:
        OSError: the file cannot be written; what was there before is untouched.
    """
    header = {name: value for name, value in header.items() if name != "base"}
    held = tensors if base is None else difference(tensors, base)
    factors = {} if base is None else _factors(held, base)
    layers = set(map(_layer, factors))
    if base is not None and all(_layer(name) in layers for name in held if name.startswith(_ENCODER)):
        taken = sorted(tensors.keys() - held.keys())
        header["base"] = {"file": base.name, "sha256": sha256_of(base), "taken": taken}
        if factors:
            header["base"]["scaled"] = {name: axis for name, (axis, _) in factors.items()}
        tensors = {**held, **{name: found for name, (_, found) in factors.items()}}
    tensor_file.write(path, header, tensors)


def difference(tensors: Tensors, base: Path) -> Tensors:
    """The tensors that a base does not have, or has with other values."""
    _, theirs = read(base)
    return {name: value for name, value in tensors.items() if not _equal(value, theirs.get(name))}


def _factors(held: Tensors, base: Path) -> dict[str, tuple[int, torch.Tensor]]:
    """Axis and factors of the tensors that are those of a base with each channel multiplied."""
    theirs = read(base)[1]
    found = {name: scaling.find(value, theirs[name]) for name, value in held.items() if name in theirs}
    return {name: factors for name, factors in found.items() if factors is not None}


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def alike(one: Path, other: Path, parts: Collection[str] | None = None) -> bool:
    """Whether two files have equal tensors, all or those of some sub-networks; not if one of the two is of no use.

    Asked again, it reads only what has changed since.
    """
    try:
        ours, theirs = (
            {name: value for name, value in digests(path).items() if parts is None or name.partition(".")[0] in parts}
            for path in (one, other)
        )
    except BenchError:
        return False
    return ours == theirs


def digests(path: Path) -> dict[str, str]:
    """The SHA-256 of each tensor of a file's model, of those that it takes from its bases, too.

    Raises:
        MissingError, UsageError: see `read`.
    """
    whole: dict[str, str] = {}
    for file in (*reversed(catalogue.bases(path)), path):
        state = file.stat()
        whole = _on(file, *_held(file, state.st_mtime_ns, state.st_size), whole, _scaled_digest)
    return whole


def _scaled_digest(base: str, factors: str, axis: int) -> str:
    return hashlib.sha256(f"{base} {factors} {axis}".encode()).hexdigest()


@functools.lru_cache(maxsize=256)
def _held(path: Path, _modified_ns: int, _num_bytes: int) -> tuple[Header, dict[str, str]]:
    """Header of a file and the SHA-256 of each tensor in it; it is read again only when it has changed."""
    header, tensors = tensor_file.read(path)
    found = {}
    for name, value in tensors.items():
        digest = hashlib.sha256(f"{value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value_bytes(value))
        found[name] = digest.hexdigest()
    return header, found


def replace(path: Path, header: Header, tensors: Tensors, base: Path | None = None) -> None:
    """Write a model (see `write`) where other files may be parts of what was there.

    Models beside it that shared tensors with it keep theirs, as parts of what is there now, or whole if they have no
    more in common. Decoders and entropy models in integers go with one model alone: they follow it if its tensors
    stay. If they do not, they are left to be refused, because they have to be made again.
    """
    before, followers = _readable(path), _followers(path)
    write(path, header, tensors, base)
    _follow(path, followers, stays=before is not None and _same(before, tensors))


@dataclass(frozen=True, slots=True)
class _Follower:
    """A file that is a part of another, as it was before that changed, and those that are parts of it."""

    path: Path
    header: Header
    tensors: Tensors
    """Of the whole model; those in the file if it goes with one model alone."""
    followers: tuple[_Follower, ...]


def _followers(path: Path) -> tuple[_Follower, ...]:
    found = []
    for file in _parts_of(path):
        header, held = tensor_file.read(file)
        tensors = held if _goes_with_one(header) else _readable(file)
        if tensors is not None:
            found.append(_Follower(file, header, tensors, _followers(file)))
    return tuple(found)


def _follow(base: Path, followers: tuple[_Follower, ...], *, stays: bool) -> None:
    """Write files again behind a new base; `stays`: it has the tensors of the one before."""
    for file in followers:
        if not _goes_with_one(file.header):
            write(file.path, file.header, file.tensors, base)
            _follow(file.path, file.followers, stays=True)
        elif stays:
            linked = {**file.header["base"], "sha256": sha256_of(base)}
            tensor_file.write(file.path, {**file.header, "base": linked}, file.tensors)


def _readable(path: Path) -> Tensors | None:
    """The tensors of a file's model, if it is there with all its bases."""
    try:
        return read(path)[1]
    except BenchError:
        return None


def _on(
    path: Path,
    header: Header,
    held: dict[str, _Value],
    base: dict[str, _Value],
    scaled: Callable[[_Value, _Value, int], _Value],
) -> dict[str, _Value]:
    """A file's own tensors, or what stands for them, upon those that it takes from its base if it has one.

    `scaled` makes a tensor of the base's, factors and an axis.
    """
    if "base" not in header:
        return held
    if "fixed_point" in header:
        raise UsageError(f"{path}: the weights of an entropy model in integers, not of a whole model")
    if "taken" not in header["base"]:
        raise UsageError(f"{path}: it does not say what it takes of {header['base']['file']}; train it anew")
    axes = header["base"].get("scaled", {})
    if absent := [name for name in (*header["base"]["taken"], *axes) if name not in base]:
        raise UsageError(f"{path}: '{absent[0]}' is not in its base {header['base']['file']}")
    try:
        made = {name: scaled(base[name], held[name], axis) for name, axis in axes.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: its factors do not fit its base {header['base']['file']} ({error})") from error
    return {**{name: base[name] for name in header["base"]["taken"]}, **held, **made}


def _parts_of(path: Path) -> Iterator[Path]:
    """The files beside a file that it is the base of; those that cannot be read are nobody's."""
    if not path.is_file():
        return
    sha256 = sha256_of(path)
    for file in sorted(path.parent.glob("*.safetensors")):
        with contextlib.suppress(UsageError):
            named = tensor_file.read(file)[0].get("base", {})
            if (named.get("file"), named.get("sha256")) == (path.name, sha256):
                yield file


def _goes_with_one(header: Header) -> bool:
    """Whether a file is a decoder, or an entropy model in integers: of no use with another model."""
    return "modifier" in header or "fixed_point" in header


def _same(ours: Tensors, theirs: Tensors) -> bool:
    return ours.keys() == theirs.keys() and all(_equal(value, theirs[name]) for name, value in ours.items())


def _equal(ours: torch.Tensor, theirs: torch.Tensor | None) -> bool:
    return theirs is not None and ours.dtype == theirs.dtype and torch.equal(ours, theirs)
