"""Memory and seconds that big pictures take: the figures in docs/reliability.md.

    python benchmarks/big_pictures.py --codec joint@3 --codec bpg-444@37 --megapixels 24 --megapixels 100

Each picture is encoded in one process and decoded in another one, as a run with workers does it, with the diagnostics
of a run and without its metrics. The pictures are a photograph that is repeated, mirrored: their statistics are
natural, their content is of no interest. Memory is what a process and the tools that it started have resident, at its
highest. Seconds are those of the processor, of all threads.

`--one-tile` is for memory alone: of each transform only the largest tile is computed, and its latents are repeated; the
entropy coding is whole. Seconds are left out.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import psutil
import skimage.data
import torch

from bench.codecs import adapter
from bench.codecs.probe import Listener, listening
from bench.codecs.registry import codec_class
from bench.images.picture import Picture
from bench.learned.coding.tiles import GlobalMeans, Grid, Tile
from bench.learned.coding.transforms import Transforms
from bench.learned.models.config import LATENT_STRIDE

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

SIZES = {1: (1280, 832), 24: (6000, 4000), 100: (12288, 8192)}
"""Megapixels to width and height."""

CODECS = ("joint@3", "attn@3", "cca@3", "joint+qr@3", "bpg-444@37")
WATCH_S = 0.5


def photograph(width: int, height: int) -> Picture:
    """A photograph of 512x512 pixels, repeated and mirrored."""
    pixels = skimage.data.astronaut()
    beyond = [(0, max(0, size - have)) for size, have in zip((height, width), pixels.shape, strict=False)]
    return Picture(np.ascontiguousarray(np.pad(pixels, [*beyond, (0, 0)], mode="symmetric")[:height, :width]))


def code(direction: str, name: str, size: str, path: Path) -> None:
    """Encode a picture of a size to a file, or decode the file; print bytes, seconds, and the peak of memory."""
    family, _, quality = name.partition("@")
    codec = codec_class(family)(float(quality))
    if direction == "encode":
        picture = adapter.given(codec, photograph(*map(int, size.split("x"))))
        start = cpu_seconds()
        with listening(Listener(note=lambda *_: None)):
            path.write_bytes(adapter.encode(codec, picture))
    else:
        start = cpu_seconds()
        adapter.decode(codec, path.read_bytes(), "rgb")
    click.echo(f"{path.stat().st_size} {cpu_seconds() - start} {peak_gib()}")


def cpu_seconds() -> float:
    """What this process and the tools that it has run have taken of the processor."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def peak_gib() -> float:
    """The most memory that this process has held (Linux); what getrusage says includes the parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20


def largest(grid: Grid) -> Tile:
    """The tile that sees most."""
    return max(grid, key=lambda tile: np.prod([each.stop - each.start for each in tile.seen]))


def compute_one_tile() -> None:
    """Compute only one tile of each transform from now on, and repeat its latents."""
    latents = Transforms.latents

    def compute(grid: Grid, tile: Callable[[Tile], None]) -> None:
        # Samples of the other tiles are never written, so that their memory would not count.
        unwritten = np.ones(3 * grid.size[0] * grid.size[1] * LATENT_STRIDE**2, np.uint8)
        with GlobalMeans(grid.size).of(largest(grid)):
            tile(largest(grid))
        del unwritten

    def repeated(transforms: Transforms, grid: Grid, samples: Tensor, scale: int) -> Tensor:
        y = latents(transforms, grid, samples, scale)
        part = y[..., *largest(grid).kept].clone()
        for tile in grid:
            place = y[..., *tile.kept]
            place.copy_(part[..., : place.shape[2], : place.shape[3]])
        return y

    setattr(Grid, "compute", compute)  # noqa: B010  # methods cannot be assigned to, say type checkers
    setattr(Transforms, "latents", repeated)  # noqa: B010


def watched(arguments: list[str]) -> tuple[int, float, float]:
    """Bytes, seconds, and the peak of the memory of a process and its children, in GiB."""
    peak = 0
    with subprocess.Popen([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True) as job:
        process = psutil.Process(job.pid)
        while job.poll() is None:
            with contextlib.suppress(psutil.Error):
                family = (process, *process.children(recursive=True))
                peak = max(peak, sum(each.memory_info().rss for each in family))
            time.sleep(WATCH_S)
        output = (job.stdout.read() if job.stdout else "").split()
    if job.returncode or len(output) != 3:
        raise click.ClickException(f"{' '.join(arguments)} failed (exit code {job.returncode})")
    return int(output[0]), float(output[1]), max(peak / 2**30, float(output[2]))


@click.command()
@click.option("--codec", "codecs", multiple=True, default=CODECS, show_default=True)
@click.option("--megapixels", multiple=True, type=click.Choice([str(each) for each in SIZES]), default=["24", "100"])
@click.option("--one-tile", is_flag=True, help="Only for memory: compute one tile of each transform.")
@click.option("--worker", nargs=4, type=str, hidden=True)
def main(
    *, codecs: tuple[str, ...], megapixels: tuple[str, ...], one_tile: bool, worker: tuple[str, str, str, str] | None
) -> None:
    """Code big pictures, one codec and process after the other."""
    if worker:
        if one_tile:
            compute_one_tile()
        code(*worker[:3], Path(worker[3]))
        return
    click.echo(f"{torch.get_num_threads()} threads of {os.cpu_count()} cores")
    click.echo("  MP  codec         bpp    encode GiB      s    decode GiB      s")
    for size in megapixels:
        width, height = SIZES[int(size)]
        for name in codecs:
            with tempfile.TemporaryDirectory() as folder:
                options = ["--one-tile"] if one_tile else []
                what = [name, f"{width}x{height}", str(Path(folder, "coded"))]
                num_bytes, encode_s, encoding_gib = watched([*options, "--worker", "encode", *what])
                _, decode_s, decoding_gib = watched([*options, "--worker", "decode", *what])
            seconds = ["     -" if one_tile else f"{each:6.1f}" for each in (encode_s, decode_s)]
            bpp = 8 * num_bytes / (width * height)
            click.echo(
                f"{width * height / 1e6:4.0f}  {name:12} {bpp:.3f}  {encoding_gib:12.2f} {seconds[0]}"
                f"  {decoding_gib:12.2f} {seconds[1]}"
            )


if __name__ == "__main__":
    main()
