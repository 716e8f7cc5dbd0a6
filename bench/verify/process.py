"""Decoding in another process, which knows how to open a codec and gets the bytes of a file, and nothing else."""

from __future__ import annotations

import functools
import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from bench import adapter
from bench.environment import SAFE_PATH, environment
from bench.errors import one_line
from bench.registry import codec_class

if TYPE_CHECKING:
    from bench.codec import Codec
    from bench.picture import AnyPicture, Kind

THREADS_VARIABLE = "OMP_NUM_THREADS"
"""OpenMP, and with it torch, reads this when it is first imported."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to open a codec at one quality, in any process."""

    name: str
    quality: float
    carrier: str | None = None
    options: tuple[tuple[str, str], ...] = ()

    def open(self) -> Codec:
        """A new codec object.

        Raises:
            UsageError: there is no such codec, quality, carrier or option.
            MissingError: it cannot run on this machine.
        """
        return codec_class(self.name)(self.quality, carrier=self.carrier, **dict(self.options))


class FreshProcess:
    """A new Python process with a number of threads of its own. If it dies, the next call starts another one."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = self._new_pool()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def decode(self, recipe: Recipe, data: bytes, kind: Kind = "rgb") -> AnyPicture | str:
        """What a file decodes to over there, as `adapter.decode` says, or why it does not."""
        try:
            with environment({THREADS_VARIABLE: str(self.threads), **SAFE_PATH}):
                answer = self._pool.submit(_decode, recipe, data, kind)
            return answer.result()
        except BrokenProcessPool:
            self._pool.shutdown()
            self._pool = self._new_pool()
            return "the process that decodes has died"

    @staticmethod
    def _new_pool() -> ProcessPoolExecutor:
        # A fork would know everything that the encoder knows.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, mp_context=context, initializer=_leave_interrupts_to_the_parent)


def _decode(recipe: Recipe, data: bytes, kind: Kind) -> AnyPicture | str:
    try:
        return adapter.decode(_opened(recipe), data, kind)
    except Exception as error:  # noqa: BLE001  # not every exception can be sent to another process
        return one_line(error)


@functools.lru_cache(maxsize=1)
def _opened(recipe: Recipe) -> Codec:
    return recipe.open()


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
