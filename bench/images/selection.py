"""Selection of images: by name (globs, several in one text separated by commas, as in `--images`), or at random."""

from __future__ import annotations

import fnmatch
import hashlib
from typing import TYPE_CHECKING

from bench.system.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Sequence


def selected(names: Sequence[str], patterns: Sequence[str], of: str) -> tuple[str, ...]:
    """The names of images that match a pattern, in their order; all if there is no pattern.

    Raises:
        UsageError: a pattern matches no image; `of` is the set's name in the message.
    """
    globs = [glob for pattern in patterns for glob in _globs(pattern, names)]
    for glob in globs:
        if not any(_matches(name, glob) for name in names):
            raise unknown(f"image of {of}", glob, names)
    return tuple(name for name in names if not globs or any(_matches(name, glob) for glob in globs))


def sampled(identities: Sequence[str], number: int, seed: int) -> set[int]:
    """Indices of `number` images, sampled by their SHA-256 and the seed; all if there are fewer.

    The sample does not depend on names or on the order. A larger sample of the same seed contains the smaller one.
    """
    order = sorted(range(len(identities)), key=lambda i: hashlib.sha256(f"{seed} {identities[i]}".encode()).digest())
    return set(order[:number])


def _globs(pattern: str, names: Sequence[str]) -> list[str]:
    """The globs in a pattern. A name may itself contain a comma."""
    if any(_matches(name, pattern) for name in names):
        return [pattern]
    return pattern.split(",")


def _matches(name: str, glob: str) -> bool:
    """Whether a name is, or matches, a glob. A name may itself contain brackets: "scan[2]" is not scan2 alone."""
    return name == glob or fnmatch.fnmatchcase(name, glob)
