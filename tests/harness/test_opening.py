"""Codecs that exit, crash, hang and eat memory while they are loaded or opened: each loses its tasks, and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.harness import opening, supervisor
from bench.harness.request import RunRequest, Summary, execute
from bench.system.errors import CodecError, MissingError
from bench.system.worker_process import Limits

if TYPE_CHECKING:
    from tests.conftest import Desk

OWN = """
import ctypes, os, sys, time
import numpy as np
from bench.codecs.codec import Codec, QualityScale
from bench.images.picture import Picture

class Raw(Codec):
    title = "Raw"
    scale = QualityScale("nothing", (1, 2), lowest=1, highest=2)

    def __init__(self, quality, **options):
        super().__init__(quality, **options)
        if quality == 1:
            self.misbehave()

    def encode(self, picture):
        return np.array(picture.pixels.shape, "<u2").tobytes() + picture.pixels.tobytes()

    def decode(self, data):
        return Picture(np.frombuffer(data[6:], np.uint8).reshape(np.frombuffer(data[:6], "<u2")))

class Leaves(Raw):
    def misbehave(self):
        os._exit(3)

class Exits(Raw):
    def misbehave(self):
        sys.exit("done")

class Crashes(Raw):
    def misbehave(self):
        ctypes.string_at(0)

class Hangs(Raw):
    def misbehave(self):
        time.sleep(1000)

class Eats(Raw):
    def misbehave(self):
        eaten = []
        while sum(map(len, eaten)) < 2**33:
            eaten.append(b"x" * 2**26)
            time.sleep(0.02)
"""

REASONS = {
    "Leaves": "its process exited with code 3 while it was opened",
    "Exits": "SystemExit: done (of_opening.py:28)",
    "Crashes": "its process was killed by SIGSEGV while it was opened",
    "Eats": "its process took more than 1 GiB of memory and was killed while it was opened",
}

FAILED = "SELECT codec, quality, count(*), message FROM failures JOIN configurations USING (configuration_id) \
GROUP BY codec, quality ORDER BY codec"


@pytest.fixture
def own(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(desk.path)
    Path("of_opening.py").write_text(OWN)
    return Path("of_opening.py")


def run(*codecs: str, **options: object) -> Summary:
    request = {"dataset": "photos", "db": Path("r.sqlite"), "threads": 1, "command": (), "images": ("p0", "p1")}
    return execute(RunRequest(codecs=codecs, **{**request, **options}))  # type: ignore[arg-type]


@pytest.mark.parametrize(("workers", "names"), [(1, list(REASONS)), (2, ["Crashes"])])
def test_one_that_cannot_be_opened_at_a_quality_loses_these_tasks_only(
    desk: Desk, own: Path, workers: int, names: list[str]
) -> None:
    limits = Limits(memory_bytes=2**30)
    summary = run(*(f"{own}:{name}" for name in names), "jpeg@50", workers=workers, limits=limits)
    assert summary.outcomes["measured"].measured == 2 * len(names) + 2
    expected = [f"{name.lower()}@1 on p{number}: {REASONS[name]}" for name in names for number in range(2)]
    assert sorted(summary.failures) == sorted(expected)
    assert desk.rows(FAILED) == sorted((name.lower(), 1.0, 2, REASONS[name]) for name in names)


def test_one_that_hangs_is_ended(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "OPENING_S", 8.0)
    summary = run(f"{own}:Hangs@1", "jpeg@50", limits=Limits(timeout_s=8), images=("p0",))
    reason = "its process took longer than 8 s and was killed while it was opened"
    assert summary.failures == [f"hangs@1 on p0: {reason}"]
    assert summary.outcomes["measured"].measured == 1


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("line", ["ctypes.string_at(0)", "os._exit(0)", "sys.exit(4)"])
def test_one_that_cannot_be_loaded_loses_its_tasks_only(desk: Desk, line: str) -> None:
    Path("bad.py").write_text(f"import ctypes, os, sys\n{line}\n")
    summary = run("bad.py:Bad@1,2", "jpeg@50")
    assert summary.outcomes["measured"].measured == 2
    reason = {
        "ctypes.string_at(0)": "its process was killed by SIGSEGV while it was loaded",
        "os._exit(0)": "its process exited with code 0 while it was loaded",
        "sys.exit(4)": "'bad.py:Bad' cannot be loaded: SystemExit: 4",
    }[line]
    assert desk.rows(FAILED) == [("bad", quality, 2, reason) for quality in (1.0, 2.0)]
    assert len(summary.failures) == 5  # its four tasks, and the codec itself
    ((provenance,),) = desk.rows("SELECT provenance FROM runs")
    assert json.loads(str(provenance))["not loaded"] == {"bad": reason}


@pytest.mark.usefixtures("own")
def test_one_that_cannot_be_loaded_and_has_no_known_tasks_is_told(desk: Desk) -> None:
    Path("bad.py").write_text("import os\nos._exit(5)\n")
    summary = run("bad.py:Bad", "jpeg@50")
    assert summary.failures == ["bad: its process exited with code 5 while it was loaded"]
    assert summary.outcomes["measured"].measured == 2
    assert desk.bench("run", "--codec", "bad.py:Bad", "--dataset", "photos").returncode == 1


def test_failures_are_forgotten_when_it_can_be_opened(desk: Desk, own: Path) -> None:
    assert len(run(f"{own}:Leaves").failures) == 2
    export = desk.bench("export", "data", "--db", "r.sqlite")
    assert export.returncode == 0, export.stderr
    assert desk.bench("import", "data", "--db", "copy.sqlite").returncode == 0
    assert desk.rows(FAILED, "copy.sqlite") == desk.rows(FAILED) != []
    own.write_text(OWN.replace("os._exit(3)", "pass"))
    opening.codec_class.cache_clear()  # as in a new process
    assert run(f"{own}:Leaves").failures == []
    assert desk.rows(FAILED) == []


def test_one_that_raises_is_left_out_and_ends_nothing(own: Path) -> None:
    own.write_text(OWN.replace("sys.exit(", "raise KeyError("))
    summary = run(f"{own}:Exits", "jpeg@50")
    assert summary.missing == ("exits: KeyError: 'done' (of_opening.py:28)",)
    assert summary.outcomes["measured"].measured == 2
    with pytest.raises(MissingError, match=r"^exits: KeyError: 'done' \(of_opening\.py:28\)$"):
        run(f"{own}:Exits")


def test_a_search_for_a_target_ends_with_the_reason(own: Path) -> None:
    own.write_text(OWN.replace("if quality == 1:", "if True:"))
    with pytest.raises(
        CodecError, match=r"leaves@. on p0: its process exited with code 3 while it was opened; a search"
    ):
        run(f"{own}:Leaves", bpp=1.0)
