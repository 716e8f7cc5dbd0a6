from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from bench.results import published
from bench.system.errors import UsageError

DATA = Path(str(files("baselines") / "published"))


def test_every_curve_has_a_title_and_a_source_and_rising_rates() -> None:
    points = published.load()
    assert (points[["title", "url"]] != "").all(axis=None)
    assert (points.groupby(published.CURVE)["rate_bpp"].diff().dropna() > 0).all()
    assert points.groupby("source")["method"].nunique().to_dict() == {"compressai": 46, "compressai-8bit": 6, "tfc": 22}


def test_points_are_the_published_ones() -> None:
    points = published.load().query("metric == 'psnr_rgb'").set_index(["source", "method"]).sort_index()
    joint = points.loc[("tfc", "minnen-2018-neurips-opt-mse")]
    assert list(joint["rate_bpp"])[:2] == [0.071997, 0.153354]
    assert list(joint["value"])[-1] == 45.074915
    webp = points.loc[("compressai", "webp")]
    assert ((webp["rate_bpp"] - 0.721817).abs() < 1e-6).any()


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
