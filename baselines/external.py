"""The backend "external": reference binaries of a format, with PPM files as input and output.

PPM contains only pixels. With PNG, opj_compress would apply the gamma in Kodak's files, which changes the picture, and
decoders would spend most of their time in zlib.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from baselines import pillow
from bench.system.errors import CodecError, DecodeError, MissingError
from bench.system.tools import run_tool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.images.picture import Picture

PICTURE = "picture.ppm"
"""File name of the uncompressed picture in command lines."""

TIME_LIMIT_S = 600.0
"""Time limit of a binary for one picture, in seconds."""

_LONGEST_MESSAGE = 600

PPM = pillow.Format("PPM", ())


@dataclass(frozen=True, slots=True)
class Binary:
    """A program, how to get it, and how to find its version.

    With `version_option` the program prints a text that `version_pattern` matches; `version_text` is a template for
    `re.Match.expand` that yields "library number".
    """

    name: str
    source: str  # how to get it, as in "apt install webp (Debian)"
    version_option: str
    version_pattern: str
    version_text: str


def missing(binaries: Sequence[Binary]) -> str | None:
    """Return the binaries that are not on PATH, and how to get them; None if nothing is missing."""
    absent = [binary for binary in binaries if not shutil.which(binary.name)]
    if not absent:
        return None
    return f"{' and '.join(binary.name for binary in absent)} not found on PATH; {absent[0].source}"


def packages(debian: str, homebrew: str) -> str:
    """Describe how to install a binary with package managers."""
    return f"apt install {debian} (Debian) or brew install {homebrew} (macOS)"


def version(binaries: Sequence[Binary]) -> str:
    """Versions of binaries that are used together: "libwebp 1.2.4 (cwebp, dwebp)"."""
    users: dict[str, list[str]] = {}
    for binary in binaries:
        users.setdefault(_version(find(binary), binary), []).append(binary.name)
    return ", ".join(f"{text} ({', '.join(names)})" for text, names in users.items())


def encode(encoder: Binary, arguments: Sequence[str], picture: Picture, coded: str) -> bytes:
    """Encode a picture: the binary reads `PICTURE` and writes the file `coded`.

    Raises:
        CodecError: the binary fails, hangs or crashes.
        MissingError: the binary is not installed.
    """
    return run([find(encoder), *arguments], {PICTURE: ppm(picture)}, coded)


def decode(decoder: Binary, arguments: Sequence[str], data: bytes, coded: str) -> Picture:
    """Decode a file: the binary reads the file `coded` and writes `PICTURE`.

    Raises:
        DecodeError: the binary rejects the bytes, hangs or crashes.
        MissingError: the binary is not installed.
    """
    try:
        return pillow.decode(run([find(decoder), *arguments], {coded: data}, PICTURE), PPM)
    except CodecError as error:
        raise DecodeError(str(error)) from error


def ppm(picture: Picture) -> bytes:
    """Encode a picture as a PPM file."""
    return b"P6\n%d %d\n255\n" % (picture.width, picture.height) + picture.pixels.tobytes()


def find(binary: Binary) -> str:
    """Find the path of a binary.

    Raises:
        MissingError: it is not on PATH.
    """
    path = shutil.which(binary.name)
    if path is None:
        raise MissingError(str(missing([binary])))
    return path


def _version(path: str, binary: Binary) -> str:
    match = re.search(binary.version_pattern, output_of(path, binary.version_option), re.MULTILINE)
    return match.expand(binary.version_text) if match else "unknown version"


@functools.cache
def output_of(path: str, option: str) -> str:
    """Return the output of a binary with an option such as "-h"; "" if it cannot be run."""
    try:
        done = subprocess.run([path, option], capture_output=True, timeout=TIME_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout + done.stderr).decode(errors="replace")


def run(command: Sequence[str], files: Mapping[str, bytes], result: str, *, time_limit_s: float | None = None) -> bytes:
    """Run a command in a temporary folder with `files`, and return the content of the file `result`.

    Raises:
        CodecError: the command fails, hangs or crashes, or does not write the file.
    """
    program, limit = Path(command[0]).name, time_limit_s or TIME_LIMIT_S
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            for name, content in files.items():
                Path(folder, name).write_bytes(content)
            done = run_tool(command, timeout_s=limit, folder=folder)
            if done.returncode != 0:
                raise CodecError(f"{program}: {_message(done)}")
            if not Path(folder, result).is_file():
                raise CodecError(f"{program} reported success but wrote nothing")
            return Path(folder, result).read_bytes()
    except subprocess.TimeoutExpired:
        raise CodecError(f"{program} did not finish within {limit:g} s") from None
    except OSError as error:
        raise CodecError(f"cannot run {program}: {error}") from error


def _message(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return the error output of a binary as one line."""
    if done.returncode < 0:
        return f"killed by signal {-done.returncode}"
    text = (done.stderr.strip() or done.stdout.strip()).decode(errors="replace")
    lines = [line.strip().removeprefix("[ERROR] ") for line in text.splitlines()]
    message = "; ".join(filter(None, lines)) or f"exit status {done.returncode}"
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}…"
