"""The process that decodes: what it knows, and that it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from waiting import has_ended, wait_for

from bench.harness.fresh_process import FreshProcess
from bench.harness.recipe import Recipe
from bench.images.picture import Picture
from bench.system.errors import CodecError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Desk

CODEC = """
import os, time
from pathlib import Path
import numpy as np
from bench.codecs.codec import Codec, QualityScale
from bench.images.picture import Picture

class Mine(Codec):
    title = "Mine"
    scale = QualityScale("nothing", (1,), lowest=1, highest=1)
    kept = None

    def encode(self, picture):
        Mine.kept = picture
        return b"x"

class Remembers(Mine):
    def decode(self, data):
        return Mine.kept

class Tells(Mine):
    def decode(self, data):
        threads = [int(os.environ[f"{name}_NUM_THREADS"]) for name in ("OMP", "MKL", "OPENBLAS")]
        return Picture(np.full((1, 1, 3), threads, np.uint8))

class Exits(Mine):
    def decode(self, data):
        raise SystemExit(3)

class Hangs(Mine):
    def decode(self, data):
        Path(data.decode()).write_text(str(os.getpid()))
        time.sleep(1000)
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "own_decoding.py").write_text(CODEC)
    return tmp_path / "own_decoding.py"


def test_a_codec_that_keeps_the_picture_has_none_there(own: Path) -> None:
    recipe = Recipe(f"{own}:Remembers", 1)
    data = recipe.open().encode(Picture(np.zeros((1, 1, 3), np.uint8)))
    reason = r"^in the process that decodes: decode returned NoneType, not a Picture$"
    with FreshProcess() as process, pytest.raises(CodecError, match=reason):
        process.decode(recipe, data)


def test_a_codec_that_exits_costs_its_file_only(own: Path) -> None:
    with FreshProcess() as process:
        with pytest.raises(CodecError, match=r"^in the process that decodes: SystemExit: 3 \(own_decoding\.py:\d+\)$"):
            process.decode(Recipe(f"{own}:Exits", 1), b"")
        assert process._running


def test_its_libraries_have_the_threads_that_it_is_given_whatever_the_environment_says(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MKL_NUM_THREADS", "1")
    with FreshProcess(3) as process:
        decoded = process.decode(Recipe(f"{own}:Tells", 1), b"")
    assert isinstance(decoded, Picture)
    assert decoded.pixels.tolist() == [[[3, 3, 3]]]
    assert not decoded.pixels.flags.writeable
    assert os.environ["MKL_NUM_THREADS"] == "1"


PARENT = """
import sys
from bench.harness.fresh_process import FreshProcess
from bench.harness.recipe import Recipe

if __name__ == "__main__":
    FreshProcess().decode(Recipe(sys.argv[1], 1), sys.argv[2].encode())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_parent_even_if_a_codec_hangs(own: Path, number: signal.Signals) -> None:
    script, told = own.with_name("parent.py"), own.with_name("pid")
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, str(script), f"{own}:Hangs", str(told)])
    wait_for(lambda: told.is_file() and told.read_text() != "")
    parent.send_signal(number)
    parent.wait()
    wait_for(lambda: has_ended(int(told.read_text())))


def test_an_interrupted_run_does_not_wait_for_a_decoder_that_hangs(desk: Desk) -> None:
    (desk.path / "hangs.py").write_text(CODEC.replace("data.decode()", "'pid'"))
    process = desk.start_measuring(codec="hangs.py:Hangs")
    told = desk.path / "pid"
    wait_for(lambda: told.is_file() and told.read_text() != "")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 128 + signal.SIGINT
    wait_for(lambda: has_ended(int(told.read_text())))
    process.communicate()
