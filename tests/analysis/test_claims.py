from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from bench.analysis.ablation import COLUMNS as ABLATION
from bench.analysis.cca_ablation import COLUMNS as CCA_ABLATION
from bench.analysis.claims import MEASURES, Book, claim_table
from bench.analysis.dataset_results import DatasetResults
from bench.analysis.sources import Sources
from bench.analysis.verdict import DOES_NOT_HOLD, HOLDS, IN_PART, NO_VERDICT, VERDICTS, Claim, Evidence
from bench.analysis.verdict import verdict as verdict_on
from bench.codecs.registry import codec_names
from bench.results import published
from bench.results.extras import Extras

if TYPE_CHECKING:
    from pathlib import Path

    from synthetic import Synthetic

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
    sources = Sources(export, extras or Extras(), DatasetResults.of(export, "garden", images))
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
    assert row["measured_verdict"] == NO_VERDICT
    assert row["measured_reason"] == "it takes a GPU"
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
    table = claim_table(book, Sources(export, Extras(), DatasetResults.of(export, "garden"))).set_index("id")
    # PCHIP over the whole overlap, as worked out with the bjontegaard package in 2026.
    expected = {"joint-jpeg": -58.92, "joint-webp": -41.12, "joint-jpeg2000": -34.70, "joint-bpg": -8.12}
    for name, rate in expected.items():
        assert table.loc[name, "published"] == pytest.approx(rate, abs=0.01)
        assert table.loc[name, "published_verdict"] == HOLDS
        assert table.loc[name, "measured_verdict"] == NO_VERDICT  # whatever others published
    for column in ("published", "measured"):
        untested = table[table[f"{column}_verdict"] == NO_VERDICT]
        assert "qr-psnr" in untested.index
        assert untested[f"{column}_reason"].ne("").all()
        assert set(table[f"{column}_verdict"]) <= set(VERDICTS)
    assert table.loc[table["measured_verdict"] == NO_VERDICT, "command"].ne("").all()


def test_a_measured_saving_is_the_one_that_was_built_in(synthetic: Synthetic, tmp_path: Path) -> None:
    row = _judged(synthetic, tmp_path, _claim(rule="figure", claimed=-19.5))
    assert row["measured"] == pytest.approx(BETA_RATE, abs=0.1)
    assert (row["published_verdict"], row["published_reason"]) == (NO_VERDICT, "no published points")
    assert row["measured_verdict"] == HOLDS


