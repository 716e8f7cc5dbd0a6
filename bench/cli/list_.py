"""`bench list`: codecs, metrics, image sets and published curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.options import data, db
from bench.cli.parameters import Command

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_KINDS = ("codecs", "metrics", "datasets", "published")


@click.command("list", cls=Command, short_help="List codecs, metrics and image sets.")
@click.argument("kind", required=False, type=click.Choice(_KINDS))
@data
@db
def list_(kind: str | None, data: Path | None, db: Path) -> None:
    """List codecs, metrics and image sets, and how to get what is missing.

    An argument limits the list to one kind: codecs with their backends and qualities, metrics, or datasets, that is,
    the named image sets and those in the results database. `published` lists the published and imported RD curves, by
    their names for `bench compare`.
    """
    from bench.cli import tables  # noqa: PLC0415

    tables.show_all(table for each in ([kind] if kind else _KINDS[:-1]) for table in _tables(each, data, db))


def _tables(kind: str, data: Path | None, db: Path) -> Iterator[tuple[Sequence[str], Iterable[Sequence[str]]]]:
    from bench.codecs.registry import ALIASES  # noqa: PLC0415
    from bench.harness import inventory  # noqa: PLC0415

    if kind == "codecs":
        codecs = inventory.codecs()
        ready = [entry for entry in codecs if not entry.missing]
        rows = [(e.name, e.title, e.backend, e.qualities, e.version) for e in ready]
        yield ("codec", "title", "backend", "qualities", "version"), rows
        yield ("qualities of", "are"), inventory.meanings(ready)
        yield ("CompressAI's name", "codec"), ALIASES.items()
        yield ("codec", "missing"), inventory.missing(codecs)
    elif kind == "metrics":
        yield ("metric", "title", "better", "in results", "measured"), inventory.metrics()
    elif kind == "datasets":
        yield ("image set", "state"), inventory.image_sets(data)
        yield ("image set in the results", "is"), inventory.measured_sets(db)
    else:
        yield ("curve", "title", "image set", "metrics", "points"), inventory.published_curves(db)
