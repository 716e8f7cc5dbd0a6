from __future__ import annotations

import re
import shutil
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from bench.results import published
from bench.results.published import published_names
from bench.system.errors import UsageError

DATA = Path(str(files("baselines") / "published"))


def test_every_curve_has_a_title_and_a_source_and_rising_rates() -> None:
    points = published.load()
    assert (points[["title", "url"]] != "").all(axis=None)
    assert (points.groupby(published.CURVE)["rate_bpp"].diff().dropna() > 0).all()
    assert points.groupby("source")["method"].nunique().to_dict() == {
        "c3": 3,
        "cheng2020": 2,
        "compressai": 46,
        "compressai-8bit": 6,
        "compressai-clic": 8,
        "cool-chic": 4,
        "dcae": 1,
        "ftic": 2,
        "hpcm": 4,
        "lotterycodec": 3,
        "mlic": 3,
        "stf": 4,
        "tcm": 3,
        "tfc": 22,
        "tfc-tecnick": 5,
    }


def test_every_source_says_where_and_when_its_points_were_taken_and_how_averaged() -> None:
    sources = tomllib.loads((DATA / "sources.toml").read_text(encoding="utf-8"))
    assert sources.keys() == {path.stem for path in DATA.glob("*.csv")}
    for source in sources.values():
        assert source["url"].startswith("https://")
        assert all(source[key] for key in ("title", "licence", "averaging", "left_out"))
        assert "2026-11-29" in source["obtained"]
        # A commit, or the day of a comment that nobody can change unseen.
        assert re.search(r"at [0-9a-f]{7} |the comment of 20\d\d-\d\d-\d\d", source["obtained"])


def test_points_are_the_published_ones() -> None:
    points = published.load().query("metric == 'psnr_rgb'").set_index(["source", "method"]).sort_index()
    joint = points.loc[("tfc", "minnen-2018-neurips-opt-mse")]
    assert list(joint["rate_bpp"])[:2] == [0.071997, 0.153354]
    assert list(joint["value"])[-1] == 45.074915
    webp = points.loc[("compressai", "webp")]
    assert ((webp["rate_bpp"] - 0.721817).abs() < 1e-6).any()


@pytest.mark.parametrize(
    ("name", "dataset", "rate_bpp", "value"),
    [
        ("c3/c3", "kodak", 0.578504, 35.016101),
        ("c3/vtm-17.0", "clic2020-pro-valid", 0.496792, 37.06131),
        ("cheng2020/cheng2020-mse", "kodak", 0.829, 36.654),
        ("compressai-clic/vtm", "clic2020-professional", 0.137617, 34.154573),
        ("cool-chic/cool-chic-5.0", "clic2020-pro-valid", 0.322791, 35.795236),
        ("dcae/vtm-12.1", "clic2020-pro-valid", 0.351250729, 35.43661971),
        ("ftic/ftic-mse", "tecnick", 0.42, 37.3),
        ("hpcm/hpcm-large-mse", "tecnick", 0.26, 35.4888),
        ("lotterycodec/lotterycodec-large", "kodak", 0.520396, 34.526302),
        ("lotterycodec/vtm-19.1", "kodak", 0.492018, 34.281996),
        ("mlic/mlic++", "kodak", 0.4129, 34.1702),
        ("stf/wacnn", "kodak", 0.649, 35.91),
        ("tcm/tcm-large", "clic2020-pro-valid", 0.328, 35.62),
        ("tfc-tecnick/minnen-2018-neurips-opt-mse", "tecnick", 0.433107, 35.946612),
    ],
)
def test_a_point_of_each_further_source_is_as_published(name: str, dataset: str, rate_bpp: float, value: float) -> None:
    points = published.load()
    curve = points[
        (points["dataset"] == dataset) & (points["metric"] == "psnr_rgb") & (published_names(points) == name)
    ]
    rows = curve[curve["rate_bpp"] == rate_bpp]
    assert list(rows["value"]) == [value]


