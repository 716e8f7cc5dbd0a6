"""Signals that end a command or a training: Ctrl-C, and what a scheduler sends before it takes the machine."""

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
"""What ends a command, and what Python does about it as usual."""

AGAIN_S = 0.01
"""After this long a signal is sent again whose exception went nowhere."""


class Interrupted(KeyboardInterrupt):
    """One of `SIGNALS` came."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = signal.Signals(number)


def signal_of(error: KeyboardInterrupt) -> signal.Signals:
    """The signal behind an interruption; Ctrl-C, where nothing else is known."""
    return error.signal if isinstance(error, Interrupted) else signal.SIGINT


@contextlib.contextmanager
def interrupted_once() -> Iterator[None]:
    """Let the first of `SIGNALS` raise `Interrupted`, and none of them disturb a command while it ends its children."""
    # What the caller set otherwise stays: a shell's background job ignores Ctrl-C. Only the main thread may set any.
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
            # After an interrupt they stay ignored: the interpreter's own end must not be disturbed either.
            if signal.getsignal(number) is interrupt:
                signal.signal(number, how)


@contextlib.contextmanager
def _raised_again(listen: Callable[[], None]) -> Iterator[None]:
    """Send a signal again, after a call of `listen`, whose `Interrupted` was raised where Python drops exceptions.

    That is where an object is freed: Dask's futures, for one, call the event loop in their `__del__`. The command would
    go on to its end, deaf to further signals.
    """
    as_usual = sys.unraisablehook
    timers: list[threading.Timer] = []

    def unraisable(dropped: sys.UnraisableHookArgs) -> None:
        if not isinstance(dropped.exc_value, Interrupted):
            as_usual(dropped)
            return
        listen()
        # Not at once: that would be raised in here, and be dropped again.
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
    """Let a first SIGINT or SIGTERM end the training after the step in hand; a second one ends it at once."""
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
