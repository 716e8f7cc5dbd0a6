"""Code in a new process, as `python -c` executes it.

The process is a fork of the server that the harness takes its workers from: it has bench and PyTorch imported, which
takes seconds, and nothing else of the process that tests.
"""

from __future__ import annotations

import contextlib
import io
import sys

from bench.system.worker_process import WorkerProcess


def printed(code: str, *arguments: str, threads: int | None = None) -> str:
    """What the code prints in a new process, with a number of threads, by default that of the environment.

    Raises:
        CodecError: the code raised.
        EndedError: the process was killed.
    """
    with WorkerProcess(threads) as process:
        text: str = process.call(execute, code, arguments)
    return text


def execute(code: str, arguments: tuple[str, ...]) -> str:
    sys.argv = ["-c", *arguments]
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(code, {"__name__": "__main__"})  # noqa: S102
    return output.getvalue()
