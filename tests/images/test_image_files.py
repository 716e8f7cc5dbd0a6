"""Image files of all kinds: what is read is exact or said, and the rest is refused for the reason that holds."""

from __future__ import annotations

import struct
import subprocess
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from bench.cli.main import main
from bench.images import ffmpeg, image_files
from bench.images.datasets import open_dataset
from bench.images.image_files import FIRST_ONLY, FROM_CMYK, FROM_YCBCR, read_picture, remarks
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.images.picture import Picture
    from tests.conftest import Desk


def convert(image: Path, target: Path, *options: str) -> Path:
    """What ffmpeg makes of a picture."""
    command = [ffmpeg.program(), "-loglevel", "error", "-i", str(image), *options, str(target)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return target


@pytest.fixture
def ppm(photo: Picture, tmp_path: Path) -> Path:
    path = tmp_path / "photo.ppm"
    Image.fromarray(photo.pixels).save(path)
    return path


@pytest.mark.parametrize("suffix", ["pnm", "jfif", "jpe"])
def test_other_names_of_formats_are_read(suffix: str, photo: Picture, tmp_path: Path) -> None:
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(photo.pixels).save(path, "PPM" if suffix == "pnm" else "JPEG", quality=100)
    (image,) = open_dataset(str(tmp_path)).images
    difference = image.read().pixels.astype(int) - photo.pixels
    assert np.abs(difference).max() == 0 if suffix == "pnm" else np.sqrt(np.mean(difference**2)) < 3


@pytest.mark.parametrize("pixel_format", ["rgb24", "rgba", "gray"])
def test_jpeg_xl_is_read_to_the_sample(pixel_format: str, ppm: Path, photo: Picture, tmp_path: Path) -> None:
    path = convert(ppm, tmp_path / "x.jxl", "-pix_fmt", pixel_format, "-c:v", "libjxl", "-distance", "0")
    picture = read_picture(path)
    if pixel_format == "gray":
        assert np.array_equal(picture.pixels[..., 0], picture.pixels[..., 2])
        assert np.abs(picture.pixels.mean() - photo.pixels.mean()) < 10
    else:
        assert np.array_equal(picture.pixels, photo.pixels)
    assert remarks(path) == ()


def test_jpeg_xl_of_more_than_one_picture_or_more_than_8_bits_is_refused(ppm: Path, tmp_path: Path) -> None:
    coder = ("-c:v", "libjxl", "-distance", "0")
    deep = convert(ppm, tmp_path / "deep.jxl", "-pix_fmt", "rgb48", *coder)
    with pytest.raises(UsageError, match=r"deep\.jxl: it has more than 8 bits per sample; convert it to 8 bits first"):
        read_picture(deep)
    moving = convert(ppm, tmp_path / "moving.jxl", "-vf", "loop=1:1", "-c:v", "libjxl_anim", "-f", "image2pipe")
    with pytest.raises(UsageError, match=r"moving\.jxl: it contains several pictures; save one of them"):
        read_picture(moving)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_jpeg_xl_is_told_in_one_line(share: float, ppm: Path, tmp_path: Path) -> None:
    path = convert(ppm, tmp_path / "x.jxl", "-c:v", "libjxl")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(UsageError, match=r"^cannot read image .*x\.jxl: [^\n]+$"):
        read_picture(path)


def test_avif_is_read_whatever_plug_in_is_registered(photo: Picture, tmp_path: Path) -> None:
    path = tmp_path / "x.avif"
    Image.fromarray(photo.pixels).save(path)
    read = read_picture(path).pixels
    Image.init()
    assert np.array_equal(read_picture(path).pixels, read)
    assert np.sqrt(np.mean((read.astype(int) - photo.pixels) ** 2)) < 10


def test_avif_of_10_bits_is_refused(ppm: Path, tmp_path: Path) -> None:
    coder = ("-c:v", "libaom-av1", "-pix_fmt", "yuv420p10le", "-still-picture", "1", "-cpu-used", "8")
    path = convert(ppm, tmp_path / "x.avif", *coder)
    with pytest.raises(UsageError, match=r"x\.avif has more than 8 bits per sample"):
        read_picture(path)


def test_formats_without_decoder_are_left_out_of_a_folder(
    ppm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.jxl").write_bytes(b"\xff\x0a")
    assert [image.name for image in open_dataset(str(tmp_path)).images] == [ppm.stem, "x"]
    image_files.suffixes.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(ffmpeg, "missing", lambda: "pip install imageio-ffmpeg")
        dataset = open_dataset(str(tmp_path))
    image_files.suffixes.cache_clear()
    assert [image.name for image in dataset.images] == [ppm.stem]
    assert [path.name for path in dataset.left_out] == ["x.jxl"]


def test_a_bitmap_of_565_bits_is_expanded(tmp_path: Path) -> None:
    fields = struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, 16, 3, 4, 0, 0, 0, 0) + struct.pack("<III", 0xF800, 0x07E0, 0x1F)
    rows = struct.pack("<HH", 0xF800 | 0x1F, 1 << 5)
    path = tmp_path / "x.bmp"
    path.write_bytes(b"BM" + struct.pack("<IHHI", 14 + len(fields) + 4, 0, 0, 14 + len(fields)) + fields + rows)
    assert read_picture(path).pixels.tolist() == [[[255, 0, 255], [0, 4, 0]]]


def test_other_colours_are_refused_by_their_name(photo: Picture, tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    Image.frombytes("LAB", (photo.width, photo.height), photo.pixels.tobytes()).save(path)
    with pytest.raises(UsageError, match=r"x\.tif has LAB colours, not RGB, grey or CMYK; convert it to RGB first$"):
        read_picture(path)


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
def test_a_picture_that_is_too_large_says_what_to_do(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.tif"
    Image.new(mode, (20, 11)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(
        UsageError, match=r"x\.tif is too large: at most \d+ pixels are read; crop it or scale it down$"
    ):
        read_picture(path)
    Image.new(mode, (20, 10)).save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_picture(path).width == 20


def test_the_limit_is_the_one_that_is_named() -> None:
    assert image_files.MAX_PIXELS == 2 * Image.MAX_IMAGE_PIXELS


@pytest.fixture
def odd_pictures(desk: Desk, photo: Picture) -> Desk:
    """A desk whose pictures are more than one picture, or are converted, beside files that are none."""
    image, folder = Image.fromarray(photo.pixels).resize((24, 16)), desk.path / "odd"
    folder.mkdir()
    image.save(folder / "plain.png")
    for suffix in ("tif", "gif", "webp", "png"):
        image.save(folder / f"{suffix}s.{suffix}", save_all=True, append_images=[image.rotate(180)])
    image.convert("CMYK").save(folder / "cmyk.jpg")
    image.convert("YCbCr").save(folder / "ycbcr.tif")
    for name in ("notes.txt", "README", "news.y4m", ".DS_Store"):
        (folder / name).write_text("x")
    return desk


def test_remarks_are_of_the_files_that_they_hold_for(odd_pictures: Desk) -> None:
    found = {path.stem: remarks(path) for path in (odd_pictures.path / "odd").iterdir() if not path.match(".*")}
    several = {f"{suffix}s": (FIRST_ONLY,) for suffix in ("tif", "gif", "webp", "png")}
    nothing = dict.fromkeys(("plain", "notes", "README", "news"), ())
    assert found == {**several, **nothing, "cmyk": (FROM_CMYK,), "ycbcr": (FROM_YCBCR,)}


def test_what_is_no_whole_picture_is_said_once_and_kept_with_the_rows(odd_pictures: Desk) -> None:
    def run(folder: str) -> str:
        options = ("--dataset", str(odd_pictures.path / folder), "--db", str(odd_pictures.path / "r.sqlite"))
        result = CliRunner().invoke(main, ["run", "--codec", "jpeg@50,90", *options])
        assert result.exit_code == 0, result.output
        return result.output

    assert [line for line in run("odd").splitlines() if line.startswith("note: ")] == [
        "note: CMYK is converted to RGB, without a colour profile (cmyk)",
        "note: only the first picture of the file is read (gifs, pngs, tifs, webps)",
        "note: YCbCr is converted to RGB (ycbcr)",
        "note: 3 files are not pictures that can be read here, and left out (.txt, .y4m, README)",
    ]
    ((stored,),) = odd_pictures.rows("SELECT provenance ->> '$.pictures' FROM runs")
    assert '"only the first picture of the file is read":"gifs, pngs, tifs, webps"' in str(stored)
    assert '"YCbCr is converted to RGB":"ycbcr"' in str(stored)
    assert "note: " not in run("photos")
    ((nothing,),) = odd_pictures.rows("SELECT provenance ->> '$.pictures' FROM runs ORDER BY run_id DESC LIMIT 1")
    assert nothing is None
