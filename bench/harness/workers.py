"""Measuring in several processes at once, on this machine: what `--workers N` does.

Dask's distributed is the engine, the same that reaches a cluster. A worker opens the codecs by name, has one thread,
and gives results back; only the client writes the database. A worker that dies is replaced, and its task is tried
again on another.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.codecs import adapter
from bench.codecs.registry import load_metric
from bench.harness.fresh_process import FreshProcess
from bench.harness.measure import measure
from bench.harness.runner import PICTURE_CACHE, Measured, decoding
from bench.system.environment import SAFE_PATH, environment, threads_of
from bench.system.errors import FROM_USERS, CodecError, UsageError, one_line

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from bench.codecs.codec import Codec
    from bench.harness.recipe import Recipe
    from bench.harness.runner import Task
    from bench.images.picture import AnyPicture
    from bench.images.set_images import ImageFile
    from bench.results.schema import Configuration

ONE_ARENA = {"MALLOC_ARENA_MAX": "1"}
"""Dask works in a thread, and glibc gives threads memory of their own, whose large blocks go back to the kernel when
they are freed and are zeroed again for the next picture. One arena for all is what the one process has."""

DASK = {
    # Dask sets a threshold of glibc's allocator, and any such setting ends its adapting to the program: each large
    # array would be new memory, zeroed page by page. On a picture of Kodak that was 80 ms.
    "distributed.nanny.pre-spawn-environ": {},
    # Dask would wake up every process 50 to 150 times a second to watch itself: 4 % of two cores.
    "distributed.admin.tick.interval": "1s",
    "distributed.worker.profile.enabled": False,
    # A worker has a process of its own that decodes. All of them end with their parents, daemons or not.
    "distributed.worker.daemon": False,
}
"""Dask's configuration, where its own costs what is to be measured."""

AHEAD = 4
"""Tasks handed out for each worker: enough to keep it busy, and few to lose."""

OPEN_CODECS = 2
"""Pairs of codecs that a worker keeps open: the tasks come quality by quality, and weights are large."""


@dataclass(frozen=True, slots=True)
class TaskMessage:
    """A task in words that another process understands."""

    recipe: Recipe
    image: ImageFile
    metrics: tuple[tuple[str, str], ...]  # as the user asked for it, and the version that the client has
    configuration: Configuration  # that the client planned

    @classmethod
    def of(cls, task: Task, metrics: Sequence[str]) -> TaskMessage:
        """The message of measuring a task."""
        versions = tuple((name, load_metric(name).version) for name in metrics)
        return cls(task.point.recipe, task.image, versions, task.point.configuration)


def carry_out(message: TaskMessage) -> Measured | CodecError:
    """Measure one task, in a worker.

    Errors are given back, as one line: Dask could not send every other one, and shows them to nobody.
    """
    try:
        return _measured(message)
    except FROM_USERS as error:
        return CodecError(one_line(error))


def _measured(message: TaskMessage) -> Measured:
    metrics = [load_metric(name) for name, _ in message.metrics]
    for metric, (name, version) in zip(metrics, message.metrics, strict=True):
        if metric.version != version:
            raise CodecError(f"{name} or what it needs was changed while the run went on; start the run again")
    encoder, decoder = _open(message.recipe)
    if message.recipe.configuration(encoder, adapter.settings(encoder, message.image)) != message.configuration:
        raise CodecError(f"{message.recipe.name} was changed while the run went on; start the run again")
    picture = _read(message.image)
    decode = decoding(message.recipe, decoder, _process())
    return Measured(picture.width, picture.height, measure(encoder, decode, picture, metrics))


@functools.lru_cache(maxsize=OPEN_CODECS)
def _open(recipe: Recipe) -> tuple[Codec, Codec]:
    return recipe.open(), recipe.open()


@functools.cache
def _process() -> FreshProcess:
    return FreshProcess()


@functools.lru_cache(maxsize=PICTURE_CACHE)
def _read(image: ImageFile) -> AnyPicture:
    return image.read()


def measure_in_parallel(
    tasks: Sequence[Task], *, metrics: Sequence[str], workers: int
) -> Generator[tuple[Task, Measured | BaseException], None, None]:
    """Measure tasks in `workers` processes: each task with its result, or what went wrong, as they come.

    Raises:
        UsageError: the processes cannot be started.
    """
    if not tasks:
        return
    from distributed import Client, as_completed  # noqa: PLC0415  # 1 s

    waiting = iter(tasks)
    with _cluster(min(workers, len(tasks))) as cluster, Client(cluster) as client:
        running: dict[Any, Task] = {}

        def hand_out() -> list[Any]:
            """Give the next task away, if there is one."""
            task = next(waiting, None)
            if task is None:
                return []
            # Failures are kept for the user, so equal tasks of two runs may not share an answer.
            future = client.submit(carry_out, TaskMessage.of(task, metrics), pure=False)
            running[future] = task
            return [future]

        finished = as_completed([future for _ in range(AHEAD * workers) for future in hand_out()])
        for future in finished:
            yield running.pop(future), _result(future)
            finished.update(hand_out())


def _result(future: Any) -> Measured | Exception:  # noqa: ANN401  # distributed has no types
    from distributed import KilledWorker  # noqa: PLC0415

    try:
        result: Measured | CodecError = future.result()
    except KilledWorker as error:
        times = error.allowed_failures + 1
        return CodecError(f"the process that worked on it died {times} times; it may need more memory than there is")
    except Exception as error:  # noqa: BLE001  # Dask's own
        return error
    return result


@contextlib.contextmanager
def _cluster(workers: int) -> Iterator[Any]:
    import dask  # noqa: PLC0415
    from distributed import LocalCluster  # noqa: PLC0415

    # To the end: a worker that is replaced starts in the middle.
    with environment(threads_of(1) | ONE_ARENA | SAFE_PATH):
        try:
            with dask.config.set(DASK), _sigint_ignored():
                cluster = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    memory_limit=0,  # a limit would pause workers that hold weights
                    dashboard_address=":0",  # any free port: another run may have the usual one
                    silence_logs=logging.CRITICAL,
                )
        except (OSError, RuntimeError, TimeoutError) as error:
            raise UsageError(f"cannot start {workers} workers ({error}); leave --workers out") from error
        with cluster:
            yield cluster


@contextlib.contextmanager
def _sigint_ignored() -> Iterator[None]:
    """Processes started in this block ignore Ctrl-C: the terminal sends it to all, and the client ends the others."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
