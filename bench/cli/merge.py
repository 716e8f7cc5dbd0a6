"""`bench merge`: one database from several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import db
from bench.cli.parameters import Command

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command(cls=Command, short_help="Merge results databases into one.")
@click.argument("databases", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DATABASE...")
@db
def merge(databases: Sequence[Path], db: Path) -> None:
    """Merge results databases, such as those of `bench run --shard`, into the database --db. Existing rows are kept."""
    from bench.results.merge import merge as add  # noqa: PLC0415
    from bench.results.store import Store  # noqa: PLC0415

    for path in databases:
        Store.open(path).close()  # fail before anything is written
    with Store.open(db, create=True) as store:
        for path in databases:
            new, there = add(store, path)
            click.echo(f"measurements from {path}: {new} new, {there} already stored")
