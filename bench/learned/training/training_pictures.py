"""Training pictures, decoded once into a flat file that later runs memory-map, and random crops.

Decoding JPEG or PNG files for every crop would take longer than a training step. The file's name is a hash of the
names, sizes and dates of the pictures: a changed folder is decoded again, an unchanged one is opened in milliseconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from bench.system.errors import MissingError, UsageError, printable
from bench.system.files import atomic_write, sha256_of
from bench.system.progress import progress

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm", ".tif", ".tiff"})
VALIDATION_SHARE = 0.05
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class PackedPicture:
    """A picture in the flat file: offset of its samples (bytes), size (pixels), and SHA-256 of the original file."""

    name: str
    sha256: str
    offset: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Pictures:
    """Decoded 8-bit pictures in one flat array, usually a memory map."""

    entries: tuple[PackedPicture, ...]
    samples: npt.NDArray[np.uint8]
    channels: int = 3
    """3 for RGB; 6 for packed 4:2:0, whose entries have the size of the chroma planes."""

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """A view of a picture as an array (height, width, channels)."""
        entry = self.entries[index]
        count = entry.height * entry.width * self.channels
        return self.samples[entry.offset : entry.offset + count].reshape(entry.height, entry.width, self.channels)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the files' hashes, independent of names and order."""
        return hashlib.sha256("".join(sorted(entry.sha256 for entry in self.entries)).encode()).hexdigest()

    def where(self, indices: Sequence[int]) -> Pictures:
        """The pictures at `indices`, sharing samples."""
        return Pictures(tuple(self.entries[index] for index in indices), self.samples, self.channels)

    def at_least(self, size: int) -> Pictures:
        """The pictures whose sides have at least `size` pixels.

        Raises:
            UsageError: there are none.
        """
        kept = [index for index, entry in enumerate(self.entries) if min(entry.height, entry.width) >= size]
        if not kept:
            raise UsageError(f"no training picture has {size} x {size} pixels; use larger pictures or a smaller crop")
        return self.where(kept)

    def split(self, share: float = VALIDATION_SHARE) -> tuple[Pictures, Pictures]:
        """Split into training set and validation set, each with at least one picture.

        The SHA-256 of a picture's file assigns it to a set, independently of the other pictures.

        Raises:
            UsageError: there are fewer than two pictures.
        """
        if len(self) < 2:
            raise UsageError("training needs at least two pictures: one for training and one for validation")
        order = sorted(range(len(self)), key=lambda index: self.entries[index].sha256)
        threshold = f"{int(share * 2**32):08x}"
        validation = [index for index in order if self.entries[index].sha256[:8] < threshold] or order[:1]
        validation = validation[: len(self) - 1]
        kept = sorted(set(order) - set(validation))
        return self.where(kept), self.where(sorted(validation))


def find(folder: Path, exclude: Collection[str] = ()) -> list[Path]:
    """The picture files under `folder` that are not hidden and match no glob in `exclude`, sorted by relative name.

    Raises:
        MissingError: the folder does not exist or has no pictures.
    """
    if not folder.is_dir():
        raise MissingError(f"no training folder '{folder}': use --data DIR or set BENCH_DATA (see data/README.md)")
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    kept = [folder / name for name in names if not any(fnmatch(name, glob) for glob in exclude)]
    if not kept:
        raise MissingError(f"'{folder}' has no pictures ({', '.join(sorted(SUFFIXES))}): use another --data DIR")
    return kept


def require_matched(folder: Path, exclude: Collection[str]) -> None:
    """Check that each glob excludes a picture, to catch misspelt ones.

    Raises:
        UsageError: a glob matches no picture.
        MissingError: see `find`.
    """
    names = [path.relative_to(folder).as_posix() for path in find(folder)] if exclude else []
    for glob in exclude:
        if not any(fnmatch(name, glob) for name in names):
            raise UsageError(
                f"--exclude {glob}: no picture in '{folder}' matches; a name is, for instance, '{names[0]}'"
            )


