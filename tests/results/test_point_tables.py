"""RD points from CSV and TSV files: what is read, averaged, left out and refused."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from bench.results.imported import CurveMetadata
from bench.results.interchange import import_curve
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.results.imported import ImportedCurve


def read(
    folder: Path, text: str | bytes, name: str = "points.csv", metadata: CurveMetadata | None = None
) -> ImportedCurve:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return import_curve(path, metadata or CurveMetadata(dataset="kodak"))


def values(curve: ImportedCurve, metric: str) -> list[tuple[float, float]]:
    rows = curve.points[curve.points["metric"] == metric]
    return list(zip(rows["rate_bpp"], rows["value"], strict=True))


def test_a_row_is_a_point_of_each_metric_that_it_has(tmp_path: Path) -> None:
    text = "psnr,bpp,ms-ssim,psnr-y,encoding_time\n33,.4,.97,34,2\n30,.1,,31,1\n"
    curve = read(tmp_path, text, metadata=CurveMetadata("clic", "mine", "Table 3"))
    assert values(curve, "psnr_rgb") == [(0.1, 30), (0.4, 33)]
    assert values(curve, "psnr_y") == [(0.1, 31), (0.4, 34)]
    assert values(curve, "ms_ssim_rgb") == [(0.4, 0.97)]
    assert curve.points.query("metric == 'psnr_rgb'")["encode_s"].tolist() == [1, 2]
    assert (curve.name, curve.remarks) == ("own/mine", ())
    assert curve.points[["dataset", "title", "note", "url"]].drop_duplicates().to_numpy().tolist() == [
        ["clic", "mine", "Table 3", ""]
    ]


@pytest.mark.parametrize(
    "text",
    [
        "bpp,psnr,ms-ssim-db\n.1,30,12\n",
        "\ufeffRate (bpp);PSNR [dB];MS_SSIM (dB)\r\n0.1;30;12\r\n",
        "rate_bpp\tpsnr_db\tms_ssim_db\n.1\t30\t12\n",
        "rate, psnr-rgb, MSSSIM dB\n .1, 30, 12\n\n",
    ],
)
def test_columns_are_known_in_any_writing(tmp_path: Path, text: str) -> None:
    curve = read(tmp_path, text)
    assert (values(curve, "psnr_rgb"), values(curve, "ms_ssim_db_rgb")) == ([(0.1, 30)], [(0.1, 12)])


def test_without_a_name_it_is_that_of_the_file_and_kodak_is_assumed(tmp_path: Path) -> None:
    curve = read(tmp_path, "bpp,psnr\n.1,30\n", os.fsdecode(b"caf\xf1.tsv"), CurveMetadata())
    assert re.fullmatch(r"caf\?-[0-9a-f]{8}/caf\?", curve.name)
    assert curve.remarks == ("the file names no image set: kodak is assumed; use --dataset NAME for another",)


def test_an_address_as_source_is_kept_as_one(tmp_path: Path) -> None:
    points = read(tmp_path, "bpp,psnr\n.1,30\n", metadata=CurveMetadata("kodak", "lab/mine", "https://x.org/y")).points
    assert points[["source", "method", "note", "url"]].to_numpy().tolist() == [["lab", "mine", "", "https://x.org/y"]]


def test_other_columns_are_left_out_with_a_word(tmp_path: Path) -> None:
    curve = read(tmp_path, "bpp,lpips,psnr,lambda\n.1,.3,30,7\n")
    assert curve.remarks == ("columns left out (not among psnr, psnr-y, ms-ssim, ms-ssim-y, ms-ssim-db): lpips",)


@pytest.mark.parametrize("name", ["a" * 1_001, "lab/\n"])
def test_a_bad_name_is_blamed_on_its_option(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"^--as: the name must be "):
        read(tmp_path, "bpp,psnr\n.1,30\n", metadata=CurveMetadata("kodak", name))


def test_a_rate_that_is_hardly_in_bits_per_pixel_is_noted(tmp_path: Path) -> None:
    assert read(tmp_path, "bpp,psnr\n1000,30\n5000,31\n").remarks == (
        "the highest rate, 5000, is above 24 bits per pixel: check its unit",
    )


def test_a_psnr_that_is_hardly_in_decibels_is_noted(tmp_path: Path) -> None:
    assert read(tmp_path, "bpp,psnr\n.1,.28\n.2,.3\n").remarks == (
        "the highest PSNR, 0.3, is below 10 dB: check its unit",
    )


def test_rows_without_a_value_are_counted(tmp_path: Path) -> None:
    curve = read(tmp_path, "bpp,psnr,ms-ssim\n.1,30,\n.2,,\n.3,32,.9\n")
    assert curve.remarks == ("1 row without a value of a metric left out",)
    assert values(curve, "psnr_rgb") == [(0.1, 30), (0.3, 32)]


def test_a_column_names_the_image_set_unless_an_option_does(tmp_path: Path) -> None:
    table = "bpp,psnr,dataset\n.1,30,clic\n.2,32,clic\n"
    curve = read(tmp_path, table, metadata=CurveMetadata())
    assert (set(curve.points["dataset"]), curve.remarks) == ({"clic"}, ())
    assert set(read(tmp_path, table).points["dataset"]) == {"kodak"}
    with pytest.raises(UsageError, match=r"several image sets \(clic, kodak\); import a file of each$"):
        read(tmp_path, "bpp,psnr,dataset\n.1,30,clic\n.2,32,kodak\n")


def test_points_that_comparisons_leave_out_are_noted(tmp_path: Path) -> None:
    table = "bpp,psnr,ms-ssim\n.3,32,.97\n.1,30,.95\n.2,29,.96\n.4,31.5,.98\n.5,32,.99\n"
    assert read(tmp_path, table).remarks == (
        "3 with a higher rate but no higher quality than another; comparisons leave them out",
    )


def test_rows_of_pictures_become_means_at_each_setting(tmp_path: Path) -> None:
    """As in Cool-Chic's tables: a row a picture and lambda, in any order."""
    rows = [(".02", "a", 0.1, 28), (".001", "b", 0.5, 36), (".02", "b", 0.3, 30), (".001", "a", 0.7, 34)]
    lines = [f"{setting}\t{name}\t393216\t{rate}\t{psnr}\n" for setting, name, rate, psnr in rows]
    curve = read(tmp_path, "lmbda\tseq_name\tn_pixels\trate_bpp\tpsnr_db\n" + "".join(lines), "x.tsv")
    assert values(curve, "psnr_rgb") == [(pytest.approx(0.2), 29), (pytest.approx(0.6), 35)]
    assert curve.remarks[1:] == ("each point is the mean of 2 pictures at one 'lmbda'",)
    assert curve.remarks[0].endswith(": n_pixels")


