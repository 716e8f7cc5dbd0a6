"""A clip measured from the command line: planes in, planes out, and the numbers that follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from command_line import bench
from skimage.metrics import peak_signal_noise_ratio

from baselines.jpeg import Jpeg
from bench.analysis.ceiling import ceiling_note, round_trip_ceilings
from bench.analysis.comparison import compare_rows
from bench.analysis.dataset_results import DatasetResults
from bench.cli.main import main
from bench.images.colour import from_yuv420, to_yuv420
from bench.images.datasets import open_dataset
from bench.images.picture import Picture, Yuv420
from bench.results.frames import Export

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT = 193, 177  # odd, and large enough for MS-SSIM


@pytest.fixture(scope="module")
def folder(photographs: dict[str, Picture], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of two frames, coded by a codec that takes planes and one that does not, and an image coded, too."""
    folder = tmp_path_factory.mktemp("yuv")
    pixels = photographs["coffee"].pixels
    crops = [Picture(np.ascontiguousarray(pixels[y : y + HEIGHT, x : x + WIDTH])) for x, y in ((0, 0), (300, 100))]
    frames = b"".join(b"FRAME\n" + to_yuv420(crop, full_range=False).to_bytes() for crop in crops)
    (folder / "cup.y4m").write_bytes(b"YUV4MPEG2 W193 H177 F25:1 Ip C420mpeg2\n" + frames)
    options = ("--codec", "jpeg@10,30,60,90", "--codec", "webp@5,30,60,90", "--db", str(folder / "r.sqlite"))
    (folder / "said").write_text(bench("run", *options, "--dataset", str(folder / "cup.y4m")))
    bench("run", *options, "--dataset", "builtin", "--images", "chelsea")
    bench("export", str(folder / "export"), "--db", str(folder / "r.sqlite"))
    return folder


@pytest.fixture(scope="module")
def export(folder: Path) -> Export:
    return Export.read(folder / "export")


@pytest.fixture(scope="module")
def results(folder: Path, export: Export) -> DatasetResults:
    return DatasetResults.of(export, open_dataset(str(folder / "cup.y4m")).name)


def test_a_set_has_the_metrics_of_its_kind_and_no_others(results: DatasetResults, export: Export) -> None:
    names = [axis.short_name for axis in results.axes]
    assert names == ["psnr-yuv", "psnr-y", "psnr-u", "psnr-v", "ms-ssim-y"]
    rgb = DatasetResults.of(export, "builtin", ["chelsea"])
    assert [axis.short_name for axis in rgb.axes] == ["psnr", "psnr-y", "ms-ssim"]


def test_the_stored_values_are_those_of_the_planes(results: DatasetResults, folder: Path) -> None:
    """By hand, against scikit-image, through none of the harness."""
    codec = Jpeg(30)
    for image in open_dataset(str(folder / "cup.y4m")).images:
        planes = image.read()
        assert isinstance(planes, Yuv420)
        data = codec.encode_yuv420(planes)
        decoded = codec.decode_yuv420(data)
        row = results.measurements.query(f"codec == 'jpeg' and quality == 30 and image == '{image.name}'").iloc[0]
        expected = [peak_signal_noise_ratio(a, b) for a, b in zip(planes.planes, decoded.planes, strict=True)]
        assert [row[f"psnr_{plane}_db"] for plane in "yuv"] == pytest.approx(expected, abs=1e-9)
        assert row["psnr_yuv_db"] == pytest.approx((6 * expected[0] + expected[1] + expected[2]) / 8, abs=1e-9)
        assert row["bpp"] == pytest.approx(8 * len(data) / (WIDTH * HEIGHT))


def test_the_average_of_a_point_is_that_of_its_decibels(results: DatasetResults) -> None:
    for point in results.points.to_dict("records"):
        assert point["psnr_yuv_db"] == pytest.approx(
            (6 * point["psnr_y_db"] + point["psnr_u_db"] + point["psnr_v_db"]) / 8
        )
        assert point["psnr_u_of_mean_mse_db"] == pytest.approx(10 * np.log10(255**2 / point["mse_u"]))


def test_rows_say_how_the_codec_was_fed(results: DatasetResults) -> None:
    settings = results.curves.set_index("name")["settings"]
    assert '"input":"planes"' in settings["jpeg"]
    assert '"input":"YCbCr to RGB and back: BT.601' in settings["webp"]
    assert "limited range" in settings["webp"]


def test_the_ceiling_of_the_round_trip_is_shown(results: DatasetResults, folder: Path) -> None:
    pictures = [image.read() for image in open_dataset(str(folder / "cup.y4m")).images]
    backs = [to_yuv420(from_yuv420(picture), full_range=False) for picture in pictures]
    ceilings = {axis.short_name: value for axis, value in round_trip_ceilings(results).items()}
    pairs = zip(pictures, backs, strict=True)
    assert ceilings["psnr-u"] == pytest.approx(np.mean([peak_signal_noise_ratio(a.u, b.u) for a, b in pairs]))
    assert set(ceilings) == {"psnr-yuv", "psnr-y", "psnr-u", "psnr-v"}
    assert f"{ceilings['psnr-u']:.2f} dB (U)" in ceiling_note(results)
    assert ceiling_note(results) in (folder / "said").read_text()


def test_nothing_is_said_of_a_ceiling_where_no_codec_needed_the_round_trip(export: Export) -> None:
    assert ceiling_note(DatasetResults.of(export, "builtin", ["chelsea"])) == ""
    native = export.measurements[export.measurements["codec"] == "jpeg"]
    assert native.filter(like="round_trip").isna().all(axis=None)


