from __future__ import annotations

import shutil
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from bench.images.archives import RECORD
from bench.images.datasets import evaluation_files
from bench.learned.training import training_pictures
from bench.system.errors import BenchError, MissingError, UsageError
from bench.system.files import sha256_of

if TYPE_CHECKING:
    from pathlib import Path


def test_pack_holds_what_the_files_hold(photos: Path, tmp_path: Path) -> None:
    packed = training_pictures.load(photos, tmp_path / "cache")
    for index, entry in enumerate(packed.entries):
        with Image.open(photos / entry.name) as image:
            assert np.array_equal(packed[index], np.asarray(image))


def test_hidden_files_are_no_pictures(photos: Path) -> None:
    before = training_pictures.find(photos)
    (photos / "._photo0.png").write_bytes(b"\0\5\x16\7")  # what macOS writes beside it
    assert training_pictures.find(photos) == before


def test_second_load_decodes_nothing(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = training_pictures.load(photos, tmp_path / "cache")

    def refuse(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(training_pictures, "_decoded", refuse)
    assert training_pictures.load(photos, tmp_path / "cache").fingerprint == first.fingerprint


def test_changed_folder_is_packed_again(photos: Path, tmp_path: Path) -> None:
    first = training_pictures.load(photos, tmp_path / "cache")
    (photos / "photo0.png").unlink()
    second = training_pictures.load(photos, tmp_path / "cache")
    assert len(second) == len(first) - 1
    assert second.fingerprint != first.fingerprint


def test_split_goes_by_content_not_by_name(photos: Path, tmp_path: Path) -> None:
    _, held = training_pictures.load(photos, tmp_path / "cache").split()
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    for number, path in enumerate(sorted(photos.iterdir(), reverse=True)):
        shutil.copy(path, renamed / f"{number}.png")
    _, held_of_renamed = training_pictures.load(renamed, tmp_path / "cache").split()
    assert {entry.sha256 for entry in held.entries} == {entry.sha256 for entry in held_of_renamed.entries}


def test_split_shares_no_picture_and_loses_none(photos: Path, tmp_path: Path) -> None:
    packed = training_pictures.load(photos, tmp_path / "cache")
    learn, held = packed.split(0.5)
    assert len(learn) + len(held) == len(packed)
    assert not {entry.sha256 for entry in learn.entries} & {entry.sha256 for entry in held.entries}
    assert len(held) >= 1


def test_excluded_names_are_left_out(photos: Path, tmp_path: Path) -> None:
    packed = training_pictures.load(photos, tmp_path / "cache", exclude=("photo[01].*",))
    assert [entry.name for entry in packed.entries] == ["photo2.png", "photo3.png", "photo4.png", "photo5.png"]


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_folder_without_pictures_is_named(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no picture")
    with pytest.raises(MissingError, match=rf"{folder}.*--data"):
        training_pictures.load(tmp_path / folder, tmp_path / "cache")


def test_unreadable_pictures_are_named_and_nothing_is_kept(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.png").write_bytes((photos / "photo0.png").read_bytes()[:200])
    with pytest.raises(UsageError, match=r"1 unreadable.*broken\.png"):
        training_pictures.load(photos, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*"))


def test_pictures_smaller_than_the_crop_are_left_out(photos: Path, tmp_path: Path) -> None:
    Image.new("RGB", (40, 200)).save(photos / "narrow.png")
    packed = training_pictures.load(photos, tmp_path / "cache")
    assert len(packed.at_least(64)) == len(packed) - 1
    with pytest.raises(UsageError, match="81 x 81 pixels"):
        packed.at_least(81)


def test_one_picture_is_not_enough(photos: Path, tmp_path: Path) -> None:
    packed = training_pictures.load(photos, tmp_path / "cache", exclude=("photo[1-5].png",))
    with pytest.raises(UsageError, match="at least two pictures"):
        packed.split()


def test_evaluation_pictures_are_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"photo3\.png.*evaluation set"):
        training_pictures.load(photos, tmp_path / "cache", refuse={sha256_of(photos / "photo3.png")})


@pytest.mark.kodak
def test_evaluation_pictures_are_refused_before_anything_is_decoded(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(training_pictures, "_decoded", decode)
    with pytest.raises(UsageError, match=r"photo5\.png.*evaluation set"):
        training_pictures.load(photos, tmp_path / "cache", refuse={sha256_of(photos / "photo5.png")})
    assert not (tmp_path / "cache").exists()


@pytest.mark.filterwarnings("error")
def test_a_picture_that_claims_to_be_huge_is_named_and_not_decoded(photos: Path, tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 16384, 16384, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    whole = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (photos / "huge.png").write_bytes(whole + struct.pack(">I", 8) + b"IDAT" + zlib.compress(b"")[:8] + bytes(4))
    with pytest.raises(UsageError, match=r"huge\.png' is too large for training") as caught:
        training_pictures.load(photos, tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").glob("*"))


def test_kodak_pictures_are_refused(kodak: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "renamed"
    folder.mkdir()
    for number, path in enumerate(kodak[:2]):
        shutil.copy(path, folder / f"holiday{number}.png")
    with pytest.raises(UsageError, match="evaluation set"):
        training_pictures.load(folder, tmp_path / "cache", refuse=evaluation_files(folder))


@pytest.mark.parametrize("training", ["train", ".", "tecnick"])
def test_pictures_of_an_unpacked_archive_are_refused(photos: Path, tmp_path: Path, training: str) -> None:
    sets = tmp_path / "data"
    (sets / "train").mkdir(parents=True)
    (sets / "tecnick").mkdir()
    for folder in ("train", "tecnick"):
        shutil.copy(photos / "photo3.png", sets / folder / "holiday.png")
    before = evaluation_files(sets / training)
    (sets / "tecnick" / RECORD).write_text(f"{sha256_of(photos / 'photo3.png')}  holiday.png\n")
    assert evaluation_files(sets / training) - before == {sha256_of(photos / "photo3.png")}
    with pytest.raises(UsageError, match=r"holiday\.png.*evaluation set"):
        training_pictures.load(sets / training, tmp_path / "cache", refuse=evaluation_files(sets / training))


def test_full_disk_leaves_no_pack(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(training_pictures.shutil, "disk_usage", lambda _: full)
    with pytest.raises(BenchError, match=r"no space left.*--cache"):
        training_pictures.load(photos, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*"))
