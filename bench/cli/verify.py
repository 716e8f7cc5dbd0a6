"""`bench verify`: decoding in another process, and CompressAI's weights against its published points."""

from __future__ import annotations

from typing import Any

import click

from bench.cli.options import backend, clip, data, families, images, qualities, threads
from bench.cli.parameters import FILE, Command
from bench.cli.process import command_line, end, limit_threads


@click.command(cls=Command, short_help="Check that files decode identically in another process.")
@click.option(
    "--codec", "codecs", multiple=True, metavar="NAME[@Q,...]", help="Codec, as in `run`; repeatable.  [default: all]"
)
@backend
@click.option("--weights", metavar="NAME", help="Weights of learned codecs; zoo: see above.")
@families
@qualities
@click.option("--dataset", metavar="NAME", help="Image set: a name, a folder, a glob or a clip.  [default: builtin]")
@images
@clip
@click.option("--db", type=FILE, help="Database of --weights zoo.  [default: reports/verified.sqlite]")
@threads
@data
def verify(threads: int | None, **options: Any) -> None:  # noqa: ANN401  # CheckRequest's fields
    """Check that files decode to the same pictures in another process with another number of threads.

    With `--weights zoo` and without --codec, check that CompressAI's weights reproduce the rate and PSNR that
    CompressAI published for Kodak.
    """
    count = limit_threads(threads)
    from bench.cli import tables  # noqa: PLC0415
    from bench.verification.check import CheckRequest  # noqa: PLC0415
    from bench.verification.round_trip import verify_round_trips  # noqa: PLC0415
    from bench.verification.zoo import verify_zoo  # noqa: PLC0415

    request = CheckRequest(**options, threads=count, command=command_line())
    verdict = verify_zoo(request) if request.against_published else verify_round_trips(request)
    click.echo(verdict.title)
    tables.show(verdict.headers, verdict.rows)
    for line in verdict.left_out:
        click.echo(f"left out: {line}")
    end(verdict.failures)
