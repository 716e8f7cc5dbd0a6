"""Image sets: named ones (`datasets.toml`), or a folder, glob or clip of the user.

An image set is identified by the hashes of its files or frames, which are verified for named sets. The stored name of a
folder, glob or clip ends in a hash of its content: with another picture it is another set.
"""

from __future__ import annotations

import functools
import glob
import hashlib
import importlib.resources
import os
import re
import tomllib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.images import ffmpeg
from bench.images.archives import fetch_archive, recorded
from bench.images.clips import SUFFIXES, ClipOptions, frame_range, open_clip
from bench.images.image_files import suffixes
from bench.images.selection import sampled, selected
from bench.images.set_images import ClipFrame, ConvertedImage, ImageFile, planes_sha256
from bench.system.download import download
from bench.system.errors import MissingError, UsageError, printable, unknown
from bench.system.files import sha256_of
from bench.system.progress import progress
from bench.system.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.images.picture import Kind


@dataclass(frozen=True, slots=True)
class Dataset:
    """An image set with pictures of one kind; `note` is shown with its results."""

    name: str
    title: str
    note: str
    images: tuple[ImageFile, ...]
    left_out: tuple[Path, ...] = ()
    """Files that are not images in a supported format, except hidden files of a folder."""

    @property
    def kind(self) -> Kind:
        """Kind of pictures: "rgb" or "yuv420"."""
        return self.images[0].kind

    def select(self, patterns: tuple[str, ...], exclude: tuple[str, ...] = ()) -> tuple[ImageFile, ...]:
        """Select the images whose names match one of the globs (default: all), and none of those to exclude.

        Raises:
            UsageError: a glob matches no image, or no image is left.
        """
        names = [image.name for image in self.images]
        unwanted = set(selected(names, exclude, self.name)) if exclude else set()
        if not (wanted := set(selected(names, patterns, self.name)) - unwanted):
            raise UsageError(f"--exclude leaves no image of {self.name}")
        return tuple(image for image in self.images if image.name in wanted)

    def sample(self, images: Sequence[ImageFile], number: int, seed: int) -> tuple[ImageFile, ...]:
        """Draw a random sample of some images by their content and a seed; see `bench.images.selection.sampled`.

        Raises:
            UsageError: there are fewer images.
        """
        if number > len(images):
            raise UsageError(f"--sample {number}: {self.name} has only {count(len(images), 'picture')}")
        chosen = sampled([image.sha256 for image in images], number, seed)
        return tuple(image for place, image in enumerate(images) if place in chosen)

    def part(self, images: Sequence[ImageFile]) -> Dataset:
        """Return a set of some of the images, whose name ends in a hash of their content; this set for all images."""
        if len(images) == len(self.images):
            return self
        name = f"{self.name}-{len(images)}of{len(self.images)}-{_content_hash(images)}"
        note = f"A part of {self.name}: results are not comparable with published ones."
        title = self.title.rpartition(", ")[0] or self.title  # without the number of pictures
        return Dataset(name, f"{title}, {len(images)} of {count(len(self.images), 'picture')}", note, tuple(images))


def data_folder(given: Path | None = None) -> Path:
    """Folder of image sets: the option, else $BENCH_DATA, else ./data."""
    return given or Path(os.environ.get("BENCH_DATA") or "data")


def dataset_names() -> tuple[str, ...]:
    """Names of the image sets in `datasets.toml`."""
    return tuple(_catalogue())


def missing(name: str, data: Path | None = None) -> list[str]:
    """List the files of a named image set that are missing or have a wrong hash on this machine."""
    _, folder, entry = _origin(name, data)
    files = _files(folder, entry)
    if not files:
        return list(entry["urls"][:1])
    found = _hashes(folder, files)
    return [file for file, expected in files.items() if found.get(file) != expected]


def kodak_or_builtin(suffix: str = "") -> str:
    """Return the default image set of experiments: "kodak", or "builtin" if it is missing; both with the suffix."""
    kodak = f"kodak{suffix}"
    return f"builtin{suffix}" if missing(kodak) else kodak


def is_absent(name: str, data: Path | None = None) -> bool:
    """Whether no file of a named image set is on this machine."""
    _, folder, entry = _origin(name, data)
    return not any((folder / file).is_file() for file in _files(folder, entry))


def open_dataset(name: str, *, data: Path | None = None, clip: ClipOptions | None = None) -> Dataset:
    """Open an image set by name, folder, glob or clip, and verify or compute the hashes of its files or frames.

    `clip` selects the frames of a clip, and gives the properties that are not in its file.

    Raises:
        MissingError: a named set is not on this machine; the message says how to get it.
        UsageError: there is no such set, folder, image or frame, or a file of a named set has a wrong hash.
    """
    clip = clip or ClipOptions()
    if Path(name).suffix.lower() in SUFFIXES:
        return _open_clip(Path(name), clip)
    if clip.given:
        raise UsageError(f"{clip.given[0]} is for clips (.y4m, .yuv), and dataset '{name}' is not one")
    if name in _catalogue():
        return _open_named(name, data)
    if Path(name).is_dir() or glob.has_magic(name) or Path(name).is_file():
        return _open_files(name)
    if os.sep in name:
        raise UsageError(f"dataset '{name}': there is no such folder, and no file matches it")
    raise unknown("dataset", name, dataset_names())


