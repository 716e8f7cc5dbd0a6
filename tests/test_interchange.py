from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from synthetic import Synthetic, garden

from bench.analysis.comparison import compare_rows
from bench.analysis.study import Study
from bench.errors import UsageError
from bench.interchange import export_compressai, import_compressai

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def synthetic() -> Synthetic:
    return garden()


RESULTS = {"psnr-rgb": [40.1, 35.2, 30.3], "bpp": [1.2, 0.6, 0.3], "ms-ssim-rgb": [0.99, 0.98, 0.95]}


def _file(folder: Path, content: object) -> Path:
    path = folder / "mine.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_our_points_come_back_as_they_went_out(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_timings()
    export = synthetic.read(tmp_path / "in")
    files = export_compressai(export, tmp_path / "out")
    assert [file.name for file in files] == ["alpha.json", "beta.json"]
    points = import_compressai(files[1], dataset="garden").query("metric == 'psnr_rgb'")
    ours = Study.of(export, "garden").points.query("name == 'beta'")
    assert points["rate_bpp"].tolist() == ours["bpp"].tolist()
    assert points["value"].tolist() == ours["psnr_db"].tolist()
    assert points["encode_s"].tolist() == pytest.approx([0.022] * 5)
    assert points["decode_s"].tolist() == pytest.approx([0.011] * 5)
    assert set(points["source"]) == {"beta.json"}


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


def test_a_lossless_point_is_not_written(synthetic: Synthetic, tmp_path: Path) -> None:
    next(r for r in synthetic.tables["measurements"] if r["codec"] == "alpha" and r["quality"] == 90)["mse"] = 0.0
    content = json.loads(export_compressai(synthetic.read(tmp_path), tmp_path / "out")[0].read_text())
    assert {len(values) for values in content["results"].values()} == {4}


def test_nothing_complete_is_an_error(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.tables["measurements"] = [r for r in synthetic.tables["measurements"] if r["image"] != "dill"]
    with pytest.raises(UsageError, match="nothing to export"):
        export_compressai(synthetic.read(tmp_path), tmp_path / "out")


def test_points_may_come_in_any_order(tmp_path: Path) -> None:
    points = import_compressai(_file(tmp_path, {"results": RESULTS, "name": "Mine"}), dataset="kodak")
    psnr = points.query("metric == 'psnr_rgb'")
    assert psnr["rate_bpp"].tolist() == [0.3, 0.6, 1.2]
    assert psnr["value"].tolist() == [30.3, 35.2, 40.1]
    assert psnr["encode_s"].isna().all()
    assert set(points["title"]) == {"Mine"}


def test_db_stays_db_and_older_short_names_are_known(tmp_path: Path) -> None:
    db = import_compressai(_file(tmp_path, {"results": {"bpp": [0.1], "ms-ssim-db-rgb": [12.5]}}), dataset="kodak")
    assert db[["method", "metric", "value"]].to_numpy().tolist() == [["mine", "ms_ssim_db_rgb", 12.5]]
    old = import_compressai(_file(tmp_path, {"results": {"bpp": [0.1], "psnr": [30], "ms-ssim": [0.9]}}), dataset="x")
    assert set(old["metric"]) == {"psnr_rgb", "ms_ssim_rgb"}


def test_an_imported_curve_can_be_compared(synthetic: Synthetic, tmp_path: Path) -> None:
    file = export_compressai(synthetic.read(tmp_path / "in"), tmp_path / "out")[1]
    synthetic.tables["published"] = import_compressai(file, dataset="garden").to_dict("records")
    row = compare_rows(synthetic.read(tmp_path / "again"), "beta.json/beta", "beta").rows[0]
    assert row["bd_rate_pchip_percent"] == pytest.approx(0, abs=1e-9)


def test_points_are_of_the_image_set_that_the_file_names(tmp_path: Path) -> None:
    path = _file(tmp_path, {"results": RESULTS, "meta": {"dataset": "garden"}})
    assert set(import_compressai(path)["dataset"]) == {"garden"}
    assert set(import_compressai(path, dataset="garden")["dataset"]) == {"garden"}
    with pytest.raises(UsageError, match=r"mine\.json is of garden by its own words, not of kodak"):
        import_compressai(path, dataset="kodak")
    assert set(import_compressai(_file(tmp_path, {"results": RESULTS}))["dataset"]) == {"kodak"}
    assert set(import_compressai(_file(tmp_path, {"results": RESULTS}), dataset="garden")["dataset"]) == {"garden"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not a JSON file"),
        ("[]", "not a result file"),
        ({}, "not a result file"),
        ({"results": {}}, "list 'bpp'"),
        ({"results": {"bpp": [0.1]}}, "no metric"),
        ({"results": {"bpp": [], "psnr-rgb": []}}, "list of numbers"),
        ({"results": {"bpp": 0.1, "psnr-rgb": [30]}}, "'bpp' must be a list"),
        ({"results": {"bpp": [0.1, 0.2], "psnr-rgb": [30]}}, "'psnr-rgb' has 1 values, but 'bpp' has 2"),
        ({"results": {"bpp": [0.1], "psnr-rgb": ["30"]}}, "not a finite number"),
        ('{"results": {"bpp": [0.1], "psnr-rgb": [NaN]}}', "not a finite number"),
        ({"results": {"bpp": [10**400], "psnr-rgb": [30]}}, "not a finite number"),
        ({"results": {"bpp": [-0.1], "psnr-rgb": [30]}}, "above 0"),
        ({"results": {"bpp": [0.1], "ms-ssim-rgb": [12.5]}}, "MS-SSIM is above 1"),
        ({"results": {"bpp": [0.1, 0.1], "psnr-rgb": [30, 31]}}, "two psnr_rgb points"),
        ({"results": {"bpp": [0.1], "psnr-rgb": [30]}, "name": 7}, "not a result file"),
    ],
)
def test_a_malformed_file_is_one_clear_line(tmp_path: Path, content: object, message: str) -> None:
    path = _file(tmp_path, content)
    with pytest.raises(UsageError, match=message) as caught:
        import_compressai(path, dataset="kodak")
    assert "mine.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_or_binary_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        import_compressai(tmp_path / "absent.json", dataset="kodak")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UsageError, match="not a JSON file"):
        import_compressai(tmp_path / "binary.json", dataset="kodak")
