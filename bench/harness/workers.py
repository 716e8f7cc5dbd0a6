"""Processes that execute the tasks of a run on this machine: this process, one worker process, or several.

The package's own codecs are measured in this process, which takes no time to start, unless there are limits to enforce.
Foreign codecs may crash, exit or hang, so that they are always measured in a worker process
(`bench.harness.supervisor`).
"""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Any, Self, TypeVar

from bench.codecs.registry import is_ours
from bench.harness.dispatch import Dispatcher, Done
from bench.harness.supervisor import Supervisor, Unable
from bench.system.errors import FROM_USERS, CodecError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping
    from concurrent.futures import Future

    from bench.harness.dispatch import Batch, Crew, Todo, Work
    from bench.harness.task import Task

_Value = TypeVar("_Value")


def execute_tasks(
    work: Work[_Value], todo: Todo, crew: Crew | None
) -> Generator[tuple[Task, _Value | BaseException], None, None]:
    """Execute tasks with a crew of workers, or one after the other; yield each with its value or error."""
    return Dispatcher(work, todo, crew).results() if crew else in_turn(work, chain.from_iterable(todo.values()))


def in_turn(work: Work[_Value], tasks: Iterable[Task]) -> Generator[tuple[Task, _Value | BaseException], None, None]:
    """Execute tasks one after the other; yield each with its value or error."""
    with Supervisor() as supervisor:
        for task in tasks:
            if is_ours(task.point.recipe.name) and not work.limits:
                yield task, _here(work, task)
            else:
                yield task, _settled(supervisor.execute(work.job, task, work.limits))


def _here(work: Work[_Value], task: Task) -> _Value | BaseException:
    try:
        work.job.prepare(task)
        return work.job.execute(task)
    except FROM_USERS as error:
        return error


def _settled(value: _Value | BaseException | Unable) -> _Value | BaseException:
    """Return the final result of a task for which there is no other worker."""
    return CodecError(value.reason) if isinstance(value, Unable) else value


class LocalCrew:
    """Worker processes on this machine, each with one thread for libraries; they can serve several runs."""

    def __init__(self, number: int) -> None:
        self._supervisors = {f"worker {place + 1}": Supervisor(threads=1) for place in range(number)}
        self._threads = {name: ThreadPoolExecutor(1, name) for name in self._supervisors}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)
        for supervisor in self._supervisors.values():
            supervisor.close()

    def workers(self) -> Mapping[str, int]:
        """See `Crew.workers`."""
        return dict.fromkeys(self._supervisors, 1)

    def submit(self, worker: str, work: Work[Any], batch: Batch) -> Future[Done[Any]]:
        """See `Crew.submit`."""
        return self._threads[worker].submit(functools.partial(_carried_out, self._supervisors[worker], work, batch))

    def note(self, worker: str, line: str) -> None:
        """Do nothing, since all workers on a machine are alike; see `Crew.note`."""


def _carried_out(supervisor: Supervisor, work: Work[_Value], batch: Batch) -> Done[_Value]:
    done = work.execute(batch.tasks, supervisor)
    return Done([_settled(value) for value in done.values], done.seconds)
