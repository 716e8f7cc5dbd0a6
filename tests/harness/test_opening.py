"""Codecs that exit, crash, hang and eat memory while they are loaded or opened: each loses its tasks, and no others."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from bench.harness import supervisor
from bench.system.errors import CodecError, MissingError
from bench.system.worker_process import Limits

if TYPE_CHECKING:
    from tests.conftest import Desk

OWN = "misbehaving.py"
REASONS = {
    "Leaves": "its process exited with code 0 while it was opened",
    "Exits": "SystemExit: done",
    "Crashes": "its process was killed by SIGSEGV while it was opened",
    "Eats": "its process took more than 1 GiB of memory and was killed while it was opened",
}

FAILED = "SELECT codec, quality, count(*), message FROM failures JOIN configurations USING (configuration_id) \
GROUP BY codec, quality ORDER BY codec"


def edit(desk: Desk, before: str, after: str) -> None:
    own = desk.path / OWN
    own.write_text(own.read_text().replace(before, after))


@pytest.mark.parametrize(("workers", "names"), [(1, list(REASONS)), (2, ["Crashes"])])
def test_one_that_cannot_be_opened_at_a_quality_loses_these_tasks_only(
    desk: Desk, workers: int, names: list[str]
) -> None:
    limits = Limits(memory_bytes=2**30)
    reasons = {**REASONS, "Exits": f"SystemExit: done ({desk.place('sys.exit', OWN)})"}
    summary = desk.run(*(f"{OWN}:{name}" for name in names), "jpeg@50", workers=workers, limits=limits)
    assert summary.outcomes["measured"].measured == 2 * len(names) + 2
    expected = [f"{name.lower()}@1 on p{number}: {reasons[name]}" for name in names for number in range(2)]
    assert sorted(summary.failures) == sorted(expected)
    assert desk.rows(FAILED) == sorted((name.lower(), 1.0, 2, reasons[name]) for name in names)


def test_one_that_hangs_is_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "OPENING_S", 3.0)
    summary = desk.run(f"{OWN}:Hangs@1", "jpeg@50", limits=Limits(timeout_s=3), images=("p0",))
    reason = "its process took longer than 3 s and was killed while it was opened"
    assert summary.failures == [f"hangs@1 on p0: {reason}"]
    assert summary.outcomes["measured"].measured == 1


@pytest.mark.parametrize("line", ["ctypes.string_at(0)", "os._exit(0)", "sys.exit(4)"])
def test_one_that_cannot_be_loaded_loses_its_tasks_only(desk: Desk, line: str) -> None:
    (desk.path / "bad.py").write_text(f"import ctypes, os, sys\n{line}\n")
    summary = desk.run("bad.py:Bad@1,2", "jpeg@50")
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


def test_one_that_cannot_be_loaded_and_has_no_known_tasks_is_told(desk: Desk) -> None:
    (desk.path / "bad.py").write_text("import os\nos._exit(5)\n")
    summary = desk.run("bad.py:Bad", "jpeg@50")
    assert summary.failures == ["bad: its process exited with code 5 while it was loaded"]
    assert summary.outcomes["measured"].measured == 2
    assert desk.bench("run", "--codec", "bad.py:Bad", "--dataset", "photos").returncode == 1


def test_failures_are_forgotten_when_it_can_be_opened(desk: Desk) -> None:
    assert len(desk.run(f"{OWN}:Leaves").failures) == 2
    export = desk.bench("export", "data", "--db", "r.sqlite")
    assert export.returncode == 0, export.stderr
    assert desk.bench("import", "data", "--db", "copy.sqlite").returncode == 0
    assert desk.rows(FAILED, "copy.sqlite") == desk.rows(FAILED) != []
    edit(desk, "os._exit(0)", "pass")
    assert desk.run(f"{OWN}:Leaves").failures == []
    assert desk.rows(FAILED) == []


def test_one_that_raises_is_left_out_and_ends_nothing(desk: Desk) -> None:
    edit(desk, "sys.exit(", "raise KeyError(")
    reason = f"exits: KeyError: 'done' ({desk.place('raise KeyError', OWN)})"
    summary = desk.run(f"{OWN}:Exits", "jpeg@50")
    assert summary.missing == (reason,)
    assert summary.outcomes["measured"].measured == 2
    with pytest.raises(MissingError, match=f"^{re.escape(reason)}$"):
        desk.run(f"{OWN}:Exits")


def test_a_search_for_a_target_ends_with_the_reason(desk: Desk) -> None:
    edit(desk, "if quality == 1:", "if True:")
    with pytest.raises(
        CodecError, match=r"leaves@. on p0: its process exited with code 0 while it was opened; a search"
    ):
        desk.run(f"{OWN}:Leaves", bpp=1.0)
