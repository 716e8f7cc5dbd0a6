"""Decoded pictures for the report, of each codec at the quality with the file size nearest to a target rate.

Pictures are coded again, and kept only if the bitstream is identical to the measured one. Files are lossless WebP and
named by their hash. Files of an earlier export are reused if the key of the measurement (codec, settings, weights and
image) and its bitstream are the same.
"""

from __future__ import annotations

import functools
import hashlib
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from bench.analysis.dataset_results import DatasetResults
from bench.analysis.sets import fitting, measured_part
from bench.harness.recipe import recipe_of
from bench.images.datasets import dataset_names, open_rgb_dataset
from bench.report.views.table import records
from bench.results.extras import PICTURE_SOURCE, PICTURES, read_rows
from bench.results.frames import Export
from bench.system.csv_files import write_csv
from bench.system.errors import BenchError, UsageError
from bench.system.files import sha256_of, write_bytes
from bench.system.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.images.datasets import Dataset
    from bench.images.picture import Picture
    from bench.images.set_images import ImageFile

FOLDER = "pictures"

TARGETS_BPP = (0.3, 0.6)
"""Target rates, in bits per pixel, at which codecs are shown side by side."""

FARTHEST = 1.5
"""Largest factor between the rate of a file and its target rate."""

MOST_BYTES = 64 * 2**20
"""Limit for all pictures together; further pictures are omitted, with a message."""


def choose(measurements: pd.DataFrame, targets: Sequence[float] = TARGETS_BPP) -> pd.DataFrame:
    """Select the measurement with the nearest log rate for each picture, target (column `target_bpp`) and curve."""
    chosen = []
    measurements = measurements[measurements["bpp"] > 0]  # a codec may write empty files
    for target in targets:
        distance = np.abs(np.log(measurements["bpp"] / target))
        near = measurements.assign(target_bpp=target, distance=distance)[distance <= np.log(FARTHEST)]
        chosen.append(near.sort_values("distance", kind="stable").drop_duplicates(["image", "name"]))
    order = ["image", "target_bpp", "name"]
    nearest: pd.DataFrame = pd.concat(chosen).sort_values(order, kind="stable", ignore_index=True)
    return nearest.drop(columns="distance")


def add_pictures(
    directory: Path, dataset: str | None, images: Sequence[str], say: Callable[[str], None], *, data: Path | None = None
) -> int:
    """Add pictures.csv and the folder `pictures` to an export: originals and decoded pictures.

    `dataset` is the measured image set: a name, a folder or a glob. `images` are names or globs of the pictures to
    show; points need measurements of all of them. Pictures of a codec that fails are omitted, with a message to `say`.
    Returns the number of files.

    Raises:
        BenchError: the export or the image set cannot be read.
        OSError: the folder cannot be written.
    """
    opened, results = chosen(Export.read(directory), dataset, images, data=data)
    # By content: pictures may have been renamed since they were measured.
    originals = {image.sha256: image for image in opened.images}
    measurements = choose(results.measurements)
    if measurements.empty:
        rates = " or ".join(f"{target:g}" for target in TARGETS_BPP)
        say(f"pictures: no measured file is within a factor of {FARTHEST:g} of {rates} bpp, where codecs are compared")
    writer = _Writer(directory, say)
    with progress("pictures", len(measurements), unit="pictures") as advance:
        for image, rows in measurements.groupby("image", sort=True):
            if writer.is_full:
                say(f"pictures: limit of {MOST_BYTES / 2**20:.0f} MiB reached; left out from {image} on")
                break
            original = originals[rows["image_sha256"].iloc[0]]
            _of_image(writer, {"dataset": results.dataset, "image": image}, original, rows)
            advance(len(rows), str(image))
    listed = pd.DataFrame(writer.rows, columns=[*PICTURES, PICTURE_SOURCE])
    write_csv(listed, directory / "pictures.csv")
    hashes = set(listed["sha256"])
    for path in (directory / FOLDER).glob("*.webp"):
        if re.fullmatch("[0-9a-f]{64}", path.stem) and path.stem not in hashes:
            path.unlink()  # from an earlier export; bench writes no other names
    return len(hashes)


def chosen(
    export: Export, dataset: str | None, images: Sequence[str], *, data: Path | None = None
) -> tuple[Dataset, DatasetResults]:
    """Open an image set and its results on the pictures to show; arguments and errors as for `add_pictures`."""
    opened, named = _opened(dataset or fitting(export).dataset, export, data)
    return opened, DatasetResults.of(export, named, images)


