"""From the command line: some pictures of a set as a set of its own, and one name of a set in every command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import skimage.data
from command_line import bench
from pages import Page
from PIL import Image

from bench.codecs.synonyms import codec_hint
from bench.images.selection import selected

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures, two of which were measured."""
    folder = tmp_path_factory.mktemp("parts")
    (folder / "photos").mkdir()
    for index in range(4):
        crop = skimage.data.astronaut()[60 : 220 + index, 150 + 8 * index : 310 + 8 * index]
        Image.fromarray(crop).save(folder / "photos" / f"p{index}.png")
    options = ("--dataset", str(folder / "photos"), "--images", "p0,p2", "--db", str(folder / "r.sqlite"))
    said = bench("run", "--codec", "jpeg@10,50,90", "--codec", "webp@10,50,90", *options)
    (folder / "said").write_text(said, encoding="utf-8")
    return folder


@pytest.fixture
def db(folder: Path) -> tuple[str, str]:
    return ("--db", str(folder / "r.sqlite"))


@pytest.fixture
def part(folder: Path) -> str:
    """What the run called the set."""
    return (folder / "said").read_text(encoding="utf-8").partition(":")[0]


def test_a_run_of_some_pictures_shows_their_points_and_names_the_set(folder: Path, part: str) -> None:
    said = (folder / "said").read_text(encoding="utf-8")
    assert f"\n{part}: photos, 2 of 4 pictures\n" in said
    assert [line.split()[:3] for line in said.splitlines() if line.startswith("webp ")] == [
        ["webp", quality, "2"] for quality in ("10", "50", "90")
    ]


def test_compare_finds_the_set_by_itself_and_by_each_of_its_names(folder: Path, part: str, db: tuple[str, str]) -> None:
    found = bench("compare", "webp", "jpeg", *db)
    assert f"; {part}: photos, 2 of 4 pictures\n" in found
    for name in (part, str(folder / "photos"), part.partition("-2of4")[0], "photos"):
        assert bench("compare", "webp", "jpeg", "--dataset", name, *db) == found


@pytest.fixture(scope="module")
def out(folder: Path) -> Path:
    """The folder of a report, with the pictures of the part."""
    db = ("--db", str(folder / "r.sqlite"))
    told = bench("export", str(folder / "out" / "data"), "--pictures", "p0", "--dataset", str(folder / "photos"), *db)
    assert "no picture" not in told
    return folder / "out"


@pytest.mark.usefixtures("empty_figures")
@pytest.mark.parametrize("name", ["", "photos"])
def test_the_report_has_curves_figures_and_pictures_of_the_part(
    part: str, db: tuple[str, str], out: Path, name: str
) -> None:
    bench("report", "--out", str(out), *(("--dataset", name) if name else ()), *db)
    page = Page(out / "index.html")
    assert "2 of 4 pictures" in page.text
    assert part in page.text
    points = pd.read_csv(out / "tables" / "points.csv")
    assert set(points["images"]) == {2}
    assert len(points) == 6
    assert (out / "figures" / "rd_psnr_db.svg").is_file()
    assert (out / "pictures.html").is_file()


def test_an_export_for_others_is_of_the_part(part: str, db: tuple[str, str], tmp_path: Path) -> None:
    bench("export", str(tmp_path), "--format", "compressai", *db)
    assert json.loads((tmp_path / "webp.json").read_text())["meta"]["dataset"] == part


def test_sets_of_the_results_are_listed_by_the_names_that_commands_take(part: str, db: tuple[str, str]) -> None:
    lines = [line.split(maxsplit=1) for line in map(str.strip, bench("list", *db).splitlines()) if "photos-" in line]
    whole = part.partition("-2of4")[0]
    assert lines == [[whole, "photos, 4 pictures"], [part, "photos, 2 of 4 pictures"]]


def test_pictures_of_a_part_of_a_named_set_are_found(tmp_path: Path) -> None:
    db = ("--db", str(tmp_path / "r.sqlite"))
    bench("run", "--codec", "jpeg@10", "--dataset", "builtin", "--images", "chelsea", *db)
    bench("export", str(tmp_path / "data"), "--pictures", "chelsea", *db)
    listed = pd.read_csv(tmp_path / "data" / "pictures.csv")
    assert set(listed["image"]) == {"chelsea"}
    assert all(name.startswith("builtin-1of5-") for name in listed["dataset"])


