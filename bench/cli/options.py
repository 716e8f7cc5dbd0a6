"""Options that several commands have."""

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

db = click.option("--db", type=FILE, default=DATABASE, show_default=True, help="The results database.")
images = click.option(
    "--images", multiple=True, metavar="GLOB", help="Only images with such names, as in p1,q*; repeatable."
)

data = click.option("--data", type=FOLDER, help="Folder of image sets.  [default: $BENCH_DATA, else data]")
backend = click.option("--backend", help="Implementation of the codec: a library (default), or 'external' binaries.")
threads = click.option("--threads", type=PROCESSES, help="Threads of libraries.  [default: all cores]")
families = click.option("--family", "families", multiple=True, help="Weights of this family only; repeatable.")
qualities = click.option(
    "--quality", "qualities", type=int, multiple=True, help="Weights of this quality only; repeatable."
)
force = click.option("--force", is_flag=True, help="Take times although other work uses the machine.")

_CLIP_OPTIONS = (
    click.option("--frames", metavar="A:B", help="Only frames A to B - 1 of a clip; A:B:C takes every C-th."),
    click.option("--size", metavar="WxH", help="Size of a .yuv clip, if its name does not contain it."),
    click.option(
        "--pixel-format", metavar="NAME", help="Its format, likewise: yuv420p, yuvj420p, yv12, nv12, nv21 or gray."
    ),
    click.option(
        "--range", "levels", type=click.Choice(["full", "limited"]), help="Range of a clip that does not state it."
    ),
)


def clip(command: Callable[..., None]) -> Callable[..., None]:
    """The options of clips, which the command gets as one `clip`."""

    @functools.wraps(command)
    def gathered(**options: Any) -> None:  # noqa: ANN401  # click's options
        from bench.images.clips import ClipOptions  # noqa: PLC0415

        clip = {field.name: options.pop(field.name) for field in dataclasses.fields(ClipOptions)}
        command(clip=ClipOptions(**clip), **options)

    for option in reversed(_CLIP_OPTIONS):
        gathered = option(gathered)
    return gathered
