"""What a weights file promises on an image set: ideal rate and PSNR of every picture, without any bitstream.

A look at a training that is under way; `bench run` measures real files. Nothing that trains imports this, so that an
evaluation set can decide nothing.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bench.images.datasets import open_rgb_dataset
from bench.learned.training.losses import psnr_db, rate_bpp
from bench.learned.weights.full import load
from bench.system.errors import BenchError

if TYPE_CHECKING:
    from bench.learned.models import LearnedModel

_STRIDE = 64


@torch.no_grad()
def estimate(model: LearnedModel, path: Path) -> tuple[float, float]:
    """(bits a pixel, PSNR in dB) of a picture with rounded latents; its edges are repeated up to multiples of 64."""
    with Image.open(path) as image:
        x = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None] / 255
    height, width = x.shape[2:]
    padding = (0, -width % _STRIDE, 0, -height % _STRIDE)
    output = model(torch.nn.functional.pad(x, padding, mode="replicate"), "round")
    x_hat: Tensor = output["x_hat"][:, :, :height, :width]
    cut = {"x_hat": x_hat, "likelihoods": output["likelihoods"]}
    return rate_bpp(cut, x).item(), psnr_db(cut, x)


@click.command()
@click.argument("weights", type=click.Path(path_type=Path))
@click.option("--dataset", default="kodak", show_default=True, help="As for `bench run`, RGB.")
@click.option("--threads", type=click.IntRange(min=1), default=torch.get_num_threads(), show_default=True)
def main(*, weights: Path, dataset: str, threads: int) -> None:
    """Print rate and PSNR of each picture and their means, as CSV."""
    torch.set_num_threads(threads)
    try:
        images, model = open_rgb_dataset(dataset).images, load(weights).model
    except BenchError as error:
        sys.exit(str(error))
    rows = []
    click.echo("image,rate_bpp,psnr_db")
    for image in images:
        rows.append(estimate(model, image.path))
        click.echo(f"{image.name},{rows[-1][0]:.4f},{rows[-1][1]:.3f}")
    mean_bpp, mean_db = (sum(column) / len(rows) for column in zip(*rows, strict=True))
    click.echo(f"mean,{mean_bpp:.4f},{mean_db:.3f}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=FutureWarning)
    main()