def test_the_whole_is_meant_once_it_is_measured(folder: Path, tmp_path: Path) -> None:
    options = ("--dataset", str(folder / "photos"), "--db", str(tmp_path / "r.sqlite"))
    for images in (("--images", "p1"), ()):
        bench("run", "--codec", "jpeg@10,50", "--codec", "webp@10,50", *options, *images)
    assert "photos, 4 pictures\n" in bench("compare", "webp", "jpeg", "--db", options[-1])


def test_two_sets_of_one_name_are_told_apart(tmp_path: Path, folder: Path) -> None:
    db = ("--db", str(tmp_path / "r.sqlite"))
    for place, name in enumerate(("p0", "p1")):
        (tmp_path / str(place) / "photos").mkdir(parents=True)
        (tmp_path / str(place) / "photos" / "x.png").write_bytes((folder / "photos" / f"{name}.png").read_bytes())
        run = ("run", "--codec", "jpeg@10,50", "--codec", "webp@10,50")
        bench(*run, "--dataset", str(tmp_path / str(place) / "photos"), *db)
    assert "several image sets named photos: photos-" in bench(
        "compare", "webp", "jpeg", "--dataset", "photos", *db, code=1
    )


def test_published_curves_need_no_results_and_are_listed(tmp_path: Path) -> None:
    absent = ("--db", str(tmp_path / "none.sqlite"))
    assert "-60.8" in bench("compare", "tfc/bpg444", "tfc/jpeg420", *absent)
    listed = [line.split()[0] for line in bench("list", "published", *absent).splitlines()]
    assert {"tfc/jpeg420", "compressai/vtm"} <= set(listed)
    wrong = bench("compare", "compressai/joint", "tfc/jpeg420", *absent, code=1)
    assert wrong == (
        "Error: unknown published curve 'compressai/joint'; did you mean 'compressai/compressai-mbt2018_mse_cpu'?\n"
    )
    (tmp_path / "broken.sqlite").write_text("no database")
    assert "-60.8" in bench("compare", "tfc/bpg444", "tfc/jpeg420", "--db", str(tmp_path / "broken.sqlite"))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("minnen-2018-neurips-opt", "joint"),
        ("balle-2018-iclr-opt", "scale"),
        ("VTM", "vtm"),
        ("vvenc", "vvc"),
        ("jxl", "jpegxl"),
        ("jpeeg", "jpeg"),
    ],
)
def test_a_codec_is_suggested_by_what_a_name_means(name: str, meant: str) -> None:
    assert bench("run", "--codec", name, code=1) == f"Error: unknown codec '{name}'; did you mean '{meant}'?\n"


def test_the_source_of_a_curve_alone_suggests_nothing() -> None:
    assert codec_hint("them/joint", ["them/vtm", "us/mbt2018"]) == "; known: them/vtm"
    assert codec_hint("mbt2018", ["joint@compact", "jpeg"]) == "; did you mean 'joint@compact'?"


def test_the_name_of_a_curve_without_its_source_suggests_it() -> None:
    assert codec_hint("mine", ["jpeg", "minor/vtm", "points-1f2e/mine"]) == "; did you mean 'points-1f2e/mine'?"
    assert codec_hint("Mine", ["jpeg", "mine"]) == "; did you mean 'mine'?"


def test_images_are_chosen_by_globs_by_names_with_commas_and_by_names_that_hold_one() -> None:
    names = ["one", "one,two", "three"]
    assert selected(names, (), "x") == ("one", "one,two", "three")
    assert selected(names, ("t*",), "x") == ("three",)
    assert selected(names, ("three,one",), "x") == ("one", "three")
    assert selected(names, ("one,two",), "x") == ("one,two",)
    assert selected(["p[1]", "p1", "p2"], ("p[1]",), "x") == ("p[1]", "p1")
    assert selected(["p[1]", "p2"], ("p[1],p2",), "x") == ("p[1]", "p2")