def stored_name(name: str, known: Iterable[str] = (), *, clip: ClipOptions | None = None) -> str:
    """Return the stored name of an image set, from a name, folder, glob or clip.

    `known` are the names of the stored sets. The hash at the end of a stored name may be omitted if the rest is unique.

    Raises:
        UsageError: as for `open_dataset`, or several sets have that name.
    """
    known = tuple(known)
    is_known = name in {*_catalogue(), *known}
    is_path = os.sep in name or Path(name).exists() or glob.has_magic(name)
    if (clip and clip.given) or (is_path and not is_known):
        return open_dataset(name, clip=clip).name
    if is_known:
        return name
    found = [one for one in known if re.fullmatch(rf"{re.escape(name)}-[0-9a-f]{{8}}", one)]
    if len(found) > 1:
        raise UsageError(f"the results have several image sets named {name}: {', '.join(found)}; choose one")
    return found[0] if found else name


def open_rgb_dataset(name: str, *, data: Path | None = None) -> Dataset:
    """Open an image set of RGB pictures; see `open_dataset`.

    Raises:
        MissingError: as for `open_dataset`.
        UsageError: as for `open_dataset`, or its pictures are not RGB.
    """
    # Frames of clips are always planes, so a clip is not opened.
    dataset = None if Path(name).suffix.lower() in SUFFIXES else open_dataset(name, data=data)
    if dataset is None or dataset.kind != "rgb":
        raise UsageError(f"dataset '{name}' has yuv420 pictures, and RGB ones are needed; use kodak or a folder")
    return dataset


def fetch_dataset(name: str, *, data: Path | None = None) -> Path:
    """Download the missing or damaged files of a named image set, and return its folder. Downloads resume.

    Raises:
        MissingError: none of the URLs of a file works.
    """
    name, folder, entry = _origin(name, data)
    absent = missing(name, data)
    if not absent:
        return folder
    if "archive" in entry:
        fetch_archive(folder, entry)
        return folder
    if "urls" not in entry:
        raise MissingError(f"dataset '{name}' comes with {entry['package']}; reinstall scikit-image")
    with progress(f"downloading {name}", len(absent), unit="files") as advance:
        for file in absent:
            number = "".join(filter(str.isdigit, file))
            urls = [url.format(number=number) for url in entry["urls"]]
            download(urls, folder / file, entry["files"][file])
            advance(1, file)
    return folder


def evaluation_files(training: Path) -> frozenset[str]:
    """SHA-256 of all known files of the named image sets, which are refused as training data.

    Files of sets that are distributed as archives are known once `bench fetch` has unpacked them: to the folder of
    image sets, or next to, inside or as the folder of the training pictures.
    """
    sets = [(name, entry) for name, entry in _catalogue().items() if "of" not in entry]
    folders = (data_folder(), training, training.resolve().parent)
    return frozenset(sha for data in folders for name, entry in sets for sha in _files(data / name, entry).values())


