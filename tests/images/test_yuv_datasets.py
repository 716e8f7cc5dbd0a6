"""Sets of planes: clips, and photographs that are converted."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.images import ffmpeg
from bench.images.clips import ClipOptions
from bench.images.datasets import Dataset, fetch_dataset, missing, open_dataset
from bench.images.image_files import read_picture
from bench.images.picture import Picture, Yuv420
from bench.images.set_images import planes_sha256
from bench.system.errors import MissingError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (12, 10)
FRAME_BYTES = 180


def clip(path: Path, *levels: int) -> Path:
    """A clip of flat frames."""
    header = f"YUV4MPEG2 W{SIZE[0]} H{SIZE[1]} F25:1 Ip C420jpeg XCOLORRANGE=FULL\n".encode()
    path.write_bytes(header + b"".join(b"FRAME\n" + bytes([level]) * FRAME_BYTES for level in levels))
    return path


def test_each_frame_is_an_image_with_the_hash_of_its_planes(tmp_path: Path) -> None:
    dataset = open_dataset(str(clip(tmp_path / "grey.y4m", 1, 2, 3)))
    assert dataset.kind == "yuv420"
    assert [image.name for image in dataset.images] == ["frame0000", "frame0001", "frame0002"]
    expected = [hashlib.sha256(bytes([level]) * FRAME_BYTES + b"full range").hexdigest() for level in (1, 2, 3)]
    assert [image.sha256 for image in dataset.images] == expected
    pictures = [image.read() for image in dataset.images]
    assert all(isinstance(picture, Yuv420) and picture.full_range for picture in pictures)
    assert [planes_sha256(picture) for picture in pictures if isinstance(picture, Yuv420)] == expected


def test_the_hash_in_limited_range_is_the_one_that_ffmpeg_prints(tmp_path: Path) -> None:
    path = clip(tmp_path / "grey.y4m", 9)
    path.write_bytes(path.read_bytes().replace(b" XCOLORRANGE=FULL", b""))
    command = [ffmpeg.program(), "-loglevel", "error", "-i", str(path), "-f", "hash", "-hash", "sha256", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    assert done.stdout.strip() == f"SHA256={open_dataset(str(path)).images[0].sha256}"


def test_a_range_of_frames_is_a_set_of_its_own_whose_frames_keep_their_identity(tmp_path: Path) -> None:
    path = str(clip(tmp_path / "grey.y4m", 1, 2, 3, 4))
    whole, part, again = (open_dataset(path, clip=ClipOptions(frames=frames)) for frames in (None, "1:3", "1:3:1"))
    assert [image.name for image in part.images] == ["frame0001", "frame0002"]
    assert part.images == whole.images[1:3]
    assert len({whole.name, part.name}) == 2
    assert part.name == again.name
    assert part.name.startswith("grey-")
    assert "2 of 4 frames" in part.title


def test_raw_samples_need_their_size(tmp_path: Path) -> None:
    path = tmp_path / "flat.yuv"
    path.write_bytes(bytes(2 * FRAME_BYTES))
    with pytest.raises(UsageError, match="write --size WIDTHxHEIGHT"):
        open_dataset(str(path))
    assert len(open_dataset(str(path), clip=ClipOptions(size="12x10")).images) == 2


@pytest.mark.parametrize(
    ("option", "name"),
    [
        (ClipOptions(frames="0:1"), "--frames"),
        (ClipOptions(size="3x3"), "--size"),
        (ClipOptions(pixel_format="nv12"), "--pixel-format"),
        (ClipOptions(levels="full"), "--range"),
    ],
)
def test_options_of_clips_are_refused_for_other_sets(option: ClipOptions, name: str) -> None:
    with pytest.raises(UsageError, match=f"^{name} is for clips"):
        open_dataset("builtin", clip=option)


def test_a_grey_clip_says_that_its_chroma_is_made_up(tmp_path: Path) -> None:
    (tmp_path / "sky_4x2_gray.yuv").write_bytes(bytes(range(16)))
    dataset = open_dataset(str(tmp_path / "sky_4x2_gray.yuv"), clip=ClipOptions(levels="full"))
    assert dataset.title == "sky_4x2_gray.yuv, 4x2, 8-bit grey in full range, 2 frames"
    assert "results for chroma are meaningless" in dataset.note
    assert [image.full_range for image in dataset.images] == [True, True]
    assert (
        dataset.images[1].sha256 == hashlib.sha256(bytes(range(8, 16)) + bytes([128] * 4) + b"full range").hexdigest()
    )


def test_a_clip_that_changes_during_a_run_is_told(tmp_path: Path) -> None:
    path = clip(tmp_path / "grey.y4m", 1, 2)
    (_, image) = open_dataset(str(path)).images
    clip(path, 1, 3)
    with pytest.raises(UsageError, match=r"grey\.y4m was changed during the run"):
        image.read()


def test_images_travel_to_other_processes(tmp_path: Path) -> None:
    for dataset in (open_dataset(str(clip(tmp_path / "grey.y4m", 1))), open_dataset("builtin-yuv420")):
        assert pickle.loads(pickle.dumps(dataset.images)) == dataset.images  # noqa: S301  # our own


def rms(dataset: Dataset, name: str, photographs: dict[str, Picture]) -> float:
    (image,) = dataset.select((name,))
    planes = image.read()
    assert isinstance(planes, Yuv420)
    assert not planes.full_range
    y = 16 + 219 / 255 * (photographs[name].pixels @ [0.299, 0.587, 0.114])
    return float(np.sqrt(np.mean((planes.y - y) ** 2)))


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_converted_photographs_are_those_on_record(name: str, photographs: dict[str, Picture]) -> None:
    assert rms(open_dataset("builtin-yuv420"), name, photographs) < 0.3  # rounding alone is .29


@pytest.mark.kodak
def test_converted_kodak_is_the_one_on_record(kodak: list[Path]) -> None:
    dataset = open_dataset("kodak-yuv420", data=kodak[0].parents[1])
    assert [image.path for image in dataset.images] == kodak
    for image in dataset.images[::6]:
        assert planes_sha256(ffmpeg.to_yuv420(read_picture(image.path))) == image.sha256


def test_a_conversion_to_other_planes_is_refused() -> None:
    image = dataclasses.replace(open_dataset("builtin-yuv420").images[0], sha256="0" * 64)
    with pytest.raises(UsageError, match=r"ffmpeg \S+ converts it to other planes .* than the recorded ones \(000000"):
        image.read()


def test_a_converted_set_is_had_by_way_of_its_pictures(tmp_path: Path) -> None:
    assert len(missing("kodak-yuv420", tmp_path)) == 24
    assert missing("builtin-yuv420") == []
    fetch_dataset("builtin-yuv420")
    with pytest.raises(MissingError, match="bench fetch kodak"):
        open_dataset("kodak-yuv420", data=tmp_path)


def test_without_ffmpeg_a_converted_set_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ffmpeg, "missing", lambda: "pip install imageio-ffmpeg")
    with pytest.raises(MissingError, match="dataset 'builtin-yuv420' is converted by ffmpeg: pip install"):
        open_dataset("builtin-yuv420")
