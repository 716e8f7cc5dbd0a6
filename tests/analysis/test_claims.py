from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from bench.analysis import published
from bench.analysis.ablation import COLUMNS as ABLATION
from bench.analysis.cca_ablation import COLUMNS as CCA_ABLATION
from bench.analysis.claims import MEASURES, Book, Claim, claim_table
from bench.analysis.extras import Extras
from bench.analysis.sources import Sources
from bench.analysis.study import Study
from bench.analysis.verdict import DOES_NOT_HOLD, HOLDS, IN_PART, NOT_TESTED, VERDICTS, Evidence, Rule, judge
from bench.registry import codec_names

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic

NO_ORIGIN = {"stages": "", "quantised_from": ""}

BETA_RATE = (0.8 - 1) * 100
"""What the synthetic codec beta saves against alpha, in percent."""


def _claim(**changes: object) -> Claim:
    entry = {
        "id": "c",
        "paper": "p",
        "claim": "it is",
        "source": "somewhere",
        "measure": "bd_rate",
        "rule": "direction",
    }
    entry |= {"command": "bench run", "codec": "beta", "anchor": "alpha", "dataset": "garden"}
    return Claim.of(entry | changes)


def _judged(
    synthetic: Synthetic, folder: Path, claim: Claim, extras: Extras | None = None, images: tuple[str, ...] = ()
) -> dict[str, Any]:
    export = synthetic.read(folder)
    sources = Sources(export, extras or Extras(), Study.of(export, "garden", images))
    book = Book({"p": {"short": "P"}}, dict.fromkeys(("figure", "direction", "ceiling", "share"), "a rule"), [claim])
    return claim_table(book, sources).to_dict("records")[0]


@pytest.fixture(scope="module")
def book() -> Book:
    return Book.load()


def test_every_claim_has_a_paper_a_source_a_rule_a_measure_and_a_command(book: Book) -> None:
    assert len({claim.id for claim in book.claims}) == len(book.claims)
    for claim in book.claims:
        assert claim.paper in book.papers
        assert claim.rule in book.rules
        assert claim.measure in MEASURES
        assert claim.source
        assert claim.command
        assert math.isnan(claim.claimed) or claim.rule in {"figure", "ceiling"}


def test_claims_are_about_codecs_that_exist(book: Book) -> None:
    named = {name for claim in book.claims if claim.measure == "bd_rate" for name in (claim.codec, claim.anchor)}
    assert named <= set(codec_names())


def test_a_claim_that_nothing_measures_says_why(synthetic: Synthetic, tmp_path: Path) -> None:
    row = _judged(synthetic, tmp_path, _claim(measure="untested", reason="it takes a GPU"))
    assert row["verdict"] == NOT_TESTED
    assert row["reason"] == "it takes a GPU"
    assert row["command"] == "bench run"


def test_the_headlines_of_the_abstract_are_in_the_file(book: Book) -> None:
    figures = {claim.id: claim.claimed for claim in book.claims}
    assert figures["joint-jpeg"] == -59.8
    assert figures["joint-bpg"] == -8.4
    assert figures["joint-hyperprior"] == -15.8
    assert figures["qr-psnr"] == 0.21
    assert figures["qr-ms-ssim"] == 0.25
    assert figures["qr-time"] == 5.4


def test_the_published_points_bear_out_the_headlines(book: Book, synthetic: Synthetic, tmp_path: Path) -> None:
    synthetic.tables["published"] = published.load().to_dict("records")
    export = synthetic.read(tmp_path)
    table = claim_table(book, Sources(export, Extras(), Study.of(export, "garden"))).set_index("id")
    # PCHIP over the whole overlap, as worked out with the bjontegaard package in 2026.
    expected = {"joint-jpeg": -58.92, "joint-webp": -41.12, "joint-jpeg2000": -34.70, "joint-bpg": -8.12}
    for name, rate in expected.items():
        assert table.loc[name, "published"] == pytest.approx(rate, abs=0.01)
        assert table.loc[name, "verdict"] == HOLDS
        assert table.loc[name, "judged_on"] == "published points"
    untested = table[table["verdict"] == NOT_TESTED]
    assert "qr-psnr" in untested.index
    assert untested["reason"].ne("").all()
    assert untested["command"].ne("").all()
    assert set(table["verdict"]) <= set(VERDICTS)


def test_a_measured_saving_is_the_one_that_was_built_in(synthetic: Synthetic, tmp_path: Path) -> None:
    row = _judged(synthetic, tmp_path, _claim(rule="figure", claimed=-19.5))
    assert row["measured"] == pytest.approx(BETA_RATE, abs=0.1)
    assert row["difference"] == pytest.approx(BETA_RATE + 19.5, abs=0.1)
    assert row["verdict"] == HOLDS


