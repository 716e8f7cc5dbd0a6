"""`bench import`, `compare` and `plot` of curves: what they print, write and refuse."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from command_line import invoke

from bench.analysis.comparison import compare_rows
from bench.cli.main import main
from bench.results.export import read_results
from bench.results.store import Store

POINTS = "bpp,psnr,ms-ssim\n.12,28.9,.931\n.24,30.8,.957\n.47,33.1,.976\n.9,36,.989\n"


@pytest.fixture
def db(tmp_path: Path) -> str:
    """A database of one imported curve, own/mine on Kodak, and nothing else."""
    (tmp_path / "mine.csv").write_text(POINTS)
    code, output = invoke(
        "import", str(tmp_path / "mine.csv"), "--as", "mine", "--dataset", "kodak", "--source", "Table 3",
        "--db", str(tmp_path / "r.sqlite"),
    )  # fmt: skip
    assert (code, output) == (0, "own/mine: 4 points on kodak\n")
    return str(tmp_path / "r.sqlite")


@pytest.mark.usefixtures("empty_figures")
def test_an_imported_curve_is_in_all_that_shows_curves_at_once_until_it_is_removed(db: str, tmp_path: Path) -> None:
    line = next(line for line in invoke("list", "published", "--db", db)[1].splitlines() if line.startswith("own/"))
    assert line.split() == ["own/mine", "mine", "kodak", "ms_ssim_rgb,", "psnr_rgb", "4"]
    for name in ("mine", "own/mine"):
        code, output = invoke("compare", name, "tfc/jpeg420", "--db", db)
        assert code == 0, output
        assert "-59.62 %" in output
    assert invoke("report", "--anchor", "mine", "--db", db, "--out", str(tmp_path / "out"))[0] == 0
    assert "own/mine" in (tmp_path / "out" / "index.html").read_text()
    rates = pd.read_csv(tmp_path / "out" / "tables" / "bd_rates.csv")
    assert set(rates["anchor"]) == {"own/mine"}
    code, output = invoke("plot", "--codec", "mine", "--db", db, "--out", str(tmp_path / "rd.svg"))
    assert (code, output) == (0, f"{tmp_path}/rd.svg\n{tmp_path}/rd.bib\n")
    assert invoke("import", "--remove", "mine", "--db", db) == (0, "removed own/mine: 4 points on kodak\n")
    assert "own/" not in invoke("list", "published", "--db", db)[1]


def test_a_comparison_has_the_same_numbers_in_every_form(db: str) -> None:
    arguments = ("compare", "mine", "tfc/jpeg420", "--db", db)
    with Store.open(Path(db)) as store:
        rows = compare_rows(read_results(store), "mine", "tfc/jpeg420").rows
    text = CliRunner().invoke(main, [*arguments, "--format", "csv"]).stdout
    csv = pd.read_csv(io.StringIO(text), float_precision="round_trip").astype(object)
    assert csv.where(csv.notna(), None).replace({"notes": {None: ""}}).to_dict("records") == rows
    latex, markdown = (invoke(*arguments, "--format", form)[1] for form in ("latex", "markdown"))
    for row in rows:
        text = f"{abs(row['bd_rate_pchip_percent']):.2f}"
        assert f"{row['axis_title']} & $-${text} \\% & " in latex
        assert "& -" not in latex.replace("& - &", "")  # a hyphen is no minus sign, in an interval either
        assert f"| {row['axis_title']} | -{text} % | " in markdown
    body = latex.partition("\\midrule\n")[2].partition("\\bottomrule")[0].splitlines()
    assert [line.count(" & ") for line in body] == [7, 7]
    assert {line.count("|") for line in markdown.splitlines() if line.startswith("|")} == {9}
    assert not any(row["notes"] for row in rows)
    assert "remarks" not in latex + markdown  # a column without text is left out
    assert latex.startswith("% mine against JPEG 4:2:0; kodak\n")


def test_several_curves_are_compared_in_one_table_without_results(tmp_path: Path) -> None:
    command = ("compare", "tcm/*", "compressai/vtm", "--metric", "psnr", "--db", str(tmp_path / "none.sqlite"))
    code, output = invoke(*command)
    assert code == 0, output
    heading, headers, *rows, note = output.splitlines()
    assert heading == "tcm/* against VVC (VTM), CompressAI; kodak"
    assert headers.split()[:3] == ["curve", "metric", "BD-rate"]
    assert [row.split()[0] for row in rows] == ["tcm/tcm-large", "tcm/tcm-middle", "tcm/tcm-small"]
    assert note == "from published points only"


def test_published_curves_are_plotted_without_results(tmp_path: Path) -> None:
    command = ("plot", "--codec", "tfc/bpg4*", "--metric", "ms-ssim", "--format", "csv", "--out", str(tmp_path / "a"))
    code, output = invoke(*command, "--db", str(tmp_path / "none.sqlite"))
    assert code == 0, output
    assert set(pd.read_csv(tmp_path / "a.csv")["curve"]) == {"tfc/bpg420", "tfc/bpg444"}
    assert not (tmp_path / "none.sqlite").exists()


def test_a_set_is_the_one_of_the_results_that_a_folder_is(db: str, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"results": {"bpp": [0.1, 0.2], "psnr": [30, 33]}}))
    with Store.open(Path(db)) as store:
        store.describe("datasets", [{"dataset": "photos-1a2b3c4d", "title": "photos", "note": ""}])
    code, output = invoke("import", str(path), "--as", "lab/c", "--dataset", "photos", "--db", db)
    assert (code, output) == (0, "lab/c: 2 points on photos-1a2b3c4d\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("plot", "--codec", "nine"), "nine is not measured on kodak; did you mean 'own/mine'?"),
        (
            ("plot", "--codec", "mine", "--metric", "vmaf"),
            "unknown metric 'vmaf'; known: ms-ssim, ms-ssim-y, psnr, psnr-y",
        ),
        (("plot", "--codec", "mine", "--format", "jpg"), "unknown format 'jpg'"),
        (("plot", "--codec", "mine", "--width", "huge"), "--width huge: give column, page, or a width in millimetres"),
        (("plot", "--codec", "jpeg*"), "jpeg* matches no measured curve on kodak"),
        (("import",), "give a folder or a file to import"),
        (("import", "x.csv", "--remove", "mine"), "give a folder or a file to import"),
        (("import", "--remove", "nine"), "unknown imported curve 'nine'; did you mean 'own/mine'?"),
        (("import", "DIR", "--as", "x"), "--as is for files"),
        (("import", "x.csv"), "x.csv: No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_one_line(db: str, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    words = [str(tmp_path) if word == "DIR" else word for word in arguments]
    out = ("--out", str(tmp_path / "rd")) if words[0] == "plot" else ()
    code, output = invoke(*words, *out, "--db", db)
    assert code == 1
    assert output.startswith("Error: ")
    assert message in output
    assert output.count("\n") == 1
    assert not list(tmp_path.glob("rd*"))


def test_a_folder_that_cannot_be_written_is_one_line(db: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, output = invoke("plot", "--codec", "mine", "--format", "csv", "--out", f"{tmp_path}/file/rd", "--db", db)
    assert (code, output) == (1, f"Error: {tmp_path}/file is a file, not a folder\n")
    code, output = invoke("plot", "--codec", "mine", "--format", "csv", "--out", "/proc/none/rd", "--db", db)
    assert code == 1
    assert output == "Error: /proc/none: the folder cannot be created (No such file or directory)\n"


@pytest.mark.parametrize("points", [POINTS, "bpp,psnr\n.2,30\n"], ids=["a curve", "a point"])
def test_a_curve_that_is_alone_on_an_image_set_is_reported(tmp_path: Path, points: str) -> None:
    (tmp_path / "mine.csv").write_text(points)
    db, out = str(tmp_path / "r.sqlite"), tmp_path / "out"
    assert invoke("import", str(tmp_path / "mine.csv"), "--dataset", "of mine", "--db", db)[0] == 0
    code, output = invoke("report", "--db", db, "--out", str(out))
    assert code == 0, output
    assert (out / "figures" / "rd_psnr_db.svg").is_file()
