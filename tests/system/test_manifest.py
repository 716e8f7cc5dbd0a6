from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from bench.system import manifest
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LIST = "list.txt"


def write(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")


def test_of_what_was_written_before_only_what_is_written_again_stays(tmp_path: Path) -> None:
    assert manifest.listed(tmp_path / LIST) is None
    write(tmp_path, ["own.txt"])
    for names in (["a.txt", "b/c.txt"], ["a.txt", "b/d.txt"]):
        with manifest.replacing(tmp_path / LIST, names):
            write(tmp_path, names)
        assert manifest.listed(tmp_path / LIST) == set(names)
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"own.txt", "a.txt", "b/d.txt", LIST}


def test_of_two_lists_in_a_folder_neither_removes_what_the_other_names(tmp_path: Path) -> None:
    for name, names in ((manifest.EVIDENCE, ["a.txt"]), (manifest.REPORT, ["b.txt"]), (manifest.REPORT, ["c.txt"])):
        with manifest.replacing(tmp_path / name, names):
            write(tmp_path, names)
    assert {path.name for path in tmp_path.glob("?.txt")} == {"a.txt", "c.txt"}


def test_what_is_left_behind_by_an_interruption_goes_the_next_time(tmp_path: Path) -> None:
    with manifest.replacing(tmp_path / LIST, ["first"]):
        write(tmp_path, ["first"])
    with contextlib.suppress(KeyboardInterrupt), manifest.replacing(tmp_path / LIST, ["second", "never"]):
        write(tmp_path, ["second"])
        raise KeyboardInterrupt
    assert (tmp_path / "first").exists()
    with manifest.replacing(tmp_path / LIST, ["third"]):
        write(tmp_path, ["third"])
    assert {path.name for path in tmp_path.iterdir()} == {"third", LIST}


@pytest.mark.parametrize("outside", ["../kept.txt", "/kept.txt", "a/../../kept.txt"])
def test_a_list_that_leads_out_of_its_folder_is_refused(tmp_path: Path, outside: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / LIST).write_text(f"{outside}\n")
    with pytest.raises(UsageError, match="not in its folder"), manifest.replacing(tmp_path / "folder" / LIST, []):
        pass
