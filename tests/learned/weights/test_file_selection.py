from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from bench.learned.weights.file_selection import number_of, selected
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(runs: Path, *names: str) -> None:
    for name in names:
        (runs / name).parent.mkdir(parents=True, exist_ok=True)
        (runs / name).write_bytes(b"")


def numbers(weights: str) -> dict[float, str]:
    return {number: str(path) for number, path in (selected(weights) or {}).items()}


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("my_q4.pth.tar", 4),
        ("mbt2018-3-22901978.pth.tar", 3),
        ("cheng2020_attn-mse-6-730501f2.pth.tar", 6),
        ("mbt2018_lambda0.0130.pth", 0.013),
        ("elic2022.ckpt", 1),
        ("checkpoint_best_loss.pth.tar", 1),
        ("run-20261129.pt", 20261129),
    ],
)
def test_the_number_of_a_file_is_the_last_in_its_name(tmp_path: Path, name: str, number: float) -> None:
    assert number_of(tmp_path / "exp7" / name) == number


def test_a_glob_numbers_files_by_what_its_wildcards_stand_for(runs: Path) -> None:
    files(runs, "a/mbt2018_q1_v2.pth.tar", "a/mbt2018_q10_v2.pth.tar", "a/notes.txt")
    expected = {1: "a/mbt2018_q1_v2.pth.tar", 10: "a/mbt2018_q10_v2.pth.tar"}
    assert numbers("a/*_v2.pth.tar") == expected
    assert numbers("a/mbt2018_q*_v2.pth.tar") == expected


def test_folders_number_files_whose_own_names_do_not(runs: Path) -> None:
    files(runs, "r/0.0130/best.pth.tar", "r/0.0250/best.pth.tar", "r/deep/er/q3.ckpt")
    assert numbers("r/*/best.pth.tar") == {0.013: "r/0.0130/best.pth.tar", 0.025: "r/0.0250/best.pth.tar"}
    assert numbers("r/**/*.ckpt") == {3: "r/deep/er/q3.ckpt"}


def test_another_file_changes_no_number(runs: Path) -> None:
    files(runs, "q2.pth", "q5.pth")
    before = numbers("*.pth")
    files(runs, "q1.pth", "q3.pth", "q9.pth")
    assert before.items() <= numbers("*.pth").items()


def test_a_list_says_its_numbers(runs: Path) -> None:
    files(runs, "low,1.pth", "high.pth")
    assert numbers("q2=high.pth,q0.5=low,1.pth") == {0.5: "low,1.pth", 2: "high.pth"}
    assert numbers("2=high.pth") == {2: "high.pth"}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("none/*.pth", "--weights none/*.pth: no file matches"),
        (
            "*.ckpt",
            "no number in the name of high.ckpt; number them: --weights q1=high.ckpt,q2=low.ckpt",
        ),
        (
            "*/best.pth",
            "1a/best.pth and 1b/best.pth are both 1; number them: --weights q1=1a/best.pth,q2=1b/best.pth",
        ),
        ("q1=none.pth", "--weights q1=none.pth: there is no file none.pth"),
        ("q1=high.ckpt,q1=low.ckpt", "--weights: high.ckpt and low.ckpt are both q1; number them differently"),
    ],
)
def test_what_selects_nothing_or_too_much_is_said_in_one_line(runs: Path, weights: str, message: str) -> None:
    files(runs, "low.ckpt", "high.ckpt", "1a/best.pth", "1b/best.pth")
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        selected(weights)
    assert "\n" not in str(caught.value)


def test_names_files_and_folders_are_no_selection(runs: Path) -> None:
    files(runs, "my[1].pth", "q1=a.pth")
    assert selected("compact") is None
    assert selected("my[1].pth") is None
    assert selected("q1=a.pth") is None
    assert selected(".") is None
