"""Provenance of a run: command, code, packages and machine."""

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
    """Describe a run that starts now. Its unique id sorts by time.

    Args:
        command: arguments of the command line.
        threads: number of threads of this process, which measures times. Each of several workers has one thread.
        workers: number of worker processes, or "cluster".
        pictures: remarks on what reading omits or converts, with the names of the pictures.
        device: device of the learned codecs. For an accelerator, the accelerators of this machine are recorded, too.
        not_loaded: codecs whose code could not be loaded, with the reason.
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
