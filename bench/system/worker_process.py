"""A process that carries out calls for this one, within limits, and that is ended with all that it started.

It comes from a server of processes (`multiprocessing`'s forkserver) that has imported what this process had imported
when it asked for the first one, and knows nothing else of it: the next one takes milliseconds, not the seconds that
PyTorch takes. A worker process that starts one itself seldom needs a second: its server imports nothing in advance.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from bench.system.environment import SAFE_PATH, environment, set_threads, threads_of, threads_wanted
from bench.system.errors import FROM_USERS, CodecError, one_line
from bench.system.tools import end_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

WATCH_S = 0.05
"""How often the memory of a process is looked at whose memory is limited."""

DYING_S = 5.0
"""How long the system may take to say how a process has ended."""

_starting = threading.Lock()
"""The environment is that of all threads."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a call may take. None stands for any."""

    timeout_s: float | None = None
    memory_bytes: int | None = None
    """Memory of the process and all that it started, as `WorkerProcess` counts it."""

    def __bool__(self) -> bool:
        return self != Limits()

    def times(self, number: int) -> Limits:
        """The limits of a call that does the work of so many, one after the other."""
        return Limits(None if self.timeout_s is None else self.timeout_s * number, self.memory_bytes)


class EndedError(CodecError):
    """A process came to its end before it had an answer; what is said of it is a verb: "exited with code 3"."""


class TimeoutEndedError(EndedError):
    """It was ended because it took too long."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """What stands for an exception: not every one can be sent to another process."""

    message: str


@dataclass(frozen=True, slots=True)
class _Running:
    process: ForkServerProcess
    connection: Connection
    leads_group: bool

    @property
    def pid(self) -> int:
        pid = self.process.pid
        assert pid is not None  # noqa: S101  # it was started
        return pid

    def memory_bytes(self) -> int:
        """Memory of the process and of all that is in its group.

        It is the proportional set size where the system has it (Linux): processes that were forked share most of the
        libraries' pages, and the sum of their resident sizes would count these once for each. Else the resident size.
        """
        import psutil  # noqa: PLC0415

        total = 0
        for pid in psutil.pids():
            with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
                if os.getpgid(pid) == self.pid:
                    memory = psutil.Process(pid).memory_full_info()
                    total += getattr(memory, "pss", memory.rss)
        return total

    def end(self) -> None:
        self.connection.close()
        end_tree(self.pid)
        if self.leads_group:
            # What a program has left behind is no child of the process any more, but still of its group.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join(DYING_S)


class WorkerProcess:
    """A Python process of this one, which starts when it is first needed; if it ends, the next call starts another.

    It never outlives this process. Its libraries have a number of threads of their own.
    """

    def __init__(self, threads: int | None = None, folder: str | None = None) -> None:
        """`threads` are those of libraries, by default what the environment says; it works in a `folder`, or here."""
        self._threads = threads
        self._folder = folder
        self._running: _Running | None = None
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process for good, whatever it is doing; another thread may call this."""
        self._is_closed = True
        self._end()

    def _end(self) -> None:
        running, self._running = self._running, None
        if running:
            running.end()

    def call(self, function: Callable[..., Any], *arguments: object, limits: Limits | None = None) -> Any:  # noqa: ANN401
        """What a function of a module gives over there.

        Raises:
            CodecError: it raised, which is told in one line.
            EndedError: the process came to an end, or went beyond a limit and was ended.
        """
        running = self._running = self._running or self._start()
        if self._is_closed:  # by another thread, perhaps while it started
            self._end()
            raise EndedError("was closed")
        try:
            running.connection.send((function, arguments))
            self._wait(running, limits or Limits())
            answer = running.connection.recv()
        except (EOFError, OSError, ValueError):  # ValueError, if another thread closes it
            raise EndedError(self._how_it_ended(running)) from None
        if isinstance(answer, _Failed):
            raise CodecError(answer.message)
        return answer

    def _wait(self, running: _Running, limits: Limits) -> None:
        """Wait for an answer, or the end of the process, and watch the limits meanwhile."""
        deadline = float("inf") if limits.timeout_s is None else time.monotonic() + limits.timeout_s
        pause_s = WATCH_S if limits.memory_bytes else 3600.0
        # A program that it has left behind would keep the connection open.
        while not multiprocessing.connection.wait(
            [running.connection, running.process.sentinel], max(0.0, min(pause_s, deadline - time.monotonic()))
        ):
            if time.monotonic() >= deadline:
                self._end()
                raise TimeoutEndedError(f"took longer than {limits.timeout_s:g} s, and was ended")
            if limits.memory_bytes and running.memory_bytes() > limits.memory_bytes:
                self._end()
                raise EndedError(f"took more than {limits.memory_bytes / 2**30:g} GiB of memory, and was ended")

    def _how_it_ended(self, running: _Running) -> str:
        running.process.join(DYING_S)
        code = running.process.exitcode
        self._end()
        if code is None or code >= 0:
            return "closed its connection" if code is None else f"exited with code {code}"
        name = signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
        hint = "; the system does that when there is no memory left" if -code == signal.SIGKILL else ""
        return f"was ended by {name}{hint}"

    def _start(self) -> _Running:
        # A fork of this process would know everything that an encoder here knows.
        context = multiprocessing.get_context("forkserver")
        threads = self._threads or threads_wanted()
        with _starting:
            settings = _Settings({**os.environ, **SAFE_PATH, **threads_of(threads)}, threads, _group, self._folder)
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, settings), daemon=True)
            context.set_forkserver_preload(_imported_here() if _group == 0 else [])
            # Of the server: it must have one thread, or what it forks would lack the others.
            with environment(SAFE_PATH | threads_of(1)), _may_have_children():
                process.start()
            theirs.close()  # else its end would not be noticed
        return _Running(process, ours, leads_group=_group == 0)


_group = 0
"""The process group of this process and all below it, if it is a worker process itself."""


@dataclass(frozen=True, slots=True)
class _Settings:
    environment: Mapping[str, str]
    threads: int
    group: int
    """That it joins; 0 makes one of its own, so that what it starts can be ended with it."""
    folder: str | None


def _imported_here() -> list[str]:
    """What the server of processes imports: the libraries and modules of ours that this process has imported."""
    return [name for name in sys.modules if name.partition(".")[0] in {"bench", "baselines"}] + (
        ["torch"] if "torch" in sys.modules else []
    )


@contextlib.contextmanager
def _may_have_children() -> Iterator[None]:
    """Let a process start another although it is a daemon, as Dask's workers are.

    That is forbidden because its children could outlive it. Ours do not.
    """
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]  # noqa: SLF001
    before = config.get("daemon")
    config["daemon"] = False
    try:
        yield
    finally:
        config["daemon"] = before


def _serve(connection: Connection, settings: _Settings) -> None:
    global _group  # noqa: PLW0603
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the parent ends this process
    os.setpgid(0, settings.group)
    _group = os.getpgrp()
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    os.environ.clear()
    os.environ.update(settings.environment)
    set_threads(settings.threads)
    if settings.folder:
        os.chdir(settings.folder)
    with contextlib.suppress(EOFError):
        while True:
            connection.send(_answer(*connection.recv()))


def _answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401
    try:
        return function(*arguments)
    except FROM_USERS as error:
        return _Failed(one_line(error))


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.killpg(os.getpgrp(), signal.SIGKILL)  # even if a codec hangs, and with all that it started
