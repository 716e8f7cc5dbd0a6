"""Downloads that are resumed, try mirrors, and are verified by SHA-256."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from bench.system.errors import MissingError, reason_of
from bench.system.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TIMEOUT_S = 20.0
"""Timeout for connecting, and for each pause of the server."""

MAX_BYTES = 1 << 30
"""Maximum size of a file, since its hash is checked only at the end. Checkpoints have about 100 MB."""

_CHUNK = 1 << 14  # the most data that is lost with a connection


def download(
    urls: Sequence[str],
    path: Path,
    sha256: str,
    *,
    advance: Callable[[int], None] = lambda _: None,
    max_bytes: int | None = None,
) -> None:
    """Download a file to `path`, or leave `path` as it was.

    Received data is kept in `path`.part, so that the next call can resume. A file with a wrong hash is deleted.
    `sha256` may be a prefix of the hash, as in the names of CompressAI's checkpoints. `advance` is called with the
    number of bytes received, first with that of an earlier call. A file larger than `max_bytes` (by default
    `MAX_BYTES`) is refused.

    Raises:
        MissingError: no URL gave a file with this hash; the message gives the reason for each.
    """
    if path.is_file() and sha256_of(path).startswith(sha256):
        return
    reasons = []
    for url in urls:
        reason = _try(url, path, sha256, functools.partial(_fetch, advance=advance, max_bytes=max_bytes or MAX_BYTES))
        if reason is None:
            return
        reasons.append(f"{url}: {reason}")
    raise MissingError(f"cannot download {path.name}: " + "; ".join(reasons))


def weights_folder() -> Path:
    """Folder of downloaded weights: $BENCH_WEIGHTS, else bench/weights in the user's cache folder."""
    if given := os.environ.get("BENCH_WEIGHTS"):
        return Path(given)
    return _cache_folder() / "bench" / "weights"


def locate_weights(file: str) -> Path | None:
    """Find a weights file in bench's folder or among PyTorch's downloads, without verifying it."""
    hub = Path(os.environ.get("TORCH_HOME") or _cache_folder() / "torch") / "hub" / "checkpoints"
    return next((path for path in (weights_folder() / file, hub / file) if path.is_file()), None)


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


class _TooLargeError(Exception):
    """A server sends more than the maximum number of bytes."""

    def __str__(self) -> str:
        return f"it sends more than the limit of {self.args[0]} bytes"


def _try(url: str, path: Path, sha256: str, fetch: Callable[[str, Path], None]) -> str | None:
    """Download from one URL; return None, or the reason why it failed."""
    from requests import RequestException  # noqa: PLC0415

    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        resumed = part.exists()
        fetch(url, part)
        if resumed and not sha256_of(part).startswith(sha256):
            # It may mix two versions of the file: download it again from the start.
            part.unlink()
            fetch(url, part)
        if not (found := sha256_of(part)).startswith(sha256):
            part.unlink()
            return f"wrong SHA-256 {found[:16]}…, expected {sha256[:16]}…"
        part.replace(path)
    except _TooLargeError as error:
        part.unlink(missing_ok=True)
        return str(error)
    except (RequestException, OSError, ValueError) as error:
        return _one_line(error)
    return None


def _fetch(url: str, part: Path, *, advance: Callable[[int], None], max_bytes: int) -> None:
    import requests  # noqa: PLC0415

    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # the part may be complete, which its hash shows
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        length = int(response.headers.get("Content-Length") or 0)
        if length > max_bytes:
            raise _TooLargeError(max_bytes)
        try:
            with part.open("ab" if resumed else "wb") as file:
                advance(file.tell())
                for chunk in response.iter_content(_CHUNK):
                    if file.tell() + len(chunk) > max_bytes:
                        raise _TooLargeError(max_bytes)
                    file.write(chunk)
                    advance(len(chunk))
        except requests.RequestException as error:
            raise _cut_off(part) from error
        if part.stat().st_size - (have if resumed else 0) < length:
            raise _cut_off(part)


def _cut_off(part: Path) -> ConnectionError:
    return ConnectionError(f"the connection ended after {part.stat().st_size} bytes; run again to resume")


def _one_line(error: Exception) -> str:
    # requests wraps the cause in the error of its last retry.
    error = getattr(next(iter(error.args), None), "reason", None) or error
    return reason_of(error)
