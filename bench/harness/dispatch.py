"""Dispatch of tasks to several workers, on this machine or on a cluster; results are yielded as they arrive.

Each worker has only a few batches at a time, so that few tasks and results are in memory. A batch takes about half a
second, so that little is lost with a worker and few messages are sent. A worker that cannot execute a task of a point
gets no further tasks of that point.
"""

from __future__ import annotations

import itertools
import queue
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

from bench.harness.supervisor import Unable
from bench.system.errors import FROM_USERS, ClusterError, CodecError, one_line
from bench.system.worker_process import Limits

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    from bench.harness.jobs import Job
    from bench.harness.supervisor import Supervisor
    from bench.harness.task import CodecPoint, Task
    from bench.images.picture import AnyPicture

AHEAD = 2
"""Number of batches of a worker at a time: one in execution, and one waiting."""

BATCH_S = 0.5
LARGEST_BATCH = 64

LOOK_S = 1.0
"""Interval in seconds at which the list of workers is updated."""

LOSSES = 3
"""Number of losses of a task with its worker after which it fails, because it may be the cause."""

_Value = TypeVar("_Value")
Value_co = TypeVar("Value_co", covariant=True)

Todo: TypeAlias = "Mapping[CodecPoint, Iterator[Task]]"
"""Tasks to execute, by point."""


@dataclass(frozen=True, slots=True)
class Work(Generic[Value_co]):
    """The job of a run, and the limits of each task."""

    job: Job[Value_co]
    limits: Limits = field(default_factory=Limits)

    def execute(self, tasks: Iterable[Task], supervisor: Supervisor) -> Done[Value_co]:
        """Execute tasks in a worker."""
        start = time.monotonic()
        values = [supervisor.execute(self.job, task, self.limits) for task in tasks]
        return Done(values, time.monotonic() - start)


@dataclass(frozen=True, slots=True)
class Batch:
    """Tasks of one point."""

    tasks: Sequence[Task]
    pictures: Mapping[str, AnyPicture] = field(default_factory=dict)
    """Pictures that the worker cannot read itself, by SHA-256."""
    losses: int = 0


@dataclass(frozen=True, slots=True)
class Done(Generic[Value_co]):
    """Results of a batch, one per task, and its duration."""

    values: Sequence[Value_co | BaseException | Unable]
    seconds: float


class LostError(Exception):
    """A worker has been lost with the results of a batch; raised by `result` of a future."""


class Crew(Protocol):
    """A group of workers."""

    def workers(self) -> Mapping[str, int]:
        """Return the current workers by name, with the number of batches that each executes at once."""

    def submit(self, worker: str, work: Work[Any], batch: Batch) -> Any:  # noqa: ANN401  # those of Dask have no type
        """Submit a batch to a worker, and return a future of its `Done`, from `concurrent.futures` or Dask."""

    def note(self, worker: str, line: str) -> None:
        """Tell the user about a problem with a worker."""


