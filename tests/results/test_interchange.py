from __future__ import annotations

import hashlib
import json
import os
import re
from typing import TYPE_CHECKING

import pytest
from synthetic import Synthetic, garden

from bench.analysis.comparison import compare_rows
from bench.analysis.compressai_form import compressai_curves
from bench.analysis.dataset_results import DatasetResults
from bench.analysis.sets import fitting
from bench.results.imported import CurveMetadata, add_curve
from bench.results.interchange import import_curve, write_compressai
from bench.results.store import Store
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.results.frames import Export


@pytest.fixture
def synthetic() -> Synthetic:
    return garden()


RESULTS = {"psnr-rgb": [40.1, 35.2, 30.3], "bpp": [1.2, 0.6, 0.3], "ms-ssim-rgb": [0.99, 0.98, 0.95]}


def export_compressai(export: Export, target: Path) -> list[Path]:
    return write_compressai(compressai_curves(fitting(export), export), target)


def _file(folder: Path, content: object) -> Path:
    path = folder / "mine.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_our_points_come_back_as_they_went_out(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_timings()
    export = synthetic.read(tmp_path / "in")
    files = export_compressai(export, tmp_path / "out")
    assert [file.name for file in files] == ["alpha.json", "beta.json"]
    points = import_curve(files[1], CurveMetadata(dataset="garden")).points.query("metric == 'psnr_rgb'")
    ours = DatasetResults.of(export, "garden").points.query("name == 'beta'")
    assert points["rate_bpp"].tolist() == ours["bpp"].tolist()
    assert points["value"].tolist() == ours["psnr_db"].tolist()
    assert points["encode_s"].tolist() == pytest.approx([0.022] * 5)
    assert points["decode_s"].tolist() == pytest.approx([0.011] * 5)
    digest = hashlib.sha256(files[1].read_bytes()).hexdigest()
    assert set(points["source"]) == {f"beta-{digest[:8]}"}


def test_the_file_has_compressais_form(synthetic: Synthetic, tmp_path: Path) -> None:
    content = json.loads(export_compressai(synthetic.read(tmp_path), tmp_path / "out")[0].read_text())
    assert list(content) == ["name", "description", "meta", "results"]
    assert list(content["results"]) == ["bpp", "psnr-rgb", "psnr-y", "ms-ssim-rgb"]
    assert {len(values) for values in content["results"].values()} == {5}
    assert content["meta"]["dataset"] == "garden"


