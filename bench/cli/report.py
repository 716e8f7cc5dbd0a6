"""`bench report`: the HTML report of a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import REPORTS, db, images
from bench.cli.parameters import FOLDER, Command

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@click.command(cls=Command, short_help="Write the HTML report of the results.")
@click.option("--dataset", "datasets", multiple=True, metavar="NAME", help="Image set; repeatable.  [default: all]")
@images
@click.option("--anchor", "anchors", multiple=True, metavar="NAME", help="Anchor of BD-rates; repeatable.")
@click.option("--out", type=FOLDER, default=REPORTS, help="Output folder.")
@click.option("--figures", type=FOLDER, help="Also write the figures as SVG and PDF to this folder.")
@db
def report(
    db: Path,
    out: Path,
    figures: Path | None,
    datasets: Sequence[str],
    **choice: Any,  # noqa: ANN401  # passed on
) -> None:
    """Write the report of a results database.

    It includes the pictures and costs that `bench export` has written to the folder `data` in the output folder.
    """
    from bench.images.datasets import stored_name  # noqa: PLC0415
    from bench.report import shown, write_report  # noqa: PLC0415
    from bench.report.assets.records import add_records  # noqa: PLC0415
    from bench.results.export import frames, write_tables  # noqa: PLC0415
    from bench.results.frames import Export  # noqa: PLC0415
    from bench.results.store import Store  # noqa: PLC0415

    with Store.open(db) as store:
        choice["datasets"] = [stored_name(dataset, store.datasets()) for dataset in datasets]
        tables = frames(store)
    shown(Export.of(tables), **choice)  # fail for wrong names before anything is written
    write_tables(tables, out / "data")
    add_records(out / "data")
    click.echo(f"report: {write_report(out / 'data', out, figures_dir=figures, **choice)}")
    if figures:
        click.echo(f"figures: {figures}")