def test_an_absolute_claim_is_not_judged_by_our_own_weights(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        row["weights"] = "compact" if row["codec"] == "beta" else ""
    row = _judged(synthetic, tmp_path, _claim(absolute=True))
    assert row["verdict"] == NOT_TESTED
    assert row["measured"] == pytest.approx(BETA_RATE, abs=0.1)
    assert "not the paper's" in row["reason"]
    for row in synthetic.tables["measurements"]:
        row["weights"] = row["weights"].replace("compact", "zoo")
    assert _judged(synthetic, tmp_path, _claim(absolute=True))["verdict"] == HOLDS


@pytest.mark.parametrize(("steps", "verdict"), [(1000, HOLDS), (1300, NOT_TESTED)])
def test_a_relative_claim_wants_equal_training(synthetic: Synthetic, tmp_path: Path, steps: int, verdict: str) -> None:
    for row in synthetic.tables["measurements"]:
        row["weights"] = "compact"
    trained = [("alpha", 10.0, 1000), ("beta", 10.0, steps)]
    weights = pd.DataFrame(trained, columns=["codec", "quality", "total_steps"]).assign(weights="compact", **NO_ORIGIN)
    row = _judged(synthetic, tmp_path, _claim(), Extras(weights=weights))
    assert row["verdict"] == verdict
    assert ("not equal" in row["reason"]) == (verdict == NOT_TESTED)


def _compact(synthetic: Synthetic) -> None:
    for row in synthetic.tables["measurements"]:
        row["weights"] = "compact"


def _trained(*rows: tuple[str, float, float, str, str]) -> Extras:
    columns = ["codec", "quality", "total_steps", "stages", "quantised_from"]
    return Extras(weights=pd.DataFrame(rows, columns=columns).assign(weights="compact"))


def test_what_is_quantised_has_the_training_of_its_source(synthetic: Synthetic, tmp_path: Path) -> None:
    _compact(synthetic)
    extras = _trained(("alpha", 10, 1000, "fit 1000", ""), ("beta", 10, math.nan, "", "alpha@10"))
    row = _judged(synthetic, tmp_path, _claim(), extras)
    assert row["verdict"] == HOLDS
    assert row["judged_on"] == "measured, weights compact, those of beta quantised from alpha"


def test_a_training_that_nobody_knows_is_said_so_and_is_no_number(synthetic: Synthetic, tmp_path: Path) -> None:
    _compact(synthetic)
    extras = _trained(("alpha", 10, 1000, "fit 1000", ""), ("beta", 10, math.nan, "", ""))
    row = _judged(synthetic, tmp_path, _claim(), extras)
    assert row["verdict"] == NOT_TESTED
    assert row["reason"] == "the export does not say how the weights of beta were trained"


def test_trainings_of_other_qualities_are_not_equal(synthetic: Synthetic, tmp_path: Path) -> None:
    _compact(synthetic)
    row = _judged(synthetic, tmp_path, _claim(), _trained(("alpha", 10, 1000, "", ""), ("beta", 50, 1000, "", "")))
    assert (row["verdict"], row["reason"]) == (NOT_TESTED, "no quality in common")


@pytest.mark.parametrize(("apart", "verdict"), [(["filter"], HOLDS), ([], NOT_TESTED), (["fit"], NOT_TESTED)])
def test_steps_of_a_part_that_one_side_lacks_may_stand_apart(
    synthetic: Synthetic, tmp_path: Path, apart: list[str], verdict: str
) -> None:
    _compact(synthetic)
    extras = _trained(("alpha", 10, 1000, "fit 1000", ""), ("beta", 10, 1400, "fit 1000; filter 400", ""))
    assert _judged(synthetic, tmp_path, _claim(apart=apart), extras)["verdict"] == verdict


def _fits(*fits: tuple[str, int, float]) -> Extras:
    rows = [
        dict.fromkeys(ABLATION, 1) | {"variant": variant, "steps": steps, "image": f"p{index}", "bpp_y": rate - 1}
        for variant, steps, mean in fits
        for index, rate in enumerate((mean, 2 * mean))
    ]
    return Extras(experiments={"ablation": pd.DataFrame(rows)})


def test_settings_are_judged_one_by_one(synthetic: Synthetic, tmp_path: Path) -> None:
    claim = _claim(measure="ablation", codec="joint", anchor="hyper")
    extras = _fits(("joint", 700, 1.6), ("hyper", 700, 2.0), ("joint", 800, 2.1), ("hyper", 800, 2.0))
    row = _judged(synthetic, tmp_path, claim, extras)
    assert row["measured"] == pytest.approx((-20 + 5) / 2)
    assert (row["verdict"], row["measured_cases"]) == (IN_PART, 2)


def test_a_picture_alone_is_judged_without_an_interval(synthetic: Synthetic, tmp_path: Path) -> None:
    claim = _claim(measure="ablation", codec="joint", anchor="hyper")
    rates = _fits(("joint", 700, 1.8), ("hyper", 700, 2.0)).experiment("ablation")
    extras = Extras(experiments={"ablation": rates[rates["image"] == "p0"]})
    row = _judged(synthetic, tmp_path, claim, extras)
    assert (row["verdict"], row["measured"]) == (HOLDS, pytest.approx(-10))
    assert math.isnan(row["measured_low"])


def test_a_doubtful_rate_holds_with_its_doubt(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        row["mse"] /= 4 if row["codec"] == "beta" else 1
    row = _judged(synthetic, tmp_path, _claim())
    assert row["verdict"] == HOLDS
    assert row["reason"].startswith("doubtful: only ")


OTHER_SETTING = "the two variants were not fitted in one and the same setting"


def test_entropy_models_are_compared_in_the_settings_that_both_have(synthetic: Synthetic, tmp_path: Path) -> None:
    claim = _claim(measure="ablation", codec="joint", anchor="hyper")
    extras = _fits(("joint", 700, 1.8), ("hyper", 700, 2.0), ("hyper", 800, 2.0))
    row = _judged(synthetic, tmp_path, claim, extras)
    assert (row["verdict"], row["measured"]) == (HOLDS, pytest.approx(-10))
    assert row["measured_low"] == pytest.approx(-10)
    row = _judged(synthetic, tmp_path, claim, _fits(("joint", 700, 1.8), ("hyper", 800, 2.0)))
    assert (row["verdict"], row["reason"]) == (NOT_TESTED, OTHER_SETTING)


def _variants(losses: dict[str, list[float]], steps: dict[str, int], **changes: dict[str, object]) -> Extras:
    shared = dict.fromkeys(CCA_ABLATION, 1) | {"dataset": "garden", "bpp": 0.5}
    rows = [
        {**shared, "variant": variant, "image": f"p{index}", "loss": loss, "steps": steps.get(variant, 100)}
        | changes.get(variant, {})
        for variant, values in losses.items()
        for index, loss in enumerate(values)
    ]
    return Extras(experiments={"cca_ablation": pd.DataFrame(rows)})


@pytest.mark.parametrize(
    ("losses", "verdict"),
    [([0.9, 1.9, 2.8], HOLDS), ([1.1, 1.9, 2.9], IN_PART), ([1.1, 2.0, 3.0], DOES_NOT_HOLD)],
)
def test_a_part_is_judged_by_the_loss_of_the_models_with_and_without_it(
    synthetic: Synthetic, tmp_path: Path, losses: list[float], verdict: str
) -> None:
    claim = _claim(measure="part", codec="igu", anchor="none", unit="% of the loss")
    extras = _variants({"none": [1.0, 2.0, 3.0], "igu": losses}, {})
    row = _judged(synthetic, tmp_path, claim, extras)
    assert row["verdict"] == verdict
    assert row["measured"] == pytest.approx(100 * sum(losses) / 6 - 100)


def test_parts_that_were_not_trained_alike_or_not_measured_judge_nothing(synthetic: Synthetic, tmp_path: Path) -> None:
    claim = _claim(measure="part", codec="igu", anchor="none")
    losses = {"none": [1.0, 2.0], "igu": [0.9, 1.9]}
    row = _judged(synthetic, tmp_path, claim, _variants(losses, {"igu": 200}))
    assert (row["verdict"], row["reason"]) == (NOT_TESTED, "the variants were not trained equally long")
    row = _judged(synthetic, tmp_path, dataclasses.replace(claim, codec="bgu"), _variants(losses, {}))
    assert "does not hold this experiment" in row["reason"]


@pytest.mark.parametrize("other", [{"quality": 2}, {"seed": 2}])
def test_parts_with_no_setting_or_seed_in_common_judge_nothing(
    synthetic: Synthetic, tmp_path: Path, other: dict[str, object]
) -> None:
    claim = _claim(measure="part", codec="igu", anchor="none")
    extras = _variants({"none": [1.0, 2.0], "igu": [0.9, 1.9]}, {}, igu=other)
    row = _judged(synthetic, tmp_path, claim, extras)
    assert (row["verdict"], row["reason"]) == (NOT_TESTED, OTHER_SETTING)


def test_a_part_of_the_pictures_judges_nothing(synthetic: Synthetic, tmp_path: Path) -> None:
    row = _judged(synthetic, tmp_path, _claim(), images=("aubergine", "dill"))
    assert row["verdict"] == NOT_TESTED
    assert row["reason"] == "only 2 of 4 pictures were measured"


def test_what_is_not_measured_is_named(synthetic: Synthetic, tmp_path: Path) -> None:
    assert _judged(synthetic, tmp_path, _claim(codec="gamma"))["reason"] == "gamma not measured here"
    assert _judged(synthetic, tmp_path, _claim(dataset="moor"))["reason"] == "nothing is measured on moor"
    assert _judged(synthetic, tmp_path, _claim(axis="sharpness"))["reason"] == "sharpness is not measured"


def test_curves_without_overlap_say_so(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        row["mse"] *= 1e4 if row["codec"] == "beta" else 1
    point = {"dataset": "garden", "source": "paper", "metric": "psnr_rgb", "encode_s": None, "decode_s": None}
    synthetic.tables["published"] = [
        point | {"method": method, "title": method, "rate_bpp": rate, "value": value + rate}
        for method, value in (("low", 20), ("high", 40))
        for rate in (1, 2)
    ]
    row = _judged(synthetic, tmp_path, _claim())
    assert (row["verdict"], row["reason"]) == (NOT_TESTED, "the curves do not overlap in quality")
    row = _judged(synthetic, tmp_path, _claim(codec="gamma", published=["paper/low", "paper/high"]))
    assert row["reason"] == "the curves do not overlap in quality; gamma not measured here"


@pytest.mark.parametrize(
    ("rule", "evidence", "verdict"),
    [
        (Rule("figure", -8.4, 1.0), Evidence("", -8.1), HOLDS),
        (Rule("figure", -8.4, 1.0), Evidence("", -20.0), HOLDS),
        (Rule("figure", -8.4, 1.0), Evidence("", -3.0), IN_PART),
        (Rule("figure", -8.4, 1.0), Evidence("", 0.5), DOES_NOT_HOLD),
        (Rule("figure", 0.21, 0.02), Evidence("", 0.19), HOLDS),
        (Rule("figure", 0.21, 0.02), Evidence("", 0.1), IN_PART),
        (Rule("direction"), Evidence("", -3.0, (-4.0, -1.0)), HOLDS),
        (Rule("direction"), Evidence("", -3.0, (-4.0, 1.0)), IN_PART),
        (Rule("direction"), Evidence("", 3.0, (-4.0, 4.0)), DOES_NOT_HOLD),
        (Rule("direction", lower_is_better=False), Evidence("", 3.0), HOLDS),
        (Rule("ceiling", 5.4, 0.5), Evidence("", 2.0, cases=(1.0, 5.8)), HOLDS),
        (Rule("ceiling", 5.4, 0.5), Evidence("", 2.0, cases=(1.0, 2.0, 9.0)), IN_PART),
        (Rule("ceiling", 5.4, 0.5), Evidence("", 9.0), DOES_NOT_HOLD),
        (Rule("share"), Evidence("", 1.0), HOLDS),
        (Rule("share"), Evidence("", 0.6), IN_PART),
        (Rule("share"), Evidence("", 0.5), DOES_NOT_HOLD),
    ],
)
def test_each_rule_has_cases_on_both_sides(rule: Rule, evidence: Evidence, verdict: str) -> None:
    assert judge(rule, [evidence]) == verdict


@pytest.mark.parametrize(
    ("ends", "verdict"),
    [((-20.0, -3.0, -8.0, -1.0), HOLDS), ((-20.0, 3.0, -8.0, -1.0), IN_PART), ((-9.0, 4.0), IN_PART)],
)
def test_a_difference_in_several_settings_holds_if_it_does_in_each(ends: tuple[float, ...], verdict: str) -> None:
    assert judge(Rule("direction"), [Evidence("", -2.5, ends=ends)]) == verdict


def test_evidence_that_disagrees_holds_in_part_and_none_is_not_tested() -> None:
    pro, contra = Evidence("a", -1.0), Evidence("b", 1.0)
    assert judge(Rule("direction"), [pro, contra]) == IN_PART
    assert judge(Rule("direction"), [Evidence("a"), Evidence("b", -1.0, judges=False)]) == NOT_TESTED
