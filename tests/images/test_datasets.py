from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.harness import inventory
from bench.images import datasets
from bench.images.datasets import Dataset, fetch_dataset, missing, open_dataset
from bench.images.set_images import ImageFile
from bench.system.errors import MissingError, UsageError
from bench.system.files import sha256_of


def _save(path: Path, value: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4, 3), value, np.uint8)).save(path)
    return path


def verify(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this be the picture of Kodak that has its name."""
    monkeypatch.setitem(datasets._catalogue()["kodak"]["files"], path.name, sha256_of(path))


def test_builtin_is_always_there_and_says_what_it_is() -> None:
    builtin = open_dataset("builtin")
    assert len(builtin.images) == 5
    assert "not the Kodak" in builtin.note


@pytest.mark.kodak
def test_kodak_is_24_verified_pictures(kodak: list[Path]) -> None:
    images = open_dataset("kodak").images
    assert [image.path for image in images] == kodak
    assert [image.name for image in images] == [f"kodim{number:02d}" for number in range(1, 25)]


def test_missing_kodak_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"24 of 24 files missing .*bench fetch kodak.*BENCH_DATA"):
        open_dataset("kodak", data=tmp_path)


def test_a_picture_that_is_not_the_listed_one_is_refused(tmp_path: Path) -> None:
    for number in range(1, 25):
        _save(tmp_path / "kodak" / f"kodim{number:02d}.png", number)
    with pytest.raises(UsageError, match=r"kodim01.png is not the kodak picture .*; `bench fetch kodak` replaces it"):
        open_dataset("kodak", data=tmp_path)


def test_bench_data_is_where_sets_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verify(_save(tmp_path / "kodak" / "kodim01.png", 0), monkeypatch)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    assert len(missing("kodak")) == 23
    states = dict(inventory.image_sets(None))
    assert states["kodak"] == "missing or damaged: 23 files; bench fetch kodak"
    assert states["tecnick"] == "missing; bench fetch tecnick"
    assert dict(inventory.image_sets(tmp_path / "other"))["kodak-yuv420"] == "missing; bench fetch kodak-yuv420"
    for given, said in ((None, f"{tmp_path} (BENCH_DATA)"), (tmp_path / "other", f"{tmp_path / 'other'}")):
        assert dict(inventory.environment(given, tmp_path / "r.sqlite"))["data folder"] == said


def test_fetch_asks_the_home_and_then_the_mirror_for_each_file_that_is_absent_or_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[list[str], Path, str]] = []
    monkeypatch.setattr(datasets, "download", lambda *arguments: asked.append(arguments))
    verify(_save(tmp_path / "kodak" / "kodim01.png", 0), monkeypatch)
    (tmp_path / "kodak" / "kodim03.png").write_bytes(b"x")
    fetch_dataset("kodak", data=tmp_path)
    assert [path.name for _, path, _ in asked] == [f"kodim{number:02d}.png" for number in range(2, 25)]
    urls, path, sha256 = asked[0]
    assert path == tmp_path / "kodak" / "kodim02.png"
    assert [url.rpartition("/")[2] for url in urls] == ["kodim02.png", "02.png"]
    assert sha256.startswith("4f4b74a79237")
    assert dict(inventory.image_sets(tmp_path))["kodak"] == "missing or damaged: 23 files; bench fetch kodak"


def test_a_folder_is_named_after_its_content(tmp_path: Path) -> None:
    _save(tmp_path / "photos" / "a.png", 1)
    one = open_dataset(str(tmp_path / "photos"))
    _save(tmp_path / "photos" / "b.png", 2)
    two = open_dataset(str(tmp_path / "photos"))
    assert one.name.startswith("photos-")
    assert two.name.startswith("photos-")
    assert one.name != two.name
    assert [image.name for image in two.images] == ["a", "b"]


def test_a_glob_takes_what_matches(tmp_path: Path) -> None:
    for name in ("a1.png", "a2.png", "b1.png"):
        _save(tmp_path / name, 1)
    assert [image.name for image in open_dataset(f"{tmp_path}/a*.png").images] == ["a1", "a2"]


def test_a_file_with_brackets_in_its_name_is_that_file(tmp_path: Path) -> None:
    for name in ("[ab].png", "a.png"):
        _save(tmp_path / name, 1)
    assert [image.name for image in open_dataset(f"{tmp_path}/[ab].png").images] == ["[ab]"]


def test_a_file_that_links_lead_to_in_a_circle_is_taken_once(tmp_path: Path) -> None:
    _save(tmp_path / "in" / "a.png", 1)
    (tmp_path / "in" / "up").symlink_to(tmp_path)
    (tmp_path / "b.png").symlink_to(tmp_path / "in" / "a.png")  # a name of its own is another picture
    assert [image.name for image in open_dataset(f"{tmp_path}/**/*.png").images] == ["b", "a"]


@pytest.mark.parametrize("target", ["absent.png", "b.png"])
@pytest.mark.parametrize("pattern", ["", "/*.png"])
def test_a_picture_that_is_a_broken_link_is_an_error(tmp_path: Path, target: str, pattern: str) -> None:
    _save(tmp_path / "a.png", 1)
    (tmp_path / "b.png").symlink_to(tmp_path / target)
    with pytest.raises(UsageError, match=r"b\.png is a link to a file that does not exist; get it, or remove the link"):
        open_dataset(f"{tmp_path}{pattern}")


def test_equal_stems_are_told_apart(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", 1)
    _save(tmp_path / "a.bmp", 2)
    names = [image.name for image in open_dataset(str(tmp_path)).images]
    assert len(set(names)) == 2


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no images"):
        open_dataset(str(tmp_path))


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'kodak'"):
        open_dataset("kodac")


def test_a_missing_folder_is_an_error() -> None:
    with pytest.raises(UsageError, match="no such folder"):
        open_dataset("no/such/folder")


def test_selecting_nothing_is_an_error() -> None:
    builtin = open_dataset("builtin")
    assert [image.name for image in builtin.select(("c*",))] == ["chelsea", "coffee"]
    with pytest.raises(UsageError, match="unknown image of builtin 'kodim\\*'"):
        builtin.select(("c*", "kodim*"))


def test_some_images_are_left_out() -> None:
    builtin = open_dataset("builtin")
    assert [image.name for image in builtin.select(("c*",), ("cof*",))] == ["chelsea"]
    assert len(builtin.select((), ("c*", "rocket"))) == 2
    with pytest.raises(UsageError, match="unknown image of builtin 'kodim\\*'"):
        builtin.select((), ("kodim*",))
    with pytest.raises(UsageError, match=r"^--exclude leaves no image of builtin$"):
        builtin.select(("c*",), ("*",))


def test_a_picture_is_read_only_while_it_is_the_one_that_was_opened(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.png", 1)
    (image,) = open_dataset(str(tmp_path)).images
    assert image.read().pixels.max() == 1  # type: ignore[union-attr]
    _save(path, 2)
    with pytest.raises(UsageError, match=r"a\.png was changed during the run; start the run again$"):
        image.read()


def test_hidden_files_of_a_folder_are_no_pictures(tmp_path: Path) -> None:
    _save(tmp_path / "x.png", 1)
    (tmp_path / "._x.png").write_bytes(b"\0\5\x16\7")  # what macOS writes beside it
    (tmp_path / ".DS_Store").write_bytes(b"\0")
    opened = open_dataset(str(tmp_path))
    assert [image.path.name for image in opened.images] == ["x.png"]
    assert opened.left_out == ()


def test_names_are_printable(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/f\xf1"))
    for name in (b"a\xf1", b"b\rc\n", b"d\x1b", "e\u2028\u0085".encode(), "tönë 図".encode()):
        _save(folder / (os.fsdecode(name) + ".png"), 1)
    opened = open_dataset(str(folder))
    names = ["a\\xf1", "b\\rc\\n", "d\\x1b", "e\\u2028\\x85", "tönë 図"]
    assert sorted(image.name for image in opened.images) == names
    assert opened.name.startswith("f\\xf1-")
    assert opened.title == "f\\xf1, 5 pictures"
    assert [image.name for image in opened.select(("a\\xf1",))] == ["a\\xf1"]
    assert len({image.read() for image in opened.images}) == 5


class Counted(str):
    """A name that counts how often names are compared."""

    __slots__ = ()
    comparisons = 0

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return str(self) == other

    __hash__ = str.__hash__


def test_names_of_many_files_are_not_each_compared_with_each() -> None:
    images = [ImageFile(Counted(number), Path(f"{number}.png"), "") for number in range(300)]
    assert len(datasets._unique_names(images)) == 300
    assert Counted.comparisons < 10 * 300


def test_a_sample_is_chosen_by_content_and_seed_alone(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for index in range(8):
            called = f"{index}.png" if name == "one" else f"{7 - index}-renamed.png"
            Image.fromarray(np.full((1, 1, 3), index, np.uint8)).save(tmp_path / name / called)
    one, two = (open_dataset(str(tmp_path / name)) for name in ("one", "two"))

    def hashes(dataset: Dataset, number: int, seed: int) -> set[str]:
        return {image.sha256 for image in dataset.sample(dataset.images, number, seed)}

    assert hashes(one, 3, 1) == hashes(two, 3, 1) < hashes(one, 5, 1) < hashes(one, 8, 1)
    assert len({frozenset(hashes(one, 3, seed)) for seed in range(20)}) > 5
    assert [image.name for image in one.sample(one.images, 8, 0)] == [image.name for image in one.images]
    with pytest.raises(UsageError, match=r"--sample 9: one-\S+ has only 8 pictures$"):
        one.sample(one.images, 9, 0)
