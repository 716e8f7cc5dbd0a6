"""Measuring on a dask.distributed cluster: `bench run --scheduler`.

Each thread of a Dask worker executes tasks in its own worker process (`bench.harness.supervisor`). Dask's process only
receives batches and returns results, so that no codec can end it. Only the client writes to the database.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pickle
import threading
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import __version__
from bench.harness.dispatch import Done, LostError
from bench.harness.supervisor import Supervisor, Unable
from bench.system.errors import ClusterError, UsageError, one_line
from bench.system.files import write_bytes
from bench.system.progress import say
from bench.system.provenance import source_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bench.harness.dispatch import Batch, Work

CONNECT_S = 10.0
"""Timeout for connecting to a scheduler, in seconds."""

FETCH_S = 5.0
"""Interval in seconds at which the existence of the worker of an outstanding result is checked."""

TRIES = 2
"""Number of attempts to send a picture to a process, which may have been replaced in the meantime."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Identity of a run on the workers. Runs do not share processes, because files may be edited between them."""

    run_id: str
    folder: str
    """Working directory, to which the user's paths are relative."""


class ClusterCrew:
    """The workers of a cluster that have this version of bench; see `bench.harness.dispatch.Crew`."""

    def __init__(self, client: Any, name: str, run: _Run) -> None:  # noqa: ANN401  # distributed has no types
        self._client = client
        self._name = name
        self._run = run
        self._accepted: dict[str, bool] = {}
        self._is_waiting = False

    def workers(self) -> Mapping[str, int]:
        """Return the usable workers; for each other worker, print the reason once."""
        with self._explained():
            threads: dict[str, int] = self._client.nthreads()
            if new := [address for address in threads if address not in self._accepted]:
                found = self._client.run(_version, workers=new, on_error="return")
                self._accepted |= {address: self._fits(address, answer) for address, answer in found.items()}
        here = {address: number for address, number in threads.items() if self._accepted.get(address)}
        if not here and not self._is_waiting:
            say(f"waiting for workers at {self._name}")
        self._is_waiting = not here
        return here

    def _fits(self, address: str, answer: object) -> bool:
        if answer == _version():
            return True
        if isinstance(answer, tuple):
            reason = f"its code of bench {answer[0]} differs from the code here ({__version__})"
        else:
            reason = f"it has no compatible bench ({one_line(answer) if isinstance(answer, Exception) else answer})"
        self.note(address, reason)
        return False

    def submit(self, worker: str, work: Work[Any], batch: Batch) -> _Future:
        """Submit a batch to a worker."""
        with self._explained():
            # Not pure: equal tasks must not share a result, which may be a failure.
            future = self._client.submit(_carried_out, self._run, work, batch, workers=[worker], pure=False)
        return _Future(future, self._explained, lambda: worker in self._client.nthreads())

    def note(self, worker: str, line: str) -> None:
        """Tell the user why a worker gets no tasks."""
        say(f"worker {worker} gets no tasks of this kind: {line}")

    def close(self) -> None:
        """End the processes of the run on all workers that can be reached."""
        with contextlib.suppress(Exception):
            self._client.run(_end, self._run, on_error="ignore")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001  # Dask raises various types if it cannot reach the scheduler
            raise ClusterError(
                f"the scheduler {self._name} is gone ({one_line(error)}); finished work is stored, and the same "
                "command resumes from there"
            ) from None


@dataclass(frozen=True, eq=False)
class _Future:
    """A Dask future that raises an error if the scheduler is gone."""

    future: Any
    explained: Callable[[], contextlib.AbstractContextManager[None]]
    has_worker: Callable[[], bool]

    def add_done_callback(self, fn: Callable[[_Future], object], /) -> None:
        self.future.add_done_callback(lambda _: fn(self))

    def result(self) -> Any:  # noqa: ANN401
        try:
            while True:
                try:
                    return self.future.result(timeout=FETCH_S)
                except TimeoutError:
                    if self.future.status == "error":  # the batch itself raised TimeoutError
                        raise
                    # If its worker has left after the batch, before the result was fetched, Dask would wait forever.
                    with self.explained():
                        has_worker = self.has_worker()
                    if not has_worker:
                        raise LostError from None
        except CancelledError as error:  # only Dask cancels, after losing its scheduler
            with self.explained():
                raise ConnectionError(str(error)) from None


