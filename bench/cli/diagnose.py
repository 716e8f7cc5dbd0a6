"""`bench diagnose`: bits and latents of a learned codec on one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.parameters import FILE, Command
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.learned.codecs import LearnedCodec
    from bench.learned.coding.diagnosis import Diagnosis


@click.command(cls=Command, short_help="Show where a learned codec spends its bits.")
@click.argument("codec", metavar="CODEC@QUALITY")
@click.argument("picture", type=FILE)
@click.option("--weights", default="compact", metavar="NAME", help="Weights: compact, zoo, a file or a folder.")
@click.option("--out", type=FILE, metavar="FILE.npz", help="Also write the latents and the bits of each element.")
def diagnose(codec: str, picture: Path, weights: str, out: Path | None) -> None:
    """Show the bits that a learned codec spends on each part of a picture, and optionally write its latents.

    The file of --out contains y, y_hat, y_rectified, z_hat, scales, means, params, y_bits and z_bits as far as the
    codec has them, each of shape (channels, height, width). Read it with numpy.load.
    """
    from bench.cli import tables  # noqa: PLC0415
    from bench.images.image_files import read_picture  # noqa: PLC0415
    from bench.learned.coding.diagnosis import save  # noqa: PLC0415

    original = read_picture(picture)
    diagnosis = _opened(codec, weights).diagnose(original)
    pixels = original.width * original.height
    tables.show(("part", "elements", "bits", "bpp", "estimated bits"), _rows(diagnosis, pixels))
    click.echo(f"||y_hat - y||_2 = {float((diagnosis.latents.y_hat - diagnosis.y).norm()):.3f}")
    if diagnosis.y_rectified is not None:
        click.echo(f"||y_rectified - y||_2 = {float((diagnosis.y_rectified - diagnosis.y).norm()):.3f}")
    if out:
        save(out, diagnosis)
        click.echo(f"wrote {', '.join(diagnosis.arrays())} to {out}")


def _opened(text: str, weights: str) -> LearnedCodec:
    """Open the learned codec of a name and quality."""
    from bench.codecs.codec import CodecSpec  # noqa: PLC0415
    from bench.codecs.registry import codec_class, resolve_codecs  # noqa: PLC0415
    from bench.learned.codecs import LearnedCodec  # noqa: PLC0415

    named = CodecSpec.parse(text)
    if not named.is_glob and not issubclass(codec_class(named.name), LearnedCodec):
        # Before options are resolved; otherwise the error would be about --weights, which may not have been given.
        raise UsageError(f"{named.name} is not a learned codec; use, for instance, joint@3")
    specs = resolve_codecs([text], {"weights": weights})
    cls = codec_class(specs[0].name)
    if not issubclass(cls, LearnedCodec) or len(specs) > 1 or len(specs[0].qualities) > 1:
        raise UsageError(f"'{text}' is not one learned codec at one quality; use, for instance, joint@3")
    return cls(specs[0].qualities[0], **specs[0].options)


def _rows(diagnosis: Diagnosis, pixels: int) -> Iterator[tuple[str, str, str, str, str]]:
    for part, bits in diagnosis.bits.items():
        total = float(bits.sum())
        estimated = diagnosis.estimated_bits[part]
        yield part, str(bits.numel()), f"{total:.0f}", f"{total / pixels:.4f}", f"{estimated:.0f}"