def test_decibels_of_single_pictures_are_not_averaged(tmp_path: Path) -> None:
    text = "seq,lambda,bpp,ms-ssim,ms-ssim-db\na,1,.1,.9,10\nb,1,.3,.98,17\n"
    curve = read(tmp_path, text)
    assert set(curve.points["metric"]) == {"ms_ssim_rgb"}
    assert values(curve, "ms_ssim_rgb") == [(pytest.approx(0.2), pytest.approx(0.94))]
    assert curve.remarks[-1] == "left out, because decibels of single pictures cannot be averaged: ms-ssim-db"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("bpp,psnr\n", "there is no row below the header"),
        ("rate_kbps,psnr\n1,30\n", "there is no column 'bpp'; the columns are rate_kbps, psnr"),
        ("bpp,lpips\n.1,.3\n", "there is no column of a metric; known: psnr, psnr-y, ms-ssim"),
        ("bpp,psnr,psnr_db\n.1,30,30\n", "the columns 'psnr' and 'psnr_db' are both psnr_rgb"),
        ("bpp,psnr\n.1,30\nx,31\n", "row 2: 'bpp' must be a number from .*, not 'x'"),
        ("bpp,psnr\n.1,30\n,31\n", "row 2: 'bpp' must be a number from .*, not empty"),
        ("bpp,psnr\n.1,nan\n", "row 1: 'psnr' must be a number from"),
        ("bpp;psnr\n.1;30\n0,1;30\n", "row 2: 'bpp' must be a .*, not '0,1'; write decimals with a point$"),
        ('bpp,psnr\n.1,"30,5"\n', "row 1: 'psnr' must be a .*, not '30,5'; write decimals with a point$"),
        ("bpp,psnr\n0,1,30,5\n", r"row 1 has 4 cells, not 2: 0 \| 1 \| 30 \| 5$"),
        ("bpp,psnr\n.1\n", "row 1 has 1 cell, not 2"),
        ("bpp,psnr\n.1,\n", "there are no points: no row has a value"),
        ("bpp,bpp,psnr\n.1,.1,3\n", "two columns have the same name"),
        ("bpp,ms-ssim\n.1,12\n", "MS-SSIM is above 1"),
        (
            "bpp,ms-ssim,ms-ssim-db\n.1,.9,10\n.2,.9,12\n",
            "at 0.2 bpp, MS-SSIM is 0.9, but in dB it is 12, which equals 0.9369; remove one of them",
        ),
        ('bpp,psnr\n.1,"30\n', "not a CSV file"),
        (b"\xff\xfeb\x00p\x00", "not a CSV file in UTF-8"),
        ("seq,bpp,psnr\na,.1,30\nb,.2,31\n", "a column 'lmbda' or 'quality' must say which belong to a point"),
        ("seq,lmbda,bpp,psnr\na,1,.1,30\nb,1,.2,31\na,2,.3,32\n", "'lmbda' 2 has 1 row of 1 picture; each of all 2"),
        ("seq,qp,bpp,psnr\na,1,.1,30\na,1,.2,31\nb,2,.3,32\n", "'qp' 1 has 2 rows of 1 picture;"),
        ("seq,qp,bpp,psnr\na,1,.1,30\nb,1,.2,\n", "'psnr' is empty in row 2"),
        ("seq,qp,bpp,ms-ssim-db\na,1,.1,10\nb,1,.2,11\n", "decibels of single pictures cannot be averaged"),
    ],
)
def test_a_malformed_table_is_one_clear_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read(tmp_path, text)
    assert "points.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_one_of_another_kind_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        import_curve(tmp_path / "absent.csv")
    with pytest.raises(UsageError, match=r"points.xlsx: neither the folder of an export, nor a file .json, .csv"):
        read(tmp_path, "PK", "points.xlsx")


@pytest.mark.parametrize("name", ["tfc/mine", "compressai/vtm", "/mine", "lab/", "a\nb"])
def test_a_name_among_those_that_come_with_bench_or_without_letters_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"comes with bench|the name must be a text without control characters"):
        read(tmp_path, "bpp,psnr\n.1,30\n", metadata=CurveMetadata("kodak", name))