@contextlib.contextmanager
def cluster(where: str, run_id: str) -> Iterator[ClusterCrew]:
    """Connect to the workers of a scheduler, given by its address or its scheduler file.

    Raises:
        UsageError: there is no scheduler at this address.
    """
    given = _address(where)
    import dask  # noqa: PLC0415
    from distributed import Client  # noqa: PLC0415  # 1 s

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    # Otherwise the client keeps its last 1000 messages for debugging, including all pictures that it sends.
    dask.config.set({"distributed.admin.low-level-log-length": 0})
    try:
        client = Client(**given, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(f"--scheduler {where}: no scheduler answers there ({one_line(error)}); start one") from None
    with client:
        crew = ClusterCrew(client, where, _Run(run_id, str(Path.cwd())))
        try:
            yield crew
        finally:
            crew.close()


def _address(where: str) -> dict[str, str]:
    """Return the arguments of Dask's client, checked because malformed ones cause tracebacks."""
    address = where
    if Path(where).is_file():
        try:
            address = json.loads(Path(where).read_bytes())["address"]
        except (ValueError, LookupError, TypeError):
            raise UsageError(f"--scheduler {where}: it is not a file of `dask scheduler --scheduler-file`") from None
    elif ":" not in where:
        raise UsageError(f"--scheduler {where} is neither an address such as tcp://node1:8786 nor a scheduler file")
    from distributed.comm.addressing import parse_address, parse_host_port  # noqa: PLC0415
    from distributed.comm.registry import get_backend  # noqa: PLC0415

    try:
        scheme, place = parse_address(address)
        get_backend(scheme)
        if scheme != "inproc":
            parse_host_port(place)
    except (ValueError, TypeError) as error:
        raise UsageError(f"--scheduler {where}: not an address such as tcp://node1:8786 ({one_line(error)})") from None
    return {"scheduler_file": where} if Path(where).is_file() else {"address": where}


def _version() -> tuple[str, str]:
    """Return version and source hash of bench, which must be the same on client and worker."""
    return __version__, source_sha256()


_supervisors: dict[int, tuple[_Run, Supervisor]] = {}
"""Run and supervisor of each thread of a Dask worker."""


def _carried_out(run: _Run, work: Work[Any], batch: Batch) -> Done[Any]:
    """Execute a batch, in a Dask worker."""
    from distributed import get_worker  # noqa: PLC0415

    shelf = Path(get_worker().local_directory) / "bench-pictures"
    for sha256, picture in batch.pictures.items():
        write_bytes(shelf / sha256, pickle.dumps(picture))
    supervisor = _supervisor(run)
    done = work.execute(batch.tasks, supervisor)
    values = list(done.values)
    for place, task in enumerate(batch.tasks):
        for _ in range(TRIES):
            value, path = values[place], shelf / task.image.sha256
            if isinstance(value, Unable) and value.lacks_picture and path.is_file():
                supervisor.give(task.image, pickle.loads(path.read_bytes()))  # noqa: S301  # we wrote it
                (values[place],) = work.execute([task], supervisor).values
    return Done(values, done.seconds)


def _supervisor(run: _Run) -> Supervisor:
    """Return the supervisor of this thread; each run gets a new one."""
    before, supervisor = _supervisors.get(threading.get_ident(), (None, None))
    if supervisor is None or before != run:
        if supervisor is not None:
            supervisor.close()
        # Set by Dask for its workers; it disables glibc's dynamic thresholds, which costs 80 ms per picture of Kodak.
        os.environ.pop("MALLOC_TRIM_THRESHOLD_", None)
        folder = run.folder if Path(run.folder).is_dir() else None
        supervisor = Supervisor(threads=1, folder=folder)
        _supervisors[threading.get_ident()] = run, supervisor
    return supervisor


def _end(run: _Run) -> None:
    """End the processes of a run, in a Dask worker."""
    for thread, (theirs, supervisor) in list(_supervisors.items()):
        if theirs == run:
            supervisor.close()
            del _supervisors[thread]
