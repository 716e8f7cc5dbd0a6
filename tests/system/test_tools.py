from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from bench.system.tools import run_tool

if TYPE_CHECKING:
    from pathlib import Path


def test_a_tool_gets_what_it_reads_and_gives_what_it_prints(tmp_path: Path) -> None:
    said = "import os, sys; sys.stdout.write(sys.stdin.read().upper() + os.getcwd()); sys.exit(3)"
    done = run_tool([sys.executable, "-c", said], timeout_s=60, data=b"text ", folder=tmp_path)
    assert (done.returncode, done.stdout) == (3, b"TEXT " + bytes(tmp_path))


def test_a_tool_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run_tool(["sh", "-c", "sleep 600 & echo $! >child; wait"], timeout_s=2, folder=tmp_path)
    pid = int((tmp_path / "child").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
