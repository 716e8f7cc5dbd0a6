"""How tasks are handed out, by workers that only say that they are such."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench.harness import dispatch
from bench.harness.cluster import ClusterCrew, _Run, _version
from bench.harness.dispatch import Batch, Dispatcher, Done, LostError, Work
from bench.harness.jobs import MeasuringJob
from bench.harness.plan import Plan
from bench.harness.recipe import Recipe
from bench.harness.supervisor import Unable
from bench.harness.task import CodecPoint, Task
from bench.images.picture import Picture
from bench.images.set_images import ImageFile
from bench.results.resume_key import Configuration
from bench.system.errors import ClusterError, CodecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

WORK = Work(MeasuringJob(()))
PICTURE = Picture(np.zeros((1, 1, 3), np.uint8))


class Drawn(ImageFile):
    def read(self) -> Picture:
        return PICTURE


def points(number: int) -> list[CodecPoint]:
    configurations = [Configuration("c", quality, "{}", "b", "1", "1", None, None) for quality in range(number)]
    return [CodecPoint(Recipe("c", one.quality), one) for one in configurations]


def planned(number: int, images: int) -> Plan:
    return Plan(points(number), [Drawn(f"p{i}", Path(f"p{i}.png"), f"{i:064}") for i in range(images)])


class FakeCrew:
    """Workers whose answers a function gives; `gone` are those that end with what they have in hand."""

    def __init__(self, answer: Callable[[str, Task, Batch], Any], names: str = "ab") -> None:
        self.answer = answer
        self.here = dict.fromkeys(names, 1)
        self.given: list[tuple[str, Batch]] = []
        self.notes: list[str] = []

    def workers(self) -> Mapping[str, int]:
        return dict(self.here)

    def submit(self, worker: str, work: Work[Any], batch: Batch) -> Future[Done[Any]]:
        assert work is WORK
        self.given.append((worker, batch))
        future: Future[Done[Any]] = Future()
        values = [self.answer(worker, task, batch) for task in batch.tasks]
        if None not in values:
            future.set_result(Done(values, 0.01 * len(values)))
        return future

    def note(self, worker: str, line: str) -> None:
        self.notes.append(f"{worker}: {line}")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "LOOK_S", 0.01)


def results(plan: Plan, crew: FakeCrew) -> list[tuple[str, Any]]:
    todo = {point: plan.of(place) for place, point in enumerate(plan.points)}
    return [(str(task), value) for task, value in Dispatcher(WORK, todo, crew).results()]


def test_each_task_is_done_once_by_all_workers_in_batches_that_grow_to_half_a_second() -> None:
    crew = FakeCrew(lambda worker, task, _: f"{worker} {task}")
    found = results(planned(2, 300), crew)
    assert sorted(name for name, _ in found) == sorted(map(str, planned(2, 300)))
    assert all(value.endswith(name) for name, value in found)
    assert {worker for worker, _ in crew.given} == {"a", "b"}
    sizes = [len(batch.tasks) for _, batch in crew.given]
    assert (sizes[0], max(sizes)) == (1, 50)
    assert all(len({task.point for task in batch.tasks}) == 1 for _, batch in crew.given)


def test_results_that_are_lost_with_their_worker_are_made_again() -> None:
    """A batch is done, and its worker goes before the result is fetched."""

    class Forgetful(FakeCrew):
        def submit(self, worker: str, work: Work[Any], batch: Batch) -> Future[Done[Any]]:
            future = super().submit(worker, work, batch)
            if worker == "a" and "a" in self.here:
                del self.here["a"]
                future = Future()
                future.set_exception(LostError())
            return future

    crew = Forgetful(lambda worker, *_: worker)
    found = results(planned(1, 20), crew)
    assert sorted(name for name, _ in found) == sorted(map(str, planned(1, 20)))
    assert {value for _, value in found} <= {"a", "b"}


def test_no_more_is_planned_than_is_handed_out() -> None:
    plan, asked = planned(1, 1000), 0

    def counted() -> Iterator[Task]:
        nonlocal asked
        for task in plan:
            asked += 1
            yield task

    crew = FakeCrew(lambda *_: 0)
    started = Dispatcher(WORK, {plan.points[0]: counted()}, crew).results()
    next(started)
    assert asked <= 2 * dispatch.AHEAD


def test_a_worker_that_cannot_carry_out_a_point_gets_no_more_of_it_and_is_told_once() -> None:
    crew = FakeCrew(lambda w, t, _: Unable("no weights") if (w, t.point.recipe.quality) == ("a", 0) else w)
    found = results(planned(2, 40), crew)
    assert len(found) == 80
    assert {value for name, value in found if name.startswith("c@0 ")} == {"b"}
    assert "a" in {value for name, value in found if name.startswith("c@1 ")}
    assert crew.notes == ["a: c@0: no weights"]


def test_what_no_worker_can_carry_out_fails_with_the_reason() -> None:
    crew = FakeCrew(lambda _, t, __: Unable("no tool") if t.point.recipe.quality == 0 else 1)
    found = results(planned(2, 5), crew)
    assert [value for name, value in found if name.startswith("c@1 ")] == [1] * 5
    failed = [value for name, value in found if name.startswith("c@0 ")]
    assert [str(error) for error in failed] == ["no tool"] * 5
    assert all(isinstance(error, CodecError) for error in failed)


def test_tasks_of_a_lost_worker_are_done_by_others_and_one_that_is_always_lost_is_given_up() -> None:
    crew = FakeCrew(lambda *_: 0, "abcde")

    def answer(worker: str, task: Task, _: Batch) -> int | None:
        if worker == "a" or task.image.name == "p3":
            crew.here.pop(worker, None)  # and whatever it has in hand
            return None
        return 1

    crew.answer = answer
    found = results(planned(1, 6), crew)
    assert sorted(name for name, _ in found) == [f"c@0 on p{number}" for number in range(6)]
    (lost,) = [value for name, value in found if name == "c@0 on p3"]
    assert str(lost).startswith("it was lost 3 times with its worker, last ")
    assert [value for name, value in found if name != "c@0 on p3"] == [1] * 5


def test_a_picture_is_sent_to_a_worker_that_cannot_read_it() -> None:
    def answer(worker: str, task: Task, batch: Batch) -> Unable | int:
        lacking = worker == "a" and task.image.sha256 not in batch.pictures
        return Unable("no file", lacks_picture=True) if lacking else 1

    crew = FakeCrew(answer)
    assert [value for _, value in results(planned(1, 9), crew)] == [1] * 9
    sent = [(worker, picture) for worker, batch in crew.given for picture in batch.pictures.values()]
    assert sent
    assert set(sent) == {("a", PICTURE)}


class FakeClient:
    def __init__(self, found: Mapping[str, object]) -> None:
        self.found = found

    def nthreads(self) -> dict[str, int]:
        if not self.found:
            raise ConnectionError("closed")
        return dict.fromkeys(self.found, 2)

    def run(self, _function: object, *, workers: list[str], on_error: str) -> dict[str, object]:
        assert on_error == "return"
        return {worker: self.found[worker] for worker in workers}


def test_workers_of_another_bench_are_told_once_and_get_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    none = ModuleNotFoundError("No module named 'bench'")
    client = FakeClient({"w1": _version(), "w2": ("0.1", "0" * 64), "w3": none})
    crew = ClusterCrew(client, "tcp://s:1", _Run("r", "."))
    assert crew.workers() == crew.workers() == {"w1": 2}
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" gets no tasks of this kind: ")[::2] for line in lines] == [
        ("worker w2", f"its code of bench 0.1 differs from the code here ({_version()[0]})"),
        ("worker w3", "it has no compatible bench (ModuleNotFoundError: No module named 'bench')"),
    ]
    client.found = {}
    with pytest.raises(
        ClusterError, match=r"^the scheduler tcp://s:1 is gone \(ConnectionError: closed\); finished work"
    ):
        crew.workers()
