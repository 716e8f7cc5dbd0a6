from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from file_server import CONTENT, SHA256, Server, serving

from bench.system.download import download
from bench.system.errors import MissingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[str]:
    with serving() as address:
        yield address


def test_a_file_arrives_whole(server: str, tmp_path: Path) -> None:
    seen: list[int] = []
    download([f"{server}/file"], tmp_path / "new" / "file", SHA256, advance=seen.append)
    assert (tmp_path / "new" / "file").read_bytes() == CONTENT
    assert sum(seen) == len(CONTENT)
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "file"]


def test_a_file_that_is_there_is_not_asked_for(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    download([f"{server}/file"], tmp_path / "file", SHA256)
    assert Server.log == []


def test_a_cut_transfer_goes_on_where_it_ended(server: str, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="cut"):
        download([f"{server}/cut"], tmp_path / "file", SHA256)
    assert not (tmp_path / "file").exists()
    seen: list[int] = []
    download([f"{server}/cut"], tmp_path / "file", SHA256, advance=seen.append)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert sum(seen) == len(CONTENT)
    path, asked = Server.log[-1]
    assert path == "/cut"
    assert asked is not None
    # Half had arrived; the piece that was being read when the line broke may be lost.
    assert len(CONTENT) // 2 - 20_000 < int(asked.removeprefix("bytes=").removesuffix("-")) <= len(CONTENT) // 2


def test_a_wrong_part_is_thrown_away_and_fetched_anew(server: str, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(b"something else")
    download([f"{server}/file"], tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_fetched_anew(server: str, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT + b"more")
    download([f"{server}/file"], tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_all(server: str, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT[:1000])
    download([f"{server}/no-ranges"], tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_the_mirror_serves_when_the_home_does_not(server: str, tmp_path: Path) -> None:
    download([f"{server}/absent", f"{server}/corrupt", f"{server}/file"], tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_corrupt_file_is_refused_and_the_old_one_stays(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(MissingError, match="wrong SHA-256"):
        download([f"{server}/corrupt"], tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert not (tmp_path / "file.part").exists()
    assert Server.log == [("/corrupt", None)]  # once: nothing of it was there before


@pytest.mark.parametrize("name", ["file", "endless"])
def test_a_server_that_sends_too_much_is_left(
    name: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.system.download.MAX_BYTES", 100_000)
    with pytest.raises(MissingError, match=f"{name}: it sends more than the limit of 100000 bytes"):
        download([f"{server}/{name}"], tmp_path / "file", SHA256)
    assert list(tmp_path.iterdir()) == []


def test_the_error_names_every_address_and_its_reason(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9/file"
    with pytest.raises(MissingError) as caught:
        download([nobody, f"{nobody}2"], tmp_path / "file", SHA256)
    assert nobody in str(caught.value)
    assert f"{nobody}2" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_prefix_of_the_hash_suffices(server: str, tmp_path: Path) -> None:
    download([f"{server}/file"], tmp_path / "file", SHA256[:8])
    assert (tmp_path / "file").read_bytes() == CONTENT