def load(folder: Path, cache: Path, *, exclude: Collection[str] = (), refuse: Collection[str] = ()) -> Pictures:
    """Load the pictures of a folder, decoded and cached in a file under `cache`.

    Args:
        folder: searched with its subfolders.
        cache: folder of cached files.
        exclude: globs of names to exclude.
        refuse: SHA-256 of files that must not be used for training (evaluation sets).

    Raises:
        MissingError: there are no pictures.
        UsageError: a file cannot be read as a picture, or is one of `refuse`.
    """
    paths = find(folder, exclude)
    stats = [(path.relative_to(folder).as_posix(), path.stat()) for path in paths]
    listing = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    key = hashlib.sha256(json.dumps([_FORMAT, str(folder.resolve()), listing]).encode()).hexdigest()
    pack = cache / f"pictures-{key[:24]}.u8"
    index = pack.with_suffix(".json")
    if not (pack.exists() and index.exists()):
        for path in paths if refuse else ():
            _require_not(refuse, sha256_of(path), path)  # before decoding, which takes minutes
        _pack(folder, paths, pack)
    entries = tuple(PackedPicture(**entry) for entry in json.loads(index.read_text(encoding="utf-8")))
    for entry in entries:
        _require_not(refuse, entry.sha256, folder / entry.name)
    return Pictures(entries, np.memmap(pack, np.uint8, "r"))


def _require_not(refuse: Collection[str], sha256: str, path: Path) -> None:
    if sha256 in refuse:
        raise UsageError(f"'{path}' is a picture of an evaluation set: it must not be used for training")


def _pack(folder: Path, paths: Sequence[Path], pack: Path) -> None:
    pack.parent.mkdir(parents=True, exist_ok=True)
    entries, broken, offset = [], [], 0
    with (
        atomic_write(pack) as file,
        progress(f"decoding {printable(str(folder))}", len(paths), unit="pictures") as advance,
    ):
        for path in paths:
            name = path.relative_to(folder).as_posix()
            advance(1, printable(name))
            picture = _decoded(path)
            if picture is None:
                broken.append(name)
                continue
            if shutil.disk_usage(pack.parent).free < picture.nbytes:
                raise UsageError(f"no space left in '{pack.parent}' for the decoded pictures: use another --cache DIR")
            file.write(picture.tobytes())
            entries.append(PackedPicture(name, sha256_of(path), offset, picture.shape[0], picture.shape[1]))
            offset += picture.nbytes
        if broken:
            shown = ", ".join(broken[:3]) + (", ..." if len(broken) > 3 else "")
            raise UsageError(f"{len(broken)} unreadable picture(s) in '{folder}': {shown}; repair or remove them")
    with atomic_write(pack.with_suffix(".json")) as file:
        file.write(json.dumps([asdict(entry) for entry in entries]).encode())


def _decoded(path: Path) -> npt.NDArray[np.uint8] | None:
    """The pixels (height, width, 3) of a picture file; None if it is unreadable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return np.asarray(image.convert("RGB"))
    except Image.DecompressionBombError:
        raise UsageError(
            f"'{path}' is too large for training (or its header is wrong); crop it or --exclude it"
        ) from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return None


def default_folder() -> Path:
    """Default folder of training pictures: $BENCH_DATA/train, else ./data/train."""
    return Path(os.environ.get("BENCH_DATA", "data")) / "train"


def default_cache() -> Path:
    """Default cache folder: `bench` under $XDG_CACHE_HOME, else under ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bench"


@dataclass(frozen=True, slots=True)
class CropPlace:
    """Position of a crop: index of the picture, top, left and side in pixels, and whether it is mirrored."""

    picture: int
    top: int
    left: int
    mirrored: bool
    side: int
    """Before downscaling to the size of a crop."""


_MIRRORED = {3: (0, 1, 2), 6: (1, 0, 3, 2, 4, 5)}
"""Source of each channel of a mirrored picture, by number of channels. Packed luma swaps left and right samples."""


