"""Provenance of a run: command, code, libraries, machine."""

from __future__ import annotations

import datetime as dt
import platform
import secrets
from typing import TYPE_CHECKING

from bench import __version__
from bench.results.schema import RunInfo
from bench.system.errors import printable
from bench.system.provenance import accelerators, git_state, machine, package_versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def describe_run(
    command: Sequence[str],
    *,
    threads: int,
    workers: int | str = 1,
    pictures: Mapping[str, Sequence[str]] | None = None,
    device: str = "cpu",
    not_loaded: Mapping[str, str] | None = None,
) -> RunInfo:
    """Describe the run that starts now. Its id sorts by time and never repeats.

    `threads` is the number of threads of this process, which takes the times; each of several `workers` has one thread.
    `workers` is a number, or "cluster". `pictures` maps remarks on what reading changed to the names of the pictures.
    `device` is that of the learned codecs; if it is an accelerator, the accelerators of this machine are recorded, too.
    `not_loaded` maps codecs whose code could not be loaded to the reason.
    """
    now = dt.datetime.now(dt.UTC)
    provenance = {
        "bench": __version__,
        **git_state(),
        "python": platform.python_version(),
        "os": platform.platform(),
        "threads": threads,
        "workers": workers,
        "packages": package_versions(),
    }
    if device != "cpu":
        provenance["device"] = device
        provenance["accelerators"] = "; ".join(accelerators()) or None
    if pictures:
        provenance["pictures"] = {remark: ", ".join(names) for remark, names in pictures.items()}
    if not_loaded:
        provenance["not loaded"] = dict(not_loaded)
    return RunInfo(
        run_id=f"{now:%Y%m%dT%H%M%S.%f}-{secrets.token_hex(3)}",  # sorts by the time of the start
        started=now.isoformat(timespec="microseconds"),
        command=printable(" ".join(["bench", *command])),
        machine=machine(),
        provenance=provenance,
    )
