"""The command line: each command parses, calls one function, and ends with an exit code."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from bench import __version__
from bench.cli.options import clip as _clip
from bench.cli.options import db as _db
from bench.cli.options import images as _images
from bench.cli.parameters import COUNT, FILE, FOLDER, PROCESSES, Command
from bench.system.environment import threads_of, usable_cores
from bench.system.errors import BenchError, UsageError, printable
from bench.system.interruption import interrupted_once, signal_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.harness.request import Summary

REPORTS = Path("reports")
SHOWN_FAILURES = 20

_ELSEWHERE = {
    "compare": "bench.cli.curves",
    "plot": "bench.cli.curves",
    "train": "bench.cli.train",
    "diagnose": "bench.cli.quantize",
    "quantize": "bench.cli.quantize",
}
"""Command to the module that holds it under this name."""


_FORMERLY = {"--carrier": "--backend"}
"""Options that had another name in the last release."""


class Commands(click.Group):
    """Commands in the order in which they are used; errors that are meant for the user end in one line."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take options by the names that they had in the last release, too."""
        words = (word.partition("=") for word in args)
        return super().parse_args(ctx, ["".join((_FORMERLY.get(name, name), *rest)) for name, *rest in words])

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of their definition."""
        del ctx
        return [*self.commands, *_ELSEWHERE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command; those of other modules are imported only when they are asked for."""
        if cmd_name in _ELSEWHERE:
            return cast("click.Command", getattr(importlib.import_module(_ELSEWHERE[cmd_name]), cmd_name))
        return super().get_command(ctx, cmd_name)

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:  # noqa: ANN401  # click's arguments
        """Parse what stands before the command."""
        with _errors_in_one_line():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  # click's signature
        """Run the command."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a path that is not UTF-8 is printed all the same
        with _errors_in_one_line(), interrupted_once():
            return super().invoke(ctx)


@contextlib.contextmanager
def _errors_in_one_line() -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise click.UsageError(printable(error.format_message()), error.ctx) from error
    except BenchError as error:
        raise click.ClickException(printable(str(error))) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise click.ClickException(printable(f"{where}{error.strerror or error}")) from error
    except KeyboardInterrupt as error:
        click.echo("interrupted; what was finished is stored, and the same command goes on from there", err=True)
        raise click.exceptions.Exit(128 + signal_of(error)) from None  # as shells have it


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="bench")
def main() -> None:
    """Measure image codecs, learned and conventional, and report what was measured."""


_data = click.option("--data", type=FOLDER, help="Folder of image sets.  [default: $BENCH_DATA, else data]")
_dataset = click.option(
    "--dataset",
    default="kodak",
    show_default=True,
    help="A name as `bench list` has them, a folder, a glob, or a clip (.y4m, .yuv).",
)
_exclude = click.option("--exclude", multiple=True, metavar="GLOB", help="No images with such names; repeatable.")
_backend = click.option(
    "--backend", help="What does the coding: by default a library in process, or 'external' binaries."
)
_threads = click.option("--threads", type=PROCESSES, help="Threads of libraries.  [default: all cores]")
_families = click.option("--family", "families", multiple=True, help="Weights of this family only; repeatable.")
_qualities = click.option(
    "--quality", "qualities", type=int, multiple=True, help="Weights of this quality only; repeatable."
)
_force = click.option("--force", is_flag=True, help="Take times although other work uses the machine.")


@main.command("list")
@click.argument("what", required=False, type=click.Choice(["published"]))
@_data
@_db
def list_(what: str | None, data: Path | None, db: Path) -> None:
    """List codecs, their backends and qualities, and image sets, with what is missing and how to get it.

    The image sets are those that have a name and those that the results have. With `published`: the published curves,
    imported ones included, by the names that `bench compare` takes.
    """
    from bench.cli import tables  # noqa: PLC0415
    from bench.harness import inventory  # noqa: PLC0415

    if what:
        tables.show(("curve", "title", "image set", "metrics", "points"), inventory.published_curves(db))
        return
    codecs = inventory.codecs()
    ready = [entry for entry in codecs if not entry.missing]
    rows = [(e.name, e.title, e.backend, e.qualities, e.version) for e in ready]
    tables.show(("codec", "title", "backend", "qualities", "made by"), rows)
    tables.show(("qualities of", "are"), inventory.meanings(ready))
    tables.show(("CompressAI's name", "codec"), inventory.aliases())
    tables.show(("image set", "state"), inventory.image_sets(data))
    tables.show(("image set in the results", "is"), inventory.measured_sets(db))
    tables.show(("codec", "missing"), inventory.missing(codecs))


@main.command()
@click.argument("names", nargs=-1, metavar="[DATASET|weights]...")
@_families
@_qualities
@click.option("--metric", type=click.Choice(["mse", "ms-ssim"]), help="What weights are trained for.  [default: mse]")
@_data
def fetch(names: tuple[str, ...], data: Path | None, **wanted: Any) -> None:  # noqa: ANN401  # options of weights
    """Download image sets (kodak by default) or CompressAI's `weights`, verified; what was cut off goes on.

    Weights go to $BENCH_WEIGHTS, else to the user's cache folder; all of one metric are about 2 GB.
    """
    from bench.images.datasets import fetch_dataset  # noqa: PLC0415

    if any(wanted.values()) and "weights" not in names:
        raise UsageError("--family, --quality and --metric choose weights; write `bench fetch weights ...`")
    for name in names or ("kodak",):
        if name == "weights":
            _fetch_weights(**wanted)
        else:
            click.echo(f"{name} is in {fetch_dataset(name, data=data)}")


def _fetch_weights(families: tuple[str, ...], qualities: tuple[int, ...], metric: str | None) -> None:
    from bench.learned.weights import checkpoints  # noqa: PLC0415

    chosen = checkpoints.select(families, qualities, metric or "mse")
    for folder in sorted({path.parent for path in checkpoints.fetch(chosen)}):
        click.echo(f"weights are in {folder}")


@main.command()
@click.option(
    "--codec",
    "codecs",
    multiple=True,
    required=True,
    metavar="NAME[@Q,...]",
    help="A name, a glob or path/to/file.py:Class, perhaps with qualities; repeatable.",
)
@_dataset
@_images
@_exclude
@click.option("--skip-failed", is_flag=True, help="Leave images that a codec fails on out of the result.")
@_clip
@_backend
@click.option(
    "--weights",
    metavar="NAME",
    help="Of learned codecs: compact, zoo, a folder, a file, 'runs/*.pth.tar' or q1=a.pth,q2=b.pth.",
)
@click.option("--device", metavar="NAME", help="Where learned codecs run their transforms: cpu, cuda, cuda:1.")
@click.option("--synthesis", metavar="NAME", help="Precision of the learned codecs' synthesis: fp32 or bf16.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="A further metric, or path/to/file.py:NAME.")
@click.option("--workers", type=PROCESSES, default=1, show_default=True, help="Processes that measure.")
@click.option("--timing", is_flag=True, help="Take times too: serial, warmed up, repeated, on a quiet machine.")
@click.option("--repeats", type=COUNT, help="Samples of a time.  [default: 5]")
@_threads
@_force
@_data
@_db
def run(threads: int | None, **options: Any) -> None:  # noqa: ANN401  # the options are RunRequest's fields
    """Measure codecs on images. What is measured already is not measured again."""
    if threads and options["workers"] > 1 and not options["timing"]:
        raise UsageError("--threads is not for workers, which have one thread each; leave it out, or add --timing")
    count = _limit_threads(threads)
    from bench.harness.request import RunRequest, execute  # noqa: PLC0415

    chosen = {name: options.pop(name) for name in ("weights", "device", "synthesis")}
    codec_options = {name: value for name, value in chosen.items() if value is not None}
    summary = execute(RunRequest(**options, codec_options=codec_options, threads=count, command=_command()))
    click.echo(str(summary))
    _show_points(options["db"], summary)
    _end(summary.failures)


@main.command()
@click.option(
    "--quick", is_flag=True, help="A stated subset of pictures and qualities (bench/reproduction/budget.toml)."
)
@click.option("--weights", default="compact", show_default=True, help="Of learned codecs: compact, zoo or a folder.")
@click.option("--workers", type=PROCESSES, help="Processes that measure, times apart.  [default: all cores]")
@click.option("--out", type=FOLDER, default=REPORTS, show_default=True, help="Folder of the report.")
@click.option("--evidence", type=FOLDER, help="Folder for what of the report is worth committing: new, or of before.")
@_threads
@_force
@_data
@_db
def reproduce(threads: int | None, workers: int | None, **options: Any) -> None:  # noqa: ANN401  # Reproduction's fields
    """Measure everything on Kodak, take times, and write the report; after any interruption it goes on."""
    count = _limit_threads(threads)
    from bench.reproduction.reproduce import Reproduction, reproduce  # noqa: PLC0415

    processes = workers or usable_cores()
    chosen = Reproduction(**options, threads=count, workers=processes, command=_command())
    page, failures = reproduce(chosen, click.echo)
    click.echo(f"report: {page}")
    _end(failures)


@main.command()
@click.option("--dataset", "datasets", multiple=True, help="Only this image set; repeatable.  [default: all]")
@_images
@click.option("--anchor", "anchors", multiple=True, help="A codec that BD-rates are taken against; repeatable.")
@click.option("--out", type=FOLDER, default=REPORTS, show_default=True, help="Folder of the report.")
@click.option("--figures", type=FOLDER, help="Write the figures to this folder, too, as SVG and PDF for a paper.")
@_db
def report(
    db: Path,
    out: Path,
    figures: Path | None,
    datasets: Sequence[str],
    **choice: Any,  # noqa: ANN401  # passed on
) -> None:
    """Write the report, from what the database holds and what `bench export` added to the folder `data` beside it."""
    from bench.images.datasets import stored_name  # noqa: PLC0415
    from bench.report import shown, write_figures, write_report  # noqa: PLC0415
    from bench.report.assets.records import add_records  # noqa: PLC0415
    from bench.results.export import frames, write_tables  # noqa: PLC0415
    from bench.results.frames import Export  # noqa: PLC0415
    from bench.results.store import Store  # noqa: PLC0415

    with Store.open(db) as store:
        choice["datasets"] = [stored_name(dataset, store.datasets()) for dataset in datasets]
        tables = frames(store)
    shown(Export.of(tables), **choice)  # what is named wrongly is refused before anything is written
    write_tables(tables, out / "data")
    add_records(out / "data")
    click.echo(f"report: {write_report(out / 'data', out, **choice)}")
    if figures:
        click.echo(f"figures: {len(write_figures(out / 'data', figures, **choice))} files in {figures}")


@main.command()
@click.option("--codec", "codecs", multiple=True, metavar="NAME[@Q,...]", help="Only this codec; repeatable.")
@_backend
@click.option("--weights", metavar="NAME", help="zoo: against published points; with --codec, weights to code with.")
@_families
@_qualities
@click.option("--dataset", help="Pictures to code: a name, a folder, a glob or a clip.  [default: builtin]")
@_images
@_clip
@click.option("--db", type=FILE, help="Measurements of the zoo's weights.  [default: reports/verified.sqlite]")
@_threads
@_data
def verify(threads: int | None, **options: Any) -> None:  # noqa: ANN401  # CheckRequest's fields
    """Check that files decode in a fresh process to the same pictures, on another number of threads.

    With `--weights zoo` and no codec: check that CompressAI's weights, coded here, have the rate and the PSNR on
    Kodak that CompressAI published.
    """
    count = _limit_threads(threads)
    from bench.cli import tables  # noqa: PLC0415
    from bench.verification.check import CheckRequest  # noqa: PLC0415
    from bench.verification.round_trip import verify_round_trips  # noqa: PLC0415
    from bench.verification.zoo import verify_zoo  # noqa: PLC0415

    request = CheckRequest(**options, threads=count, command=_command())
    verdict = verify_zoo(request) if request.against_published else verify_round_trips(request)
    click.echo(verdict.title)
    tables.show(verdict.headers, verdict.rows)
    for line in verdict.left_out:
        click.echo(f"left out: {line}")
    _end(verdict.failures)


@main.command("export")
@click.argument("target", type=FOLDER)
@click.option("--format", "form", type=click.Choice(["csv", "compressai"]), default="csv", show_default=True)
@click.option(
    "--dataset",
    help="The image set of CompressAI's files and of pictures, these by name, folder or glob.  "
    "[default: the only one measured]",
)
@click.option("--pictures", multiple=True, metavar="GLOB", help="Decode these pictures again and add them; repeatable.")
@click.option("--costs", is_flag=True, help="Add what models cost: parameters, operations, memory of coding.")
@_data
@_db
def export_(target: Path, form: str, dataset: str | None, db: Path, **added: Any) -> None:  # noqa: ANN401  # passed on
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
    _end(failures)


@main.command("import")
@click.argument("source", type=click.Path(path_type=Path), required=False, metavar="FOLDER|FILE")
@click.option("--dataset", metavar="NAME", help="The image set of a file that names none.  [default: kodak]")
@click.option("--as", "name", default="", metavar="NAME", help="What a file's curve is called: mine becomes own/mine.")
@click.option("--source", "origin", default="", metavar="TEXT", help="Where a file's points are from, or an address.")
@click.option("--remove", default="", metavar="NAME", help="Remove an imported curve, of --dataset if of several.")
@_db
def import_(source: Path | None, dataset: str | None, remove: str, db: Path, **told: str) -> None:
    """Add results from elsewhere: the folder of an export, or RD points from a file .csv, .tsv or .json.

    A CSV file has the columns bpp and any of psnr, psnr-y, ms-ssim, ms-ssim-y and ms-ssim-db. Rows of single pictures
    become means. JSON is in CompressAI's form.
    """
    from bench.images.datasets import stored_name  # noqa: PLC0415
    from bench.results import imported, interchange  # noqa: PLC0415
    from bench.results.store import Store  # noqa: PLC0415

    if remove or source is None:
        if source or any(told.values()) or not remove:
            raise UsageError(
                "name a folder or a file to import, or a curve to --remove; --as and --source are of files"
            )
        with Store.open(db) as store:
            click.echo(imported.remove_curve(store, remove, dataset or ""))
        return
    if source.is_dir():
        _import_export(source, db, {"--dataset": dataset, "--as": told["name"], "--source": told["origin"]})
        return
    known = []
    if dataset and db.is_file():
        with Store.open(db) as store:
            known = store.datasets()
    named = stored_name(dataset, known) if dataset else ""
    curve = interchange.import_curve(source, imported.Told(dataset=named, name=told["name"], source=told["origin"]))
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


@main.command()
@_data
@_db
def doctor(data: Path | None, db: Path) -> None:
    """Show the environment: machine, versions, data, and what codecs lack."""
    from bench.cli import tables  # noqa: PLC0415
    from bench.harness import inventory  # noqa: PLC0415

    tables.show(("environment", ""), inventory.environment(data, db))
    tables.show(("image set", "state"), inventory.image_sets(data))
    tables.show(("codec", "missing"), inventory.missing(inventory.codecs()))
    inventory.measured_sets(db)  # a database that cannot be read is an error, after all the rest has been shown


def _show_points(db: Path, summary: Summary) -> None:
    """Print the complete RD points that a run was asked for, and how far the others are."""
    from bench.analysis.ceiling import ceiling_note  # noqa: PLC0415
    from bench.analysis.dataset_results import DatasetResults  # noqa: PLC0415
    from bench.cli import tables  # noqa: PLC0415
    from bench.results.export import read_database  # noqa: PLC0415

    results = DatasetResults.of(read_database(db), summary.dataset)
    click.echo(results.label)
    tables.show(*tables.rd_points(summary.of(results.points), results))
    if note := ceiling_note(results):
        click.echo(note)
    asked = {curve for curve, _ in summary.points}
    for line in (*tables.incomplete(summary.of(results.incomplete)), *tables.stale(results.stale, asked)):
        click.echo(line)


def _command() -> tuple[str, ...]:
    return tuple(sys.argv[1:])


def _end(failures: Sequence[str]) -> None:
    for line in failures[:SHOWN_FAILURES]:
        click.echo(f"failed: {line}", err=True)
    if len(failures) > SHOWN_FAILURES:
        click.echo(f"… and {len(failures) - SHOWN_FAILURES} more; the report lists all", err=True)
    if failures:
        raise click.exceptions.Exit(1)


def _limit_threads(threads: int | None) -> int:
    count = threads or usable_cores()
    os.environ.update(threads_of(count))
    os.environ.pop("OMP_THREAD_LIMIT", None)
    # OpenMP's threads would spin while they wait, on cores that others could use: convolutions in bands do.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    return count
