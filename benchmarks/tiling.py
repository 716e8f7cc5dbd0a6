"""What tiling costs: bits, quality and latents of pictures that are coded whole and in tiles.

    python benchmarks/tiling.py --codec joint@3,5 --codec cca@2,4 --side 256 picture.png...

The tiles are far smaller than those of big pictures, so that there are more seams, and the pictures small enough for
both. Latents differ where the rounded ones do. BD-rates are of the mean points of all pictures, over RGB; without at
least two qualities there is none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from bench.analysis.axis import psnr_db
from bench.analysis.bd import Curve, compare
from bench.codecs import adapter
from bench.codecs.codec import CodecSpec
from bench.codecs.registry import codec_class
from bench.images.image_files import read_picture
from bench.learned.codecs.learned_codec import LearnedCodec
from bench.learned.coding import container, tiles
from bench.metrics.distortion import MSE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from bench.images.picture import Picture

CODECS = ("joint@3,5", "attn@3,5", "hyper@3,5", "joint+qr@3,5", "cca@2,4")


class Sides:
    """The side of tiles from now on, in place of that which the size of a picture gives."""

    def __init__(self) -> None:
        self.side = tiles.WHOLE
        tiles.side_of = lambda *_: self.side
        container.SIDES = range(tiles.SIDE_UNIT, tiles.SIDE + 1, tiles.SIDE_UNIT)


def coded(codec: LearnedCodec, picture: Picture) -> tuple[int, float, Tensor]:
    """Bytes, mean squared error, and latents of a picture."""
    data = adapter.encode(codec, adapter.given(codec, picture))
    decoded = adapter.decode(codec, data, "rgb")
    return len(data), MSE.function(picture, decoded) or 0.0, kept.pop()


kept: list[Tensor] = []
"""Latents of the analysis that was done last."""


def keep_latents() -> None:
    """Keep what each analysis gives from now on."""
    code = LearnedCodec._code  # noqa: SLF001  # what the analysis gives is not given to the outside

    def keeping(codec: LearnedCodec, y: Tensor) -> object:
        kept.append(y.round())
        return code(codec, y)

    setattr(LearnedCodec, "_code", keeping)  # noqa: B010  # methods cannot be assigned to, say type checkers


def line(name: str, qualities: Iterable[float], pictures: list[Picture], sides: Sides, side: int) -> str:
    """The line of a codec."""
    points: dict[int, list[tuple[float, float]]] = {tiles.WHOLE: [], side: []}
    differing, latents, most_db = 0, 0, 0.0
    for quality in qualities:
        codec = codec_class(name)(quality)
        if not isinstance(codec, LearnedCodec):
            raise click.ClickException(f"{name} has no tiles")
        sums = {tiles.WHOLE: np.zeros(2), side: np.zeros(2)}
        for picture in pictures:
            found = {}
            for sides.side in (tiles.WHOLE, side):
                found[sides.side] = num_bytes, mse, _ = coded(codec, picture)
                bpp = 8 * num_bytes / (picture.width * picture.height)
                sums[sides.side] += (bpp, float(psnr_db([mse])[0]))
            whole, tiled = found[tiles.WHOLE], found[side]
            differing += int((whole[2] != tiled[2]).sum())
            latents += whole[2].numel()
            most_db = max(most_db, abs(float(psnr_db([whole[1]])[0]) - float(psnr_db([tiled[1]])[0])))
        for where, total in sums.items():
            points[where].append(tuple(total / len(pictures)))
    whole_curve, tiled_curve = (Curve.of(*np.transpose(points[where])) for where in (tiles.WHOLE, side))
    bd_rate = compare(whole_curve, tiled_curve).rate_percent["pchip"]
    rates = " ".join(f"{100 * (b[0] / a[0] - 1):+.4f}" for a, b in zip(points[tiles.WHOLE], points[side], strict=True))
    bd = "     -" if bd_rate is None else f"{bd_rate:+.4f}"
    return f"{name:10} {bd} %  {differing:6} of {latents:9} ({differing / latents:.1e})  {most_db:.5f} dB  {rates} %"


@click.command()
@click.option("--codec", "codecs", multiple=True, default=CODECS, show_default=True)
@click.option("--side", default=256, show_default=True, help="Of the tiles, in pixels: a multiple of 64.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="PICTURE...")
def main(*, codecs: tuple[str, ...], side: int, paths: tuple[Path, ...]) -> None:
    """Code pictures whole and in tiles."""
    pictures = [read_picture(path) for path in paths]
    sides = Sides()
    keep_latents()
    sizes = ", ".join(sorted({f"{picture.width}x{picture.height}" for picture in pictures}))
    click.echo(f"{len(pictures)} pictures of {sizes} pixels, tiles of {side}x{side}")
    click.echo("codec      BD-rate   latents that differ            PSNR, most   bytes by quality")
    for spec in map(CodecSpec.parse, codecs):
        click.echo(line(spec.name, spec.qualities, pictures, sides, side))


if __name__ == "__main__":
    main()
