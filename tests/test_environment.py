from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from bench.environment import environment

if TYPE_CHECKING:
    import pytest


def test_what_is_set_reaches_processes_and_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_TEST_OLD", "before")
    command = [sys.executable, "-c", "import os; print(os.environ['BENCH_TEST_OLD'], os.environ['BENCH_TEST_NEW'])"]
    with environment({"BENCH_TEST_OLD": "within", "BENCH_TEST_NEW": "new"}):
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.split() == ["within", "new"]
    assert os.environ["BENCH_TEST_OLD"] == "before"
    assert "BENCH_TEST_NEW" not in os.environ


def test_what_others_set_or_delete_meanwhile_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_TEST_OLD", "before")
    before = dict(os.environ)
    with environment({}):
        os.environ["BENCH_TEST_OTHER"] = "library"
        del os.environ["BENCH_TEST_OLD"]
    assert dict(os.environ) == before
