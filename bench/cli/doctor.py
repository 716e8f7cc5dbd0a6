"""`bench doctor`: the environment and missing requirements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.options import data, db
from bench.cli.parameters import Command

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path


@click.command(cls=Command, short_help="Show the environment and missing requirements.")
@data
@db
def doctor(data: Path | None, db: Path) -> None:
    """Show machine, versions, image sets, and missing requirements of codecs."""
    from bench.cli import tables  # noqa: PLC0415
    from bench.harness import inventory  # noqa: PLC0415

    tables.show_all(_tables(data, db))
    inventory.measured_sets(db)  # an unreadable database is an error, but only after the rest has been shown


def _tables(data: Path | None, db: Path) -> Iterator[tuple[Sequence[str], Iterable[Sequence[str]]]]:
    from bench.harness import inventory  # noqa: PLC0415

    yield ("environment", ""), inventory.environment(data, db)
    yield ("image set", "state"), inventory.image_sets(data)
    yield ("codec", "missing"), inventory.missing(inventory.codecs())