class Dispatcher(Generic[_Value]):
    """Distributes the tasks of a run among the workers of a crew."""

    def __init__(self, work: Work[_Value], todo: Todo, crew: Crew) -> None:
        self._work = work
        self._crew = crew
        self._todo = dict(todo)
        self._again: deque[Batch] = deque()
        self._running: dict[Any, tuple[str, Batch]] = {}
        self._finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._unable: dict[tuple[str, CodecPoint], str] = {}
        self._task_s: dict[CodecPoint, float] = {}
        self._workers: Mapping[str, int] = {}
        self._looked = float("-inf")

    def results(self) -> Generator[tuple[Task, _Value | BaseException], None, None]:
        """Yield each task with its value or error, as results arrive."""
        while True:
            yield from self._look()
            self._hand_out()
            if not self._running and self._workers:
                yield from self._given_up()
            if not self._running and not self._todo and not self._again:
                return
            try:
                future = self._finished.get(timeout=LOOK_S)
            except queue.Empty:
                continue
            if future in self._running:  # otherwise its worker was considered lost
                yield from self._taken(*self._running.pop(future), future)

    def _look(self) -> Iterator[tuple[Task, BaseException]]:
        """Update the list of workers, and requeue the batches of lost workers."""
        if time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        self._workers = self._crew.workers()
        for future, (worker, batch) in list(self._running.items()):
            if worker in self._workers:
                continue
            del self._running[future]
            yield from self._lost(worker, batch)

    def _lost(self, worker: str, batch: Batch) -> Iterator[tuple[Task, BaseException]]:
        """Requeue the tasks of a lost worker, one per batch; fail tasks that were lost too often."""
        losses = batch.losses + 1
        for task in batch.tasks:
            if losses < LOSSES:
                self._again.append(Batch([task], losses=losses))
            else:
                yield task, CodecError(f"it was lost {losses} times with its worker, last {worker}")

    def _hand_out(self) -> None:
        load = Counter(worker for worker, _ in self._running.values())
        # Level by level, so that the first worker does not get all batches.
        for level in range(AHEAD * max(self._workers.values(), default=0)):
            for worker, width in self._workers.items():
                if load[worker] <= level < AHEAD * width and (batch := self._next(worker)):
                    load[worker] += 1
                    self._submit(worker, batch)

    def _submit(self, worker: str, batch: Batch) -> None:
        future = self._crew.submit(worker, self._work, batch)
        self._running[future] = worker, batch
        future.add_done_callback(self._finished.put)

    def _next(self, worker: str) -> Batch | None:
        """Return the next batch that a worker can execute; None if there is none."""
        for batch in self._again:
            if (worker, batch.tasks[0].point) not in self._unable:
                self._again.remove(batch)
                return batch
        for point in list(self._todo):
            if (worker, point) in self._unable:
                continue
            number = int(BATCH_S / max(self._task_s.get(point, BATCH_S), BATCH_S / LARGEST_BATCH))
            if tasks := list(itertools.islice(self._todo[point], max(1, number))):
                return Batch(tasks)
            del self._todo[point]
        return None

    def _taken(
        self,
        worker: str,
        batch: Batch,
        future: Any,  # noqa: ANN401
    ) -> Iterator[tuple[Task, _Value | BaseException]]:
        try:
            done: Done[_Value] = future.result()
        except ClusterError:
            raise
        except LostError:
            yield from self._lost(worker, batch)
            return
        except Exception as error:  # noqa: BLE001  # of the transport, not of a task
            yield from ((task, CodecError(one_line(error))) for task in batch.tasks)
            return
        self._task_s[batch.tasks[0].point] = done.seconds / len(batch.tasks)
        for task, value in zip(batch.tasks, done.values, strict=True):
            if not isinstance(value, Unable):
                yield task, value
            elif not value.lacks_picture:
                self._refuse(worker, task, value.reason, batch.losses)
            elif task.image.sha256 not in batch.pictures:
                yield from self._send(worker, task)
            else:
                yield task, CodecError(value.reason)

    def _send(self, worker: str, task: Task) -> Iterator[tuple[Task, BaseException]]:
        """Submit a task again with its picture; the task fails if the picture cannot be read here."""
        try:
            batch = Batch([task], {task.image.sha256: task.image.read()})
        except FROM_USERS as error:
            yield task, error
            return
        self._submit(worker, batch)

    def _refuse(self, worker: str, task: Task, reason: str, losses: int) -> None:
        if (worker, task.point) not in self._unable:
            self._unable[worker, task.point] = reason
            self._crew.note(worker, f"{task.point}: {reason}")
        self._again.append(Batch([task], losses=losses))

    def _given_up(self) -> Iterator[tuple[Task, BaseException]]:
        """Fail the tasks that no worker can execute."""
        batches, self._again = self._again, deque()
        left = itertools.chain((task for batch in batches for task in batch.tasks), *self._todo.values())
        self._todo = {}
        for task in left:
            reason = next(self._unable[worker, task.point] for worker in self._workers)
            yield task, CodecError(reason)
