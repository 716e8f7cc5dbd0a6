"""`bench compare`: BD-rates of codecs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import clip, db, images
from bench.cli.parameters import Command
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.analysis.comparison import Comparison


@click.command(cls=Command, short_help="Show the BD-rate of a codec against an anchor.")
@click.argument("test")
@click.argument("anchor")
@click.option("--dataset", metavar="NAME", help="Image set, as in `run`.  [default: the only one with both curves]")
@images
@clip
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric, as in psnr-y; repeatable.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "latex", "markdown", "csv"]),
    default="text",
    help="Output format; csv has full precision.",
)
@db
def compare(test: str, anchor: str, form: str, db: Path, dataset: str | None, **choice: Any) -> None:  # noqa: ANN401
    """Show the BD-rate of TEST against ANCHOR: the mean difference in bits at equal quality; negative means fewer.

    If one of them is a single point, the rate at equal quality and the quality at equal rate are shown instead.

    Each can be a measured codec (jpeg, jpeg@external), some of its points (jpeg@50), or a published curve (tfc/bpg444);
    TEST can also be a glob ('joint*', 'mlic/*', '*/*'). `bench list published` lists the published curves, which can be
    compared without a database.
    """
    from bench.analysis import comparison  # noqa: PLC0415
    from bench.analysis.rd_curve import are_published  # noqa: PLC0415
    from bench.images.datasets import stored_name  # noqa: PLC0415
    from bench.results import published  # noqa: PLC0415
    from bench.results.export import read_database  # noqa: PLC0415

    clip = choice.pop("clip")
    if clip.given and not dataset:
        raise UsageError(f"{clip.given[0]} is for clips; give the clip with --dataset")
    if are_published(points := published.load(), test, anchor):
        result = comparison.compare_published(points, test, anchor, dataset=dataset, **choice)
    else:
        if not db.is_file():
            comparison.require_known(points, test, anchor)
        export = read_database(db)
        named = stored_name(dataset, export.datasets["dataset"], clip=clip) if dataset else None
        result = comparison.compare_rows(export, test, anchor, dataset=named, **choice)
    _show(result, form)


def _show(result: Comparison, form: str) -> None:
    """Print a comparison as text or in another format; with CSV, notes go to standard error."""
    from bench.analysis.comparison import table  # noqa: PLC0415
    from bench.cli import tables  # noqa: PLC0415
    from bench.system.csv_files import csv_text  # noqa: PLC0415

    heading = f"{result.test} against {result.anchor}; {result.dataset}"
    headers, rows = tables.comparison(result.rows)
    if form == "text":
        click.echo(heading)
        tables.show(headers, rows)
        click.echo("\n".join(result.notes), nl=bool(result.notes))
    elif form == "csv":
        click.echo(csv_text(table(result)), nl=False)
        for note in result.notes:
            click.echo(note, err=True)
    else:
        write = tables.latex if form == "latex" else tables.markdown
        click.echo(write(headers, rows, heading, result.notes), nl=False)
