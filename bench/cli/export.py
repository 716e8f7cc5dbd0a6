"""`bench export`: results as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import data, db
from bench.cli.parameters import FOLDER, Command
from bench.cli.process import end
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@click.command("export", cls=Command)
@click.argument("target", type=FOLDER)
@click.option("--format", "form", type=click.Choice(["csv", "compressai"]), default="csv", show_default=True)
@click.option(
    "--dataset",
    help="The image set of CompressAI's files and of pictures, these by name, folder or glob.  "
    "[default: the only one measured]",
)
@click.option("--pictures", multiple=True, metavar="GLOB", help="Decode these pictures again and add them; repeatable.")
@click.option("--costs", is_flag=True, help="Add what models cost: parameters, operations, memory of coding.")
@data
@db
def export(target: Path, form: str, dataset: str | None, db: Path, **added: Any) -> None:  # noqa: ANN401  # passed on
    """Write the results to the folder TARGET: CSV files, or a JSON file a codec as CompressAI writes them.

    `bench report` shows the pictures and costs that are in the folder `data` beside it:
    bench export reports/data --costs --pictures kodim08 --pictures kodim23
    """
    from bench.images.datasets import stored_name  # noqa: PLC0415
    from bench.report.assets import add_assets  # noqa: PLC0415
    from bench.results import interchange  # noqa: PLC0415
    from bench.results.export import frames, read_database, write_tables  # noqa: PLC0415
    from bench.results.frames import Export  # noqa: PLC0415
    from bench.results.store import Store  # noqa: PLC0415

    if form == "compressai":
        from bench.analysis.compressai_form import compressai_curves  # noqa: PLC0415
        from bench.analysis.sets import fitting  # noqa: PLC0415

        if any(added.values()):
            raise UsageError("--pictures, --costs and --data are for CSV files; leave them or --format compressai out")
        export = read_database(db)
        named = stored_name(dataset, export.datasets["dataset"]) if dataset else None
        curves = compressai_curves(fitting(export, dataset=named), export)
        written = interchange.write_compressai(curves, target)
        click.echo("\n".join(map(str, written)))
        return
    if (dataset or added["data"]) and not added["pictures"]:
        raise UsageError("--dataset and --data choose the --pictures; CSV files have every image set")
    with Store.open(db) as store:
        tables = frames(store)
    if patterns := added["pictures"]:
        from bench.report.assets.pictures import chosen  # noqa: PLC0415

        chosen(Export.of(tables), dataset, patterns, data=added["data"])  # or refused before anything is written
    write_tables(tables, target)
    failures = add_assets(target, click.echo, dataset=dataset, **added)
    click.echo(f"{target}")
    end(failures)
