from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis
import hypothesis.strategies as st
import pandas as pd
import pytest

from bench.system.csv_files import csv_text, guarded, read_csv, unguarded, unguarded_frame, write_csv
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

ACTIVE = ("=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1")


@pytest.mark.parametrize("text", ACTIVE)
def test_a_text_that_a_spreadsheet_would_run_has_an_apostrophe(text: str) -> None:
    assert guarded(text) == "'" + text
    assert guarded("'" + text) == "''" + text


def test_numbers_and_other_texts_stay_as_they_are() -> None:
    frame = pd.DataFrame({"bd_rate": [-48.4, 1.0], "name": ["jpeg", "it's"], "mixed": [-0.5, "nan"]})
    assert csv_text(frame) == "bd_rate,name,mixed\n-48.4,jpeg,-0.5\n1.0,it's,nan\n"


@hypothesis.given(st.text(st.sampled_from("'=+-@\t\r\n,\"a"), max_size=6))
def test_every_text_comes_back(text: str) -> None:
    assert unguarded(str(guarded(text))) == text
    assert not str(guarded(text)).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    names = [*ACTIVE, *("'" + text for text in ACTIVE), "a\rb", "a\nb", 'a,"b"', ""]
    frame = pd.DataFrame({"=name": names, "number": range(len(names))})
    write_csv(frame, tmp_path / "a.csv")
    assert read_csv(tmp_path / "a.csv") == {"=name": names, "number": [str(number) for number in range(len(names))]}
    again = unguarded_frame(pd.read_csv(tmp_path / "a.csv", keep_default_na=False))
    assert again.to_dict("list") == frame.to_dict("list")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1\n", "row 1 has 1 cell, not 2"),
        (b"a,a\n1,2\n", "two columns have the same name"),
        (b"a\n\xff\n", "not a CSV file"),
        (b'a\n"1', "not a CSV file"),
        (b"a\n" + b"x" * 200_000, "not a CSV file"),
    ],
)
def test_what_is_no_table_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        read_csv(tmp_path / "a.csv")
    assert str(tmp_path / "a.csv") in str(caught.value)
    assert "\n" not in str(caught.value)
