"""A child process that executes calls within limits, and is killed together with its own children.

Children are forked from a server process (`multiprocessing`'s forkserver). It preloads the modules of this package, and
PyTorch, that are loaded here when the first child starts. Further children therefore start in milliseconds instead of
the seconds that importing PyTorch takes. The server of a worker process preloads nothing, because a worker process
seldom starts more than one child.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import multiprocessing.resource_tracker
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from bench.system.environment import SAFE_PATH, environment, set_threads, threads_of, threads_wanted
from bench.system.errors import BenchError, CodecError, one_line
from bench.system.tools import end_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

WATCH_S = 0.05
"""Interval in seconds at which the memory of a process with a memory limit is measured."""

DYING_S = 5.0
"""Maximum time in seconds to wait for the exit code of a process."""

_starting = threading.Lock()
"""Held while a process starts, because all threads share one environment."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a call; None means no limit."""

    timeout_s: float | None = None
    memory_bytes: int | None = None
    """Memory of the process group, as `_Running.memory_bytes` measures it."""

    def __bool__(self) -> bool:
        return self != Limits()

    def times(self, number: int) -> Limits:
        """Return the limits of a call that does the work of `number` calls."""
        return Limits(None if self.timeout_s is None else self.timeout_s * number, self.memory_bytes)


class EndedError(BenchError):
    """A process ended before it returned a result; the message is a verb phrase, such as "exited with code 3"."""


class TimeoutEndedError(EndedError):
    """The process was killed because it exceeded its time limit."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """The message of an exception, since not every exception can be pickled."""

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
        """Memory of the process group: the proportional set size on Linux, else the resident set size.

        Forked processes share most pages of the libraries; a sum of resident sizes would count them several times.
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
        end_tree(self.pid)
        self.connection.close()
        if self.leads_group:
            # Orphaned grandchildren are no longer children of the process, but still in its group.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join(DYING_S)


class WorkerProcess:
    """A child process that starts at the first call. If it has ended, the next call starts another one.

    It never outlives this process.

    Args:
        threads: number of threads of libraries; by default as the environment says.
        folder: working directory; by default that of this process.
    """

    def __init__(self, threads: int | None = None, folder: str | None = None) -> None:
        self._threads = threads
        self._folder = folder
        self._running: _Running | None = None
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the process for good. May be called from another thread."""
        self._is_closed = True
        self._end()

    def _end(self) -> None:
        running, self._running = self._running, None
        if running:
            running.end()

    def call(self, function: Callable[..., Any], *arguments: object, limits: Limits | None = None) -> Any:  # noqa: ANN401
        """Call a module-level function in the process, and return its result.

        Raises:
            CodecError: the function raised; the message is one line.
            EndedError: the process ended, or was killed because it exceeded a limit.
        """
        running = self._running = self._running or self._start()
        if self._is_closed:  # by another thread, perhaps while it started
            self._end()
            raise EndedError("was closed")
        try:
            running.connection.send((function, arguments))
            self._wait(running, limits or Limits())
            answer = running.connection.recv()
        except (EOFError, OSError, ValueError):  # ValueError if another thread has closed it
            raise EndedError(self._how_it_ended(running)) from None
        if isinstance(answer, _Failed):
            raise CodecError(answer.message)
        return answer

    def _wait(self, running: _Running, limits: Limits) -> None:
        """Wait for the result or for the end of the process, and enforce the limits."""
        deadline = float("inf") if limits.timeout_s is None else time.monotonic() + limits.timeout_s
        pause_s = WATCH_S if limits.memory_bytes else 3600.0
        # The sentinel is needed because an orphaned grandchild would keep the connection open.
        while not multiprocessing.connection.wait(
            [running.connection, running.process.sentinel], max(0.0, min(pause_s, deadline - time.monotonic()))
        ):
            if time.monotonic() >= deadline:
                self._end()
                raise TimeoutEndedError(f"took longer than {limits.timeout_s:g} s and was killed")
            if limits.memory_bytes and running.memory_bytes() > limits.memory_bytes:
                self._end()
                raise EndedError(f"took more than {limits.memory_bytes / 2**30:g} GiB of memory and was killed")

    def _how_it_ended(self, running: _Running) -> str:
        running.process.join(DYING_S)
        code = running.process.exitcode
        self._end()
        if code is None or code >= 0:
            return "closed its connection" if code is None else f"exited with code {code}"
        name = signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
        hint = "; the system does this when it runs out of memory" if -code == signal.SIGKILL else ""
        return f"was killed by {name}{hint}"

    def _start(self) -> _Running:
        # Not "fork": the child would inherit state of the encoder.
        context = multiprocessing.get_context("forkserver")
        threads = self._threads or threads_wanted()
        with _starting:
            settings = _Settings({**os.environ, **SAFE_PATH, **threads_of(threads)}, threads, _group, self._folder)
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, settings), daemon=True)
            context.set_forkserver_preload(_imported_here() if _group == 0 else [])
            # The server must have one thread, because only the forking thread exists in the child.
            with environment(SAFE_PATH | threads_of(1)), _may_have_children(), _without_interrupts():
                process.start()
            theirs.close()  # otherwise the end of the process would go unnoticed
        return _Running(process, ours, leads_group=_group == 0)


_group = 0
"""The process group of this process if it is itself a worker process; otherwise 0."""


@dataclass(frozen=True, slots=True)
class _Settings:
    environment: Mapping[str, str]
    threads: int
    group: int
    """The process group to join; 0 creates a new one, so that the process can be killed with its children."""
    folder: str | None


def _imported_here() -> list[str]:
    """The modules for the server to preload: those of bench and baselines that are loaded here, and torch."""
    return [name for name in sys.modules if name == "torch" or name.partition(".")[0] in {"bench", "baselines"}]


@contextlib.contextmanager
def _may_have_children() -> Iterator[None]:
    """Let a daemon process, such as a Dask worker, start children.

    `multiprocessing` forbids this because children could outlive the daemon; worker processes do not.
    """
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]  # noqa: SLF001
    before = config.get("daemon")
    config["daemon"] = False
    try:
        yield
    finally:
        config["daemon"] = before


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Block SIGINT in this thread for the block, and in the processes that are started in it.

    A terminal sends SIGINT to the whole process group, including a server that is still importing. This process ends
    its children itself.
    """
    multiprocessing.resource_tracker.ensure_running()  # up to Python 3.12, its start unblocks SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, settings: _Settings) -> None:
    global _group  # noqa: PLW0603
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # or programs started here would inherit the mask
    os.setpgid(0, settings.group)
    _group = os.getpgrp()
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    os.environ.clear()
    os.environ.update(settings.environment)
    set_threads(settings.threads)
    if settings.folder:
        os.chdir(settings.folder)
    with contextlib.suppress(EOFError, ConnectionError):  # the parent no longer waits for the answer
        while True:
            connection.send(_answer(*connection.recv()))


def _answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401
    try:
        return function(*arguments)
    except BaseException as error:  # noqa: BLE001  # also GeneratorExit or KeyboardInterrupt: the code raised it itself
        return _Failed(one_line(error))


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.killpg(os.getpgrp(), signal.SIGKILL)  # also if a codec hangs; includes its children
