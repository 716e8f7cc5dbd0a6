"""What a run does with its tasks, in this process: their order, their pictures, and what codecs cannot do to others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import torch

from bench.codecs.registry import resolve_codecs
from bench.harness import jobs, request
from bench.harness.measure import Sample
from bench.harness.request import RunRequest, Summary, execute
from bench.harness.runner import register
from bench.system.errors import UsageError
from bench.system.worker_process import WorkerProcess

if TYPE_CHECKING:
    from pathlib import Path

    from bench.codecs.codec import Codec
    from bench.images.picture import Picture
    from tests.conftest import Desk


def test_codecs_of_a_family_are_timed_side_by_side(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[tuple[str, float, bytes]] = []

    def time_stages(encoder: Codec, _decoder: Codec, picture: Picture, **_: int) -> list[Sample]:
        timed.append((type(encoder).__name__, encoder.quality, picture.pixels.tobytes()))
        return [Sample("encode", 0, 1.0)]

    monkeypatch.setattr(jobs, "time_stages", time_stages)
    summary = run(desk, "jpeg@30,50,90", "webp@50", "jpeg-444@30,50", timing=True, force=True)
    assert summary.outcomes["timed"].measured == len(set(timed)) == 24
    pairs = [place for place, (codec, *_) in enumerate(timed) if codec == "Jpeg444"]
    assert len(pairs) == 8
    assert all(timed[place - 1] == ("Jpeg", *timed[place][1:]) for place in pairs)


OWN = """
import ctypes
import numpy as np
from bench.codecs.codec import Codec, QualityScale
from bench.metrics.distortion import Metric
from bench.images.picture import Picture

class Raw(Codec):
    title = "Raw"
    scale = QualityScale("nothing", (1,), lowest=1, highest=1)

    def encode(self, picture):
        self.misbehave(picture.pixels)
        return np.array(picture.pixels.shape, "<u2").tobytes() + picture.pixels.tobytes()

    def decode(self, data):
        return Picture(np.frombuffer(data[6:], np.uint8).reshape(np.frombuffer(data[:6], "<u2")))

    def misbehave(self, pixels):
        pass

class Assigns(Raw):
    def misbehave(self, pixels):
        pixels[:] = 7

class Insists(Raw):
    def misbehave(self, pixels):
        pixels.flags.writeable = True
        pixels[:] = 7

class ThroughC(Raw):
    def misbehave(self, pixels):
        ctypes.memset(pixels.ctypes.data, 7, pixels.nbytes)

class Remembers(Raw):
    kept = None

    def encode(self, picture):
        Remembers.kept = picture
        return b"x"

    def decode(self, data):
        return Remembers.kept

class Exits(Raw):
    def misbehave(self, pixels):
        raise SystemExit(3)

class OneThread(Raw):
    def misbehave(self, pixels):
        import torch
        torch.set_num_threads(1)

def worst(one, other):
    one.pixels[:] = 7
    return 0.0