def generator(seed: int, step: int, rank: int = 0) -> np.random.Generator:
    """Random numbers of one step, a pure function of seed, step and process.

    Steps share no state of a generator, so none has to be restored.
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, step, rank])))


class Crops:
    """Random batches of square crops. At each scale, all possible crops are equally likely.

    Args:
        pictures: all at least `size` pixels high and wide.
        size: side of a crop in pixels.
        batch: number of crops per batch.
        downscale: crops are cut up to this factor larger, as far as the picture allows, and downscaled; the scale is
            log-uniform. 1: no downscaling. Only for pictures with three channels.
        device: of the batches.
        resident: the pictures' samples on that device (see `resident`); None: crops are cut on the CPU.
    """

    def __init__(
        self,
        pictures: Pictures,
        *,
        size: int,
        batch: int,
        device: torch.device,
        downscale: float = 1.0,
        resident: Tensor | None = None,
    ) -> None:
        self.pictures = pictures
        self.downscale = downscale
        self.size = size
        self.batch = batch
        self.device = device
        positions = [(entry.height - size + 1) * (entry.width - size + 1) for entry in self.pictures.entries]
        self._weights = np.array(positions, np.float64) / sum(positions)
        self._resident = resident

    def places(self, random: np.random.Generator) -> list[CropPlace]:
        """Draw the positions of one batch."""
        chosen = random.choice(len(self.pictures), size=self.batch, p=self._weights)
        shifts = random.random((self.batch, 2))
        mirrored = random.random(self.batch) < 0.5
        scales = self.downscale ** random.random(self.batch) if self.downscale > 1 else np.ones(self.batch)
        places = []
        for picture, (down, right), mirror, scale in zip(chosen, shifts, mirrored, scales, strict=True):
            entry = self.pictures.entries[int(picture)]
            side = min(round(self.size * scale), entry.height, entry.width)
            top = int(down * (entry.height - side + 1))
            left = int(right * (entry.width - side + 1))
            places.append(CropPlace(int(picture), top, left, bool(mirror), side))
        return places

    def __call__(self, random: np.random.Generator) -> Tensor:
        """Draw one batch: float samples in [0, 1] of shape (batch, channels, size, size), channels-last."""
        places = self.places(random)
        if self._resident is None or self.downscale > 1:
            crops = self._cut_on_cpu(places).to(self.device, non_blocking=True)
        else:
            crops = self._cut_on_device(places, self._resident)
        return crops.permute(0, 3, 1, 2).float().div_(255)

    def _cut_on_cpu(self, places: list[CropPlace]) -> Tensor:
        channels = self.pictures.channels
        batch = np.empty((len(places), self.size, self.size, channels), np.uint8)
        for row, place in enumerate(places):
            rows = self.pictures[place.picture][place.top : place.top + place.side]
            crop = rows[:, place.left : place.left + place.side]
            if place.side > self.size:
                crop = np.asarray(Image.fromarray(crop).resize((self.size, self.size), Image.Resampling.LANCZOS))
            batch[row] = crop[:, ::-1, _MIRRORED[channels]] if place.mirrored else crop
        return torch.from_numpy(batch)

    def _cut_on_device(self, places: list[CropPlace], samples: Tensor) -> Tensor:
        """Gather the whole batch at once; the byte offset of each pixel is computed on the device."""
        entries = [self.pictures.entries[place.picture] for place in places]
        columns = (
            [entry.offset for entry in entries],
            [entry.width for entry in entries],
            [place.top for place in places],
            [place.left for place in places],
            [place.mirrored for place in places],
        )
        numbers = torch.tensor(columns, dtype=torch.int64).to(self.device, non_blocking=True)
        offset, width, top, left, mirrored = (row.view(-1, 1, 1) for row in numbers)
        along = torch.arange(self.size, device=self.device)
        across = torch.where(mirrored.bool(), self.size - 1 - along, along)
        pixel = (top + along.view(1, -1, 1)) * width + left + across
        first, channels = offset + self.pictures.channels * pixel, self.pictures.channels
        mirror = torch.tensor(_MIRRORED[channels], device=self.device)
        channel = torch.where(mirrored.bool().unsqueeze(-1), mirror, torch.arange(channels, device=self.device))
        return samples[first.unsqueeze(-1) + channel]


def resident(pictures: Pictures, device: torch.device) -> Tensor | None:
    """Copy all samples to a GPU if they need at most half of its free memory; else None."""
    if device.type != "cuda" or pictures.samples.nbytes > torch.cuda.mem_get_info(device)[0] // 2:
        return None
    return torch.from_numpy(np.array(pictures.samples)).to(device)
