"""`bench quantize`: fixed-point entropy models."""

from __future__ import annotations

from typing import Any

import click

from bench.cli.parameters import COUNT, FOLDER, PROCESSES, SEED, Command


@click.command(cls=Command, short_help="Convert an entropy model to fixed point.")
@click.argument("codecs", nargs=-1, required=True, metavar="FAMILY[@QUALITY]...")
@click.option("--weights", default="compact", metavar="NAME", help="Weights: compact, zoo, a file or a folder.")
@click.option("--data", type=FOLDER, help="Folder of photographs.  [default: $BENCH_DATA/train, else data/train]")
@click.option("--crops", type=COUNT, default=100, help="Number of calibration crops of 256x256 pixels.")
@click.option("--seed", type=SEED, default=0, help="Seed of the choice of crops.")
@click.option("--out", type=FOLDER, metavar="DIR", help="Output folder.  [default: that of the weights]")
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--threads", type=PROCESSES, help="Number of threads of PyTorch.  [default: all cores]")
def quantize(codecs: tuple[str, ...], threads: int | None, **options: Any) -> None:  # noqa: ANN401 - click's options
    """Convert the entropy model of joint, attn, cca or joint-yuv to fixed point, for the codec with the suffix -int.

    Nothing is trained: photographs calibrate the ranges of the 8-bit values. Without a quality, all qualities that have
    weights are converted.
    """
    import torch  # noqa: PLC0415

    from bench.codecs.registry import resolve_codecs  # noqa: PLC0415
    from bench.learned.training.fixed_point_weights import Request  # noqa: PLC0415
    from bench.learned.training.fixed_point_weights import quantize as run  # noqa: PLC0415
    from bench.system.files import make_folder  # noqa: PLC0415

    if threads:
        torch.set_num_threads(threads)
    specs = resolve_codecs(codecs, {"weights": options["weights"]})
    requests = [Request(spec.name, int(quality), **options) for spec in specs for quality in spec.qualities]
    for request in requests:
        request.require_inputs()  # fail before work on the first one
    if options["out"]:
        make_folder(options["out"])
    for request in requests:
        path = run(request)
        click.echo(f"{request.family}-int@{request.quality}: {path}, {path.stat().st_size / 1e6:.1f} MB")
        for base in request.apart():
            click.echo(f"it needs {base.name} in the same folder: copy {base}")
