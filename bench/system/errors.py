"""Errors whose message is meant for the user: one line that names the thing at fault and says what to do."""

from __future__ import annotations

import difflib
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from bench.system.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

USER_MODULE = "bench_user_"
"""Prefix of the names of modules loaded from a user's files."""


class BenchError(Exception):
    """Base class of every error that `bench` reports as one line and a non-zero exit code.

    Names and texts from outside are escaped in the message by `printable`.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


class UsageError(BenchError):
    """An option, name or file that the user gave cannot be used."""


class BusyError(UsageError):
    """The machine is busy, so that times would be wrong."""


class MissingError(BenchError):
    """Something outside the project is missing: a binary, a package, an image set, weights."""


class CodecError(BenchError):
    """A codec could not encode a picture."""


class DecodeError(CodecError):
    """A bitstream cannot be decoded by this codec."""


class ClusterError(BenchError):
    """A cluster that worked for this process is gone."""


class StoreError(BenchError):
    """The results database cannot be read or written."""


def printable(text: str) -> str:
    """Escape what does not print in a name or message from outside.

    That is control characters, line breaks, marks that change the direction of text, and bytes that are not UTF-8.
    """
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


FROM_USERS = (Exception, SystemExit)
"""Exceptions of users' code to catch, including SystemExit: a call of sys.exit must not end the run."""


def one_line(error: BaseException) -> str:
    """An error as one line, with its type if it is not a `BenchError`.

    If it was raised in a file of the user's, file name and line number follow.
    """
    text = printable(" ".join(str(error).split()))
    message = text if isinstance(error, BenchError) else f"{type(error).__name__}: {text}"
    frames = [
        (printable(Path(frame.f_code.co_filename).name), line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__", "").startswith(USER_MODULE)
    ]
    return f"{message} ({frames[-1][0]}:{frames[-1][1]})" if frames else message


def unknown(kind: str, name: str, known: Iterable[str], meant: str | None = None) -> UsageError:
    """The error for a name that is not in `known`, with a suggestion; see `hint`."""
    return UsageError(f"unknown {kind} '{name}'{hint(name, known, meant)}")


def hint(name: str, known: Iterable[str], meant: str | None = None) -> str:
    """The end of a message about an unknown name: what was probably meant, or the first few known names.

    Args:
        name: the unknown name.
        known: the known ones.
        meant: the one to suggest; by default the one with the most similar spelling.
    """
    names = of_source(name, known)
    if near := meant or _spelt_alike(name, names):
        return f"; did you mean '{near}'?"
    return f"; known: {listed(names)}" if names else ""


def of_source(name: str, known: Iterable[str]) -> list[str]:
    """The known names with the same prefix up to the last slash as `name`, sorted; all, if there are none."""
    names = sorted(known)
    source = name.rpartition("/")[0] + "/"
    return [one for one in names if one.startswith(source)] or names


def _spelt_alike(name: str, names: list[str]) -> str | None:
    """The name with the most similar spelling. A common prefix up to the last slash does not count, nor does case."""
    if same := next((one for one in names if one.lower() == name.lower() != name), None):
        return same
    source = name.rpartition("/")[0] + "/"
    rest = {one.removeprefix(source): one for one in names}
    near = difflib.get_close_matches(name.removeprefix(source), rest, n=1, cutoff=0.5)
    return rest[near[0]] if near else None
