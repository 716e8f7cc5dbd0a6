"""`bench list`: codecs, image sets, metrics and curves, and how to get those that are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.options import data, db
from bench.cli.parameters import Command

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path


@click.command("list", cls=Command, short_help="List codecs, metrics and image sets.")
@click.argument("what", required=False, type=click.Choice(["published"]))
@data
@db
def list_(what: str | None, data: Path | None, db: Path) -> None:
    """List codecs with backends and qualities, metrics and image sets, with missing requirements and how to get them.

    Image sets are the named ones and those in the results. With `published`: list the published curves, including
    imported ones, by the names that `bench compare` takes.
    """
    from bench.cli import tables  # noqa: PLC0415
    from bench.harness import inventory  # noqa: PLC0415

    if what:
        tables.show(("curve", "title", "image set", "metrics", "points"), inventory.published_curves(db))
        return
    tables.show_all(_tables(data, db))


def _tables(data: Path | None, db: Path) -> Iterator[tuple[Sequence[str], Iterable[Sequence[str]]]]:
    from bench.codecs.registry import ALIASES  # noqa: PLC0415
    from bench.harness import inventory  # noqa: PLC0415

    codecs = inventory.codecs()
    ready = [entry for entry in codecs if not entry.missing]
    rows = [(e.name, e.title, e.backend, e.qualities, e.version) for e in ready]
    yield ("codec", "title", "backend", "qualities", "version"), rows
    yield ("qualities of", "are"), inventory.meanings(ready)
    yield ("CompressAI's name", "codec"), ALIASES.items()
    yield ("metric", "title", "better", "measured"), inventory.metrics()
    yield ("image set", "state"), inventory.image_sets(data)
    yield ("image set in the results", "is"), inventory.measured_sets(db)
    yield ("codec", "missing"), inventory.missing(codecs)
