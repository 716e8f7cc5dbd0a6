from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.analysis.dataset_results import DatasetResults, measured_datasets
from bench.results.frames import MEASUREMENT_COLUMNS, Export
from bench.results.schema import is_column
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic


def test_a_point_is_the_mean_over_images_of_per_image_values(synthetic: Synthetic, tmp_path: Path) -> None:
    export = synthetic.read(tmp_path)
    point = DatasetResults.of(export, "garden").points.query("name == 'alpha' and quality == 50").iloc[0]
    rows = export.measurements.query("codec == 'alpha' and quality == 50")
    assert point["bpp"] == pytest.approx((8 * rows["num_bytes"] / 120_000).mean())
    assert point["psnr_db"] == pytest.approx((10 * np.log10(65025 / rows["mse"])).mean())
    assert point["psnr_of_mean_mse_db"] == pytest.approx(10 * np.log10(65025 / rows["mse"].mean()))
    assert point["psnr_of_mean_mse_db"] < point["psnr_db"] - 0.01


def test_no_metric_or_note_can_be_called_like_a_column(synthetic: Synthetic, tmp_path: Path) -> None:
    export = synthetic.read(tmp_path)
    results = DatasetResults.of(export, "garden")
    columns = {*MEASUREMENT_COLUMNS, *results.measurements.columns, *results.points.columns} - set(
        export.metric_columns
    )
    assert [column for column in columns if not is_column(column)] == []


def test_ms_ssim_in_db_is_that_of_the_mean_as_in_published_curves(synthetic: Synthetic, tmp_path: Path) -> None:
    export = synthetic.read(tmp_path)
    point = DatasetResults.of(export, "garden").points.query("name == 'alpha' and quality == 50").iloc[0]
    values = export.measurements.query("codec == 'alpha' and quality == 50")["ms_ssim"]
    assert point["ms_ssim_db"] == pytest.approx(-10 * np.log10(1 - values.mean()))
    assert point["mean_of_ms_ssim_db"] == pytest.approx((-10 * np.log10(1 - values)).mean())


def test_an_incomplete_set_is_listed_and_never_a_point(synthetic: Synthetic, tmp_path: Path) -> None:
    lost = [row for row in synthetic.tables["measurements"] if row["codec"] == "beta" and row["quality"] == 30]
    for row in lost[:3]:
        synthetic.tables["measurements"].remove(row)
    results = DatasetResults.of(synthetic.read(tmp_path), "garden")
    assert set(results.points.query("name == 'beta'")["quality"]) == {10, 50, 70, 90}
    assert results.incomplete[["name", "quality", "have", "need"]].to_numpy().tolist() == [["beta", 30.0, 1, 4]]
    assert not ((results.measurements["name"] == "beta") & (results.measurements["quality"] == 30)).any()


