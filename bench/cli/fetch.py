"""`bench fetch`: downloads of image sets and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import data, families, qualities
from bench.cli.parameters import Command
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command, short_help="Download image sets and weights.")
@click.argument("names", nargs=-1, metavar="[DATASET|weights|lpips|dists]...")
@families
@qualities
@click.option("--metric", type=click.Choice(["mse", "ms-ssim"]), help="Metric of their training.  [default: mse]")
@data
def fetch(names: tuple[str, ...], data: Path | None, **wanted: Any) -> None:  # noqa: ANN401  # options of weights
    """Download image sets (default: kodak), CompressAI's `weights`, or the weights of the metrics lpips and dists.

    Files are verified, and interrupted downloads are resumed.

    Weights are stored in $BENCH_WEIGHTS, else in the user's cache folder. All `weights` for one --metric take 2 GB.
    """
    from bench.images.datasets import fetch_dataset  # noqa: PLC0415

    if any(wanted.values()) and "weights" not in names:
        raise UsageError("--family, --quality and --metric select weights; use `bench fetch weights ...`")
    for name in names or ("kodak",):
        if name == "weights":
            _fetch_weights(**wanted)
        elif name in {"lpips", "dists"}:
            from bench.metrics.deep import fetch_weights  # noqa: PLC0415

            click.echo(f"weights of {name} are {' and '.join(map(str, fetch_weights(name)))}")
        else:
            click.echo(f"{name} is in {fetch_dataset(name, data=data)}")


def _fetch_weights(families: tuple[str, ...], qualities: tuple[int, ...], metric: str | None) -> None:
    from bench.learned.weights import checkpoints  # noqa: PLC0415

    chosen = checkpoints.select(families, qualities, metric or "mse")
    for folder in sorted({path.parent for path in checkpoints.fetch(chosen)}):
        click.echo(f"weights are in {folder}")
