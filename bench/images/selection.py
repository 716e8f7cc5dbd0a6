"""Selection of images: by name (globs, separated by commas, as in `--images`), or at random."""

from __future__ import annotations

import fnmatch
import hashlib
from typing import TYPE_CHECKING

from bench.system.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Sequence


def selected(names: Sequence[str], patterns: Sequence[str], of: str) -> tuple[str, ...]:
    """Return the names of images that match a pattern, in the given order; all if there is no pattern.

    Raises:
        UsageError: a pattern matches no image; `of` is the set's name in the message.
    """
    globs = [glob for pattern in patterns for glob in _globs(pattern, names)]
    for glob in globs:
        if not any(_matches(name, glob) for name in names):
            raise unknown(f"image of {of}", glob, names)
    return tuple(name for name in names if not globs or any(_matches(name, glob) for glob in globs))


def sampled(identities: Sequence[str], number: int, seed: int) -> set[int]:
    """Return the indices of `number` images, sampled by their SHA-256 and the seed; all if there are fewer.

    The sample depends neither on names nor on the order. A larger sample with the same seed contains the smaller one.
    """
    order = sorted(range(len(identities)), key=lambda i: hashlib.sha256(f"{seed} {identities[i]}".encode()).digest())
    return set(order[:number])


def _globs(pattern: str, names: Sequence[str]) -> list[str]:
    """Split a pattern into globs, unless it matches as a whole: a name may contain commas."""
    if any(_matches(name, pattern) for name in names):
        return [pattern]
    return pattern.split(",")


def _matches(name: str, glob: str) -> bool:
    """Whether a name equals or matches a glob; a name such as "scan[2]" does not match itself as a glob."""
    return name == glob or fnmatch.fnmatchcase(name, glob)
