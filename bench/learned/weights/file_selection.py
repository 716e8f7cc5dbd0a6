"""Files given by --weights (one file, a list, or a glob), and the quality of each.

    my_q4.pth.tar                   one file
    runs/*.pth.tar                  an RD curve: each file is a point
    q1=low.pth,q2=high.pth          an RD curve with explicit qualities

The quality is the last number in the file's name or, with a glob, in the text matched by the wildcards. It depends only
on that file, so adding files does not change the points that were already measured. Two files with the same number are
an error. This module does not import torch.
"""

from __future__ import annotations

import glob
import re
from pathlib import Path
from typing import TYPE_CHECKING

from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

SUFFIXES = (".pth.tar", ".pth", ".pt", ".ckpt", ".tar", ".bin", ".safetensors")
"""Suffixes of checkpoints."""

ALONE = 1.0
"""The quality of a single file without a number in its name."""

_NUMBERED = re.compile(r"q?(\d+(?:\.\d+)?)=")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?", re.IGNORECASE)
_ARCHITECTURE = re.compile(r"bmshj2018|mbt2018|cheng2020|elic2022", re.IGNORECASE)
_HASH = re.compile(r"-[0-9a-f]{8}$")
"""Suffix that CompressAI's update_model appends to a file's name."""

_WILDCARDS = "*?["


def selected(weights: str) -> dict[float, Path] | None:
    """The files of a list or glob, by quality; None if the text is neither.

    Raises:
        UsageError: a file is missing, a glob matches none, or two files have the same number.
    """
    if Path(weights).exists():
        return None
    if _NUMBERED.match(weights):
        return _of_list(weights)
    if _is_glob(weights):
        return _of_glob(weights)
    return None


def number_of(path: Path) -> float:
    """The quality of a single file: the last number in its name, else 1."""
    number = _number(_stem(path.name))
    return ALONE if number is None else number


def _of_list(text: str) -> dict[float, Path]:
    found: dict[float, Path] = {}
    for part in re.split(r",(?=q?\d+(?:\.\d+)?=)", text):
        quality, _, name = part.partition("=")
        number, path = float(quality.removeprefix("q")), Path(name)
        if not path.is_file():
            reason = f"there is no file {name}" if name else "a file must follow"
            raise UsageError(f"--weights {part}: {reason}")
        if number in found:
            raise UsageError(f"--weights: {found[number]} and {path} are both q{number:g}; number them differently")
        found[number] = path
    return dict(sorted(found.items()))


def _of_glob(pattern: str) -> dict[float, Path]:
    names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - the pattern may be absolute
    paths = [Path(name) for name in names if Path(name).is_file()]
    if not paths:
        raise UsageError(f"--weights {pattern}: no file matches")
    found: dict[float, Path] = {}
    for path in paths:
        number = _number(*_matched(pattern, path))
        if number is None and len(paths) == 1:
            number = ALONE
        if number is None:
            raise UsageError(f"--weights {pattern}: no number in the name of {path}; {_by_hand(paths)}")
        if number in found:
            raise UsageError(f"--weights {pattern}: {found[number]} and {path} are both {number:g}; {_by_hand(paths)}")
        found[number] = path
    return dict(sorted(found.items()))


def _by_hand(paths: Iterable[Path]) -> str:
    """Advice to give explicit qualities, with the beginning of such a list."""
    listed = [f"q{number}={path}" for number, path in enumerate(paths, 1)]
    return f"number them: --weights {','.join(listed[:2])}{',...' if listed[2:] else ''}"


def _matched(pattern: str, path: Path) -> list[str]:
    """The text that the wildcards of a pattern match, for each part of a path."""
    wanted, parts = Path(pattern).parts, path.parts
    if len(wanted) != len(parts):  # "**" matches any number of folders
        return [*parts[:-1], _stem(parts[-1])]
    return [_between(glob_part, part) for glob_part, part in zip(wanted, parts, strict=True) if _is_glob(glob_part)]


def is_path(text: str) -> bool:
    """Whether a text looks like the path of one file: it has a suffix or a slash, and no comma."""
    return ("/" in text or bool(Path(text).suffix)) and "," not in text


def _is_glob(text: str) -> bool:
    return any(character in text for character in _WILDCARDS)


def _between(pattern: str, name: str) -> str:
    """A name without the pattern's text before its first wildcard and after its last one."""
    places = [place for place, character in enumerate(pattern) if character in f"{_WILDCARDS}]"]
    tail = pattern[places[-1] + 1 :]
    return _stem(name[places[0] : len(name) - len(tail)])


def _stem(name: str) -> str:
    """A file's name without the suffix of a checkpoint."""
    ending = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")
    return name.removesuffix(ending)


def _number(*texts: str) -> float | None:
    """The last number in the last text that has one, ignoring years of architectures and hashes after a number."""
    for text in reversed(texts):
        plain = _ARCHITECTURE.sub("", text)
        for candidate in (_HASH.sub("", plain), plain):
            if numbers := _NUMBER.findall(candidate):
                return float(numbers[-1])
    return None
