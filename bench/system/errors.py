"""Errors whose message is meant for the user: one line that names the thing at fault and says what to do."""

from __future__ import annotations

import difflib
import re
import traceback
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

USER_MODULE = "bench_user_"
"""Begins the names of the modules that files of the user's own are loaded as."""


LISTED = 12
"""At most so many names stand in a message."""

_NOT_PRINTABLE = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode's categories of control characters, surrogates, and separators of lines and paragraphs."""


class BenchError(Exception):
    """Base class of every error that `bench` reports as one line and a non-zero exit code.

    Names and words from outside stand in the message with escapes, as `printable` writes them.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


class UsageError(BenchError):
    """An option, name or file that the user gave cannot be used."""


class BusyError(UsageError):
    """Other work uses the machine, so that times would be wrong."""


class MissingError(BenchError):
    """Something outside the project is not there: a binary, a package, an image set, weights."""


class CodecError(BenchError):
    """A codec could not encode a picture."""


class DecodeError(CodecError):
    """A bitstream is not one that this codec can decode."""


class StoreError(BenchError):
    """The results database cannot be read or written."""


def printable(text: str) -> str:
    """A name or message from outside, with escapes for what no terminal, table or database takes.

    These are control characters, line breaks among them, and bytes that are not UTF-8.
    """
    return "".join(_escape(c) if unicodedata.category(c) in _NOT_PRINTABLE else c for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python has a byte of a file's name that is not UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


FROM_USERS = (Exception, SystemExit)
"""What code of the user's own may raise. One that exits, as scripts do, must not end the run of others."""


def one_line(error: BaseException) -> str:
    """An error of a codec as one line; with its type if it is none of ours, for then the text alone may say little.

    What went through a file of the user's own says where.
    """
    text = printable(" ".join(str(error).split()))
    told = text if isinstance(error, BenchError) else f"{type(error).__name__}: {text}"
    frames = [
        (printable(Path(frame.f_code.co_filename).name), line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__", "").startswith(USER_MODULE)
    ]
    return f"{told} ({frames[-1][0]}:{frames[-1][1]})" if frames else told


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not in `known`, with the nearest known name as a suggestion."""
    return UsageError(f"unknown {kind} '{name}'{hint(name, known)}")


def hint(name: str, known: Iterable[str]) -> str:
    """The end of a message on a name that is not in `known`: one that means it, the nearest, or the first few."""
    names = sorted(known)
    source = name.rpartition("/")[0] + "/"
    names = [one for one in names if one.startswith(source)] or names
    if near := _of_one_meaning(name, names) or _spelt_alike(name, names):
        return f"; did you mean '{near}'?"
    return f"; known: {listed(names)}" if names else ""


def listed(names: Sequence[str]) -> str:
    """Names in a message: the first few, and how many more there are."""
    more = f", and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


_MEANINGS = (
    ("factorized", "bmshj2018-factorized", "balle-2017-iclr-opt"),
    ("scale", "bmshj2018-hyperprior", "balle-2018-iclr-opt"),
    ("hyper", "mbt2018-mean", "minnen-2018-neurips-no-context"),
    ("joint", "mbt2018", "minnen-2018-neurips-opt"),
    ("attn", "cheng2020-attn"),
    ("cca", "duan2023"),
    ("jpeg", "jpeg420"),
    ("jpeg2000", "jp2", "j2k", "openjpeg", "j2k-opj5"),
    ("jpegxl", "jpeg-xl", "jxl"),
    ("bpg-444", "bpg444", "bpg_444_x265_ycbcr", "bpg"),
    ("bpg-420", "bpg420"),
    ("vvc", "vvenc", "vtm", "h266"),
)
"""Names of one codec: ours first, then those of papers and of other people's files."""


def _of_one_meaning(name: str, names: list[str]) -> str | None:
    """The first of some names that stands for the codec that another name stands for."""
    method = name.lower().rpartition("/")[2].partition("@")[0]
    words = [word for meaning in _MEANINGS if method in meaning for word in meaning]
    patterns = [re.compile(rf"(.*[/-])?{re.escape(word)}([@_].*|-(mse|msssim))?", re.IGNORECASE) for word in words]
    alike = [one for pattern in patterns for one in names if pattern.fullmatch(one)]
    # Trained for MSE is what is meant where nothing is said.
    return min(alike, key=lambda one: "ms-ssim" in one or "msssim" in one, default=None)


def _spelt_alike(name: str, names: list[str]) -> str | None:
    """The name that is spelt most alike; that both have the same source says nothing."""
    source = name.rpartition("/")[0] + "/"
    rest = {one.removeprefix(source): one for one in names}
    near = difflib.get_close_matches(name.removeprefix(source), rest, n=1, cutoff=0.5)
    return rest[near[0]] if near else None
