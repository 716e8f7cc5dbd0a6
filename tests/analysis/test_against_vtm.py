from __future__ import annotations

import pytest

from bench.analysis.against_vtm import against_vtm
from bench.analysis.comparison import compare_published
from bench.results import published


@pytest.mark.parametrize(
    ("dataset", "anchors"),
    [
        ("kodak", {"compressai/vtm", "lotterycodec/vtm-19.1"}),
        ("clic2020-pro-valid", {"c3/vtm-17.0", "dcae/vtm-12.1", "lotterycodec/vtm-19.1"}),
        ("tecnick", {"dcae/vtm-12.1"}),
        ("clic2020-mobile", {"compressai-clic/vtm"}),
    ],
)
def test_each_curve_stands_beside_every_vtm_of_its_pictures(dataset: str, anchors: set[str]) -> None:
    points = published.load().query("dataset == @dataset")
    table = against_vtm(points)
    assert set(table["anchor"]) == anchors
    assert not table["curve"].str.contains("ms-ssim").any()
    for anchor, rows in table.groupby("anchor"):
        expected = compare_published(published.load(), "*/*", str(anchor), dataset=dataset, metrics=("psnr",)).rows
        rated = {row["test"]: row["bd_rate_pchip_percent"] for row in expected}
        assert {name: rated[name] for name in rows["curve"]} == dict(
            zip(rows["curve"], rows["bd_rate_percent"], strict=True)
        )
        assert rows["bd_rate_percent"].is_monotonic_increasing
    stated = table.dropna(subset=["stated_percent"])
    assert set(stated["curve"]) == set(published.stated(dataset))


def test_without_vtm_there_is_no_row() -> None:
    assert against_vtm(published.load().query("dataset == 'kodak' and source == 'tfc'")).empty
    assert against_vtm(published.load().iloc[:0]).empty
