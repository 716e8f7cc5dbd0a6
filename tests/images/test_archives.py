"""Image sets that come as an archive, here by a download that copies a file."""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from bench.images import archives, datasets
from bench.images.datasets import fetch_dataset, missing, open_dataset
from bench.system.errors import MissingError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def png(value: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (2, 2), (value, 0, 0)).save(file, "png")
    return file.getvalue()


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A set of two pictures, whose archive holds other things, too."""
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name, content in (("valid/a.png", png(1)), ("valid/b.png", png(2)), ("__MACOSX/valid/a.png", b"x")):
            archive.writestr(name, content)
        archive.writestr("valid/README", "text")

    def copied(_urls: list[str], path: Path, sha256: str, **_: object) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        assert hashlib.sha256((tmp_path / "set.zip").read_bytes()).hexdigest().startswith(sha256)
        shutil.copy(tmp_path / "set.zip", path)

    monkeypatch.setattr(archives, "download", copied)
    entry = {"title": "Set", "urls": ["https://x/set.zip"], "archive": {"members": "*.png", "pictures": 2}}
    monkeypatch.setitem(datasets._catalogue(), "set", entry)
    return entry


@pytest.mark.usefixtures("entry")
def test_its_pictures_are_unpacked_and_on_record(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with pytest.raises(MissingError, match=r"dataset 'set' is not in .*; `bench fetch set` downloads and unpacks it"):
        open_dataset("set", data=data)
    assert missing("set", data) == ["https://x/set.zip"]
    folder = fetch_dataset("set", data=data)
    assert sorted(path.name for path in folder.iterdir()) == ["SHA256SUMS", "a.png", "b.png"]
    lines = [f"{hashlib.sha256(png(value)).hexdigest()}  {name}.png\n" for name, value in (("a", 1), ("b", 2))]
    assert (folder / "SHA256SUMS").read_text() == "".join(lines)
    assert missing("set", data) == []
    assert [image.name for image in open_dataset("set", data=data).images] == ["a", "b"]
    (folder / "b.png").write_bytes(png(3))
    assert missing("set", data) == ["b.png"]
    with pytest.raises(UsageError, match=r"b.png is not the set picture .*; `bench fetch set` replaces it"):
        open_dataset("set", data=data)
    fetch_dataset("set", data=data)
    assert missing("set", data) == []


def test_one_with_other_pictures_than_the_set_has_is_refused(tmp_path: Path, entry: dict[str, Any]) -> None:
    entry["archive"]["pictures"] = 3
    with pytest.raises(MissingError, match=r"set\.zip has 2 pictures, and the set 3"):
        fetch_dataset("set", data=tmp_path / "data")
    assert missing("set", tmp_path / "data") == ["https://x/set.zip"]


@pytest.mark.usefixtures("entry")
def test_a_picture_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_PICTURE_BYTES", len(png(1)) - 1)
    with pytest.raises(MissingError, match=r"set\.zip: valid/a\.png has more than 0 MiB unpacked; remove .*set\.zip"):
        fetch_dataset("set", data=tmp_path / "data")
    assert not list((tmp_path / "data").rglob("*.png"))


@pytest.mark.usefixtures("entry")
def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"<html>")
    with pytest.raises(MissingError, match=r"set\.zip is not an archive \(File is not a zip file\); fetch it again"):
        fetch_dataset("set", data=tmp_path / "data")
    assert not (tmp_path / "data" / "set" / "set.zip").exists()


def test_every_named_set_has_a_source_and_every_archive_a_licence() -> None:
    for name, entry in datasets._catalogue().items():
        if "archive" in entry:
            assert {"title", "source", "licence", "urls"} <= entry.keys(), name
            assert "sha256" in entry["archive"] or "No hash" in entry["note"], name
