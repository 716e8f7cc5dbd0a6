"""Errors whose message is meant for the user: one line that states the cause and the remedy."""

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
    """An option, name or file given by the user cannot be used."""


class BusyError(UsageError):
    """The machine is too busy to measure times."""


class MissingError(BenchError):
    """Something outside the project is missing: a binary, a package, an image set, weights."""


class CodecError(BenchError):
    """A codec could not encode a picture."""


class DecodeError(CodecError):
    """A bitstream cannot be decoded by this codec."""


class ClusterError(BenchError):
    """The connection to a cluster was lost."""


class StoreError(BenchError):
    """The results database cannot be read or written."""


def printable(text: str) -> str:
    """Escape control characters, line breaks, bidirectional marks, and bytes that are not UTF-8."""
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


FROM_USERS = (Exception, SystemExit)
"""Exceptions to catch from users' code, including SystemExit: a call of sys.exit must not end the run."""


def reason_of(error: BaseException, most: int = 200) -> str:
    """Return the message of an error on one line, cut to `most` characters; its type if it has none."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= most else f"{text[: most - 1]}…"


def one_line(error: BaseException) -> str:
    """Format an error as one line, with its type if it is not a `BenchError`.

    If it was raised in a user's file, file name and line number are appended.
    """
    text = printable(" ".join(_message(error).split()))
    message = text if isinstance(error, BenchError) else f"{type(error).__name__}: {text}"
    frames = [
        (printable(Path(frame.f_code.co_filename).name), line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__", "").startswith(USER_MODULE)
    ]
    return f"{message} ({frames[-1][0]}:{frames[-1][1]})" if frames else message


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # an error class of the user's
        return "(its message cannot be shown)"


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Return the error for a name that is not in `known`, with a suggestion; see `hint`."""
    return UsageError(f"unknown {kind} '{name}'{hint(name, known)}")


def hint(name: str, known: Iterable[str], meant: str | None = None) -> str:
    """Return the end of a message about an unknown name: the name that was probably meant, or the first known names.

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
    """Return the sorted known names with the same prefix as `name`, up to the last slash; all names if none has it."""
    names = sorted(known)
    source = name.rpartition("/")[0] + "/"
    return [one for one in names if one.startswith(source)] or names


def _spelt_alike(name: str, names: list[str]) -> str | None:
    """Find the name with the most similar spelling, ignoring case and a common prefix up to the last slash."""
    if same := next((one for one in names if one.lower() == name.lower() != name), None):
        return same
    source = name.rpartition("/")[0] + "/"
    rest = {one.removeprefix(source): one for one in names}
    near = difflib.get_close_matches(name.removeprefix(source), rest, n=1, cutoff=0.5)
    return rest[near[0]] if near else None
