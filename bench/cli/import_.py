"""`bench import`: results and RD points from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import db
from bench.cli.parameters import Command
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command("import", cls=Command)
@click.argument("source", type=click.Path(path_type=Path), required=False, metavar="FOLDER|FILE")
@click.option("--dataset", metavar="NAME", help="The image set of a file that names none.  [default: kodak]")
@click.option("--as", "name", default="", metavar="NAME", help="What a file's curve is called: mine becomes own/mine.")
@click.option("--source", "origin", default="", metavar="TEXT", help="Where a file's points are from, or an address.")
@click.option("--remove", default="", metavar="NAME", help="Remove an imported curve, of --dataset if of several.")
@db
def import_(source: Path | None, dataset: str | None, remove: str, db: Path, **metadata: str) -> None:
    """Add results from elsewhere: the folder of an export, or RD points from a file .csv, .tsv or .json.

    A CSV file has the columns bpp and any of psnr, psnr-y, ms-ssim, ms-ssim-y and ms-ssim-db. Rows of single pictures
    become means. JSON is in CompressAI's form.
    """
    from bench.images.datasets import stored_name  # noqa: PLC0415
    from bench.results import imported, interchange  # noqa: PLC0415
    from bench.results.store import Store  # noqa: PLC0415

    if remove or source is None:
        if source or any(metadata.values()) or not remove:
            raise UsageError(
                "name a folder or a file to import, or a curve to --remove; --as and --source are of files"
            )
        with Store.open(db) as store:
            click.echo(imported.remove_curve(store, remove, dataset or ""))
        return
    if source.is_dir():
        _import_export(source, db, {"--dataset": dataset, "--as": metadata["name"], "--source": metadata["origin"]})
        return
    known = []
    if dataset and db.is_file():
        with Store.open(db) as store:
            known = store.datasets()
    named = stored_name(dataset, known) if dataset else ""
    curve = interchange.import_curve(
        source, imported.CurveMetadata(dataset=named, name=metadata["name"], source=metadata["origin"])
    )
    with Store.open(db, create=True) as store:
        click.echo("\n".join([imported.add_curve(store, curve), *curve.remarks]))


def _import_export(folder: Path, db: Path, of_files: Mapping[str, str | None]) -> None:
    from bench.results.export import import_csv, read_rows  # noqa: PLC0415
    from bench.results.store import Store  # noqa: PLC0415

    if given := [option for option, value in of_files.items() if value]:
        raise UsageError(f"{given[0]} is for files; the folder {folder} says itself what its rows are of")
    rows = read_rows(folder)
    with Store.open(db, create=True) as store:
        new, there = import_csv(store, rows)
    click.echo(f"measurements from {folder}: {new} new, {there} were there")
