"""Running external programs with a timeout, and killing process trees."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


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
    """Kill a process and all its descendants."""
    import psutil  # noqa: PLC0415

    with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGSTOP)  # so that it starts no further children
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
        os.kill(pid, signal.SIGKILL)