@functools.cache
def _catalogue() -> dict[str, dict[str, Any]]:
    text = importlib.resources.files(__package__).joinpath("datasets.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _origin(name: str, data: Path | None) -> tuple[str, Path, dict[str, Any]]:
    """The named set that has the files, its folder and its entry: the set itself, or the one it is converted from."""
    if name not in _catalogue():
        raise unknown("dataset", name, dataset_names())
    entry = _catalogue()[name]
    if "of" in entry:
        return _origin(entry["of"], data)
    package = entry.get("package")
    return name, Path(str(importlib.resources.files(package))) if package else data_folder(data) / name, entry


def _open_named(name: str, data: Path | None) -> Dataset:
    if "of" in _catalogue()[name]:
        return _open_converted(name, _catalogue()[name], data)
    _, folder, entry = _origin(name, data)
    files = _files(folder, entry)
    if not files:
        raise MissingError(f"dataset '{name}' is not in {folder}; `bench fetch {name}` downloads and unpacks it")
    found = _hashes(folder, files)
    if absent := files.keys() - found.keys():
        raise MissingError(
            f"dataset '{name}': {len(absent)} of {count(len(files), 'file')} missing in {folder}; "
            f"`bench fetch {name}` downloads them, or point BENCH_DATA or --data at the folder that holds {name}/"
        )
    for file, expected in files.items():
        if found[file] != expected:
            raise UsageError(
                f"{folder / file} is not the {name} picture (SHA-256 {found[file][:12]}…, expected {expected[:12]}…); "
                f"`bench fetch {name}` replaces it"
            )
    images = tuple(ImageFile(Path(file).stem, folder / file, sha256) for file, sha256 in files.items())
    return Dataset(name, entry["title"], entry.get("note", ""), images)


def _files(folder: Path, entry: dict[str, Any]) -> dict[str, str]:
    """SHA-256 of the files of a named set by name; empty for an archive that has not been unpacked."""
    return recorded(folder) if "archive" in entry else dict(entry["files"])


def _hashes(folder: Path, files: Iterable[str]) -> dict[str, str]:
    """SHA-256 of the existing files of a named set by name. For Kodak this takes 50 ms."""
    return {file: sha256_of(folder / file) for file in files if (folder / file).is_file()}


def _open_converted(name: str, entry: dict[str, Any], data: Path | None) -> Dataset:
    """Open a set with the pictures of another one, converted to planes with known hashes."""
    if reason := ffmpeg.missing():
        raise MissingError(f"dataset '{name}' is converted by ffmpeg: {reason}")
    planes: dict[str, str] = entry["planes"]
    images = tuple(ConvertedImage(i.name, i.path, planes[i.name]) for i in _open_named(entry["of"], data).images)
    return Dataset(name, entry["title"], entry.get("note", ""), images)


def _open_clip(path: Path, options: ClipOptions) -> Dataset:
    clip = open_clip(path, options)
    form = clip.form
    chosen = frame_range(options.frames or ":", len(clip.offsets))
    with progress(f"reading {path.name}", len(chosen), unit="frames") as advance:
        images = []
        for index in chosen:
            digest = planes_sha256(clip.read(index))
            images.append(ClipFrame(f"frame{index:04d}", path, digest, clip.offsets[index], form))
            advance(1, f"frame {index}")
    frames = count(len(clip.offsets), "frame")
    extent = f"{len(chosen)} of {frames}" if options.frames else frames
    levels = "full" if form.full_range else "limited"
    title = f"{path.name}, {form.size[0]}x{form.size[1]}, {form} in {levels} range, {extent}"
    note = "Your own clip, frames coded independently: results are not comparable with published ones."
    if form.is_grey:
        note += " It has no chroma; 128 is used instead, and results for chroma are meaningless."
    return Dataset(printable(f"{path.stem}-{_content_hash(images)}"), printable(title), note, tuple(images))


def _content_hash(images: Iterable[ImageFile]) -> str:
    return hashlib.sha256("".join(sorted(image.sha256 for image in images)).encode()).hexdigest()[:8]


def _open_files(pattern: str) -> Dataset:
    folder = Path(pattern)
    if folder.is_dir():
        # Hidden files such as ._x.png, which macOS writes beside x.png, are not pictures.
        paths, stem = [path for path in folder.iterdir() if not path.name.startswith(".")], folder.resolve().name
    else:
        # Path.glob does not accept absolute patterns. A file may have brackets in its name.
        paths = [folder] if folder.is_file() else [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207
        stem = Path(pattern).resolve().parent.name
    # With `**`, a link to a parent folder leads to the same files again; the shortest path of each file is kept.
    paths.sort(key=lambda path: (-len(path.parts), path))
    paths = sorted({path.parent.resolve() / path.name: path for path in paths}.values())
    broken = next((path for path in paths if path.suffix.lower() in suffixes() and _is_broken_link(path)), None)
    if broken:
        raise UsageError(
            f"dataset '{pattern}': {broken} is a link to a file that does not exist; get it, or remove the link"
        )
    paths = [path for path in paths if path.is_file()]
    files = [path for path in paths if path.suffix.lower() in suffixes()]
    if not files:
        deeper = "; subfolders are not searched, but a glob can name their files" if folder.is_dir() else ""
        raise UsageError(f"dataset '{pattern}' holds no images ({', '.join(sorted(suffixes()))}){deeper}")
    images = _unique_names(_hashed(files, stem))
    note = "Your own images: results are not comparable with published ones."
    left_out = tuple(path for path in paths if path.suffix.lower() not in suffixes())
    # Without the path, so that equal sets in different folders have equal names.
    title = stem if folder.is_dir() else f"{stem}/{folder.name}"
    return Dataset(
        printable(f"{stem}-{_content_hash(images)}"),
        printable(f"{title}, {count(len(images), 'picture')}"),
        note,
        images,
        left_out,
    )


def _is_broken_link(path: Path) -> bool:
    return path.is_symlink() and not os.path.exists(path)  # noqa: PTH110  # Path.exists raises on loops


def _hashed(files: Sequence[Path], name: str) -> list[ImageFile]:
    images = []
    with progress(f"reading {printable(name)}", len(files), unit="files") as advance:
        for path in files:
            images.append(ImageFile(printable(path.stem), path, sha256_of(path)))
            advance(1, printable(path.name))
    return images


def _unique_names(images: list[ImageFile]) -> tuple[ImageFile, ...]:
    count = Counter(image.name for image in images)
    # Files with the same stem are named by their path.
    return tuple(replace(i, name=printable(i.path.as_posix())) if count[i.name] > 1 else i for i in images)
