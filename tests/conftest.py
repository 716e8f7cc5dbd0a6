"""Pictures that several tests look at, and the markers of tests that need more than the package."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner
from pages import leave_figures_empty
from PIL import Image
from waiting import wait_for

from bench.cli.main import main
from bench.codecs.registry import code_of, codec_class, load_metric
from bench.harness.request import RunRequest, Summary, execute
from bench.images.image_files import read_picture
from bench.images.picture import Picture
from bench.system.errors import USER_MODULE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.codecs.codec import Codec

BINARIES = ("cjpeg", "djpeg", "cwebp", "dwebp", "opj_compress", "opj_decompress")
DATA = Path(os.environ.get("BENCH_DATA") or Path(__file__).parents[1] / "data")

hypothesis.settings.register_profile("untimed", deadline=None)  # an example's time is that of the machine's other work
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def one_astronaut() -> Iterator[None]:
    """Decode the photograph that most tests cut their pictures from once."""
    astronaut = skimage.data.astronaut()
    astronaut.flags.writeable = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skimage.data, "astronaut", lambda: astronaut)
        yield


@pytest.fixture(autouse=True)
def plain_arithmetic() -> Iterator[None]:
    """Undo what a training sets for its process: the next test's codec has to compute as in a process of its own."""
    torch = sys.modules.get("torch")  # which tests without it need not import
    threads = torch.get_num_threads() if torch else None
    yield
    if torch:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.benchmark = False


@pytest.fixture(scope="session", autouse=True)
def no_wait_for_disks() -> Iterator[None]:
    """Let no written file wait for the disk: no test loses power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


FAST = ("analysis", "images", "metrics", "results", "system")
"""Folders of tests that load no model; `pytest -m fast` runs them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _folder(item) in FAST and not item.get_closest_marker("slow"):
            item.add_marker("fast")
    # Files are distributed in this order: the longest ones first, so that none keeps one worker busy at the end.
    items.sort(key=lambda item: (item.get_closest_marker("browser") is None, _folder(item) in FAST))


def _folder(item: pytest.Item) -> str:
    """The folder of `tests` that a test is in, or its file where it is in none."""
    return item.path.relative_to(Path(__file__).parent).parts[0]


def pytest_runtest_setup(item: pytest.Item) -> None:
    needed = item.get_closest_marker("kodak") or "kodak" in getattr(item, "fixturenames", ())
    if needed and not (DATA / "kodak" / "kodim24.png").is_file():
        pytest.skip(f"no Kodak pictures in {DATA / 'kodak'}")
    if item.get_closest_marker("binaries"):
        absent = [name for name in BINARIES if not shutil.which(name)]
        if absent:
            pytest.skip(f"not on PATH: {', '.join(absent)}")


@pytest.fixture(scope="session")
def kodak() -> list[Path]:
    return [DATA / "kodak" / f"kodim{number:02d}.png" for number in range(1, 25)]


@pytest.fixture
def kodak_point(kodak: list[Path]) -> Callable[[Codec], tuple[float, float]]:
    """A codec's point on Kodak, by hand and not through the harness: mean bits per pixel, mean PSNR of RGB in dB."""

    def point(codec: Codec) -> tuple[float, float]:
        rates_bpp, psnrs_db = [], []
        for path in kodak:
            picture = read_picture(path)
            data = codec.encode(picture)
            difference = picture.pixels.astype(float) - codec.decode(data).pixels
            rates_bpp.append(8 * len(data) / (picture.width * picture.height))
            psnrs_db.append(10 * np.log10(255**2 / np.mean(difference**2)))
        return float(np.mean(rates_bpp)), float(np.mean(psnrs_db))

    return point


@pytest.fixture(scope="session")
def photo() -> Picture:
    """A piece of a real photograph: skin, hair, cloth; 128 x 96 pixels."""
    return Picture(np.ascontiguousarray(skimage.data.astronaut()[60:156, 150:278]))


@pytest.fixture(scope="session")
def photographs() -> dict[str, Picture]:
    """Whole photographs, large enough for MS-SSIM."""
    names = ("astronaut", "chelsea", "coffee", "rocket")
    return {name: Picture(np.ascontiguousarray(getattr(skimage.data, name)())) for name in names}


@pytest.fixture
def empty_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports have empty figures."""
    leave_figures_empty(monkeypatch)


ROWS = "SELECT key, num_bytes, bitstream_sha256 FROM measurements ORDER BY key"


def forget_user_code() -> None:
    """Let the next command look codecs and metrics up as a new process would: their paths are relative to a folder."""
    for cached in (codec_class, code_of, load_metric):
        cached.cache_clear()
    for name in [name for name in sys.modules if name.startswith(USER_MODULE)]:
        del sys.modules[name]


@dataclass(frozen=True)
class Desk:
    """A folder in which a user works: with codecs and a metric of their own, and four small pictures."""

    path: Path

    def bench(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Any command of bench, to its end, in this process: to start Python takes longer than most commands."""
        forget_user_code()
        with contextlib.chdir(self.path):
            result = CliRunner().invoke(main, arguments)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)

    def measuring(self, *arguments: str, codec: str = "own.py:Quick", db: str = "r.sqlite") -> tuple[str, ...]:
        """The command that measures a codec on the four pictures."""
        return ("run", "--codec", codec, "--dataset", "photos", "--db", db, *arguments)

    def measure(
        self, *arguments: str, codec: str = "own.py:Quick", db: str = "r.sqlite"
    ) -> subprocess.CompletedProcess[str]:
        """That command, to its end, in this process."""
        return self.bench(*self.measuring(*arguments, codec=codec, db=db))

    def start_measuring(self, *arguments: str, codec: str = "own.py:Slow") -> subprocess.Popen[str]:
        """That command in a process that leads a group of its own; nobody waits for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "bench", *self.measuring(*arguments, codec=codec)],
            cwd=self.path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell's background job, this test run perhaps among them, ignores Ctrl-C, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def run(self, *codecs: str, **options: object) -> Summary:
        """A run on two of the pictures, in this process, without the command line around it."""
        forget_user_code()
        request = {"dataset": "photos", "db": Path("r.sqlite"), "threads": 1, "command": (), "images": ("p0", "p1")}
        with contextlib.chdir(self.path):
            return execute(RunRequest(codecs=codecs, **{**request, **options}))  # type: ignore[arg-type]

    def hurry(self) -> None:
        """Let slow codecs be quick from now on: what has to be interrupted is, and the rest need not take long."""
        (self.path / "hurry").touch()

    def place(self, text: str, file: str) -> str:
        """Where a file first has a text, as the messages of errors name it."""
        before, _, _ = (self.path / file).read_text().partition(text)
        return f"{file}:{before.count(chr(10)) + 1}"

    def rows(self, query: str = ROWS, db: str = "r.sqlite") -> list[tuple[object, ...]]:
        connection = sqlite3.connect(self.path / db)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def wait_for_rows(self, number: int) -> None:
        """Wait until a measuring process has stored so many measurements."""
        wait_for(lambda: self._count() >= number)

    def _count(self) -> int:
        try:
            return len(self.rows())
        except sqlite3.Error:
            return 0


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    for source in (Path(__file__).parent / "desk").glob("*.py"):
        shutil.copy(source, tmp_path)
    (tmp_path / "photos").mkdir()
    for index, size in enumerate([(24, 16), (16, 24), (17, 9), (9, 17)]):
        crop = Image.fromarray(skimage.data.astronaut()[100 : 100 + size[1], 200 + index : 200 + index + size[0]])
        crop.save(tmp_path / "photos" / f"p{index}.png")
    return Desk(tmp_path)
