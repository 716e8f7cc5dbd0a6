"""`bench plot`: a figure of RD curves for a paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import db, images
from bench.cli.parameters import FILE, Command

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@click.command(cls=Command, short_help="Write a figure of RD curves for a paper.")
@click.option(
    "--codec",
    "codecs",
    multiple=True,
    required=True,
    metavar="NAME",
    help="A measured codec, a published curve, or a glob: 'joint*', 'own/*'; repeatable.",
)
@click.option("--metric", metavar="NAME", help="Metric, such as psnr or ms-ssim.  [default: the first one]")
@click.option("--dataset", metavar="NAME", help="Image set, as in `run`.  [default: the only one with all curves]")
@images
@click.option("--rates", metavar="LOW:HIGH", help="Range of bits per pixel, as in 0.1:1.5.")
@click.option("--width", default="column", metavar="WIDTH", help="Width: column, page, or a number of millimetres.")
@click.option("--format", "form", metavar="LIST", help="Formats, as in pdf,svg; also png, csv, pgf.  [default: pdf]")
@click.option("--out", type=FILE, default="figure", help="Path of the output files, without suffix.")
@db
def plot(codecs: Sequence[str], metric: str | None, form: str | None, out: Path, db: Path, **options: Any) -> None:  # noqa: ANN401
    """Write a figure of RD curves for a paper, and a .bib file with the works that it is based on.

    Published curves (tfc/bpg444, own/mine) need no measurements; `bench list published` lists them. csv has the points
    in full precision; pgf is for LaTeX with the package pgfplots, and uses the fonts of the paper.
    """
    from bench.analysis.choice import chosen  # noqa: PLC0415
    from bench.analysis.rd_curve import are_published  # noqa: PLC0415
    from bench.images.datasets import stored_name  # noqa: PLC0415
    from bench.report.paper_figure import FORMS, forms_of, write_figure  # noqa: PLC0415
    from bench.results import published  # noqa: PLC0415
    from bench.results.export import read_database  # noqa: PLC0415
    from bench.results.frames import Export  # noqa: PLC0415

    suffix = out.suffix.removeprefix(".").lower()
    forms = forms_of(form if form is not None else suffix if suffix in FORMS else "pdf")
    look = {"width": options.pop("width"), "rates": options.pop("rates") or ""}
    if not db.is_file() and are_published(points := published.load(), *codecs):
        export = Export.of_published(points)
    else:
        export = read_database(db)
    if options["dataset"]:
        options["dataset"] = stored_name(options["dataset"], export.datasets["dataset"])
    choice = chosen(export, codecs, metric=metric or "", **options)
    for path in write_figure(choice, out, forms, **look):
        click.echo(path)
    for note in choice.notes:
        click.echo(note)