def test_times_of_several_settings_are_left_out(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_timings()
    synthetic.add_timings(threads=2)
    content = json.loads(export_compressai(synthetic.read(tmp_path), tmp_path / "out")[0].read_text())
    assert "encoding_time" not in content["results"]


@pytest.mark.parametrize(("column", "value"), [("mse", 0.0), ("num_bytes", 0)])
def test_a_point_that_no_curve_can_have_is_left_out_and_counted(
    synthetic: Synthetic, tmp_path: Path, column: str, value: float
) -> None:
    for row in synthetic.tables["measurements"]:
        if row["codec"] == "alpha" and row["quality"] == 90:
            row[column] = value
    file = export_compressai(synthetic.read(tmp_path), tmp_path / "out")[0]
    assert json.loads(file.read_text())["meta"]["left_out"] == 1
    assert len(import_curve(file).points.query("metric == 'psnr_rgb'")) == 4


def test_nothing_complete_is_an_error(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.tables["measurements"] = [r for r in synthetic.tables["measurements"] if r["image"] != "dill"]
    with pytest.raises(UsageError, match="nothing to export"):
        export_compressai(synthetic.read(tmp_path), tmp_path / "out")


def test_points_may_come_in_any_order(tmp_path: Path) -> None:
    points = import_curve(_file(tmp_path, {"results": RESULTS, "name": "Mine"}), CurveMetadata(dataset="kodak")).points
    psnr = points.query("metric == 'psnr_rgb'")
    assert psnr["rate_bpp"].tolist() == [0.3, 0.6, 1.2]
    assert psnr["value"].tolist() == [30.3, 35.2, 40.1]
    assert psnr["encode_s"].isna().all()
    assert set(points["title"]) == {"Mine"}


def test_db_stays_db_and_older_short_names_are_known(tmp_path: Path) -> None:
    db = import_curve(
        _file(tmp_path, {"results": {"bpp": [0.1], "ms-ssim-db-rgb": [12.5]}}), CurveMetadata(dataset="kodak")
    )
    assert db.points[["method", "metric", "value"]].to_numpy().tolist() == [["mine", "ms_ssim_db_rgb", 12.5]]
    old = import_curve(
        _file(tmp_path, {"results": {"bpp": [0.1], "psnr": [30], "ms-ssim": [0.9]}}), CurveMetadata(dataset="x")
    )
    assert set(old.points["metric"]) == {"psnr_rgb", "ms_ssim_rgb"}


def test_an_imported_curve_can_be_compared(synthetic: Synthetic, tmp_path: Path) -> None:
    file = export_compressai(synthetic.read(tmp_path / "in"), tmp_path / "out")[1]
    curve = import_curve(file, CurveMetadata(dataset="garden"))
    synthetic.tables["published"] = curve.points.to_dict("records")
    row = compare_rows(synthetic.read(tmp_path / "again"), curve.name, "beta").rows[0]
    assert row["bd_rate_pchip_percent"] == pytest.approx(0, abs=1e-9)


def test_points_are_of_the_image_set_that_the_file_names(tmp_path: Path) -> None:
    path = _file(tmp_path, {"results": RESULTS, "meta": {"dataset": "garden"}})
    for dataset in ("", "garden"):
        curve = import_curve(path, CurveMetadata(dataset=dataset))
        assert (set(curve.points["dataset"]), curve.remarks) == ({"garden"}, ())
    with pytest.raises(UsageError, match=r"mine\.json states that its image set is garden, not kodak"):
        import_curve(path, CurveMetadata(dataset="kodak"))


def test_kodak_is_assumed_with_a_word_alone(tmp_path: Path) -> None:
    path = _file(tmp_path, {"results": RESULTS})
    curve = import_curve(path)
    assert set(curve.points["dataset"]) == {"kodak"}
    assert curve.remarks == ("the file names no image set: kodak is assumed; use --dataset NAME for another",)
    said = import_curve(path, CurveMetadata(dataset="clic"))
    assert (set(said.points["dataset"]), said.remarks) == ({"clic"}, ())


def test_a_file_whose_name_is_not_utf_8_can_be_imported(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xf1.json")
    path.write_text(json.dumps({"results": RESULTS}))
    curve = import_curve(path)
    assert re.fullmatch(r"caf\?-[0-9a-f]{8}/caf\?", curve.name)


def test_points_at_one_rate_are_the_best_of_them(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        if row["codec"] == "beta" and row["quality"] == 50:
            lower = next(
                r
                for r in synthetic.tables["measurements"]
                if (r["codec"], r["quality"], r["image"]) == ("beta", 30, row["image"])
            )
            lower["num_bytes"] = row["num_bytes"]
    export = synthetic.read(tmp_path / "in")
    curve = import_curve(export_compressai(export, tmp_path / "out")[1])
    psnr = curve.points.query("metric == 'psnr_rgb'")
    ours = DatasetResults.of(export, "garden").points.query("name == 'beta' and quality != 30")
    assert psnr["rate_bpp"].tolist() == ours["bpp"].tolist()
    assert psnr["value"].tolist() == ours["psnr_db"].tolist()
    assert curve.remarks == ("3 left out: another point at the same rate is at least as good",)


def test_two_files_of_one_name_are_two_curves(tmp_path: Path) -> None:
    with Store.open(tmp_path / "r.sqlite", create=True) as store:
        for folder, value in (("one", 30), ("two", 31), ("three", 30)):
            (tmp_path / folder).mkdir()
            path = _file(tmp_path / folder, {"results": {"bpp": [0.1], "psnr": [value]}})
            add_curve(store, import_curve(path, CurveMetadata(dataset="clic")))
        found = store.rows("SELECT source, value FROM imported ORDER BY value")
        assert [value for _, value in found] == [30, 31]
        assert len({source for source, _ in found}) == 2
        assert all(re.fullmatch(r"mine-[0-9a-f]{8}", source) for source, _ in found)


def test_an_image_set_that_is_unknown_is_a_name_until_its_pictures_come(tmp_path: Path) -> None:
    curve = import_curve(_file(tmp_path, {"results": RESULTS}), CurveMetadata(dataset="clic"))
    with Store.open(tmp_path / "r.sqlite", create=True) as store:
        first, note = add_curve(store, curve).splitlines()
        assert first == f"{curve.name}: 3 points on clic"
        assert note.startswith("note: clic is a new image set, known by its name alone; known: ")
        assert add_curve(store, curve) == f"{curve.name}: 3 points on clic (already stored)"
        assert store.rows("SELECT dataset, title FROM datasets") == [("clic", "clic")]
        store.describe("datasets", [{"dataset": "clic", "title": "CLIC 2020", "note": ""}])
        add_curve(
            store, import_curve(_file(tmp_path, {"results": RESULTS, "name": "b"}), CurveMetadata(dataset="clic"))
        )
        assert store.rows("SELECT title FROM datasets") == [("CLIC 2020",)]


def test_lists_without_results_around_them_are_read(tmp_path: Path) -> None:
    """As in the repositories of MLIC and STF."""
    curve = import_curve(_file(tmp_path, {"psnr": [29.161, 30.7137], "bpp": [0.1075, 0.1747]}))
    assert list(curve.points["rate_bpp"]) == [0.1075, 0.1747]
    assert list(curve.points["value"]) == [29.161, 30.7137]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not a JSON file"),
        ("[]", "not a result file"),
        ({}, "not a result file"),
        ({"results": {}}, "list 'bpp'"),
        ({"results": [], "bpp": [0.1], "psnr": [30]}, "list 'bpp'"),
        ({"results": {"bpp": [0.1]}}, "no metric"),
        ({"results": {"bpp": [], "psnr-rgb": []}}, "list of numbers"),
        ({"results": {"bpp": 0.1, "psnr-rgb": [30]}}, "list 'bpp'"),
        ({"results": {"bpp": [0.1, 0.2], "psnr-rgb": [30]}}, "'psnr-rgb' has 1 value, but 'bpp' has 2"),
        ({"results": {"bpp": [0.1], "psnr-rgb": ["30"]}}, "in 'psnr-rgb' each must be a number"),
        ('{"results": {"bpp": [0.1], "psnr-rgb": [NaN]}}', "each must be a number from 1e-06 to 1000, not nan"),
        ({"results": {"bpp": [10**400], "psnr-rgb": [30]}}, "in 'bpp' each must be a number"),
        ({"results": {"bpp": [-0.1], "psnr-rgb": [30]}}, "from 1e-06 to"),
        ({"results": {"bpp": [0.1], "ms-ssim-rgb": [12.5]}}, "MS-SSIM is above 1"),
        ({"results": {"bpp": [0.1], "psnr-rgb": [30], "encoding_time": [-1]}}, "'encoding_time' each must be a number"),
        ({"results": {"bpp": [0.1], "psnr-rgb": [[30]]}}, "'psnr-rgb' each must be a number"),
        ("[" * 2000, "nested too deeply"),
        ('{"name": "\\ud800", "results": {"bpp": [1], "psnr": [30]}}', "'name' must be a text without control"),
        ('{"name": "a\\u0000b", "results": {"bpp": [1], "psnr": [30]}}', "'name' must be a text without control"),
        ('{"description": "\\ud800", "results": {"bpp": [1], "psnr": [30]}}', "'note' must be a text in UTF-8"),
        ({"results": {"bpp": [0.1], "psnr-rgb": [30]}, "name": 7}, "'name' must be a text"),
    ],
)
def test_a_malformed_file_is_one_clear_line(tmp_path: Path, content: object, message: str) -> None:
    path = _file(tmp_path, content)
    with pytest.raises(UsageError, match=message) as caught:
        import_curve(path, CurveMetadata(dataset="kodak"))
    assert "mine.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_or_binary_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        import_curve(tmp_path / "absent.json", CurveMetadata(dataset="kodak"))
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UsageError, match="not a JSON file"):
        import_curve(tmp_path / "binary.json", CurveMetadata(dataset="kodak"))
