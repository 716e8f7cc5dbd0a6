"""Signals that end a command or a training: SIGINT (Ctrl-C), and SIGTERM, which batch systems send to end a job."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
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


@contextlib.contextmanager
def interrupted_once() -> Iterator[None]:
    """Raise `Interrupted` for the first of `SIGNALS`, and ignore further ones while the command ends its children."""
    # Keep handlers set by the caller: background jobs of a shell ignore Ctrl-C. Only the main thread may set handlers.
    is_main = threading.current_thread() is threading.main_thread()
    handlers = {number: how for number, how in SIGNALS.items() if is_main and signal.getsignal(number) == how}

    def interrupt(number: int, _frame: object) -> None:
        for each in handlers:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    def listen() -> None:
        for number in handlers:
            signal.signal(number, interrupt)

    listen()
    try:
        with _raised_again(listen):
            yield
    finally:
        for number, how in handlers.items():
            # After an interrupt, signals stay ignored while the interpreter shuts down.
            if signal.getsignal(number) is interrupt:
                signal.signal(number, how)


@contextlib.contextmanager
def _raised_again(listen: Callable[[], None]) -> Iterator[None]:
    """Call `listen` and send the signal again if Python drops an `Interrupted`.

    Python drops exceptions in `__del__`, where Dask's futures, for instance, call the event loop. The command would
    continue to its end and ignore further signals.
    """
    usual_hook = sys.unraisablehook
    timers: list[threading.Timer] = []

    def unraisable(dropped: sys.UnraisableHookArgs) -> None:
        if not isinstance(dropped.exc_value, Interrupted):
            usual_hook(dropped)
            return
        listen()
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
