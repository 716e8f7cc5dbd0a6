"""Runs on a cluster: the same rows as a serial run, whatever goes away meanwhile. Dask's workers are threads here."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from distributed import LocalCluster

from bench.harness import cluster as module
from bench.harness.request import RunRequest, Summary, execute
from bench.system.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Desk

CODECS = ("own.py:Slow@1,8", "jpeg@50")


def started() -> LocalCluster:
    return LocalCluster(n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=":0")


@pytest.fixture(scope="module")
def two() -> Iterator[LocalCluster]:
    with started() as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def desk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(desk.path)
    return desk


def run(*codecs: str, db: str = "r.sqlite", **options: Any) -> Summary:  # noqa: ANN401
    request = {"dataset": "photos", "db": Path(db), "threads": 1, "command": ()} | options
    return execute(RunRequest(codecs=codecs, **request))


def test_a_cluster_measures_what_one_process_measures(desk: Desk, two: LocalCluster) -> None:
    run(*CODECS, db="one.sqlite")
    summary = run(*CODECS, scheduler=two.scheduler_address)
    assert (summary.outcomes["measured"].measured, summary.failures) == (12, [])
    assert desk.rows() == desk.rows(db="one.sqlite")
    again = run(*CODECS, scheduler=two.scheduler_address).outcomes["measured"]
    assert (again.measured, again.skipped) == (0, 12)
    assert not module._supervisors


def test_a_codec_that_ends_its_process_costs_its_task_and_no_worker(two: LocalCluster) -> None:
    summary = run("own.py:Deadly@1", "jpeg@50", images=("p0",), scheduler=two.scheduler_address)
    assert summary.failures == ["deadly@1 on p0: its process exited with code 1"]
    assert summary.outcomes["measured"].measured == 1
    assert len(two.scheduler.workers) == 2


def test_pictures_that_workers_do_not_see_are_sent(
    desk: Desk, two: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(module, "_Run", lambda run_id, _: _Run(run_id, str(tmp_path / "elsewhere")))
    run("jpeg@50", db="one.sqlite")
    assert run("jpeg@50", scheduler=two.scheduler_address).failures == []
    assert desk.rows() == desk.rows(db="one.sqlite")


_Run, ClusterCrew = module._Run, module.ClusterCrew


def in_mid_run(desk: Desk, act: Callable[[], object]) -> threading.Thread:
    """Do something when three measurements are stored, and then let the codecs be quick."""

    def wait_and_act() -> None:
        desk.wait_for_rows(3)
        act()
        desk.hurry()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


def test_a_worker_that_goes_away_loses_nothing(desk: Desk) -> None:
    run("own.py:Slow@1,2,3,4", db="one.sqlite")
    with started() as cluster:
        thread = in_mid_run(desk, lambda: cluster.sync(cluster.workers[0].close))
        summary = run("own.py:Slower@1,2,3,4", scheduler=cluster.scheduler_address)
        thread.join()
        assert len(cluster.scheduler.workers) == 1
    assert (summary.outcomes["measured"].measured, summary.failures) == (16, [])
    sizes = "SELECT image_sha256, quality, num_bytes, bitstream_sha256 FROM measurements JOIN configurations \
USING (configuration_id) ORDER BY 1, 2"
    assert desk.rows(sizes) == desk.rows(sizes, db="one.sqlite")


def test_a_scheduler_that_goes_away_ends_the_run_in_one_line_and_nothing_is_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    crews: list[module.ClusterCrew] = []

    def crew_of(*arguments: Any) -> module.ClusterCrew:  # noqa: ANN401
        crews.append(ClusterCrew(*arguments))
        return crews[-1]

    def close() -> None:
        crews[0]._client._timeout = 0.1  # for which it tries to connect again, to end what it has started
        cluster.close()

    monkeypatch.setattr(module, "ClusterCrew", crew_of)
    cluster = started()
    thread = in_mid_run(desk, close)
    with pytest.raises(ClusterError, match=r"is gone .*; finished work is stored, and the same command resumes"):
        run("own.py:Slower@1,2,3,4", scheduler=cluster.scheduler_address)
    thread.join()
    stored = len(desk.rows())
    assert 3 <= stored < 16
    with started() as cluster:
        outcome = run("own.py:Slower@1,2,3,4", scheduler=cluster.scheduler_address).outcomes["measured"]
    assert (outcome.measured, outcome.skipped) == (16 - stored, stored)
    assert len(desk.rows()) == 16


def test_a_killed_client_is_gone_on_from(desk: Desk, two: LocalCluster) -> None:
    client = desk.start_measuring("--scheduler", two.scheduler_address, codec="own.py:Slower@1,2,3,4")
    desk.wait_for_rows(3)
    client.kill()
    client.communicate()
    desk.hurry()
    stored = len(desk.rows())
    assert 3 <= stored < 16
    outcome = run("own.py:Slower@1,2,3,4", scheduler=two.scheduler_address).outcomes["measured"]
    assert (outcome.measured, outcome.skipped) == (16 - stored, stored)
    assert len(desk.rows()) == 16


def test_the_client_keeps_nothing_of_what_it_has_sent(two: LocalCluster) -> None:
    with module.cluster(two.scheduler_address, "run") as crew:
        assert crew._client.submit(len, "picture").result() == 7
        assert not crew._client.scheduler_comm.recent_message_log