WRITES = Metric("writes", worst, "Writes", True)
"""

JPEG = """SELECT image_sha256, num_bytes, value FROM measurements JOIN configurations USING (configuration_id)
JOIN distortions USING (key) WHERE codec = 'jpeg' AND metric = 'mse' ORDER BY image_sha256"""


@pytest.fixture
def own(desk: Desk) -> Path:
    (desk.path / "of_runner.py").write_text(OWN)
    return desk.path / "of_runner.py"


def run(desk: Desk, *codecs: str, db: str = "r.sqlite", **options: Any) -> Summary:  # noqa: ANN401
    request = {"dataset": str(desk.path / "photos"), "db": desk.path / db, "threads": 1, "command": ()} | options
    return execute(RunRequest(codecs=codecs, **request))


@pytest.mark.parametrize("codec", ["Assigns", "Insists", "ThroughC"])
def test_a_codec_that_writes_into_its_picture_changes_nobody_elses(desk: Desk, own: Path, codec: str) -> None:
    run(desk, "jpeg@50", db="alone.sqlite")
    summary = run(desk, f"{own}:{codec}@1", "jpeg@50")
    assert desk.rows(JPEG) == desk.rows(JPEG, db="alone.sqlite")
    message = "ValueError: assignment destination is read-only"
    assert [message in line for line in summary.failures] == ([True] * 4 if codec == "Assigns" else [])
    # Its own is compared with what it was given.
    errors = JPEG.replace("'jpeg'", f"'{codec.lower()}'").replace("image_sha256, num_bytes, value", "min(value) > 100")
    assert desk.rows(errors) == [(None if codec == "Assigns" else 1,)]


def test_a_metric_that_writes_into_a_picture_fails(desk: Desk, own: Path) -> None:
    summary = run(desk, "jpeg@50", metrics=(f"{own}:WRITES",))
    assert len(summary.failures) == 4
    assert all("assignment destination is read-only" in line for line in summary.failures)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_codec_that_keeps_the_picture_gets_no_row(desk: Desk, own: Path, workers: int) -> None:
    summary = run(desk, f"{own}:Remembers", workers=workers, images=("p0", "p1"))
    reason = "in the process that decodes: decode returned NoneType, not a Picture"
    assert sorted(summary.failures) == [f"remembers@1 on p{number}: {reason}" for number in range(2)]
    assert desk.rows() == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_codec_that_exits_costs_its_tasks_only(desk: Desk, own: Path, workers: int) -> None:
    summary = run(desk, f"{own}:Exits", "jpeg@50", workers=workers)
    assert summary.outcomes["measured"].measured == 4
    assert len(summary.failures) == 4
    for line in summary.failures:
        assert re.fullmatch(r"exits@1 on p\d: SystemExit: 3 \(of_runner\.py:\d+\)", line)


def test_a_file_that_exits_when_it_is_loaded_is_told(own: Path) -> None:
    own.write_text("raise SystemExit(2)")
    with pytest.raises(UsageError, match=r"of_runner\.py:Raw' cannot be loaded: SystemExit: 2$"):
        resolve_codecs([f"{own}:Raw"])


def test_codecs_of_ours_start_no_process(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WorkerProcess, "_start", None)
    assert run(desk, "jpeg@50").outcomes["measured"].measured == 4


def test_a_run_by_a_name_of_compressai_states_whose_weights_it_uses(desk: Desk) -> None:
    line = "bmshj2018-factorized is factorized with the weights of this package; --weights zoo selects CompressAI's"
    assert str(run(desk, "bmshj2018-factorized@1")).splitlines()[0] == line
    assert line not in str(run(desk, "factorized@1"))


def test_a_picture_that_changes_while_a_run_goes_on_is_not_measured(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(*_: object) -> None:
        (desk.path / "photos" / "p1.png").write_bytes((desk.path / "photos" / "p2.png").read_bytes())

    monkeypatch.setattr(request, "register", lambda *arguments: (register(*arguments), change()))
    summary = run(desk, "jpeg@50")
    (failure,) = summary.failures
    assert failure == f"jpeg@50 on p1: {desk.path}/photos/p1.png was changed during the run; start the run again"
    assert len(desk.rows()) == 3


def test_times_are_of_as_many_threads_as_they_say(desk: Desk, own: Path) -> None:
    torch.set_num_threads(1)
    timing = {"timing": True, "force": True, "repeats": 1, "images": ("p0",)}
    run(desk, "jpeg@50", threads=2, **timing)
    assert torch.get_num_threads() == 2
    summary = run(desk, f"{own}:OneThread", threads=2, **timing)
    (failure,) = summary.failures
    assert failure.startswith("onethread@1 on p0: times with 2 threads are requested, but the codec sets ")
    assert desk.rows(
        "SELECT DISTINCT codec, threads FROM timings JOIN measurements USING (key) \
JOIN configurations USING (configuration_id)"
    ) == [("jpeg", 2)]
