"""Do files decode on another machine? Float and fixed-point entropy models, with instructions switched off.

Each picture is encoded here as it is, on one thread, and decoded in fresh processes: on two threads; without AVX, as on
an older processor; and the fixed-point one by plain NumPy as well. A file counts as failed when its latents are other
ones, which its checksum tells. `--all` takes the whole of Kodak, else there are 4 pictures. Codecs of planes are given
those that the pictures are converted to, which is what kodak-yuv420 consists of.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
import numpy as np
import torch

from bench.codecs.registry import codec_class
from bench.images.datasets import open_rgb_dataset
from bench.images.image_files import read_picture
from bench.learned.coding.container import unpack
from bench.learned.weights import catalogue
from bench.system.errors import BenchError, DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.learned.codecs import LearnedCodec

WITHOUT_AVX = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
WAYS: dict[str, tuple[int, dict[str, str]]] = {
    "same, one thread": (1, {}),
    "two threads": (2, {}),
    "without AVX": (1, WITHOUT_AVX),
    "without AVX, two threads": (2, WITHOUT_AVX),
}
NUMPY = "plain NumPy"
FAMILIES = ("joint", "cca")
"""By default those of which there are weights in fixed point."""
FEW = 4


def open_codec(name: str, weights: str) -> LearnedCodec:
    """The codec of a name with a quality."""
    family, _, quality = name.partition("@")
    return cast("LearnedCodec", codec_class(family)(int(quality), weights=weights))


def decodes(codec: LearnedCodec, data: bytes) -> bool:
    """Whether the latents come out as they were written."""
    content = unpack(data, codec._identity)  # noqa: SLF001 - latents are no part of a codec's contract
    loaded_model = codec._loaded_model  # noqa: SLF001
    size = loaded_model.transforms.latent_size(content.height, content.width)
    try:
        loaded_model.coder.decode(content.payload, size, content.latents_crc)
    except DecodeError:
        return False
    return True


def decodes_in_numpy(codec: LearnedCodec, data: bytes, weights: Path) -> bool:
    """Whether plain NumPy finds the very latents that the codec finds."""
    from bench.learned.coding.fixed_point.reference import Reference  # noqa: PLC0415

    content = unpack(data, codec._identity)  # noqa: SLF001
    loaded_model = codec._loaded_model  # noqa: SLF001
    size = loaded_model.transforms.latent_size(content.height, content.width)
    reference = Reference.open(weights)
    found, crc = reference.decode(content.payload, size)
    latents = loaded_model.coder.decode(content.payload, size, content.latents_crc).y_hat[0].double()
    return crc == content.latents_crc and np.array_equal(found, latents.numpy() * reference.shape["grid"])


def worker(folder: str, weights: str, threads: str) -> None:
    """Decode all files of a folder, and print for each whether that went well."""
    torch.set_num_threads(int(threads))
    results: dict[str, list[bool]] = {}
    for path in sorted(Path(folder).iterdir()):
        name = path.name.partition(" ")[0]
        results.setdefault(name, []).append(decodes(open_codec(name, weights), path.read_bytes()))
    click.echo(json.dumps(results))


def tried(folder: Path, weights: str, way: str) -> dict[str, list[bool]]:
    """What a fresh process finds."""
    threads, switches = WAYS[way]
    command = [sys.executable, __file__, "--worker", str(folder), weights, str(threads)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)} | switches
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return cast("dict[str, list[bool]]", json.loads(done.stdout.splitlines()[-1]))


def rows(names: list[str], paths: list[Path], weights: str) -> Iterator[dict[str, Any]]:
    """A row a codec and way of decoding: how many files failed of how many."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            codec = open_codec(name, weights)
            for path in paths:
                Path(folder, f"{name} {path.stem}").write_bytes(codec.encode(read_picture(path)))
        for way in WAYS:
            for name, results in tried(Path(folder), weights, way).items():
                yield {"codec": name, "decoded": way, "pictures": len(results), "failed": results.count(False)}
        for name in (name for name in names if "-int@" in name):
            family, _, quality = name.partition("@")
            file = catalogue.find(weights, family, int(quality))
            codec = open_codec(name, weights)
            fine = [decodes_in_numpy(codec, path.read_bytes(), file) for path in sorted(Path(folder).glob(f"{name} *"))]
            yield {"codec": name, "decoded": NUMPY, "pictures": len(fine), "failed": fine.count(False)}


def defaults(weights: str) -> Iterator[str]:
    """Each family in floats and in integers, at the qualities of the latter."""
    for family in FAMILIES:
        qualities = catalogue.qualities(weights, f"{family}-int")
        yield from (f"{name}@{quality}" for name in (family, f"{family}-int") for quality in qualities)


@click.command()
@click.option(
    "--codec", "names", multiple=True, metavar="NAME@Q", help="Repeatable.  [default: joint, joint-int, cca, cca-int]"
)
@click.option("--weights", default="compact", show_default=True)
@click.option("--dataset", default="kodak", show_default=True, help="As for `bench run`, RGB.")
@click.option("--all", "all_pictures", is_flag=True, help="All pictures, not the first 4.")
@click.option("--csv", "table", type=click.Path(path_type=Path), help="Write the rows to this file too.")
@click.option("--worker", "worker_case", nargs=3, type=str, hidden=True)
def main(
    *,
    names: tuple[str, ...],
    weights: str,
    dataset: str,
    all_pictures: bool,
    table: Path | None,
    worker_case: tuple[str, str, str] | None,
) -> None:
    """Count the files that do not decode elsewhere."""
    warnings.filterwarnings("ignore")
    if worker_case:
        worker(*worker_case)
        return
    try:
        paths = [image.path for image in open_rgb_dataset(dataset).images][: None if all_pictures else FEW]
        default = list(defaults(weights))
    except BenchError as error:
        sys.exit(str(error))
    found = []
    for row in rows(list(names) or default, paths, weights):
        found.append(row)
        click.echo("{codec:12} {decoded:26} {failed:3} of {pictures} failed".format(**row))
    if table:
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, found[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(found)
    fixed = [row["failed"] for row in found if "-int@" in row["codec"]]
    sys.exit(1 if any(fixed) else 0)


if __name__ == "__main__":
    main()
