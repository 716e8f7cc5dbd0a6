from __future__ import annotations

import contextlib
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.system.download import download
from bench.system.errors import MissingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = np.random.default_rng(0).bytes(1_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(BaseHTTPRequestHandler):
    """Serves CONTENT under several names, each with its own manners."""

    log: list[tuple[str, str | None]] = []  # noqa: RUF012

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.log.append((self.path, asked))
        if self.path == "/absent":
            self.send_error(404)
            return
        if self.path == "/endless":
            self._send_without_end()
            return
        body = b"x" * len(CONTENT) if self.path == "/corrupt" else CONTENT
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.path != "/no-ranges" else 0
        if start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        # The first answer under /cut ends half-way, as a lost connection does.
        first = [path for path, _ in self.log].count("/cut") == 1
        self.wfile.write(body[start : len(body) // 2] if self.path == "/cut" and first else body[start:])

    def _send_without_end(self) -> None:
        """As a server does that does not say how much it sends."""
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(bytes(10_000))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Server.log.clear()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


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
    download([f"{server}/cut"], tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT
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


@pytest.mark.parametrize("name", ["file", "endless"])
def test_a_server_that_sends_too_much_is_left(
    name: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.system.download.MAX_BYTES", 100_000)
    with pytest.raises(MissingError, match=f"{name}: it sends more than 100000 bytes, which no file here has"):
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