def test_further_curves_rise_and_lie_where_psnr_of_photographs_lies() -> None:
    points = published.load()
    further = points[~points["source"].isin(["compressai", "compressai-8bit", "tfc"])]
    assert (further.groupby(published.CURVE)["value"].diff().dropna() > 0).all()
    assert further.loc[further["metric"] == "psnr_rgb", "value"].between(20, 55).all()
    assert further.loc[further["metric"] == "ms_ssim_db_rgb", "value"].between(10, 25).all()


def test_bd_rates_that_authors_state_are_of_curves_that_are_there() -> None:
    points = published.load()
    for dataset in ("kodak", "tecnick", "clic2020-pro-valid"):
        stated = published.stated(dataset)
        assert set(stated) <= set(published_names(points[points["dataset"] == dataset]))
    assert published.stated("kodak")["mlic/mlic++"] == (-13.39, "VTM 17.0 intra")


def test_stated_costs_are_of_curves_that_are_there_and_have_a_source() -> None:
    costs, names = published.stated_costs(), set(published_names(published.load()))
    assert set(costs["curve"]) <= names
    assert {name for same in costs["same"] for name in same.split()} <= names
    assert not costs["curve"].duplicated().any()
    assert not costs["label"].duplicated().any()
    assert (costs[["by", "source", "obtained"]] != "").all(axis=None)
    by_curve = costs.set_index("curve")
    assert by_curve.loc["hpcm/hpcm-large-mse", ["kmac_per_pixel", "parameters"]].tolist() == [1261.29, 89.71e6]
    assert by_curve.loc["mlic/mlic+", ["kmac_per_pixel", "at_most"]].tolist() == [555.34, False]
    assert by_curve.loc["cool-chic/cool-chic-4.2", "kmac_per_pixel"] == 1.303


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("label = 'X'\nby = 'authors'\nsource = 's'\nobtained = 2026-11-29", "tfc/x needs a positive cost"),
        ("label = 'X'\nkmac_per_pixel = 0\nby = 'a'\nsource = 's'\nobtained = 2026-11-29", "a positive cost"),
        ("label = 'X'\nkmac_per_pixel = 1\nby = 'authors'\nobtained = 2026-11-29", "tfc/x needs source"),
        ("label = 'X'\nseconds = 1", "unknown field of costs.toml 'seconds'"),
    ],
)
def test_a_bad_cost_is_refused(tmp_path: Path, lines: str, message: str) -> None:
    (tmp_path / "costs.toml").write_text(f"[[costs]]\ncurve = 'tfc/x'\n{lines}\n")
    with pytest.raises(UsageError, match=message):
        published.stated_costs(tmp_path)


def test_no_two_curves_of_a_source_have_the_same_points() -> None:
    points = published.load()
    curves = [curve[["rate_bpp", "value"]].to_numpy().tobytes() for _, curve in points.groupby(published.CURVE)]
    assert len(set(curves)) == len(curves)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("kodak,jpeg420,psnr_rgb,0.170067,30,,", "two psnr_rgb points"),
        ("kodak,jpeg420,psnr_rgb,-1,30,,", "'rate_bpp' must be a number from"),
        ("kodak,jpeg420,psnr_rgb,,30,,", "'rate_bpp' must be a number from .* not empty"),
        ("kodak,jpeg420,ms_ssim_rgb,9,12.5,,", "MS-SSIM is above 1"),
        ("kodak,jpeg420,psnr_yuv,9,30,,", "unknown metric 'psnr_yuv'"),
        ("kodak,mystery,psnr_rgb,9,30,,", "no method 'mystery'"),
    ],
)
def test_a_bad_row_is_refused(tmp_path: Path, line: str, message: str) -> None:
    for name in ("sources.toml", "tfc.csv"):
        shutil.copy(DATA / name, tmp_path / name)
    first = next(row for row in (DATA / "tfc.csv").read_text().splitlines() if row.startswith("kodak,jpeg420,psnr_rgb"))
    line = line.replace("0.170067", first.split(",")[3])
    with (tmp_path / "tfc.csv").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(UsageError, match=message):
        published.load(tmp_path)


def test_a_caller_may_change_what_it_gets() -> None:
    points = published.load()
    points.loc[0, "value"] = points["note"] = None
    assert not published.load()["value"].isna().any()
    assert (published.load()["note"] == published.load(DATA)["note"]).all()
