"""Options of several commands."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.parameters import FILE, FOLDER, PROCESSES

if TYPE_CHECKING:
    from collections.abc import Callable

DATABASE = Path("reports/results.sqlite")
REPORTS = Path("reports")

db = click.option("--db", type=FILE, default=DATABASE, help="Results database.")
images = click.option(
    "--images",
    multiple=True,
    metavar="GLOB",
    help="Use only images with these names or globs, as in kodim01,'kodim2*'; repeatable.",
)

data = click.option("--data", type=FOLDER, help="Folder of image sets.  [default: $BENCH_DATA, else data]")
backend = click.option("--backend", metavar="NAME", help="Implementation: a library (default), or 'external' binaries.")
threads = click.option("--threads", type=PROCESSES, help="Number of threads of libraries.  [default: all cores]")
families = click.option(
    "--family", "families", multiple=True, metavar="NAME", help="Weights of this family; repeatable."
)
qualities = click.option("--quality", "qualities", type=int, multiple=True, help="Weights of this quality; repeatable.")
force = click.option("--force", is_flag=True, help="Measure times even if the machine is busy.")

_CLIP_OPTIONS = (
    click.option("--frames", metavar="A:B", help="Use only frames A to B - 1 of a clip; A:B:C uses every C-th."),
    click.option("--size", metavar="WxH", help="Size of a .yuv clip, if its name does not contain it."),
    click.option(
        "--pixel-format",
        metavar="NAME",
        help="Pixel format of a .yuv clip, if not in its name: yuv420p, yuvj420p, yv12, nv12, nv21 or gray.",
    ),
    click.option(
        "--range",
        "levels",
        type=click.Choice(["full", "limited"]),
        help="Range of the samples of a clip, if its file does not state it.",
    ),
)


def clip(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of clips to a command, which receives them as one argument `clip`."""

    @functools.wraps(command)
    def gathered(**options: Any) -> None:  # noqa: ANN401  # click's options
        from bench.images.clips import ClipOptions  # noqa: PLC0415

        clip = {field.name: options.pop(field.name) for field in dataclasses.fields(ClipOptions)}
        command(clip=ClipOptions(**clip), **options)

    for option in reversed(_CLIP_OPTIONS):
        gathered = option(gathered)
    return gathered
