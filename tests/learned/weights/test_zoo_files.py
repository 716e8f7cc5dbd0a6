"""The zoo's checkpoints as files: the list, where they are looked for, and transfers that go wrong."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner
from compressai.zoo.image import cfgs, model_urls

from bench.cli.main import main
from bench.learned.architectures import ALIASES
from bench.learned.weights import checkpoints
from bench.learned.weights.checkpoints import PublishedCheckpoint
from bench.system.errors import MissingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = {quality: np.random.default_rng(quality).bytes(300_000) for quality in (1, 2)}


class Server(BaseHTTPRequestHandler):
    """Serves CONTENT under names that end in its hash; `manner` says what goes wrong, until it is cleared."""

    manner = ""
    log: list[tuple[str, str | None]] = []  # noqa: RUF012

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.log.append((self.path, asked))
        body = next(data for data in CONTENT.values() if hashlib.sha256(data).hexdigest()[:8] in self.path)
        if self.manner == "corrupt":
            body = body[:-1] + bytes([body[-1] ^ 1])
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start : len(body) // 2] if self.manner == "cut" else body[start:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def zoo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[PublishedCheckpoint, ...]]:
    """A zoo of two files on a server of this machine, and a folder for them."""
    Server.log.clear()
    Server.manner = ""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    root = f"http://127.0.0.1:{httpd.server_port}/models"
    names = {
        quality: f"m-{quality}-{hashlib.sha256(data).hexdigest()[:8]}.pth.tar" for quality, data in CONTENT.items()
    }
    entries = tuple(
        PublishedCheckpoint("joint", "mbt2018", "mse", quality, 0.01, f"{root}/{name}")
        for quality, name in names.items()
    )
    monkeypatch.setattr(checkpoints, "all_checkpoints", lambda: entries)
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    yield entries
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_the_list_is_that_of_the_installed_compressai() -> None:
    ours: dict[str, dict[str, dict[int, str]]] = {}
    for entry in checkpoints.all_checkpoints():
        assert ALIASES[entry.architecture] == entry.family
        ours.setdefault(entry.architecture, {}).setdefault(entry.metric, {})[entry.quality] = entry.url
    assert ours == {name: model_urls[name] for name in ALIASES}


def test_every_name_carries_eight_digits_of_a_hash_and_no_two_are_equal() -> None:
    entries = checkpoints.all_checkpoints()
    assert all(len(bytes.fromhex(entry.sha256_prefix)) == 4 for entry in entries)
    assert len({entry.file for entry in entries}) == len(entries)


def test_every_checkpoint_has_an_architecture_and_a_lambda_that_rises() -> None:
    for entry in checkpoints.all_checkpoints():
        assert entry.quality in cfgs[entry.architecture]
        if entry.quality > 1:
            assert entry.lmbda > checkpoints.find(entry.family, entry.quality - 1, entry.metric).lmbda


def test_what_is_not_named_means_all_and_what_a_family_lacks_is_left_out() -> None:
    assert len(checkpoints.select()) == 8 * 4 + 6
    assert [str(entry) for entry in checkpoints.select(("attn", "joint"), (6, 7), "ms-ssim")] == [
        "joint@6 (ms-ssim)",
        "joint@7 (ms-ssim)",
        "attn@6 (ms-ssim)",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("joints", 1), "did you mean 'joint'"),
        (("context", 1), "unknown family of the zoo"),
        (("attn", 7), "attn at qualities 1 to 6, not 7"),
        (("joint", 0), "1 to 8, not 0"),
        (("joint", 1, "ssim"), "did you mean 'ms-ssim'"),
    ],
)
def test_what_the_zoo_lacks_is_said_in_one_line(arguments: tuple[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        checkpoints.find(*arguments)


def test_the_folder_is_the_variable_or_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("BENCH_WEIGHTS", raising=False)
    assert checkpoints.weights_folder() == tmp_path / "bench" / "weights"
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "own"))
    assert checkpoints.weights_folder() == tmp_path / "own"


def test_files_arrive_and_are_not_asked_for_again(zoo: tuple[PublishedCheckpoint, ...], tmp_path: Path) -> None:
    checkpoints.fetch(zoo)
    checkpoints.fetch(zoo)
    assert [path for path, _ in Server.log] == [f"/models/{entry.file}" for entry in zoo]
    for entry in zoo:
        path, sha256 = checkpoints.require(entry)
        assert path == tmp_path / "weights" / entry.file
        assert path.read_bytes() == CONTENT[entry.quality]
        assert sha256 == hashlib.sha256(CONTENT[entry.quality]).hexdigest()


def test_a_cut_transfer_leaves_no_checkpoint_and_goes_on(zoo: tuple[PublishedCheckpoint, ...]) -> None:
    Server.manner = "cut"
    with pytest.raises(MissingError, match="run again to resume"):
        checkpoints.fetch(zoo[:1])
    assert checkpoints.locate(zoo[0]) is None
    Server.manner = ""
    checkpoints.fetch(zoo[:1])
    assert checkpoints.require(zoo[0])[0].read_bytes() == CONTENT[1]
    asked = Server.log[-1][1]
    assert asked is not None
    assert int(asked.removeprefix("bytes=").removesuffix("-")) > len(CONTENT[1]) // 4


def test_a_corrupt_transfer_is_thrown_away(zoo: tuple[PublishedCheckpoint, ...], tmp_path: Path) -> None:
    Server.manner = "corrupt"
    with pytest.raises(MissingError, match="wrong SHA-256"):
        checkpoints.fetch(zoo[:1])
    assert list((tmp_path / "weights").iterdir()) == []


def test_a_damaged_file_is_found_and_fetched_anew(zoo: tuple[PublishedCheckpoint, ...]) -> None:
    checkpoints.fetch(zoo[:1])
    path, _ = checkpoints.require(zoo[0])
    path.write_bytes(CONTENT[1][:-1])
    with pytest.raises(MissingError, match=r"damaged .* `bench fetch weights --family joint --quality 1` downloads"):
        checkpoints.require(zoo[0])
    checkpoints.fetch(zoo[:1])
    assert checkpoints.require(zoo[0])[0].read_bytes() == CONTENT[1]


def test_what_is_not_here_is_said_with_the_command(zoo: tuple[PublishedCheckpoint, ...]) -> None:
    with pytest.raises(MissingError, match="not on this machine; `bench fetch weights --family joint --quality 2`"):
        checkpoints.require(zoo[1])


def test_the_command_names_a_metric_that_is_not_the_default() -> None:
    assert checkpoints.find("hyper", 3, "ms-ssim").fetch_command == (
        "bench fetch weights --family hyper --quality 3 --metric ms-ssim"
    )


def test_what_compressai_downloaded_is_used(zoo: tuple[PublishedCheckpoint, ...], tmp_path: Path) -> None:
    hub = tmp_path / "torch" / "hub" / "checkpoints"
    hub.mkdir(parents=True)
    (hub / zoo[0].file).write_bytes(CONTENT[1])
    (hub / zoo[1].file).write_bytes(b"broken")
    checkpoints.fetch(zoo)
    assert [path for path, _ in Server.log] == [f"/models/{zoo[1].file}"]
    assert [checkpoints.require(entry)[0].parent.name for entry in zoo] == ["checkpoints", "weights"]


def test_the_command_fetches_what_is_chosen(zoo: tuple[PublishedCheckpoint, ...], tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["fetch", "weights", "--family", "joint", "--quality", "2"])
    assert result.exit_code == 0, result.output
    assert [path.name for path in (tmp_path / "weights").iterdir()] == [zoo[1].file]
    assert str(tmp_path / "weights") in result.output


def test_a_failed_fetch_is_one_line_and_a_status(zoo: tuple[PublishedCheckpoint, ...]) -> None:
    Server.manner = "corrupt"
    result = CliRunner().invoke(main, ["fetch", "weights", "--quality", str(zoo[0].quality)])
    assert result.exit_code == 1
    assert "wrong SHA-256" in result.output
    assert result.output.count("\n") == 1


def test_options_of_weights_need_weights() -> None:
    result = CliRunner().invoke(main, ["fetch", "kodak", "--family", "joint"])
    assert result.exit_code == 1
    assert "bench fetch weights" in result.output


def test_fetching_weights_imports_no_torch() -> None:
    code = (
        "import sys\nfrom bench.cli.main import main\nfrom bench.learned.weights import checkpoints\n"
        "checkpoints.all_checkpoints = lambda: ()\nmain(['fetch', 'weights'], standalone_mode=False)\n"
        "sys.exit(3 if 'torch' in sys.modules else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
