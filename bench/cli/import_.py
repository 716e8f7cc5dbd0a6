"""`bench import`: exported results, and RD points from files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import db
from bench.cli.parameters import Command
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command("import", cls=Command, short_help="Import exported results, or RD points from a file.")
@click.argument("source", type=click.Path(path_type=Path), required=False, metavar="FOLDER|FILE")
@click.option("--dataset", metavar="NAME", help="Image set of the points, if not in the file.  [default: kodak]")
@click.option("--as", "name", metavar="NAME", help="Name of the curve; 'mine' becomes own/mine.")
@click.option("--source", "origin", metavar="TEXT", help="Source of the points, such as a web address.")
@click.option("--remove", metavar="NAME", help="Remove an imported curve; --dataset selects one of several.")
@db
def import_(source: Path | None, dataset: str | None, remove: str | None, db: Path, **metadata: str | None) -> None:
    """Import results from a folder of `bench export`, or RD points from a .csv, .tsv or .json file.

    CSV and TSV files have a column bpp, and any of psnr, psnr-y, ms-ssim, ms-ssim-y and ms-ssim-db; rows of single
    pictures are averaged. JSON files are in CompressAI's format.
    """
    from bench.images.datasets import stored_name  # noqa: PLC0415
    from bench.results import imported, interchange  # noqa: PLC0415
    from bench.results.store import Store  # noqa: PLC0415

    if remove or source is None:
        if source or any(metadata.values()) or not remove:
            raise UsageError(
                "give a folder or a file to import, or a curve to --remove; --as and --source are for files"
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
        source, imported.CurveMetadata(dataset=named, name=metadata["name"] or "", source=metadata["origin"] or "")
    )
    with Store.open(db, create=True) as store:
        click.echo("\n".join([imported.add_curve(store, curve), *curve.remarks]))


def _import_export(folder: Path, db: Path, of_files: Mapping[str, str | None]) -> None:
    from bench.results.export import import_csv, read_rows  # noqa: PLC0415
    from bench.results.store import Store  # noqa: PLC0415

    if given := [option for option, value in of_files.items() if value]:
        raise UsageError(f"{given[0]} is for files; the folder {folder} names its image sets itself")
    if not (folder / "measurements.csv").exists() and (files := sorted(folder.glob("*.json"))):
        raise UsageError(f"{folder}: not an export with CSV files; import its JSON files one by one, as {files[0]}")
    rows = read_rows(folder)
    with Store.open(db, create=True) as store:
        new, there = import_csv(store, rows)
    click.echo(f"measurements from {folder}: {new} new, {there} already stored")
