"""Signals that end a command or a training: SIGINT (Ctrl-C), and SIGTERM, which batch systems send to end a job."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIGNALS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""Signals that end a command, and Python's default handlers."""

AGAIN_S = 0.01
"""Delay in seconds before a signal is sent again, if Python has dropped its exception."""


class Interrupted(KeyboardInterrupt):
    """One of `SIGNALS` was received."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = signal.Signals(number)


def signal_of(error: KeyboardInterrupt) -> signal.Signals:
    """Return the signal that caused an interruption; SIGINT if it is not known."""
    return error.signal if isinstance(error, Interrupted) else signal.SIGINT


def interruption_behind(error: BaseException) -> KeyboardInterrupt | None:
    """Return the interruption that an error is, or was raised because of; None if there is none.

    The import of a C extension reports an interruption as an ImportError, for instance.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return cause


@contextlib.contextmanager
def interrupted_once() -> Iterator[None]:
    """Raise `Interrupted` for the first of `SIGNALS`, and ignore further ones while the command ends its children.

    A signal raises again if the first `Interrupted` was dropped, for instance by an optional import.
    """
    # Keep handlers set by the caller: background jobs of a shell ignore Ctrl-C. Only the main thread may set handlers.
    is_main = threading.current_thread() is threading.main_thread()
    handlers = {number: how for number, how in SIGNALS.items() if is_main and signal.getsignal(number) == how}
    raised: list[weakref.ref[Interrupted]] = []

    def interruption(number: int) -> Interrupted:
        error = Interrupted(number)
        raised.append(weakref.ref(error))
        return error

    def interrupt(number: int, _frame: object) -> None:
        if not raised or raised[-1]() is None:
            # No variable here may hold the error: its traceback holds this frame, which would keep it alive.
            raise interruption(number)

    for number in handlers:
        signal.signal(number, interrupt)
    try:
        with _raised_again(raised.clear):
            yield
    finally:
        for number, how in handlers.items():
            # After an interrupt, signals stay ignored while the interpreter shuts down.
            signal.signal(number, signal.SIG_IGN if raised else how)


@contextlib.contextmanager
def _raised_again(forget: Callable[[], None]) -> Iterator[None]:
    """Call `forget` and send the signal again if Python drops an `Interrupted`.

    Python drops exceptions in `__del__`, where Dask's futures, for instance, call the event loop. The command would
    continue to its end.
    """
    usual_hook = sys.unraisablehook
    timers: list[threading.Timer] = []

    def unraisable(dropped: sys.UnraisableHookArgs) -> None:
        if not isinstance(dropped.exc_value, Interrupted):
            usual_hook(dropped)
            return
        forget()
        # With a delay, because an exception raised here would be dropped, too.
        timers.append(threading.Timer(AGAIN_S, os.kill, (os.getpid(), dropped.exc_value.signal)))
        timers[-1].start()

    sys.unraisablehook = unraisable
    try:
        yield
    finally:
        sys.unraisablehook = usual_hook
        for timer in timers:
            timer.cancel()


@contextlib.contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """Set an event on the first SIGINT or SIGTERM, so that a training ends after the current step.

    A second signal has its usual effect: it ends the training at once.
    """
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    previous = {number: signal.getsignal(number) for number in SIGNALS}

    def ask(*_: object) -> None:
        stopped.set()
        # Unbuffered: the signal may have interrupted a write to sys.stderr.
        os.write(2, b"stopping after the current step; a second signal stops at once\n")
        for number, handler in previous.items():
            signal.signal(number, handler)

    for number in previous:
        signal.signal(number, ask)
    try:
        yield stopped
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
