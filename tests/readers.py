"""Readers of bytes from outside, as `test_corpus.py` and `fuzz.py` call them: each reads a file or raises BenchError.

A reader gets a file and an empty folder to work in.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import json
import os
import resource
import shutil
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import safetensors.torch
import torch

from baselines.bpg.codec import Bpg444
from bench.codecs.registry import codec_class
from bench.images import archives
from bench.images.clips import ClipOptions, open_clip
from bench.images.image_files import read_picture
from bench.learned.coding import container
from bench.learned.training import checkpoint, training_recipe
from bench.learned.weights import full, tensor_file
from bench.learned.weights.foreign import load_any
from bench.results.export import import_csv, read_results, read_rows
from bench.results.imported import add_curve
from bench.results.interchange import import_curve
from bench.results.merge import merge
from bench.results.store import Store
from bench.system.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CORPUS = Path(__file__).parent / "corpus"
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
        shutil.copy(path, export / f"{path.stem.partition('-')[0]}.csv")
    rows = read_rows(export)
    with Store.open(folder / "r.sqlite", create=True) as store:
        import_csv(store, rows)
        read_results(store)


def read_curve(path: Path, folder: Path) -> None:
    curve = import_curve(path)
    with Store.open(folder / "r.sqlite", create=True) as store:
        add_curve(store, curve)
        read_results(store)


def read_weights(path: Path, _: Path) -> None:
    tensor_file.read_header(path)
    full.load(path)


def read_foreign(path: Path, _: Path) -> None:
    load_any(path)


def read_database(path: Path, folder: Path) -> None:
    """A database, which may be compressed; it is merged into an empty one, too."""
    data = path.read_bytes()
    database = folder / "r.sqlite"
    database.write_bytes(gzip.decompress(data) if path.suffix == ".gz" else data)
    with contextlib.suppress(BenchError), Store.open(folder / "merged.sqlite", create=True) as store:
        merge(store, database)
    with Store.open(database) as store:
        read_results(store)


def read_archive(path: Path, folder: Path) -> None:
    shutil.copy(path, folder / "set.zip")
    archives.unpack(folder / "set.zip", folder, {"members": "*.png", "pictures": 2})


def read_part(path: Path, folder: Path) -> None:
    """Weights that are a part of others, which lie beside them."""
    shutil.copy(CORPUS / "weights" / "valid.safetensors", folder / "base.safetensors")
    shutil.copy(path, folder / "part.safetensors")
    read_weights(folder / "part.safetensors", folder)


def read_avif(path: Path, _: Path) -> None:
    codec_class("avif-420")(30).decode_yuv420(path.read_bytes())


def read_vvc(path: Path, _: Path) -> None:
    codec_class("vvc")(32).decode_yuv420(path.read_bytes())


def read_recipe(path: Path, _: Path) -> None:
    training_recipe.read(path)


def read_checkpoint(path: Path, _: Path) -> None:
    state = checkpoint.load(path, TRAINING)
    with checkpoint.usable(path):
        torch.nn.Linear(2, 1).load_state_dict(state["model"])


READERS: Mapping[str, Callable[[Path, Path], None]] = {
    "archive": read_archive,
    "avif": read_avif,
    "bpg": read_bpg,
    "checkpoint": read_checkpoint,
    "clip": read_clip,
    "container": read_container,
    "csv": read_csv_export,
    "database": read_database,
    "foreign": read_foreign,
    "image": read_image,
    "json": read_curve,
    "learned": read_learned,
    "part": read_part,
    "recipe": read_recipe,
    "table": read_curve,
    "vvc": read_vvc,
    "weights": read_weights,
}


_process = functools.cache(psutil.Process)


@contextlib.contextmanager
def limited_memory() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_process(os.getpid()).memory_info().vms + MEMORY_BYTES, before[1]))
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


def _sealed_container(data: bytes) -> bytes:
    """The file of a learned codec with the checksum that fits its content."""
    try:
        _, position = container.read_leb128(data, 10)
        _, position = container.read_leb128(data, position)
    except BenchError:
        return data
    # Bytes that only some files have: the side of the tiles, the form of planes.
    family = container.FILE_IDS.get(data[4], "")
    position += (data[3] == container.TILED) + (family != "" and container._is_planar(family))
    if len(data) < position + 8:
        return data
    crc = zlib.crc32(data[position + 8 :], zlib.crc32(data[position : position + 4], zlib.crc32(data[:position])))
    return data[: position + 4] + struct.pack("<I", crc) + data[position + 8 :]


def _sealed_checkpoint(data: bytes) -> bytes:
    """A checkpoint with the checksum that fits its content."""
    seal, begins = b"bench checkpoint\0", 17 + 32
    return seal + hashlib.sha256(data[begins:]).digest() + data[begins:] if data.startswith(seal) else data


def _sealed_weights(data: bytes) -> bytes:
    """A weights file with the checksum that fits its header and tensors."""
    try:
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["bench"])
        tensors = safetensors.torch.load(data)
        header.pop("sha256", None)
        header["sha256"] = tensor_file._checksum(header, tensors)
        return safetensors.torch.save(tensors, {"bench": json.dumps(header)})
    except _UNSEALED:
        return data


_UNSEALED = (
    *(struct.error, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError),
    safetensors.SafetensorError,
)
"""What files raise that are too damaged to have a checksum."""

SEALS: Mapping[str, Callable[[bytes], bytes]] = {
    "checkpoint": _sealed_checkpoint,
    "container": _sealed_container,
    "learned": _sealed_container,
    "part": _sealed_weights,
    "weights": _sealed_weights,
}
"""What makes a damaged file's checksum right again: else fuzzing would not come past it."""
