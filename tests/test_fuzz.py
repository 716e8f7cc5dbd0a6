"""The fuzzer finds faults, and damage that it makes gets past the checksums."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import fuzz
import pytest
import readers
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.system.errors import BenchError

if TYPE_CHECKING:
    from pathlib import Path


@given(st.binary(max_size=40), fuzz.EDITS)
@settings(max_examples=200, deadline=None)
def test_edits_change_any_input(data: bytes, edits: list[tuple[int, float, int, int]]) -> None:
    assert isinstance(fuzz.edited(data, edits), bytes)
    assert fuzz.edited(b"", [(2, 0.0, 0, 0)]) == b"nan"
    assert fuzz.edited(b"ab", [(0, 0.5, 0, 0)]) == b"ac"
    assert fuzz.edited(b"abc", [(5, 0.4, 0, 2)]) == b"a"


@pytest.mark.parametrize("reader", sorted(readers.SEALS))
def test_a_seal_makes_the_checksum_fit_again(reader: str, tmp_path: Path) -> None:
    original = next((readers.CORPUS / reader).glob("valid*"))
    valid = original.read_bytes()
    assert readers.SEALS[reader](readers.SEALS[reader](valid)) == readers.SEALS[reader](valid)
    damaged = valid[:-1] + bytes([valid[-1] ^ 1])
    path = tmp_path / original.name
    path.write_bytes(damaged)
    with pytest.raises(BenchError, match=r"damaged|checksum"):
        readers.READERS[reader](path, tmp_path)
    path.write_bytes(readers.SEALS[reader](damaged))
    try:
        readers.READERS[reader](path, tmp_path)
    except BenchError as error:
        assert "its checksum does not match" not in str(error)  # noqa: PT017  # it may be read, too


@pytest.mark.parametrize("reader", ["clip", "csv", "database", "image"])
def test_what_is_valid_is_read_under_the_name_that_edits_of_it_have(reader: str, tmp_path: Path) -> None:
    fuzz.Board.make(tmp_path / "board")
    board = fuzz.Board(tmp_path / "board")
    trial = fuzz.Trial(reader, board, tmp_path / "out")
    valid = {fuzz.as_input(path) for path in (readers.CORPUS / reader).rglob("*valid*") if path.is_file()}
    valid |= {fuzz.as_input(path) for path in (readers.CORPUS / reader).glob("valid/*")}
    assert len(valid) > (1 if reader != "image" else 0)
    for data, name in sorted(valid):
        trial(data, name)
    assert board.counts() == (len(valid), len(valid), 0)


@pytest.mark.parametrize(
    ("error", "kept"),
    [(ValueError("a\nb"), "ValueError in test_fuzz.py"), (MemoryError(), "MemoryError in"), (None, "")],
)
def test_what_is_no_refusal_is_a_fault_and_kept_once(
    error: Exception | None, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path, folder: Path) -> None:
        assert folder.is_dir()
        if path.read_bytes() == b"bad" and error:
            raise error
        raise BenchError("refused")

    monkeypatch.setitem(readers.READERS, "recipe", read)
    fuzz.Board.make(tmp_path / "board")
    board = fuzz.Board(tmp_path / "board")
    trial = fuzz.Trial("recipe", board, tmp_path / "out")
    for data in (b"bad", b"bad", b"good"):
        trial(data, "fuzz.toml")
    assert board.counts() == (3, 0, 3)
    assert board.in_work() == (b"", 0)
    faults = tmp_path / "out" / "recipe" / "faults.jsonl"
    if not kept:
        assert not faults.is_file()
        return
    (line,) = faults.read_text().splitlines()
    assert json.loads(line)["fault"].startswith(kept)
    assert (tmp_path / "out" / "recipe" / json.loads(line)["file"]).read_bytes() == b"bad"
