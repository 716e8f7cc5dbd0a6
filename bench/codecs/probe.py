"""Stages and diagnostics that a codec reports while it works.

Reports do not affect the codec. Without a listener they are ignored.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


@dataclass(frozen=True, slots=True)
class Listener:
    """Callbacks for the reports of codecs."""

    stage: Callable[[str], AbstractContextManager[object]] | None = None
    """Called with the name of a stage; returns a context manager that is active during the stage."""
    note: Callable[[str, float], object] | None = None
    """Called with the name and value of each diagnostic."""


_NOBODY = Listener()
_listener: ContextVar[Listener] = ContextVar("listener", default=_NOBODY)


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Set the listener for a block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def stage(name: str) -> AbstractContextManager[object]:
    """Mark a stage of encoding or decoding, such as "synthesis"; use in a `with` statement."""
    listener = _listener.get()
    return listener.stage(name) if listener.stage else contextlib.nullcontext()


def note(name: str, value: Callable[[], float]) -> None:
    """Report a diagnostic, such as "coder_bits". `value` is called only if there is a listener."""
    listener = _listener.get()
    if listener.note:
        listener.note(name, value())
