from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from bench import manifest
from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def write(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")


def test_of_what_was_written_before_only_what_is_written_again_stays(tmp_path: Path) -> None:
    assert manifest.listed(tmp_path) is None
    write(tmp_path, ["own.txt"])
    for names in (["a.txt", "b/c.txt"], ["a.txt", "b/d.txt"]):
        with manifest.replacing(tmp_path, names):
            write(tmp_path, names)
        assert manifest.listed(tmp_path) == set(names)
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"own.txt", "a.txt", "b/d.txt", manifest.NAME}


def test_what_is_left_behind_by_an_interruption_goes_the_next_time(tmp_path: Path) -> None:
    with manifest.replacing(tmp_path, ["first"]):
        write(tmp_path, ["first"])
    with contextlib.suppress(KeyboardInterrupt), manifest.replacing(tmp_path, ["second", "never"]):
        write(tmp_path, ["second"])
        raise KeyboardInterrupt
    assert (tmp_path / "first").exists()
    with manifest.replacing(tmp_path, ["third"]):
        write(tmp_path, ["third"])
    assert {path.name for path in tmp_path.iterdir()} == {"third", manifest.NAME}


@pytest.mark.parametrize("outside", ["../kept.txt", "/kept.txt", "a/../../kept.txt"])
def test_a_list_that_leads_out_of_its_folder_is_refused(tmp_path: Path, outside: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / manifest.NAME).write_text(f"{outside}\n")
    with pytest.raises(UsageError, match="not in its folder"), manifest.replacing(tmp_path / "folder", []):
        pass