@pytest.mark.parametrize("metric", ["psnr-yuv", "psnr-y", "psnr-u", "psnr-v", "ms-ssim-y"])
def test_there_is_a_bd_rate_on_each_metric(metric: str, results: DatasetResults, export: Export) -> None:
    (row,) = compare_rows(export, "webp", "jpeg", dataset=results.dataset, metrics=[metric]).rows
    assert row["axis"].removesuffix("_db").replace("_", "-") == metric
    assert np.isfinite(row["bd_rate_pchip_percent"])


def test_compare_takes_a_metric_and_refuses_one_that_the_set_has_not(folder: Path, results: DatasetResults) -> None:
    options = ("webp", "jpeg", "--dataset", results.dataset, "--db", str(folder / "r.sqlite"))
    table = bench("compare", *options, "--metric", "psnr-y")
    assert "PSNR, luma (dB)" in table
    assert "PSNR, U" not in table
    wrong = CliRunner().invoke(main, ["compare", *options, "--metric", "psnr"])
    assert wrong.exit_code == 1
    assert "unknown metric 'psnr'; did you mean 'psnr-y'?" in wrong.output


def test_a_raw_clip_is_compared_on_by_the_options_that_it_was_measured_with(tmp_path: Path) -> None:
    planes = to_yuv420(Picture(np.random.default_rng(1).integers(0, 256, (16, 24, 3), np.uint8))).to_bytes()
    (tmp_path / "raw.yuv").write_bytes(2 * planes)
    db = ("--db", str(tmp_path / "r.sqlite"))
    options = ("--dataset", str(tmp_path / "raw.yuv"), "--size", "24x16", "--frames", "1:2", *db)
    bench("run", "--codec", "jpeg@10,50,90", "--codec", "webp@10,50,90", *options)
    assert ": raw.yuv, 24x16" in bench("compare", "webp", "jpeg", *options)
    for wrong, reason in (
        (("--size", "24x16"), "for clips; give the clip with --dataset"),
        (("--frames", "1:2", "--dataset", "kodak"), "dataset 'kodak' is not one"),
    ):
        result = CliRunner().invoke(main, ["compare", "webp", "jpeg", *db, *wrong])
        assert result.exit_code == 1
        assert reason in result.output


def test_equal_samples_in_another_range_are_other_pictures(tmp_path: Path) -> None:
    planes = to_yuv420(Picture(np.random.default_rng(2).integers(30, 200, (16, 24, 3), np.uint8))).to_bytes()
    for levels in ("LIMITED", "FULL"):
        header = f"YUV4MPEG2 W24 H16 F25:1 Ip C420mpeg2 XCOLORRANGE={levels}\nFRAME\n"
        (tmp_path / f"{levels}.y4m").write_bytes(header.encode() + planes)
    measured = ("--codec", "webp@50", "--codec", "jpeg@50", "--db", str(tmp_path / "r.sqlite"))
    said = [bench("run", *measured, "--dataset", str(tmp_path / f"{name}.y4m")) for name in ("LIMITED", "FULL")]
    assert [text.split("tasks")[0].split()[-1] for text in said] == ["2", "2"]
    points = [[line.split()[:4] for line in text.splitlines() if line.startswith(("webp", "jpeg"))] for text in said]
    assert [len(rows) for rows in points] == [2, 2]
    by_codec = dict(zip(("limited", "full"), ({row[0]: row for row in rows} for rows in points), strict=True))
    assert by_codec["limited"]["webp"] != by_codec["full"]["webp"]
    again = bench("run", *measured, "--dataset", str(tmp_path / "LIMITED.y4m"))
    assert "0 tasks measured, 2 already stored" in again
    assert again.partition("failed\n")[2] == said[0].partition("failed\n")[2]


def test_a_second_run_and_a_part_of_the_frames_measure_nothing_again(folder: Path) -> None:
    options = ("--codec", "jpeg@10,30", "--dataset", str(folder / "cup.y4m"), "--db", str(folder / "r.sqlite"))
    assert "0 tasks measured, 4 already stored" in bench("run", *options)
    assert "0 tasks measured, 2 already stored" in bench("run", *options, "--frames", "1")


def test_an_export_imported_elsewhere_is_the_same_export(folder: Path, tmp_path: Path) -> None:
    bench("import", str(folder / "export"), "--db", str(tmp_path / "r.sqlite"))
    bench("export", str(tmp_path / "again"), "--db", str(tmp_path / "r.sqlite"))
    for path in (folder / "export").glob("*.csv"):
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_files_of_planes_decode_elsewhere_to_the_same_planes(folder: Path) -> None:
    clip = str(folder / "cup.y4m")
    table = bench("verify", "--codec", "jpeg@50", "--codec", "webp@50", "--dataset", clip, "--frames", "1")
    assert table.count("the same pictures") == 2


@pytest.mark.usefixtures("empty_figures")
def test_the_page_says_how_planes_are_compared(folder: Path, results: DatasetResults, tmp_path: Path) -> None:
    bench("report", "--db", str(folder / "r.sqlite"), "--dataset", results.dataset, "--out", str(tmp_path))
    page = " ".join((tmp_path / "index.html").read_text(encoding="utf-8").split())
    assert "YUV 6:1:1 is the weighted mean of the decibels" in page
    assert ceiling_note(results) in page
    assert pd.read_csv(tmp_path / "data" / "measurements.csv")["mse_v"].notna().any()
