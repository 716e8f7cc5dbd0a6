"""`bench run`: measure codecs on images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import backend, clip, data, db, force, images, threads
from bench.cli.parameters import COUNT, ONE_CURVE, ONE_TARGET, POSITIVE, PROCESSES, SEED, Command, Number, shard
from bench.cli.process import command_line, end, limit_threads
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.harness.request import Summary


@click.command(cls=Command, short_help="Measure codecs on images.")
@click.option(
    "--codec",
    "codecs",
    multiple=True,
    metavar="NAME[@Q,...]",
    help="Codec: a name, a glob or path/to/file.py:Class, with its default qualities or those after @; repeatable.",
)
@click.option(
    "--dataset",
    default="kodak",
    metavar="NAME",
    help="Image set: a name (see `bench list`), a folder, a glob or a clip (.y4m, .yuv).",
)
@images
@click.option("--exclude", multiple=True, metavar="GLOB", help="Exclude images with these names or globs; repeatable.")
@click.option("--sample", type=COUNT, metavar="N", help="Use only a random sample of N images.")
@click.option("--seed", type=SEED, help="Seed of --sample.  [default: 0]")
@click.option("--shard", callback=shard, default="1/1", metavar="I/N", help="Measure every N-th task, from the I-th.")
@click.option("--skip-failed", is_flag=True, help="Leave images on which a codec fails out of the result.")
@clip
@backend
@click.option(
    "--weights",
    metavar="NAME",
    multiple=True,
    callback=ONE_CURVE,
    help="Weights of learned codecs: compact, zoo, a folder, a file, 'runs/*.pth.tar' or q1=a.pth,q2=b.pth.",
)
@click.option("--device", metavar="NAME", help="Device for the transforms of learned codecs: cpu, cuda, cuda:1.")
@click.option("--synthesis", metavar="NAME", help="Precision of the synthesis of learned codecs: fp32 or bf16.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Further metric: a name or file.py:NAME; repeatable.",
)
@click.option(
    "--add-metric", "added", multiple=True, metavar="NAME", help="Add a metric to stored results; repeatable."
)
@click.option(
    "--bpp",
    type=POSITIVE,
    multiple=True,
    callback=ONE_TARGET,
    metavar="RATE",
    help="Find the quality whose mean rate, in bits per pixel, is nearest to this value.",
)
@click.option(
    "--psnr",
    type=POSITIVE,
    multiple=True,
    callback=ONE_TARGET,
    metavar="DB",
    help="Find the quality whose mean PSNR, in dB, is nearest to this value.",
)
@click.option("--workers", type=PROCESSES, default=1, help="Number of worker processes.")
@click.option("--scheduler", metavar="ADDRESS|FILE", help="Measure on a dask.distributed cluster; see docs/cluster.md.")
@click.option("--task-timeout", "timeout_s", type=POSITIVE, metavar="SECONDS", help="Time limit of each task.")
@click.option(
    "--task-memory",
    "memory_gib",
    type=Number(min=0, max=10**9, min_open=True),
    metavar="GIB",
    help="Memory limit of each task.",
)
@click.option("--timing", is_flag=True, help="Also measure coding times, one task at a time, on an idle machine.")
@click.option("--repeats", type=COUNT, help="Number of samples of each time.  [default: 5]")
@threads
@force
@data
@db
def run(threads: int | None, **options: Any) -> None:  # noqa: ANN401  # the options are RunRequest's fields
    """Measure the rate and distortion of codecs on images, and store them in a database.

    A task is one codec at one quality on one image. Stored tasks are not measured again, so that the same command
    resumes an interrupted run.
    """
    if threads and (options["workers"] > 1 or options["scheduler"]) and not options["timing"]:
        raise UsageError("--threads does not apply to workers, which have one thread each; omit it, or add --timing")
    if not options["codecs"] and not options["added"]:
        raise UsageError("give the codecs to measure with --codec")
    count = limit_threads(threads)
    from bench.harness.added_metrics import add_metrics  # noqa: PLC0415
    from bench.harness.request import RunRequest, execute  # noqa: PLC0415
    from bench.system.worker_process import Limits  # noqa: PLC0415

    memory_gib = options.pop("memory_gib")
    limits = Limits(options.pop("timeout_s"), memory_gib and int(memory_gib * 2**30))
    chosen = {name: options.pop(name) for name in ("weights", "device", "synthesis")}
    codec_options = {name: value for name, value in chosen.items() if value is not None}
    request = RunRequest(**options, limits=limits, codec_options=codec_options, threads=count, command=command_line())
    summary = add_metrics(request) if request.added else execute(request)
    click.echo(str(summary))
    _show_points(options["db"], summary)
    end(summary.failures)


def _show_points(db: Path, summary: Summary) -> None:
    """Print the complete RD points of a run, and the progress of incomplete ones."""
    from bench.analysis.ceiling import ceiling_note  # noqa: PLC0415
    from bench.analysis.dataset_results import DatasetResults  # noqa: PLC0415
    from bench.cli import tables  # noqa: PLC0415
    from bench.results.export import read_database  # noqa: PLC0415

    results = DatasetResults.of(read_database(db), summary.dataset)
    points = summary.of(results.points)
    if not points.empty:
        click.echo(results.label)
        tables.show(*tables.rd_points(points, results))
    if note := ceiling_note(results):
        click.echo(note)
    curves = {curve for curve, _ in summary.points}
    for line in (*tables.incomplete(summary.of(results.incomplete)), *tables.stale(results.stale, curves)):
        click.echo(line)
