"""`bench list`: codecs, image sets, metrics and curves, and how to get those that are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.options import data, db
from bench.cli.parameters import Command

if TYPE_CHECKING:
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
    from bench.codecs.registry import ALIASES  # noqa: PLC0415
    from bench.harness import inventory  # noqa: PLC0415

    if what:
        tables.show(("curve", "title", "image set", "metrics", "points"), inventory.published_curves(db))
        return
    codecs = inventory.codecs()
    ready = [entry for entry in codecs if not entry.missing]
    rows = [(e.name, e.title, e.backend, e.qualities, e.version) for e in ready]
    tables.show(("codec", "title", "backend", "qualities", "backend"), rows)
    tables.show(("qualities of", "are"), inventory.meanings(ready))
    tables.show(("CompressAI's name", "codec"), ALIASES.items())
    tables.show(("metric", "title", "better", "measured"), inventory.metrics())
    tables.show(("image set", "state"), inventory.image_sets(data))
    tables.show(("image set in the results", "is"), inventory.measured_sets(db))
    tables.show(("codec", "missing"), inventory.missing(codecs))
