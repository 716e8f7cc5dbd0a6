"""`bench reproduce`: the whole reproduction."""

from __future__ import annotations

from typing import Any

import click

from bench.cli.options import REPORTS, data, db, force, threads
from bench.cli.parameters import FOLDER, PROCESSES, Command
from bench.cli.process import command_line, end, limit_threads
from bench.system.environment import usable_cores


@click.command(cls=Command, short_help="Measure all codecs on Kodak and write the report.")
@click.option("--quick", is_flag=True, help="Measure only some pictures and qualities.")
@click.option("--weights", default="compact", metavar="NAME", help="Weights of learned codecs: compact, zoo, a folder.")
@click.option("--workers", type=PROCESSES, help="Number of worker processes, except for times.  [default: all cores]")
@click.option("--out", type=FOLDER, default=REPORTS, help="Output folder.")
@click.option("--evidence", type=FOLDER, help="Folder for a copy of the report to commit, new or from an earlier call.")
@threads
@force
@data
@db
def reproduce(threads: int | None, workers: int | None, **options: Any) -> None:  # noqa: ANN401  # Reproduction's fields
    """Measure rate, distortion and times of all codecs on Kodak, and write the report.

    After an interruption, the same command resumes the reproduction.
    """
    count = limit_threads(threads)
    from bench.reproduction.reproduce import Reproduction, reproduce  # noqa: PLC0415

    processes = workers or usable_cores()
    chosen = Reproduction(**options, threads=count, workers=processes, command=command_line())
    page, failures = reproduce(chosen, click.echo)
    click.echo(f"report: {page}")
    end(failures)
