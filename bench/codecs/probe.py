"""What a codec tells whoever measures it, while it works: where its stages begin and end, and what only it knows.

A codec never measures itself: it has no clock, and what it tells changes nothing. If nobody listens, nothing happens.
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
    """What is done with what codecs tell."""

    stage: Callable[[str], AbstractContextManager[object]] | None = None
    """Surrounds each stage, which it gets the name of."""
    note: Callable[[str, float], object] | None = None
    """Gets the name and value of each note."""


_NOBODY = Listener()
_listener: ContextVar[Listener] = ContextVar("listener", default=_NOBODY)


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hear what codecs tell inside the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def stage(name: str) -> AbstractContextManager[object]:
    """Mark a stage of encoding or decoding, such as "synthesis", as the body of a `with` statement."""
    listener = _listener.get()
    return listener.stage(name) if listener.stage else contextlib.nullcontext()


def note(name: str, value: Callable[[], float]) -> None:
    """Tell a number that no one else could find out, such as "coder_bits". It is computed only for a listener."""
    listener = _listener.get()
    if listener.note:
        listener.note(name, value())
