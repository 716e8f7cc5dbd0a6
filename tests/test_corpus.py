"""Files from outside that were damaged, made up or found by fuzzing: each is read, or refused in one line.

`corpus` has a folder for each reader. What is called `valid` has to be read, so that the others reach what is behind
the first check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from readers import CORPUS, READERS, refused

if TYPE_CHECKING:
    from pathlib import Path

FILES = sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.glob("*/*"))

LARGEST_BYTES = 200_000
"""Of all files together."""


def test_the_corpus_is_small_and_has_a_valid_file_for_each_reader() -> None:
    folders = {path.name for path in CORPUS.iterdir() if path.is_dir()}
    assert folders == READERS.keys()
    assert {name for name in folders if any((CORPUS / name).glob("valid*"))} == folders
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < LARGEST_BYTES


@pytest.mark.parametrize("file", FILES)
def test_a_file_from_outside_is_read_or_refused_in_one_line(file: str, tmp_path: Path) -> None:
    path = CORPUS / file
    refusal = refused(path, tmp_path)
    assert str(refusal or "").isprintable()
    assert refusal is None or not isinstance(refusal.__cause__, MemoryError)
    assert refusal is None or not path.name.startswith("valid")
