"""Content of the first screen, without writing pages or drawing figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
from synthetic import orchard

from bench.analysis.claims import Book, claim_table
from bench.analysis.comparison import compare_rows
from bench.analysis.dataset_results import DatasetResults
from bench.analysis.sources import Sources
from bench.report.content import Content
from bench.report.numbers import NOTHING
from bench.report.views import answer, claims
from bench.report.views.bd_rates import of_few, rate_tables
from bench.report.views.section_summaries import component_gain
from bench.results import published
from bench.results.extras import ORIGINS, WEIGHTS, Extras

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic

MINUS = "\N{MINUS SIGN}"


def _content(synthetic: Synthetic, folder: Path, dataset: str = "garden", anchors: tuple[str, ...] = ()) -> Content:
    export = synthetic.read(folder)
    results = DatasetResults.of(export, dataset)
    return Content.of(export, results, Extras(), anchors)


def _said(content: Content) -> str:
    return " ".join(answer.answer(content, "Garden"))


def test_the_summary_has_bd_rates_time_and_the_best_codec(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_codec("joint", "Joint")
    synthetic.add_curve("joint", rate=1.25, weights="compact")
    synthetic.add_timings()
    said = _said(_content(synthetic, tmp_path, anchors=("alpha", "beta")))
    assert said == (
        "On Garden, Joint needs 25.0 % more bits than Alpha and 56.3 % more than Beta at equal PSNR. "
        "It decodes a picture in 0.011 s (Alpha: 0.011 s). "
        "The best codec measured here is Beta: 20.0 % fewer bits than Alpha."
    )


@pytest.mark.parametrize(("weights", "shown"), [("compact", "Joint"), ("runs/*.pth.tar", "Joint [runs/*.pth.tar]")])
def test_titles_name_weights_that_are_not_of_the_package(
    synthetic: Synthetic, tmp_path: Path, weights: str, shown: str
) -> None:
    synthetic.add_codec("joint", "Joint")
    synthetic.add_curve("joint", rate=1.25, weights=weights)
    content = _content(synthetic, tmp_path)
    assert content.titles["joint"] == shown
    assert _said(content).startswith(f"On Garden, {shown} needs 25.0 % more bits than Alpha")


def test_without_a_learned_codec_the_best_codec_is_the_subject(synthetic: Synthetic, tmp_path: Path) -> None:
    said = _said(_content(synthetic, tmp_path))
    assert said == (
        "On Garden, Beta needs 20.0 % fewer bits than Alpha at equal PSNR. "
        "No other codec measured here needs fewer bits."
    )


def test_learned_codecs_alone_are_compared_with_the_first(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        row["weights"] = "compact"
    assert "Beta needs 20.0 % fewer bits than Alpha" in _said(_content(synthetic, tmp_path))


def test_a_single_codec_has_no_comparison(synthetic: Synthetic, tmp_path: Path) -> None:
    rows = synthetic.tables["measurements"]
    synthetic.tables["measurements"] = [row for row in rows if row["codec"] == "alpha"]
    assert _said(_content(synthetic, tmp_path)) == (
        "On Garden, only Alpha has been measured; there is nothing to compare it with."
    )


def test_curves_without_overlap_have_no_bd_rate(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        row["mse"] *= 1e4 if row["codec"] == "beta" else 1
        row["weights"] = "compact" if row["codec"] == "beta" else ""
    content = _content(synthetic, tmp_path)
    assert _said(content) == "On Garden, Beta cannot be ranked against Alpha: the curves do not overlap in quality."
    first = of_few(rate_tables(content)["psnr_db"]["alpha"], content.chosen)
    assert [(row["name"], row["cells"][0][0]) for row in first["rows"]] == [("alpha", "anchor"), ("beta", NOTHING)]
    assert first["remarks"] == ["the curves do not overlap in quality"]


def _only(synthetic: Synthetic, **qualities: tuple[float, ...]) -> None:
    rows = synthetic.tables["measurements"]
    synthetic.tables["measurements"] = [
        row for row in rows if row["quality"] in qualities.get(row["codec"], (row["quality"],))
    ]


def test_a_single_point_has_a_rate_at_equal_quality_and_the_reason(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_codec("joint", "Joint")
    synthetic.add_curve("joint", rate=0.75, weights="compact")
    _only(synthetic, joint=(50,))
    content = _content(synthetic, tmp_path, anchors=("alpha", "beta"))
    rates = [
        row["rate_at_equal_quality_percent"]
        for name in ("alpha", "beta")
        for row in compare_rows(content.export, "joint", name, metrics=["psnr"]).rows
    ]
    assert rates == pytest.approx([-25, -6.25], abs=0.01)
    assert _said(content) == (
        "On Garden, Joint has a single point, where it needs 25.0 % fewer bits than Alpha and 6.3 % fewer than Beta "
        "at equal PSNR."
    )


def test_a_single_point_of_the_anchor_is_not_called_little_overlap(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_codec("joint", "Joint")
    synthetic.add_curve("joint", rate=0.75, weights="compact")
    _only(synthetic, alpha=(50,))
    said = _said(_content(synthetic, tmp_path, anchors=("alpha",)))
    assert said == "On Garden, Alpha has a single point, where Joint needs 25.0 % fewer bits than Alpha at equal PSNR."


def test_too_few_points_in_a_wide_overlap_are_the_reason(synthetic: Synthetic, tmp_path: Path) -> None:
    _only(synthetic, alpha=(10, 90), beta=(30, 70))
    assert _said(_content(synthetic, tmp_path, anchors=("alpha", "beta"))) == (
        "On Garden, Alpha cannot be ranked against Beta: one of the curves has no points in the common range of "
        "quality."
    )


def test_imported_curves_alone_are_compared_with_each_other(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_dataset("moor", ())
    point = {"dataset": "moor", "source": "own", "metric": "psnr_rgb", "drawn": 1, "encoder": "", "note": "", "url": ""}
    synthetic.tables["published"] = [
        point | {"method": name, "title": name.title(), "rate_bpp": rate * factor, "value": 30 + rate}
        for name, factor in (("one", 1.0), ("two", 0.5))
        for rate in (1, 2, 3, 4)
    ]
    content = _content(synthetic, tmp_path, "moor")
    assert list(content.chosen) == ["own/two", "own/one"]
    assert _said(content) == "On Garden, Two needs 50.0 % fewer bits than One at equal PSNR."


def test_the_subject_on_planes_is_cca(tmp_path: Path) -> None:
    content = _content(orchard(), tmp_path)
    assert content.subject == "cca"
    assert "Cca needs 50.0 % fewer bits than Jpeg and 20.0 % fewer than Joint-yuv" in _said(content)


def test_doubted_rows_come_last_with_their_reason(synthetic: Synthetic, tmp_path: Path) -> None:
    for codec in ("joint", "joint+qr"):
        synthetic.add_codec(codec, codec.title())
        synthetic.add_curve(codec, rate=0.5, weights="compact")
    rows = synthetic.tables["measurements"]
    synthetic.tables["measurements"] = [r for r in rows if r["codec"] != "joint+qr" or r["quality"] in {10, 50}]
    table = rate_tables(_content(synthetic, tmp_path))["psnr_db"]["alpha"]
    assert [row["name"] for row in table["rows"]] == ["joint", "beta", "alpha", "joint+qr"]
    assert [row["doubted"] for row in table["rows"]] == [False, False, False, True]
    assert table["rows"][-1]["mark"] == 1
    assert table["remarks"][0].startswith("qualities 10, 50, where joint has 10, 30,")
    assert table["rows"][0]["cells"][0][0] == f"{MINUS}50.0"


def test_a_component_without_a_bd_rate_is_not_the_largest_gain() -> None:
    row = {"adds": "attention", "test": "a", "anchor": "b", "bd_rate_pchip_percent": float("nan"), "notes": ""}
    other = row | {"adds": "context", "bd_rate_pchip_percent": -3.0, "notes": "doubtful: only 3 points"}
    titles = {"a": "A", "b": "B"}
    assert component_gain(pd.DataFrame([row, other]), titles) == f"largest: context, {MINUS}3.0 % bits (A over B)"
    assert component_gain(pd.DataFrame([row]), titles) == ""


def _trained(**changes: object) -> pd.DataFrame:
    row = dict.fromkeys((*WEIGHTS, *ORIGINS), "") | {"weights": "compact", "codec": "joint", "weights_sha256": "1"}
    numbers = {"quality": 3.0, "num_bytes": 3_400_000, "total_steps": 1250.0, "seconds": 5400.0, "N": 64, "M": 96}
    return pd.DataFrame([row | numbers | changes])


@pytest.mark.parametrize("lacking", ["", "record", "learned"])
def test_the_banner_has_width_and_training_from_the_records(synthetic: Synthetic, tmp_path: Path, lacking: str) -> None:
    synthetic.add_codec("joint", "Joint")
    if lacking != "learned":
        synthetic.add_curve("joint", weights="compact", weights_sha256="1")
    trained = _trained(**({"total_steps": None, "seconds": None} if lacking == "record" else {}))
    content, extras = _content(synthetic, tmp_path), Extras(weights=trained)
    said = answer.weights_banner(content, extras)
    if lacking:
        assert said == ""
        return
    assert 'weights "compact"' in said
    assert "Joint has N = 64 (published models: 192) and M = 96 (published models: 192 to 320) channels" in said
    said = said.replace("\N{NARROW NO-BREAK SPACE}", "")
    assert "training took 1250 (published models: 5000000) steps, 1.5 hours. They" in said
    assert answer.costs(content, extras)["joint"]["weights"] == "3.4"


def test_published_and_measured_values_have_a_verdict_each(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.tables["published"] = published.load().to_dict("records")
    export = synthetic.read(tmp_path)
    book = Book.load()
    table = claim_table(book, Sources(export, Extras(), DatasetResults.of(export, "garden")))
    row = claims.claims(table, book.papers)[0]["rows"][0]
    assert (row["id"], row["claimed"]) == ("joint-jpeg", f"{MINUS}59.8 %")
    by_others, here = row["evidence"]
    assert (by_others["verdict_class"], by_others["value"]) == ("holds", f"{MINUS}58.9 %")
    assert (here["verdict_class"], here["value"]) == ("no-verdict", NOTHING)
    assert here["reason"] == "nothing is measured on kodak"
    assert claims.main_claim(table) == row
    of_others, ours = claims.tallies(table)
    assert ours["counts"] == [{"number": len(table), "verb": "have no verdict", "verdict_class": "no-verdict"}]
    assert {count["verb"]: count["number"] for count in of_others["counts"]} == {"hold": 9, "have no verdict": 27}


def test_a_training_for_several_lambdas_counts_once(synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.add_codec("joint", "Joint")
    synthetic.add_curve("joint", weights="compact", weights_sha256="1")
    both = [_trained(quality=quality, started="2026-01-01T00:00:00+00:00") for quality in (3.0, 4.0)]
    another = _trained(quality=5.0, started="2026-01-02T00:00:00+00:00")
    said = answer.weights_banner(_content(synthetic, tmp_path), Extras(weights=pd.concat([*both, another])))
    assert "3.0 hours for all 3 models" in said
