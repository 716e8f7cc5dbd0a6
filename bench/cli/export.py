"""`bench export`: results as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import data, db
from bench.cli.parameters import FOLDER, Command
from bench.cli.process import end
from bench.system.errors import UsageError
from bench.system.wording import count

if TYPE_CHECKING:
    from pathlib import Path


@click.command("export", cls=Command, short_help="Write the results as CSV or JSON files.")
@click.argument("target", type=FOLDER)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "compressai"]),
    default="csv",
    help="CSV files, or one JSON file per codec in CompressAI's format.",
)
@click.option(
    "--dataset",
    metavar="NAME",
    help="Image set of --format compressai or --pictures: a name, folder or glob.  [default: the only one measured]",
)
@click.option("--pictures", multiple=True, metavar="GLOB", help="Add the decoded pictures of these images; repeatable.")
@click.option("--costs", is_flag=True, help="Add the costs of models: parameters, multiply-accumulates, peak memory.")
@data
@db
def export(target: Path, form: str, dataset: str | None, db: Path, **added: Any) -> None:  # noqa: ANN401  # passed on
    """Write the results to the folder TARGET, as CSV or JSON files.

    `bench report` shows pictures and costs that were exported to the folder `data` of the report, as by
    `bench export reports/data --costs --pictures kodim08 --pictures kodim23`.
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
            raise UsageError("--pictures, --costs and --data are for CSV files; omit them or --format compressai")
        export = read_database(db)
        named = stored_name(dataset, export.datasets["dataset"]) if dataset else None
        curves = compressai_curves(fitting(export, dataset=named), export)
        written = interchange.write_compressai(curves, target)
        click.echo("\n".join(map(str, written)))
        for curve in curves:
            if left_out := curve["meta"]["left_out"]:
                click.echo(f"{curve['name']}: {count(left_out, 'point')} left out, of rate 0 or infinite quality")
        return
    if (dataset or added["data"]) and not added["pictures"]:
        raise UsageError("--dataset and --data select --pictures; CSV files always have all image sets")
    with Store.open(db) as store:
        tables = frames(store)
    if patterns := added["pictures"]:
        from bench.report.assets.pictures import chosen  # noqa: PLC0415

        chosen(Export.of(tables), dataset, patterns, data=added["data"])  # fail before anything is written
    write_tables(tables, target)
    failures = add_assets(target, click.echo, dataset=dataset, **added)
    rows = count(len(tables["measurements"]), "row")
    click.echo(f"{target}: {len(tables)} CSV files; measurements.csv has {rows}")
    end(failures)
