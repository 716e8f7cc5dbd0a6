"""Signals that end a command or a training: SIGINT (Ctrl-C), and SIGTERM, which schedulers send to end a job."""

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
"""Signals that end a command, with Python's default handlers."""

AGAIN_S = 0.01
"""Delay before a signal is sent again if its exception was dropped."""


class Interrupted(KeyboardInterrupt):
    """One of `SIGNALS` was received."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = signal.Signals(number)


def signal_of(error: KeyboardInterrupt) -> signal.Signals:
    """The signal behind an interruption; SIGINT if it is not known."""
    return error.signal if isinstance(error, Interrupted) else signal.SIGINT


@contextlib.contextmanager
def interrupted_once() -> Iterator[None]:
    """Raise `Interrupted` for the first of `SIGNALS`, and ignore further ones while the command ends its children."""
    # Keep handlers set by the caller: background jobs of a shell ignore Ctrl-C. Only the main thread may set handlers.
    is_main = threading.current_thread() is threading.main_thread()
    as_usual = {number: how for number, how in SIGNALS.items() if is_main and signal.getsignal(number) == how}

    def interrupt(number: int, _frame: object) -> None:
        for each in as_usual:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    def listen() -> None:
        for number in as_usual:
            signal.signal(number, interrupt)

    listen()
    try:
        with _raised_again(listen):
            yield
    finally:
        for number, how in as_usual.items():
            # After an interrupt, signals stay ignored while the interpreter shuts down.
            if signal.getsignal(number) is interrupt:
                signal.signal(number, how)


@contextlib.contextmanager
def _raised_again(listen: Callable[[], None]) -> Iterator[None]:
    """Send a signal again whose `Interrupted` was raised where Python drops exceptions, after a call of `listen`.

    Python drops exceptions in `__del__`: Dask's futures, for instance, call the event loop there. The command would
    continue to its end and ignore further signals.
    """
    as_usual = sys.unraisablehook
    timers: list[threading.Timer] = []

    def unraisable(dropped: sys.UnraisableHookArgs) -> None:
        if not isinstance(dropped.exc_value, Interrupted):
            as_usual(dropped)
            return
        listen()
        # Later: raised in here, it would be dropped again.
        timers.append(threading.Timer(AGAIN_S, os.kill, (os.getpid(), dropped.exc_value.signal)))
        timers[-1].start()

    sys.unraisablehook = unraisable
    try:
        yield
    finally:
        sys.unraisablehook = as_usual
        for timer in timers:
            timer.cancel()


@contextlib.contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """Set an event on the first SIGINT or SIGTERM, to end a training after the current step; a second one ends it."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    previous = {number: signal.getsignal(number) for number in SIGNALS}

    def ask(*_: object) -> None:
        stopped.set()
        for number, handler in previous.items():
            signal.signal(number, handler)

    for number in previous:
        signal.signal(number, ask)
    try:
        yield stopped
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