def test_only_the_newest_version_of_a_curve_is_reported(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_run("run2", "2026-02-01T10:00:00+00:00")
    newer = synthetic.add_curve("alpha", rate=0.5, run_id="run2", backend_version="2.0")
    results = DatasetResults.of(synthetic.read(tmp_path), "garden")
    assert results.curves.query("name == 'alpha'")["curve"].tolist() == [newer]
    assert results.stale["backend_version"].tolist() == ["1.0"]
    assert set(results.points.query("name == 'alpha'")["curve"]) == {newer}


def test_a_newer_version_without_a_complete_point_replaces_nothing(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_run("run2", "2026-02-01T10:00:00+00:00")
    synthetic.add_curve("alpha", run_id="run2", backend_version="2.0", images=("dill",))
    results = DatasetResults.of(synthetic.read(tmp_path), "garden")
    assert results.curves.query("name == 'alpha'")["backend_version"].tolist() == ["1.0"]
    assert results.stale["backend_version"].tolist() == ["2.0"]


def test_weights_that_others_of_the_same_name_replaced_are_not_reported(synthetic: Synthetic, tmp_path: Path) -> None:
    old = synthetic.add_curve("gamma", weights="compact", weights_sha256="a" * 64)
    synthetic.add_run("run2", "2026-02-01T10:00:00+00:00")
    new = synthetic.add_curve("gamma", rate=0.5, run_id="run2", weights="compact", weights_sha256="b" * 64)
    assert old == new
    results = DatasetResults.of(synthetic.read(tmp_path), "garden")
    assert set(results.measurements.query("name == 'gamma'")["weights_sha256"]) == {"b" * 64}
    synthetic.add_run("run3", "2026-03-01T10:00:00+00:00")
    synthetic.add_curve("gamma", run_id="run3", weights="compact", weights_sha256="c" * 64, images=("dill",))
    results = DatasetResults.of(synthetic.read(tmp_path / "again"), "garden")
    assert set(results.measurements.query("name == 'gamma'")["weights_sha256"]) == {"b" * 64}


def test_backends_and_weights_are_curves_of_their_own(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_curve("alpha", backend="external")
    synthetic.add_curve("beta", weights="zoo")
    results = DatasetResults.of(synthetic.read(tmp_path), "garden")
    assert set(results.curves["name"]) == {"alpha", "alpha@external", "beta", "beta@zoo"}
    assert len(results.stale) == 0


def test_a_stated_subset_is_complete_in_itself_and_says_so(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.tables["measurements"] = [r for r in synthetic.tables["measurements"] if r["image"] != "dill"]
    export = synthetic.read(tmp_path)
    assert DatasetResults.of(export, "garden").points.empty
    results = DatasetResults.of(export, "garden", ("a*,beetroot",))
    assert DatasetResults.of(export, "garden", ("a*", "beetroot")).images == results.images
    assert results.images == ("aubergine", "beetroot")
    assert results.extent == "2 of 4 pictures"
    assert set(results.points["images"]) == {2}


def test_a_picture_counts_in_every_data_set_that_has_it(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_dataset("corner", ("carrot",))
    export = synthetic.read(tmp_path)
    assert measured_datasets(export) == ["garden", "corner"]
    assert set(DatasetResults.of(export, "corner").points["images"]) == {1}


def test_equal_pictures_have_infinite_psnr_and_so_has_their_mean(synthetic: Synthetic, tmp_path: Path) -> None:
    row = next(r for r in synthetic.tables["measurements"] if r["codec"] == "alpha" and r["quality"] == 90)
    row["mse"], row["ms_ssim"] = 0.0, 1.0
    points = DatasetResults.of(synthetic.read(tmp_path), "garden").points.query("name == 'alpha'").set_index("quality")
    assert np.isinf(points.loc[90, "psnr_db"])
    assert np.isfinite(points.loc[90, "ms_ssim_db"])  # of the mean MS-SSIM, which is below 1
    assert np.isfinite(points.loc[90, "psnr_of_mean_mse_db"])


def test_a_metric_that_one_picture_lacks_has_no_mean(synthetic: Synthetic, tmp_path: Path) -> None:
    row = next(r for r in synthetic.tables["measurements"] if r["codec"] == "alpha" and r["quality"] == 90)
    row["ms_ssim"] = None
    points = DatasetResults.of(synthetic.read(tmp_path), "garden").points.query("name == 'alpha'").set_index("quality")
    assert np.isnan(points.loc[90, "ms_ssim"])
    assert np.isnan(points.loc[90, "ms_ssim_db"])
    assert np.isfinite(points.loc[90, "psnr_db"])


def test_a_metric_of_the_users_own_is_an_axis(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        row["ugliness"] = row["mse"] / 7
    synthetic.tables["metrics"].append({"metric": "ugliness", "title": "Ugliness", "higher_is_better": 0})
    results = DatasetResults.of(synthetic.read(tmp_path), "garden")
    axis = results.axes[-1]
    assert (axis.name, axis.title, axis.higher_is_better) == ("ugliness", "Ugliness", False)
    assert (np.diff(axis.quality(results.points.query("name == 'alpha'")["ugliness"])) > 0).all()


@pytest.mark.parametrize("name", ["NA", "nan", "None", "", "<script>"])
def test_a_strange_name_stays_what_it_is(synthetic: Synthetic, tmp_path: Path, name: str) -> None:
    for row in synthetic.tables["measurements"] + synthetic.tables["codecs"]:
        row["codec"] = name if row["codec"] == "beta" else row["codec"]
    assert name in set(DatasetResults.of(synthetic.read(tmp_path), "garden").curves["name"])


def test_an_unknown_data_set_is_named_with_the_nearest(synthetic: Synthetic, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'garden'"):
        DatasetResults.of(synthetic.read(tmp_path), "gardne")


def test_a_glob_without_an_image_is_refused(synthetic: Synthetic, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown image of garden 'zucchini\*'; known: aubergine, beetroot,"):
        DatasetResults.of(synthetic.read(tmp_path), "garden", ("zucchini*",))


def test_an_export_without_measurements_is_empty_and_no_error(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.tables["measurements"] = []
    export = synthetic.read(tmp_path)
    assert measured_datasets(export) == []
    assert DatasetResults.of(export, "garden").points.empty


def test_a_missing_file_column_or_number_is_one_clear_line(synthetic: Synthetic, tmp_path: Path) -> None:
    folder = synthetic.write(tmp_path)
    text = (folder / "images.csv").read_text()
    (folder / "images.csv").write_text(text.replace("image_sha256", "checksum"))
    with pytest.raises(UsageError, match=r"images\.csv: there is no column 'image_sha256'"):
        Export.read(folder)
    (folder / "images.csv").unlink()
    with pytest.raises(UsageError, match=r"there is no images\.csv"):
        Export.read(folder)
    (folder / "images.csv").write_text(text)
    broken = (folder / "measurements.csv").read_text().replace(",400,", ",wide,", 1)
    (folder / "measurements.csv").write_text(broken)
    with pytest.raises(UsageError, match=r"measurements\.csv.*wide"):
        Export.read(folder)
