"""Files from outside that were damaged, made up or found by fuzzing: each is read, or refused in one line.

`corpus` has a folder for each reader. What is called `valid` has to be read, so that the others reach what is behind
the first check. Readers get no more memory than `MEMORY_BYTES`.
"""

from __future__ import annotations

import contextlib
import gzip
import resource
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import torch

from baselines.bpg.codec import Bpg444
from bench.codecs.registry import codec_class
from bench.images.clips import ClipOptions, open_clip
from bench.images.image_files import read_picture
from bench.learned.coding import container
from bench.learned.training import checkpoint, zoo
from bench.learned.weights import catalogue, full
from bench.results.export import import_csv, read_results, read_rows
from bench.results.imported import add_curve
from bench.results.interchange import import_compressai
from bench.results.store import Store
from bench.system.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.glob("*/*"))

LARGEST_BYTES = 200_000
"""Of all files together."""

MEMORY_BYTES = 1 << 29
"""What a reader may have besides what the process has already: a file that claims more is refused before."""

IDENTITY = container.Identity("joint", 3, "c0ffee00" * 8)
TRAINING = {"target": "joint@3", "seed": 0}


def read_container(path: Path, _: Path) -> None:
    container.unpack(path.read_bytes(), IDENTITY)


def read_learned(path: Path, _: Path) -> None:
    codec_class("joint")(3).decode(path.read_bytes())


def read_bpg(path: Path, _: Path) -> None:
    Bpg444(37).decode(path.read_bytes())


def read_clip(path: Path, _: Path) -> None:
    clip = open_clip(path, ClipOptions())
    for index in range(min(len(clip.offsets), 3)):
        clip.read(index)


def read_image(path: Path, _: Path) -> None:
    read_picture(path)


def read_csv_export(path: Path, folder: Path) -> None:
    """A table of an export, whose other tables are those of the valid one."""
    export = shutil.copytree(CORPUS / "csv" / "valid", folder / "export")
    if path.is_file():
        shutil.copy(path, export / f"{path.name.partition('-')[0]}.csv")
    rows = read_rows(export)
    with Store.open(folder / "r.sqlite", create=True) as store:
        import_csv(store, rows)
        read_results(store)


def read_curve(path: Path, folder: Path) -> None:
    curve = import_compressai(path)
    with Store.open(folder / "r.sqlite", create=True) as store:
        add_curve(store, curve)
        read_results(store)


def read_weights(path: Path, _: Path) -> None:
    catalogue.header(path)
    full.load(path)


def read_database(path: Path, folder: Path) -> None:
    (folder / "r.sqlite").write_bytes(gzip.decompress(path.read_bytes()))
    with Store.open(folder / "r.sqlite") as store:
        read_results(store)


def read_recipe(path: Path, _: Path) -> None:
    zoo.read(path)


def read_checkpoint(path: Path, _: Path) -> None:
    state = checkpoint.load(path, TRAINING)
    with checkpoint.usable(path):
        torch.nn.Linear(2, 1).load_state_dict(state["model"])


READERS: Mapping[str, Callable[[Path, Path], None]] = {
    "bpg": read_bpg,
    "checkpoint": read_checkpoint,
    "clip": read_clip,
    "container": read_container,
    "csv": read_csv_export,
    "database": read_database,
    "image": read_image,
    "json": read_curve,
    "learned": read_learned,
    "recipe": read_recipe,
    "weights": read_weights,
}


@contextlib.contextmanager
def limited_memory() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + MEMORY_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def refused(path: Path, folder: Path) -> BenchError | None:
    try:
        with limited_memory():
            READERS[path.parent.name](path, folder)
    except BenchError as error:
        return error
    return None


def test_the_corpus_is_small_and_has_a_valid_file_for_each_reader() -> None:
    folders = {path.name for path in CORPUS.iterdir() if path.is_dir()}
    assert folders == READERS.keys()
    assert {name for name in folders if any((CORPUS / name).glob("valid*"))} == folders
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < LARGEST_BYTES


@pytest.mark.parametrize("file", FILES)
def test_a_file_from_outside_is_read_or_refused_in_one_line(file: str, tmp_path: Path) -> None:
    path = CORPUS / file
    refusal = refused(path, tmp_path)
    assert str(refusal or "").isprintable()
    assert refusal is None or not isinstance(refusal.__cause__, MemoryError)
    assert refusal is None or not path.name.startswith("valid")
