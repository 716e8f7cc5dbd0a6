"""What --weights means where it names files: one, a list of them, or a glob; and which quality each of them is.

    my_q4.pth.tar                   one file
    runs/*.pth.tar                  a curve: each file is a point
    q1=low.pth,q2=high.pth          a curve whose points are numbered by hand

The number of a file is the last one in its name, or, with a glob, in what the wildcards stand for. It depends on that
file alone: another file beside it changes no point that is measured. Two files of one number are refused. No torch.
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
"""How the names of checkpoints end."""

ALONE = 1.0
"""The number of a file whose name has none, if it is the only one."""

_NUMBERED = re.compile(r"q?(\d+(?:\.\d+)?)=")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?", re.IGNORECASE)
_ARCHITECTURE = re.compile(r"bmshj2018|mbt2018|cheng2020|elic2022", re.IGNORECASE)
_HASH = re.compile(r"-[0-9a-f]{8}$")
"""What CompressAI's update_model puts behind the name of a file."""

_WILDCARDS = "*?["


def selected(weights: str) -> dict[float, Path] | None:
    """The files that a list or glob names, by quality; None if the text is neither.

    Raises:
        UsageError: a file is not there, a glob matches none, or two files have one number.
    """
    if Path(weights).exists():
        return None
    if _NUMBERED.match(weights):
        return _of_list(weights)
    if any(character in weights for character in _WILDCARDS):
        return _of_glob(weights)
    return None


def number_of(path: Path) -> float:
    """The quality of a file that is named alone: the last number in its name, else 1."""
    number = _number(_stem(path.name))
    return ALONE if number is None else number


def _of_list(text: str) -> dict[float, Path]:
    found: dict[float, Path] = {}
    for part in re.split(r",(?=q?\d+(?:\.\d+)?=)", text):
        quality, _, name = part.partition("=")
        number, path = float(quality.removeprefix("q")), Path(name)
        if not path.is_file():
            raise UsageError(f"--weights {part}: there is no file {name}")
        if number in found:
            raise UsageError(f"--weights: {found[number]} and {path} are both q{number:g}; give each its own")
        found[number] = path
    return dict(sorted(found.items()))


def _of_glob(pattern: str) -> dict[float, Path]:
    names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - the pattern may begin anywhere
    paths = [Path(name) for name in names if Path(name).is_file()]
    if not paths:
        raise UsageError(f"--weights {pattern}: no file has such a name")
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
    """What to type instead."""
    listed = [f"q{number}={path}" for number, path in enumerate(paths, 1)]
    return f"number them: --weights {','.join(listed[:2])}{',...' if listed[2:] else ''}"


def _matched(pattern: str, path: Path) -> list[str]:
    """What the wildcards of a pattern stand for in a path, folder by folder."""
    wanted, parts = Path(pattern).parts, path.parts
    if len(wanted) != len(parts):  # "**" stands for any number of folders
        return [*parts[:-1], _stem(parts[-1])]
    return [_between(glob_part, part) for glob_part, part in zip(wanted, parts, strict=True) if _is_glob(glob_part)]


def _is_glob(text: str) -> bool:
    return any(character in text for character in _WILDCARDS)


def _between(pattern: str, name: str) -> str:
    """A name without what the pattern says in front of its first wildcard and behind its last one."""
    places = [place for place, character in enumerate(pattern) if character in f"{_WILDCARDS}]"]
    tail = pattern[places[-1] + 1 :]
    return _stem(name[places[0] : len(name) - len(tail)])


def _stem(name: str) -> str:
    """A file's name without what says that it is a checkpoint."""
    ending = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")
    return name.removesuffix(ending)


def _number(*texts: str) -> float | None:
    """The last number in the last text that has one: not the year of an architecture, nor a hash behind a number."""
    for text in reversed(texts):
        plain = _ARCHITECTURE.sub("", text)
        for candidate in (_HASH.sub("", plain), plain):
            if numbers := _NUMBER.findall(candidate):
                return float(numbers[-1])
    return None
