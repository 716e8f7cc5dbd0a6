"""Commands whose work is elsewhere: what they choose, and what they print."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from command_line import bench, invoke

from baselines.jpeg import Jpeg
from bench.cli import tables
from bench.results.frames import Export
from bench.results.store import Store

if TYPE_CHECKING:
    from tests.conftest import Desk


@pytest.mark.parametrize("command", [(), ("train",)])
def test_what_a_command_does_is_said_whole_in_80_columns(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, output = invoke(*command, "--help")
    lines = output.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 80
    about = lines[lines.index("What to train:" if command else "Commands:") + 1 :]
    about = about[: about.index("")] if "" in about else about
    assert len(about) > 7
    assert all(re.fullmatch(r"  \S+ +[A-Z].*[a-z]\.", line) for line in about), about
    assert not [line for line in lines[1:] if line.endswith(("...", "…"))]


def test_the_usage_of_training_one_model_begins_with_the_model() -> None:
    assert invoke("train", "joint@3", "--help")[1].startswith("Usage: main train FAMILY@QUALITY [OPTIONS]\n")
    assert "Try 'main train FAMILY@QUALITY --help'" in invoke("train", "joint@3", "--steps", "x")[1]


@pytest.mark.parametrize(("command", "tables"), [("list", 6), ("doctor", 3)])
def test_a_list_has_a_blank_line_between_its_tables_and_no_empty_table(
    command: str, tables: int, tmp_path: Path
) -> None:
    output = bench(command, "--data", str(tmp_path), "--db", str(tmp_path / "none.sqlite"))
    parts = output.rstrip().split("\n\n")
    assert len(parts) == tables
    assert all(part.count("\n") for part in parts)
    heads = [re.split(r" {2,}", part.splitlines()[0].strip()) for part in parts]
    assert max(map(len, parts[heads.index(["codec", "missing"])].splitlines())) < 220
    assert all(len(set(names)) == len(names) for names in heads)  # each column has a name of its own


@pytest.mark.parametrize(("kind", "head"), [("metrics", "metric"), ("datasets", "image set")])
def test_a_list_of_one_kind_has_no_other_tables(kind: str, head: str, tmp_path: Path) -> None:
    output = bench("list", kind, "--db", str(tmp_path / "none.sqlite"))
    assert output.startswith(head)
    assert "\n\n" not in output


def test_a_range_in_a_help_has_a_bound() -> None:
    output = invoke("train", "alpha", "--help")[1]
    assert "[0<x<1]" in output
    assert "None" not in output


def test_published_curves_are_compared_without_results(tmp_path: Path) -> None:
    db = str(tmp_path / "none.sqlite")
    code, output = invoke("compare", "tfc/minnen-2018-neurips-opt-mse", "tfc/jpeg420", "--metric", "psnr", "--db", db)
    assert code == 0, output
    assert "-58.92 %" in output
    assert "from published points only" in output
    assert not list(tmp_path.iterdir())


def test_a_folder_of_compressais_files_is_no_export(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text('{"results": {"bpp": [0.1, 0.2], "psnr": [30, 33]}}')
    code, output = invoke("import", str(tmp_path), "--db", str(tmp_path / "r.sqlite"))
    assert (code, output.endswith(f"import its JSON files one by one, as {tmp_path}/mine.json\n")) == (1, True)


def test_a_folder_is_compared_on_by_its_path(desk: Desk) -> None:
    db = str(desk.path / "r.sqlite")
    photos = str(desk.path / "photos")
    for codec in ("jpeg@10,50,90", "webp@10,50,90"):
        assert invoke("run", "--codec", codec, "--dataset", photos, "--db", db)[0] == 0
    code, output = invoke("compare", "jpeg", "webp", "--dataset", photos + "/", "--db", db)
    assert code == 0, output
    assert "photos, 4 pictures\n" in output
    line = next(line for line in output.splitlines() if line.startswith("PSNR, RGB (dB)"))
    assert " % " in line
    assert " % to " not in line
    assert bench("compare", "jpeg", "webp", "--metric", "PSNR", "--db", db, code=1) == (
        "Error: unknown metric 'PSNR'; did you mean 'psnr'?\n"
    )
    (stored,) = Store.open(Path(db)).rows("SELECT dataset FROM datasets")
    assert bench("compare", "jpeg", "webp", "--metric", "lpips", "--db", db, code=1) == (
        f"Error: lpips is not measured on {stored[0]}; `bench run --add-metric lpips --dataset {stored[0]}` adds it\n"
    )
    code, output = invoke("compare", "jpeg", "webp", "--dataset", photos + "s/", "--db", db)
    assert "there is no such folder" in output


def test_an_imported_curve_says_its_name_and_the_image_set_that_it_is_taken_to_be_of(tmp_path: Path) -> None:
    path, db = tmp_path / "mine.json", str(tmp_path / "r.sqlite")
    path.write_text('{"results": {"bpp": [0.1, 0.2], "psnr": [30, 33], "ms-ssim": [0.9, 0.95]}}')
    code, output = invoke("import", str(path), "--db", db)
    assert code == 0
    said, assumed = output.splitlines()
    assert re.fullmatch(r"mine-[0-9a-f]{8}/mine: 2 points on kodak", said)
    assert assumed == "the file names no image set: kodak is assumed; use --dataset NAME for another"
    code, output = invoke("import", str(path), "--db", db, "--dataset", "my own set")
    assert code == 0
    stored, warning = output.splitlines()
    assert stored == said.replace("kodak", "my own set")
    assert warning.startswith("note: my own set is a new image set, known by its name alone; known: ")
    for known in ("my own set", "tecnick"):
        code, output = invoke("import", str(path), "--db", db, "--dataset", known, "--as", "again")
        assert (code, output) == (0, f"own/again: 2 points on {known}\n")  # without a warning


@pytest.mark.usefixtures("empty_figures")
def test_a_database_of_imported_curves_alone_is_compared_and_reported(tmp_path: Path) -> None:
    db, names = str(tmp_path / "r.sqlite"), []
    for factor in (1, 2):
        results = {"bpp": [factor * rate for rate in (0.1, 0.2, 0.4, 0.8)], "psnr": [30, 33, 36, 39]}
        path = tmp_path / f"mine{factor}.json"
        path.write_text(json.dumps({"name": f"mine{factor}", "results": results}))
        output = invoke("import", str(path), "--db", db, "--dataset", "clic")[1]
        names.append(output.partition(":")[0])
    code, output = invoke("compare", names[0], names[1], "--db", db)
    assert code == 0, output
    assert "-50.00 %" in output
    for further in ((), ("--dataset", "clic", "--anchor", names[1])):
        code, output = invoke("report", "--db", db, "--out", str(tmp_path / "out"), *further)
        assert code == 0, output
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Image codecs on Clic" in page
    assert "there are no curves to show" not in page
    assert names[0] in page
    assert (tmp_path / "out" / "figures" / "rd_psnr_db.svg").is_file()
    rates = pd.read_csv(tmp_path / "out" / "tables" / "bd_rates.csv")
    assert rates.loc[rates["test"] == names[0], "bd_rate_pchip_percent"].tolist() == pytest.approx([-50])


def test_what_is_measured_needs_results(tmp_path: Path) -> None:
    code, output = invoke("compare", "jpeg", "tfc/jpeg420", "--db", str(tmp_path / "none.sqlite"))
    assert code == 1
    assert output.startswith("Error: there are no results at ")


def test_a_run_shows_what_it_was_asked_for_on_the_pictures_that_it_was_asked_for(desk: Desk) -> None:
    options = ["--dataset", str(desk.path / "photos"), "--db", str(desk.path / "r.sqlite")]
    invoke("run", "--codec", "jpeg@10,50", "--codec", "jpeg-444@50", *options, "--images", "p[01]")
    code, output = invoke("run", "--codec", "jpeg@50", *options, "--images", "p0")
    assert code == 0, output
    assert ", 1 of 4 pictures" in output
    assert [line.split()[:3] for line in output.splitlines() if line.startswith("jpeg")] == [["jpeg", "50", "1"]]
    _, output = invoke("run", "--codec", "jpeg@50,90", *options, "--images", "p[012]")
    assert ", 3 of 4 pictures" in output
    assert [line.split()[:3] for line in output.splitlines() if line.startswith("jpeg")] == [
        ["jpeg", "50", "3"],
        ["jpeg", "90", "3"],
    ]


def test_a_picture_that_a_codec_fails_on_is_skipped_where_that_is_asked_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk.path)  # where its codecs write
    run = ("run", "--codec", "jpeg@50", "--codec", f"{desk.path}/own.py:Quick@8")
    options = ("--dataset", str(desk.path / "photos"), "--db", str(desk.path / "r.sqlite"))
    (desk.path / "photos" / "p9.png").write_bytes(b"no picture")
    code, output = invoke(*run, *options)
    assert code == 1
    assert "jpeg: 1 point has 4 of 5 pictures" in output
    code, output = invoke(*run, *options, "--skip-failed")
    assert code == 0, output
    reason = "cannot read image .*p9.png: it is not an image that Pillow can read"
    assert re.search(rf"^skipped p9: jpeg@50 on p9: {reason}$", output, re.MULTILINE)
    assert ", 4 of 5 pictures" in output
    lines = [line.split()[:3] for line in output.splitlines() if line.startswith(("jpeg ", "quick "))]
    assert lines == [["jpeg", "50", "4"], ["quick", "8", "4"]]
    code, excluded = invoke(*run, *options, "--exclude", "p9")
    assert code == 0, excluded
    assert excluded.partition("photos, ")[2] == output.partition("photos, ")[2]
    # A codec that fails on a picture costs the others that picture only.
    code, output = invoke("run", "--codec", f"{desk.path}/own.py:Broken@8", *run[1:], *options, "--skip-failed")
    assert code == 0, output
    assert ", 2 of 5 pictures" in output
    assert {line.split()[2] for line in output.splitlines() if line.startswith(("jpeg ", "quick ", "broken "))} == {"2"}


def test_where_every_picture_fails_nothing_is_skipped(desk: Desk) -> None:
    options = ("--dataset", str(desk.path / "photos"), "--db", str(desk.path / "r.sqlite"), "--skip-failed")
    code, output = invoke("run", "--codec", f"{desk.path}/own.py:Broken@8", *options, "--images", "p0")
    assert code == 1
    assert "failed: broken@8 on p0: ZeroDivisionError: on purpose" in output
    assert "skipped" not in output
    assert "bpp" not in output  # no table without rows


@pytest.mark.parametrize("workers", [1, 2])
def test_names_and_messages_that_are_not_utf_8_are_measured_and_told(desk: Desk, workers: int) -> None:
    with (desk.path / "own.py").open("a") as file:
        file.write(
            "\n\nclass Odd(Quick):\n    def encode(self, picture):\n        raise ValueError('\\udcff \\r \\x1b')\n"
        )
    folder = Path(os.fsdecode(os.fsencode(desk.path) + b"/f\xf1"))
    (desk.path / "photos").rename(folder)
    (folder / "p0.png").rename(folder / os.fsdecode(b"a\xf1\r.png"))
    options = ("--images", "a*", "--workers", str(workers), "--db", str(desk.path / "r.sqlite"))
    code, output = invoke(
        "run", "--codec", f"{desk.path}/own.py:Odd@1", "--codec", "jpeg@50", "--dataset", str(folder), *options
    )
    assert code == 1, output
    assert "1 task measured, 0 already stored, 1 failed" in output
    assert "failed: odd@1 on a\\xf1\\r: ValueError: \\xff \\x1b (own.py:" in output
    assert desk.rows("SELECT DISTINCT image FROM images WHERE image LIKE 'a%'") == [("a\\xf1\\r",)]
    assert invoke("export", str(desk.path / "data"), "--db", str(desk.path / "r.sqlite"))[0] == 0
    assert set(Export.read(desk.path / "data").measurements["image"]) == {"a\\xf1\\r"}


def test_a_path_that_is_not_utf_8_is_printed_with_escapes(tmp_path: Path) -> None:
    db = str(tmp_path / "r.sqlite")
    Store.open(tmp_path / "r.sqlite", create=True).close()
    target = os.fsdecode(os.fsencode(tmp_path) + b"/out\xf1")
    assert invoke("export", target, "--db", db) == (
        0,
        f"{tmp_path}/out\\udcf1: 11 CSV files; measurements.csv has 0 rows\n",
    )
    assert invoke("import", target + "s", "--db", db)[0] == 1


def test_points_that_lack_pictures_are_a_line_a_codec() -> None:
    rows = [("jpeg", 10, 1), ("jpeg", 20, 1), ("webp", 10, 0), ("webp", 20, 3), ("avif", 5, 2)]
    points = pd.DataFrame(rows, columns=["name", "quality", "have"]).assign(need=4)
    assert list(tables.incomplete(points)) == [
        "jpeg: 2 points have 1 of 4 pictures",
        "webp: 2 points have 0 to 3 of 4 pictures",
        "avif: 1 point has 2 of 4 pictures",
    ]


@pytest.mark.parametrize(
    "command", [("report", "--out", "FILE"), ("export", "FILE"), ("quantize", "joint", "--out", "FILE")]
)
def test_a_file_is_no_folder(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    db = () if command[0] == "quantize" else ("--db", str(tmp_path / "r.sqlite"))
    Store.open(tmp_path / "r.sqlite", create=True).close()
    code, output = invoke(*(str(tmp_path / "file") if word == "FILE" else word for word in command), *db)
    assert (code, output) == (1, f"Error: {tmp_path / 'file'} is a file, not a folder\n")


def test_what_is_there_and_what_is_missing_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(backend: str | None = None) -> str | None:
        return "no such program" if backend == "external" else None

    monkeypatch.setattr(Jpeg, "missing", staticmethod(missing))
    output = invoke("list")[1]
    assert output.count("libjpeg's quality") == 1
    assert output.count("no such program") == 1
    line = next(line for line in output.splitlines() if "no such program" in line)
    assert line.startswith("jpeg (external), jpeg-444 (external), jpeg-opt (external)  ")
    ready = [line for line in output.splitlines() if line.startswith("jpeg ") and "libjpeg-turbo" in line]
    assert [line.split()[2] for line in ready] == ["pillow"]
    assert all(len(line) < 160 for line in ready)
    output = invoke("doctor")[1]
    assert "no such program" in output
    assert "5…95" not in output


def test_pictures_that_come_with_a_package_are_not_in_the_data_folder(tmp_path: Path) -> None:
    code, output = invoke("fetch", "builtin", "--data", str(tmp_path))
    assert code == 0
    assert output.startswith("builtin is in ")
    assert str(tmp_path) not in output


@pytest.mark.parametrize("option", [["--carrier", "external2"], ["--carrier=external2"]])
def test_an_option_is_known_by_the_name_that_it_had(desk: Desk, option: list[str]) -> None:
    result = desk.bench("run", "--codec", "jpeg@50", "--dataset", "photos", "--db", "r.sqlite", *option)
    assert (result.returncode, result.stderr) == (
        1,
        "Error: jpeg has no backend 'external2'; it has: pillow, external\n",
    )
