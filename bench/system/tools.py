"""External programs with a timeout, and termination of process trees."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import psutil


def run_tool(
    command: Sequence[str], *, timeout_s: float, data: bytes | None = None, folder: Path | str | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a program with `data` on its standard input, and return its output.

    Raises:
        TimeoutExpired: the program took longer than `timeout_s` and was killed with its children.
        OSError: the program cannot be started.
    """
    pipe, given = subprocess.PIPE, subprocess.DEVNULL if data is None else subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, stdin=given, stdout=pipe, stderr=pipe) as process:
        try:
            output, errors = process.communicate(data, timeout=timeout_s)
        except BaseException:
            end_tree(process.pid)
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def end_tree(pid: int) -> None:
    """Kill a process and all its descendants, and wait until they have ended, for five seconds at most."""
    import psutil  # noqa: PLC0415

    killed = []
    with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGSTOP)  # so that it cannot start further children
        killed = [psutil.Process(pid)]
        killed += killed[0].children(recursive=True)
        for child in killed[1:]:
            with contextlib.suppress(psutil.Error):
                child.kill()
        os.kill(pid, signal.SIGKILL)
    # A process ends some time after the signal; until then it may still write files.
    until = time.monotonic() + 5
    while any(map(_runs, killed)) and time.monotonic() < until:
        time.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    """Whether a process is running; a zombie is not."""
    import psutil  # noqa: PLC0415

    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False
