"""What the harness costs: a cell, the start of the command line, and a whole run beside CompressAI's own bench.

`nox -s speed` runs this on a quiet machine. Exit status 1 says that a bound was missed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from bench.codecs.codec import Codec, QualityScale
from bench.harness.measure import require_quiet_machine
from bench.harness.run_info import describe_run
from bench.harness.runner import Cell, CodecPoint, register, run_measurements
from bench.images.datasets import Dataset, ImageFile, data_folder, missing
from bench.images.picture import Picture
from bench.metrics.distortion import Metric
from bench.results.schema import Configuration
from bench.results.store import Store
from bench.system.environment import usable_cores

CELL_BOUND_S = 0.005
HELP_BOUND_S = 0.4
QUALITIES = range(5, 100, 5)
CELLS = 500
"""Bounds of the project's own, and the points of CompressAI's published JPEG curve."""


class Null(Codec):
    """Codes nothing, so that all the time is the harness's."""

    title = "Null"
    scale = QualityScale("number of the cell", (1,), 1, CELLS)
    picture = Picture(np.zeros((512, 768, 3), np.uint8))

    def encode(self, picture: Picture) -> bytes:
        """Return a hundred kilobytes, as a codec does at 2 bits a pixel."""
        del picture
        return bytes(100_000)

    def decode(self, data: bytes) -> Picture:
        """Return always the same picture."""
        del data
        return self.picture


def cell_cost_s() -> float:
    """Seconds that a cell costs outside codec, image loading and metrics."""
    zero = Metric("zero", lambda _original, _decoded: 0.0, "Nothing", higher_is_better=False)
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder, "r.sqlite"), create=True) as store:
        path = Path(folder, "black.ppm")
        path.write_bytes(b"P6\n768 512\n255\n" + Null.picture.pixels.tobytes())
        image = ImageFile("black", path, "0" * 64)
        codecs = [Null(quality) for quality in range(1, CELLS + 1)]
        cells = [Cell(CodecPoint(codec, codec, Configuration.of("null", codec)), image) for codec in codecs]
        run = describe_run((), threads=1)
        register(store, run, [Dataset("black", "", "", (image,))], cells, [zero])
        run_measurements(store, run, cells[:1], [zero])  # loads the image
        start = time.perf_counter()
        run_measurements(store, run, cells, [zero])
        return (time.perf_counter() - start) / (CELLS - 1)


def wall_s(command: list[str], repeats: int = 1) -> float:
    """Median wall time of a command."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def jpeg_on_kodak_s() -> tuple[float, float]:
    """Seconds for CompressAI's JPEG points on Kodak: ours, and CompressAI's bench, one after the other."""
    kodak = data_folder() / "kodak"
    qualities = [str(quality) for quality in QUALITIES]
    with tempfile.TemporaryDirectory() as folder:
        spec = f"jpeg@{','.join(qualities)}"
        ours = wall_s([sys.executable, "-m", "bench", "run", "--codec", spec, "--db", f"{folder}/r.sqlite"])
    command = [sys.executable, "-m", "compressai.utils.bench", "jpeg", str(kodak), "-q", ",".join(qualities)]
    return ours, wall_s(command)


@click.command()
@click.option("--force", is_flag=True, help="Measure although other work uses the machine.")
def main(*, force: bool) -> None:
    """Measure what the harness costs."""
    if not force:
        require_quiet_machine()
    cell, start = cell_cost_s(), wall_s([sys.executable, "-m", "bench", "--help"], repeats=10)
    click.echo(f"harness a cell: {cell * 1000:.2f} ms (bound {CELL_BOUND_S * 1000:.0f} ms)")
    click.echo(f"bench --help: {start:.3f} s (bound {HELP_BOUND_S} s)")
    good = cell <= CELL_BOUND_S and start <= HELP_BOUND_S
    if missing("kodak"):
        click.echo(f"jpeg on Kodak: not measured, there are no Kodak pictures in {data_folder()}")
    else:
        ours, theirs = jpeg_on_kodak_s()
        click.echo(f"jpeg on Kodak, 19 points, {usable_cores()} cores: bench {ours:.1f} s, CompressAI {theirs:.1f} s")
        good = good and ours <= theirs
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