def _opened(dataset: str, export: Export, data: Path | None) -> tuple[Dataset, str]:
    """Open an image set, and return its name in the results, which is that of its part if only a part was measured.

    Image sets of bench and their parts are found by name, other sets only by folder or glob.
    """
    hashes = export.images.groupby("dataset")["image_sha256"].agg(frozenset)
    if dataset not in hashes.index or dataset in dataset_names() or Path(dataset).exists():
        opened = open_rgb_dataset(dataset, data=data)
        return opened, measured_part(export, opened.name)
    for whole in dataset_names():
        if whole in hashes.index and hashes[dataset] < hashes[whole]:
            return open_rgb_dataset(whole, data=data), dataset
    raise UsageError(
        f"the location of the pictures of {dataset} is not recorded; give their folder or glob with --dataset"
    )


class _Writer:
    """Writer and list of pictures, up to a size limit; files of an earlier export are reused."""

    def __init__(self, directory: Path, say: Callable[[str], None]) -> None:
        self.rows: list[dict[str, Any]] = []
        self.say = say
        self._folder = directory / FOLDER
        self._written: dict[str, int] = {}
        self._made: dict[tuple[str, str], str | None] = _earlier(directory)
        """Hash of the file of each key and source; None for a picture that could not be made."""

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached."""
        return sum(self._written.values()) >= MOST_BYTES

    def add(
        self,
        key: str,
        source_sha256: str,
        make: Callable[[], Picture | None],
        **row: Any,  # noqa: ANN401  # the other columns of pictures.csv
    ) -> None:
        """List a picture, which is made and written unless the file of this key and source exists."""
        made = (key, source_sha256)
        if made not in self._made:
            picture = make()
            self._made[made] = None if picture is None else self._write(picture)
        digest = self._made[made]
        if digest is not None:
            self._written[digest] = (self._folder / f"{digest}.webp").stat().st_size
            row |= {"key": key, "sha256": digest, "num_bytes": self._written[digest], PICTURE_SOURCE: source_sha256}
            self.rows.append(row)

    def _write(self, picture: Picture) -> str:
        from PIL import Image  # noqa: PLC0415

        content = io.BytesIO()
        Image.fromarray(picture.pixels).save(content, "webp", lossless=True, quality=70, method=4)
        digest = hashlib.sha256(content.getvalue()).hexdigest()
        write_bytes(self._folder / f"{digest}.webp", content.getvalue())
        return digest


def _earlier(directory: Path) -> dict[tuple[str, str], str | None]:
    """Hashes of unchanged files of an earlier call, by key and source."""
    try:
        rows = read_rows(directory / "pictures.csv", [*PICTURES, PICTURE_SOURCE]).to_dict("records")
    except ValueError:  # damaged, or written by an earlier version of bench
        return {}
    paths = {row["sha256"]: directory / FOLDER / f"{row['sha256']}.webp" for row in rows}
    intact = {digest for digest, path in paths.items() if path.is_file() and sha256_of(path) == digest}
    return {(row["key"], row[PICTURE_SOURCE]): row["sha256"] for row in rows if row["sha256"] in intact}


def _of_image(writer: _Writer, names: dict[str, Any], image: ImageFile, measurements: pd.DataFrame) -> None:
    """Add an original and its decoded pictures; the original is read only if one of these has to be made."""
    original = functools.cache(lambda: cast("Picture", image.read()))
    writer.add("", image.sha256, original, **names, target_bpp=float("nan"))
    for row in records(measurements):
        decode = functools.partial(_decoded, row, original, writer.say)
        writer.add(row["key"], row["bitstream_sha256"], decode, **names, target_bpp=row["target_bpp"])


def _decoded(row: dict[str, Any], original: Callable[[], Picture], say: Callable[[str], None]) -> Picture | None:
    """Code a picture again; None if the codec does not reproduce the measured file on this machine."""
    where = f"{row['name']}@{row['quality']:g} on {row['image']}"
    try:
        codec = recipe_of(row).open()
        data = codec.encode(original())
        if hashlib.sha256(data).hexdigest() != row["bitstream_sha256"]:
            say(f"no picture of {where}: its bitstream here differs from the measured one")
            return None
        return codec.decode(data)
    except BenchError as error:
        say(f"no picture of {where}: {error}")
        return None
