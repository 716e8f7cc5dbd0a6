"""Decoding in another process, which knows how to open a codec and gets the bytes of a file, and nothing else."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import multiprocessing
import os
import signal
import threading
from typing import TYPE_CHECKING, Self

from bench.codecs import adapter
from bench.system.environment import SAFE_PATH, environment, threads_of
from bench.system.errors import FROM_USERS, CodecError, one_line

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from bench.codecs.codec import Codec
    from bench.harness.recipe import Recipe
    from bench.images.picture import AnyPicture, Kind


class FreshProcess:
    """A new Python process, which starts when it is first needed, with a number of threads of its own.

    If it dies, the next call starts another one. It never outlives this process.
    """

    def __init__(self, threads: int | None = None) -> None:
        """`threads` are those of libraries; by default they are what the environment says."""
        self._variables = SAFE_PATH | (threads_of(threads) if threads else {})
        self._running: tuple[SpawnProcess, Connection] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self._running:
            process, connection = self._running
            self._running = None
            connection.close()
            process.kill()
            process.join()

    def decode(self, recipe: Recipe, data: bytes, kind: Kind = "rgb") -> AnyPicture:
        """What a file decodes to over there, as `adapter.decode` says.

        Raises:
            CodecError: it does not, or the codec cannot be opened there.
        """
        self._running = self._running or self._start()
        _, connection = self._running
        try:
            connection.send((recipe, data, kind))
            answer: AnyPicture | str = connection.recv()
        except (EOFError, OSError):
            self.close()
            raise CodecError("the process that decodes has died") from None
        if isinstance(answer, str):
            raise CodecError(f"in the process that decodes: {answer}")
        return dataclasses.replace(answer)  # what comes out of a pickle can be written to

    def _start(self) -> tuple[SpawnProcess, Connection]:
        # A fork would know everything that the encoder knows.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with environment(self._variables):
            process.start()
        theirs.close()  # else its end would not be noticed
        return process, ours


def _serve(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the parent ends this process
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    with contextlib.suppress(EOFError):
        while True:
            connection.send(_decode(*connection.recv()))


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # even if a codec hangs


def _decode(recipe: Recipe, data: bytes, kind: Kind) -> AnyPicture | str:
    try:
        return adapter.decode(_opened(recipe), data, kind)
    except FROM_USERS as error:  # not every exception can be sent to another process
        return one_line(error)


@functools.lru_cache(maxsize=1)
def _opened(recipe: Recipe) -> Codec:
    return recipe.open()
