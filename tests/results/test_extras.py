from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.analysis import ablation, cca_ablation
from bench.results.extras import COMPLEXITY, EXPERIMENTS, ORIGINS, PICTURE_SOURCE, PICTURES, WEIGHTS, Extras
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


def test_what_is_not_there_has_its_columns_and_no_rows(tmp_path: Path) -> None:
    extras = Extras.read(tmp_path)
    for frame, columns in (
        (extras.weights, (*WEIGHTS, *ORIGINS)),
        (extras.complexity, COMPLEXITY),
        (extras.pictures, PICTURES),
    ):
        assert list(frame) == list(columns)
        assert frame.empty
    assert extras.experiment("alpha_search").empty
    assert "alpha" in extras.experiment("alpha_search")


def test_an_experiment_that_nobody_knows_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.csv").write_text("a,b\n1,x\n")
    assert list(Extras.read(tmp_path).experiment("mine")["a"]) == [1]


@pytest.mark.parametrize("analysis", [ablation, cca_ablation], ids=["ablation", "cca_ablation"])
def test_the_columns_asked_of_an_experiment_are_enough_for_its_table(analysis: ModuleType, tmp_path: Path) -> None:
    name = analysis.__name__.rpartition(".")[2]
    (tmp_path / "experiments").mkdir()
    columns = EXPERIMENTS[name]
    (tmp_path / "experiments" / f"{name}.csv").write_text(f"{','.join(columns)}\n{','.join('1' for _ in columns)}\n")
    assert len(analysis.table(Extras.read(tmp_path).experiment(name))) == 1


def test_a_missing_column_and_a_file_that_is_no_table_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "pictures.csv").write_text("dataset,image\nkodak,kodim01\n")
    with pytest.raises(UsageError, match=r"pictures.csv: there is no column 'key'"):
        Extras.read(tmp_path)
    rows = [",".join((*PICTURES, PICTURE_SOURCE)), *(f"kodak,kodim01,,,{'a' * 64},9,{'b' * n}" for n in (64, 4))]
    (tmp_path / "pictures.csv").write_text("\n".join(rows))
    with pytest.raises(UsageError, match=r"pictures.csv: row 2: 'source_sha256' is cut off; write the pictures again"):
        Extras.read(tmp_path)
    (tmp_path / "pictures.csv").write_text("")
    with pytest.raises(UsageError, match=r"pictures.csv: not a CSV file"):
        Extras.read(tmp_path)
