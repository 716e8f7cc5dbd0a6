"""Binaries that misbehave, played by shell scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baselines import external
from baselines.external import Binary
from baselines.jpeg import Jpeg
from bench.system.errors import CodecError, DecodeError, MissingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.images.picture import Picture

TOOL = Binary("tool", external.packages("tool-package", "tool-formula"), "--version", r"^Tool v(\S+)", r"libtool \1")


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write shell scripts that are found before anything else on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def write(body: str, name: str = "tool") -> Path:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    return write


def test_encode_gives_the_binary_a_ppm_and_returns_its_file(script: Callable[..., Path], photo: Picture) -> None:
    script('cp "$1" "$2"')
    data = external.encode(TOOL, ["picture.ppm", "coded.x"], photo, "coded.x")
    assert data == b"P6\n128 96\n255\n" + photo.pixels.tobytes()


def test_decode_gives_the_binary_the_file_and_reads_its_ppm(script: Callable[..., Path], photo: Picture) -> None:
    # opj_decompress writes a comment into the header.
    script('(printf "P6\\n# a comment\\n128 96\\n255\\n"; cat "$1") > "$2"')
    decoded = external.decode(TOOL, ["coded.x", "picture.ppm"], photo.pixels.tobytes(), "coded.x")
    assert (decoded.pixels == photo.pixels).all()


def test_a_refusal_is_told_in_one_line_in_the_words_of_the_binary(script: Callable[..., Path], photo: Picture) -> None:
    script('echo "[INFO] hello"; echo "[ERROR] too many pixels\n\nfailed" >&2; exit 3')
    with pytest.raises(CodecError, match=r"^tool: too many pixels; failed$"):
        external.encode(TOOL, [], photo, "coded.x")
    with pytest.raises(DecodeError, match=r"^tool: too many pixels; failed$"):
        external.decode(TOOL, [], b"data", "coded.x")


def test_a_silent_refusal_is_told_by_its_status(script: Callable[..., Path], photo: Picture) -> None:
    script("exit 3")
    with pytest.raises(CodecError, match=r"^tool: exit status 3$"):
        external.encode(TOOL, [], photo, "coded.x")


def test_a_crash_is_told_by_its_signal(script: Callable[..., Path], photo: Picture) -> None:
    script("kill -SEGV $$")
    with pytest.raises(CodecError, match=r"^tool: killed by signal 11$"):
        external.encode(TOOL, [], photo, "coded.x")


def test_success_without_a_file_is_a_failure(script: Callable[..., Path], photo: Picture) -> None:
    script("exit 0")
    with pytest.raises(CodecError, match=r"^tool reported success but wrote nothing$"):
        external.encode(TOOL, [], photo, "coded.x")


def test_a_decoder_that_writes_rubbish_is_a_failure(script: Callable[..., Path]) -> None:
    script('echo rubbish > "$1"')
    with pytest.raises(DecodeError):
        external.decode(TOOL, ["picture.ppm"], b"data", "coded.x")


def test_a_binary_that_hangs_is_stopped(
    script: Callable[..., Path], photo: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    script("exec sleep 60")
    monkeypatch.setattr(external, "TIME_LIMIT_S", 0.1)
    with pytest.raises(CodecError, match=r"^tool did not finish within 0\.1 s$"):
        external.encode(TOOL, [], photo, "coded.x")


def test_a_file_that_cannot_be_executed_is_told(script: Callable[..., Path], photo: Picture) -> None:
    script("").write_text("#!/no/such/interpreter\n")
    with pytest.raises(CodecError, match=r"^cannot run tool: "):
        external.encode(TOOL, [], photo, "coded.x")


def test_an_absent_binary_is_a_missing_error(photo: Picture) -> None:
    with pytest.raises(MissingError, match=r"^tool not found on PATH; apt install tool-package .* tool-formula"):
        external.encode(TOOL, [], photo, "coded.x")


def test_nothing_is_left_behind(
    script: Callable[..., Path], photo: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    script("exit 1")
    with pytest.raises(CodecError):
        external.encode(TOOL, [], photo, "coded.x")
    assert list(scratch.iterdir()) == []


def test_the_version_is_read_once_for_each_binary(script: Callable[..., Path], tmp_path: Path) -> None:
    script(f"echo x >> {tmp_path}/calls; echo 'Tool v1.2 of May'")
    assert [external.version([TOOL]) for _ in range(3)] == ["libtool 1.2 (tool)"] * 3
    assert (tmp_path / "calls").read_text() == "x\n"


def test_binaries_of_different_versions_are_told_apart(script: Callable[..., Path]) -> None:
    script("echo 'libjpeg-turbo version 2.1.5 (build 20230203)' >&2", "cjpeg")
    script("echo 'mozjpeg version 4.1.1 (build 20220815)' >&2", "djpeg")
    assert Jpeg(50, backend="external").backend_version == "libjpeg-turbo 2.1.5 (cjpeg), mozjpeg 4.1.1 (djpeg)"


def test_a_version_that_is_not_told_is_called_unknown(script: Callable[..., Path]) -> None:
    script("echo usage: tool FILE")
    assert external.version([TOOL]) == "unknown version (tool)"
