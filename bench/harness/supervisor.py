"""Execution of tasks in a separate process, so that a codec that hangs, exits or crashes affects only its own task.

If the process ends, the task is retried once in a new process, because the first one may have been killed from outside,
or by an earlier task. A task that exceeds its time limit is not retried.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from bench.harness.jobs import keep_picture
from bench.system.errors import CodecError
from bench.system.worker_process import EndedError, Limits, TimeoutEndedError, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.harness.jobs import Job
    from bench.harness.task import Task
    from bench.images.picture import AnyPicture
    from bench.images.set_images import ImageFile

OPENING_S = 600.0
"""Minimum time limit for opening codecs in seconds: weights may be on a slow disk."""

_Value = TypeVar("_Value")


def opening_limits(limits: Limits) -> Limits:
    """Derive the limits for opening a codec from the limits of a task."""
    return Limits(None if limits.timeout_s is None else max(limits.timeout_s, OPENING_S), limits.memory_bytes)


@dataclass(frozen=True, slots=True)
class Unable:
    """Reason why a worker cannot execute a task."""

    reason: str
    lacks_picture: bool = False


class Supervisor:
    """Executes tasks one after the other in a worker process, which is replaced if it ends.

    For the arguments, see `WorkerProcess`.
    """

    def __init__(self, threads: int | None = None, folder: str | None = None) -> None:
        self._process = WorkerProcess(threads, folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the process. May be called from another thread."""
        self._process.close()

    def execute(self, job: Job[_Value], task: Task, limits: Limits) -> _Value | CodecError | Unable:
        """Execute a task, and return its value, its error, or the reason why it cannot be executed here."""
        try:
            return _retried(lambda: self._once(job, task, limits.times(job.rounds)))
        except EndedError as error:
            return CodecError(f"its process {error}")

    def call(self, function: Callable[..., Any], *arguments: object, limits: Limits) -> Any:  # noqa: ANN401
        """Call a function in the process and return its result; see `WorkerProcess.call`.

        Raises:
            EndedError: the process ended twice, or exceeded the time limit.
            CodecError: the function raised.
        """
        return _retried(lambda: self._process.call(function, *arguments, limits=limits))

    def give(self, image: ImageFile, picture: AnyPicture) -> None:
        """Send a picture to the process, which cannot read it itself."""
        with contextlib.suppress(EndedError):  # the task will fail with the reason
            self._process.call(keep_picture, image, picture)

    def _once(self, job: Job[_Value], task: Task, limits: Limits) -> _Value | CodecError | Unable:
        opening = opening_limits(limits)
        for lacks_picture, step in ((False, job.prepare), (True, job.read)):
            try:
                self._process.call(step, task, limits=opening)
            except CodecError as error:
                return Unable(str(error), lacks_picture)
        try:
            value: _Value = self._process.call(job.execute, task, limits=limits)
        except CodecError as error:
            return error
        return value


def _retried(call: Callable[[], _Value]) -> _Value:
    """Repeat a call once if its process ends, unless the process exceeded its time limit."""
    try:
        return call()
    except TimeoutEndedError:
        raise
    except EndedError:
        return call()
