from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from bench.analysis import anchors
from bench.analysis.dataset_results import DatasetResults
from bench.codecs.registry import CODECS
from bench.results import published
from bench.results.export import export_csv
from bench.results.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic


def test_each_pair_is_of_a_codec_and_a_curve_that_exist() -> None:
    points = published.load()
    names = set(points["source"] + "/" + points["method"])
    pairs = published.reproduced()
    assert {pair["codec"] for pair in pairs} <= set(CODECS)
    assert {pair["published"] for pair in pairs} <= names
    assert all(pair["why"] and pair["source"] for pair in pairs)
    assert len({(pair["codec"], pair["published"]) for pair in pairs}) == len(pairs)


def _publish(synthetic: Synthetic, results: DatasetResults, *, rate: float) -> None:
    """Publish the points of alpha at `rate` times their bits, as CompressAI's WebP; alpha is our webp."""
    points = results.points[results.points["name"] == "webp"]
    common = {"dataset": "garden", "source": "compressai", "method": "webp", "title": "WebP", "metric": "psnr_rgb"}
    synthetic.tables["published"] += [
        {**common, "rate_bpp": rate * row["bpp"], "value": row["psnr_db"], "encode_s": None, "decode_s": None}
        for row in points.to_dict("records")
    ]


def test_a_codec_that_needs_a_tenth_less_than_published_is_minus_ten_percent(
    synthetic: Synthetic, tmp_path: Path
) -> None:
    synthetic.add_codec("webp", "WebP")
    synthetic.add_curve("webp")
    before = DatasetResults.of(synthetic.read(tmp_path / "before"), "garden")
    assert anchors.anchor_table(before, synthetic.read(tmp_path / "before")).empty
    _publish(synthetic, before, rate=1 / 0.9)
    export = synthetic.read(tmp_path / "after")
    (row,) = anchors.anchor_table(DatasetResults.of(export, "garden"), export).to_dict("records")
    assert (row["codec"], row["published"]) == ("webp", "compressai/webp")
    assert row["bd_rate_percent"] == pytest.approx(-10, abs=0.01)
    assert row["bd_psnr_db"] > 0
    assert row["why"] == "same settings and the same bytes"
    assert row["source"].startswith("webp.json; ")


def test_ceilings_are_of_codecs() -> None:
    ceilings = published.conversion_ceilings()
    assert tuple(ceilings.columns) == published.CEILING_COLUMNS
    assert ceilings["codec"].is_unique
    assert set(ceilings["codec"]) <= set(CODECS)
    assert ceilings["conversion"].ne("").all()


def test_an_export_holds_the_ceilings(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path / "results.sqlite", create=True)) as store:
        export_csv(store, tmp_path / "export")
    read = pd.read_csv(tmp_path / "export" / "conversion_ceilings.csv")
    pd.testing.assert_frame_equal(read, published.conversion_ceilings())