def test_an_absolute_claim_is_not_judged_by_our_own_weights(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        row["weights"] = "compact" if row["codec"] == "beta" else ""
    row = _judged(synthetic, tmp_path, _claim(absolute=True))
    assert row["measured_verdict"] == NO_VERDICT
    assert row["measured"] == pytest.approx(BETA_RATE, abs=0.1)
    assert "not the paper's" in row["measured_reason"]
    for row in synthetic.tables["measurements"]:
        row["weights"] = row["weights"].replace("compact", "zoo")
    assert _judged(synthetic, tmp_path, _claim(absolute=True))["measured_verdict"] == HOLDS


@pytest.mark.parametrize(("steps", "verdict"), [(1000, HOLDS), (1300, NO_VERDICT)])
def test_a_relative_claim_wants_equal_training(synthetic: Synthetic, tmp_path: Path, steps: int, verdict: str) -> None:
    _compact(synthetic)
    extras = _trained(("alpha", 10, 1000, "", ""), ("beta", 10, steps, "", ""))
    row = _judged(synthetic, tmp_path, _claim(), extras)
    assert row["measured_verdict"] == verdict
    assert ("not equal" in row["measured_reason"]) == (verdict == NO_VERDICT)


def _compact(synthetic: Synthetic, names: tuple[str, ...] = ("compact", "compact-2")) -> None:
    """Every curve was measured with weights of some names, which came out alike."""
    rows = synthetic.tables["measurements"]
    synthetic.tables["measurements"] = [
        row | {"weights": name, "key": row["key"] + name, "curve": row["curve"] + name}
        for name in names
        for row in rows
    ]


def _trained(*rows: tuple[str, float, float, str, str], seeds: tuple[int, ...] = (1, 2), **changes: object) -> Extras:
    columns = ["codec", "quality", "total_steps", "stages", "quantized_from"]
    names = dict(zip(("compact", "compact-2"), seeds, strict=False))
    frame = pd.DataFrame(rows, columns=columns).assign(**{"taken": "", "taken_steps": math.nan, **changes})
    return Extras(weights=pd.concat([frame.assign(weights=name, seed=seed) for name, seed in names.items()]))


ONE_SEED = "trained from one seed; at least 2 are required"


@pytest.mark.parametrize(("seeds", "reason"), [((1,), ONE_SEED), ((7, 7), ONE_SEED), ((7, 8), "")])
def test_a_claim_about_a_training_is_decided_by_two_seeds(
    synthetic: Synthetic, tmp_path: Path, seeds: tuple[int, ...], reason: str
) -> None:
    _compact(synthetic, ("compact", "compact-2")[: len(seeds)])
    extras = _trained(("alpha", 10, 1000, "", ""), ("beta", 10, 1000, "", ""), seeds=seeds)
    row = _judged(synthetic, tmp_path, _claim(), extras)
    assert (row["measured_verdict"], row["measured_reason"]) == (NO_VERDICT if reason else HOLDS, reason)
    assert row["measured"] == pytest.approx(BETA_RATE, abs=0.1)  # shown, and judging nothing


@pytest.mark.usefixtures("intervals_of_four")
def test_a_seed_that_says_otherwise_leaves_a_claim_in_part(synthetic: Synthetic, tmp_path: Path) -> None:
    _compact(synthetic)
    for row in synthetic.tables["measurements"]:
        if (row["codec"], row["weights"]) == ("beta", "compact-2"):
            row["num_bytes"] = round(row["num_bytes"] * 1.05 / 0.8)  # 5 % more than alpha instead of 20 % fewer
    extras = _trained(("alpha", 10, 1000, "", ""), ("beta", 10, 1000, "", ""))
    row = _judged(synthetic, tmp_path, _claim(), extras)
    assert row["measured_verdict"] == IN_PART
    assert row["measured"] == pytest.approx((BETA_RATE + 5) / 2, abs=0.2)
    assert row["measured_low"] < BETA_RATE + 1 < 4 < row["measured_high"]


def test_weights_of_which_nobody_knows_the_seed_decide_nothing(synthetic: Synthetic, tmp_path: Path) -> None:
    _compact(synthetic, ("compact",))
    trained = _trained(("alpha", 10, 1000, "", ""), ("beta", 10, 1000, "", ""), seeds=(1,)).weights
    row = _judged(synthetic, tmp_path, _claim(), Extras(weights=trained.drop(columns="seed")))
    assert (row["measured_verdict"], row["measured_reason"]) == (
        NO_VERDICT,
        "the training seeds are unknown",
    )


def test_trainings_that_differ_in_more_than_the_seed_are_not_two_seeds(synthetic: Synthetic, tmp_path: Path) -> None:
    _compact(synthetic)
    weights = _trained(("alpha", 10, 1000, "", ""), ("beta", 10, 1000, "", "")).weights
    weights.loc[weights["weights"] == "compact-2", "total_steps"] = 2000
    row = _judged(synthetic, tmp_path, _claim(), Extras(weights=weights))
    assert (row["measured_verdict"], row["measured_reason"]) == (NO_VERDICT, ONE_SEED)


@pytest.mark.parametrize(
    ("taken", "reason"),
    [
        (("hyper 01: g_a g_s", "hyper 01: g_a g_s"), ""),
        (
            ("hyper 01: g_a g_s", "hyper 01: entropy_bottleneck g_a g_s h_a"),
            "training was not equal: only beta started with trained entropy_bottleneck, h_a",
        ),
        (("hyper 01: g_a", ""), "training was not equal: only alpha started with trained g_a"),
        (
            ("hyper 01: g_a", "hyper 02: g_a"),
            "training was not equal: both started from different weights with unknown numbers of steps",
        ),
    ],
)
def test_what_was_taken_over_counts_as_training(
    synthetic: Synthetic, tmp_path: Path, taken: tuple[str, str], reason: str
) -> None:
    _compact(synthetic)
    extras = _trained(("alpha", 10, 1000, "", ""), ("beta", 10, 1000, "", ""), taken=list(taken))
    row = _judged(synthetic, tmp_path, _claim(), extras)
    assert (row["measured_verdict"], row["measured_reason"]) == (NO_VERDICT if reason else HOLDS, reason)


@pytest.mark.parametrize(
    ("behind", "reason"),
    [
        ((9000.0, 9000.0), ""),
        ((9000.0, 0.0), "training was not equal: 1,000 and 10,000 steps at quality 10"),
    ],
)
def test_steps_behind_what_was_taken_over_count(
    synthetic: Synthetic, tmp_path: Path, behind: tuple[float, float], reason: str
) -> None:
    _compact(synthetic)
    rows = ("alpha", 10, 1000, "", ""), ("beta", 10, 1000, "", "")
    row = _judged(synthetic, tmp_path, _claim(), _trained(*rows, taken_steps=list(behind)))
    assert (row["measured_verdict"], row["measured_reason"]) == (NO_VERDICT if reason else HOLDS, reason)


def _costs(alpha: float, beta: float) -> pd.DataFrame:
    rows = [("alpha", alpha / 2, alpha / 2), ("beta", beta / 4, 3 * beta / 4)]
    columns = ["codec", "encoder_kmac_per_pixel", "decoder_kmac_per_pixel"]
    return pd.DataFrame(rows, columns=columns).assign(weights="compact", quality=10)


@pytest.mark.parametrize(
    ("costs", "reason"),
    [
        (_costs(50, 52), ""),
        (_costs(24, 52), "complexity was not equal: 52 and 24 kMAC per pixel to encode and decode"),
        (
            _costs(24, 52).iloc[:1],
            "the complexity of beta is not in the export, and equal complexity is required",
        ),
    ],
)
def test_a_part_is_credited_at_equal_complexity_alone(
    synthetic: Synthetic, tmp_path: Path, costs: pd.DataFrame, reason: str
) -> None:
    _compact(synthetic)
    extras = _trained(("alpha", 10, 1000, "", ""), ("beta", 10, 1000, "", ""))
    extras = dataclasses.replace(extras, complexity=costs)
    row = _judged(synthetic, tmp_path, _claim(equal_complexity=True), extras)
    assert (row["measured_verdict"], row["measured_reason"]) == (NO_VERDICT if reason else HOLDS, reason)
    assert _judged(synthetic, tmp_path, _claim(), extras)["measured_verdict"] == HOLDS  # not every claim credits a part


def test_what_is_quantised_has_the_training_of_its_source(synthetic: Synthetic, tmp_path: Path) -> None:
    _compact(synthetic)
    extras = _trained(("alpha", 10, 1000, "fit 1000", ""), ("beta", 10, math.nan, "", "alpha@10"))
    row = _judged(synthetic, tmp_path, _claim(), extras)
    assert row["measured_verdict"] == HOLDS
    assert row["measured_on"] == "measured, weights compact, beta quantised from alpha"


def test_what_is_quantised_is_compared_at_the_qualities_of_both(synthetic: Synthetic, tmp_path: Path) -> None:
    _compact(synthetic)
    rows = synthetic.tables["measurements"]
    dropped = sorted({row["quality"] for row in rows})[1]

    def without(*codecs: str) -> float:
        synthetic.tables["measurements"] = [r for r in rows if r["codec"] not in codecs or r["quality"] != dropped]
        extras = _trained(("alpha", 10, 1000, "fit 1000", ""), ("beta", 10, math.nan, "", "alpha@10"))
        return float(_judged(synthetic, tmp_path / "-".join(codecs), _claim(), extras)["measured"])

    assert without("beta") == without("alpha", "beta")


def test_a_training_that_nobody_knows_is_said_so_and_is_no_number(synthetic: Synthetic, tmp_path: Path) -> None:
    _compact(synthetic)
    extras = _trained(("alpha", 10, 1000, "fit 1000", ""), ("beta", 10, math.nan, "", ""))
    row = _judged(synthetic, tmp_path, _claim(), extras)
    assert row["measured_verdict"] == NO_VERDICT
    assert row["measured_reason"] == "the export has no training record for the weights of beta"


def test_trainings_of_other_qualities_are_not_equal(synthetic: Synthetic, tmp_path: Path) -> None:
    _compact(synthetic)
    row = _judged(synthetic, tmp_path, _claim(), _trained(("alpha", 10, 1000, "", ""), ("beta", 50, 1000, "", "")))
    assert (row["measured_verdict"], row["measured_reason"]) == (NO_VERDICT, "no quality in common")


@pytest.mark.parametrize(("apart", "verdict"), [(["filter"], HOLDS), ([], NO_VERDICT), (["fit"], NO_VERDICT)])
def test_steps_of_a_part_that_one_side_lacks_may_stand_apart(
    synthetic: Synthetic, tmp_path: Path, apart: list[str], verdict: str
) -> None:
    _compact(synthetic)
    extras = _trained(("alpha", 10, 1000, "fit 1000", ""), ("beta", 10, 1400, "fit 1000; filter 400", ""))
    assert _judged(synthetic, tmp_path, _claim(apart=apart), extras)["measured_verdict"] == verdict


def _fits(*fits: tuple[str, int, float], seeds: tuple[int, ...] = (1, 2)) -> Extras:
    rows = [
        dict.fromkeys(ABLATION, 1)
        | {"variant": variant, "steps": steps, "seed": seed, "image": f"p{index}", "bpp_y": rate - 1}
        for variant, steps, mean in fits
        for seed in seeds
        for index, rate in enumerate((mean, 2 * mean) * 3)
    ]
    return Extras(experiments={"ablation": pd.DataFrame(rows)})


def test_settings_are_judged_one_by_one(synthetic: Synthetic, tmp_path: Path) -> None:
    claim = _claim(measure="ablation", codec="joint", anchor="hyper")
    extras = _fits(("joint", 700, 1.6), ("hyper", 700, 2.0), ("joint", 800, 2.1), ("hyper", 800, 2.0))
    row = _judged(synthetic, tmp_path, claim, extras)
    assert row["measured"] == pytest.approx((-20 + 5) / 2)
    assert (row["measured_verdict"], row["measured_cases"]) == (IN_PART, 2)


def test_a_fit_from_one_seed_decides_nothing(synthetic: Synthetic, tmp_path: Path) -> None:
    claim = _claim(measure="ablation", codec="joint", anchor="hyper")
    row = _judged(synthetic, tmp_path, claim, _fits(("joint", 700, 1.8), ("hyper", 700, 2.0), seeds=(1,)))
    assert (row["measured_verdict"], row["measured_reason"]) == (NO_VERDICT, ONE_SEED)
    assert row["measured"] == pytest.approx(-10)


def test_each_fit_must_be_better_than_each_of_the_other(synthetic: Synthetic, tmp_path: Path) -> None:
    claim = _claim(measure="ablation", codec="joint", anchor="hyper")
    rates = _fits(("joint", 700, 1.8), ("hyper", 700, 2.0)).experiment("ablation")
    second = (rates["variant"] == "joint") & (rates["seed"] == 2)
    rates.loc[second, "bpp_y"] = rates.loc[second, "bpp_y"] * 1.15 + 0.15  # 15 % more than from the first
    row = _judged(synthetic, tmp_path, claim, Extras(experiments={"ablation": rates}))
    assert (row["measured_verdict"], row["measured"]) == (IN_PART, pytest.approx(-10 + 7.5 * 0.9))


def test_a_picture_alone_is_judged_without_an_interval(synthetic: Synthetic, tmp_path: Path) -> None:
    claim = _claim(measure="ablation", codec="joint", anchor="hyper")
    rates = _fits(("joint", 700, 1.8), ("hyper", 700, 2.0)).experiment("ablation")
    extras = Extras(experiments={"ablation": rates[rates["image"] == "p0"]})
    row = _judged(synthetic, tmp_path, claim, extras)
    assert (row["measured_verdict"], row["measured"]) == (HOLDS, pytest.approx(-10))
    assert math.isnan(row["measured_low"])


def test_a_doubtful_rate_is_shown_and_judges_nothing(synthetic: Synthetic, tmp_path: Path) -> None:
    for row in synthetic.tables["measurements"]:
        row["mse"] /= 4 if row["codec"] == "beta" else 1
    row = _judged(synthetic, tmp_path, _claim())
    assert row["measured_verdict"] == NO_VERDICT
    assert row["measured_reason"].startswith("doubtful: only ")
    assert row["measured"] < 0


OTHER_SETTING = "the two variants were not trained in the same setting"


def test_entropy_models_are_compared_in_the_settings_that_both_have(synthetic: Synthetic, tmp_path: Path) -> None:
    claim = _claim(measure="ablation", codec="joint", anchor="hyper")
    extras = _fits(("joint", 700, 1.8), ("hyper", 700, 2.0), ("hyper", 800, 2.0))
    row = _judged(synthetic, tmp_path, claim, extras)
    assert (row["measured_verdict"], row["measured"]) == (HOLDS, pytest.approx(-10))
    assert row["measured_low"] == pytest.approx(-10)
    row = _judged(synthetic, tmp_path, claim, _fits(("joint", 700, 1.8), ("hyper", 800, 2.0)))
    assert (row["measured_verdict"], row["measured_reason"]) == (NO_VERDICT, OTHER_SETTING)


def _variants(losses: dict[str, list[float]], steps: dict[str, int], **changes: dict[str, object]) -> Extras:
    shared = dict.fromkeys(CCA_ABLATION, 1) | {"dataset": "garden", "bpp": 0.5}
    rows = [
        {**shared, "variant": variant, "image": f"p{index}", "loss": loss, "steps": steps.get(variant, 100)}
        | {"seed": seed}
        | changes.get(variant, {})
        for variant, values in losses.items()
        for seed in (1, 2)
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
    extras = _variants({"none": [1.0, 2.0, 3.0] * 2, "igu": losses * 2}, {})
    row = _judged(synthetic, tmp_path, claim, extras)
    assert row["measured_verdict"] == verdict
    assert row["measured"] == pytest.approx(100 * sum(losses) / 6 - 100)


def test_parts_that_were_not_trained_alike_or_not_measured_judge_nothing(synthetic: Synthetic, tmp_path: Path) -> None:
    claim = _claim(measure="part", codec="igu", anchor="none")
    losses = {"none": [1.0, 2.0], "igu": [0.9, 1.9]}
    row = _judged(synthetic, tmp_path, claim, _variants(losses, {"igu": 200}))
    assert (row["measured_verdict"], row["measured_reason"]) == (
        NO_VERDICT,
        "the variants were not trained equally long",
    )
    row = _judged(synthetic, tmp_path, dataclasses.replace(claim, codec="bgu"), _variants(losses, {}))
    assert "this experiment is not in the export" in row["measured_reason"]


@pytest.mark.parametrize(("other", "reason"), [({"quality": 2}, OTHER_SETTING), ({"seed": 3}, ONE_SEED)])
def test_parts_with_no_setting_in_common_or_of_one_seed_judge_nothing(
    synthetic: Synthetic, tmp_path: Path, other: dict[str, object], reason: str
) -> None:
    claim = _claim(measure="part", codec="igu", anchor="none")
    extras = _variants({"none": [1.0, 2.0], "igu": [0.9, 1.9]}, {}, igu=other)
    row = _judged(synthetic, tmp_path, claim, extras)
    assert (row["measured_verdict"], row["measured_reason"]) == (NO_VERDICT, reason)


def test_a_part_of_the_pictures_judges_nothing(synthetic: Synthetic, tmp_path: Path) -> None:
    row = _judged(synthetic, tmp_path, _claim(), images=("aubergine", "dill"))
    assert row["measured_verdict"] == NO_VERDICT
    assert row["measured_reason"] == "only 2 of 4 pictures were measured"


def test_what_is_not_measured_is_named(synthetic: Synthetic, tmp_path: Path) -> None:
    assert _judged(synthetic, tmp_path, _claim(codec="gamma"))["measured_reason"] == "gamma not measured here"
    assert _judged(synthetic, tmp_path, _claim(dataset="moor"))["measured_reason"] == "nothing is measured on moor"
    assert _judged(synthetic, tmp_path, _claim(axis="sharpness"))["measured_reason"] == "sharpness is not measured"


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
    assert (row["measured_verdict"], row["measured_reason"]) == (NO_VERDICT, "the curves do not overlap in quality")
    row = _judged(synthetic, tmp_path, _claim(codec="gamma", published=["paper/low", "paper/high"]))
    assert row["published_reason"] == "the curves do not overlap in quality"
    assert row["measured_reason"] == "gamma not measured here"


def _ruled(rule: str, claimed: float = math.nan, margin: float = 0.0, *, lower_is_better: bool = True) -> Claim:
    return Claim("", "", "", "", "", rule, "", claimed=claimed, margin=margin, lower_is_better=lower_is_better)


@pytest.mark.parametrize(
    ("claim", "evidence", "verdict"),
    [
        (_ruled("figure", -8.4, 1.0), Evidence("", -8.1), HOLDS),
        (_ruled("figure", -8.4, 1.0), Evidence("", -20.0), HOLDS),
        (_ruled("figure", -8.4, 1.0), Evidence("", -3.0), IN_PART),
        (_ruled("figure", -8.4, 1.0), Evidence("", 0.5), DOES_NOT_HOLD),
        (_ruled("figure", 0.21, 0.02), Evidence("", 0.19), HOLDS),
        (_ruled("figure", 0.21, 0.02), Evidence("", 0.1), IN_PART),
        (_ruled("direction"), Evidence("", -3.0, (-4.0, -1.0)), HOLDS),
        (_ruled("direction"), Evidence("", -3.0, (-4.0, 1.0)), IN_PART),
        (_ruled("direction"), Evidence("", 3.0, (-4.0, 4.0)), DOES_NOT_HOLD),
        (_ruled("direction", lower_is_better=False), Evidence("", 3.0), HOLDS),
        (_ruled("ceiling", 5.4, 0.5), Evidence("", 2.0, cases=(1.0, 5.8)), HOLDS),
        (_ruled("ceiling", 5.4, 0.5), Evidence("", 2.0, cases=(1.0, 2.0, 9.0)), IN_PART),
        (_ruled("ceiling", 5.4, 0.5), Evidence("", 9.0), DOES_NOT_HOLD),
        (_ruled("share"), Evidence("", 1.0), HOLDS),
        (_ruled("share"), Evidence("", 0.6), IN_PART),
        (_ruled("share"), Evidence("", 0.5), DOES_NOT_HOLD),
    ],
)
def test_each_rule_has_cases_on_both_sides(claim: Claim, evidence: Evidence, verdict: str) -> None:
    assert verdict_on(claim, evidence) == verdict


@pytest.mark.parametrize(
    ("ends", "verdict"),
    [((-20.0, -3.0, -8.0, -1.0), HOLDS), ((-20.0, 3.0, -8.0, -1.0), IN_PART), ((-9.0, 4.0), IN_PART)],
)
def test_a_difference_in_several_settings_holds_if_it_does_in_each(ends: tuple[float, ...], verdict: str) -> None:
    assert verdict_on(_ruled("direction"), Evidence("", -2.5, ends=ends)) == verdict


@pytest.mark.parametrize(("seeds", "verdict"), [(None, HOLDS), (0, NO_VERDICT), (1, NO_VERDICT), (2, HOLDS)])
def test_no_rule_decides_by_one_training(seeds: int | None, verdict: str) -> None:
    for rule, value in (("figure", -9.0), ("direction", -9.0), ("ceiling", -9.0), ("share", 1.0)):
        assert verdict_on(_ruled(rule, -8.4), Evidence("", value, seeds=seeds)) == verdict
        assert verdict_on(_ruled(rule, -8.4), Evidence("", value, seeds=seeds, judges=False)) == NO_VERDICT
        assert verdict_on(_ruled(rule, -8.4), Evidence("", seeds=seeds)) == NO_VERDICT
