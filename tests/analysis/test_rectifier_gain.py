from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from bench.analysis import experiments, rectifier_gain
from bench.analysis.claims import MEASURES
from bench.analysis.dataset_results import DatasetResults
from bench.analysis.sources import Sources
from bench.analysis.timing import task_times
from bench.analysis.verdict import Claim, verdict
from bench.results.extras import Extras

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from synthetic import Synthetic

    from bench.analysis.verdict import Evidence

GAIN_DB = 0.2


@pytest.fixture
def rectified(synthetic: Synthetic) -> Synthetic:
    """The export with alpha+qr: alpha's files, decoded 0.2 dB better; the error shrinks most at low quality."""
    synthetic.add_codec("alpha+qr", "Alpha, rectified")
    synthetic.add_curve("alpha+qr")
    for row in synthetic.tables["measurements"]:
        if row["codec"] == "alpha+qr":
            row["mse"] *= 10 ** (-GAIN_DB / 10)
            row["latent_error_quantized"] = 100.0
            row["latent_error_rectified"] = 80.0 + row["quality"] / 10
    return synthetic


def _claim(measure: str, **changes: object) -> Claim:
    entry = {"id": "c", "paper": "p", "claim": "", "source": "", "measure": measure, "rule": "share", "command": ""}
    return Claim.of(entry | {"codec": "+qr", **changes})


def _sources(synthetic: Synthetic, folder: Path, images: Sequence[str] = (), **experiments: pd.DataFrame) -> Sources:
    export = synthetic.read(folder)
    return Sources(export, Extras(experiments=experiments), DatasetResults.of(export, "garden", images))


def _add_better(synthetic: Synthetic, codec: str, gain_db: float) -> None:
    """Add a codec such as "alpha+qr" that decodes the files of its base better by some decibels."""
    measured = synthetic.tables["measurements"]
    base = {(row["codec"], row["quality"], row["image"]): row["mse"] for row in measured}
    synthetic.add_codec(codec, codec)
    synthetic.add_curve(codec)
    for row in measured:
        if row["codec"] == codec:
            row["mse"] = base[codec.partition("+")[0], row["quality"], row["image"]] * 10 ** (-gain_db / 10)


def test_the_gain_is_the_one_that_was_built_in(rectified: Synthetic, tmp_path: Path) -> None:
    sources = _sources(rectified, tmp_path)
    assert list(sources.gains["psnr_gain_db"]) == pytest.approx([GAIN_DB] * 5)
    assert list(sources.gains["equal_files"]) == [1.0] * 5
    assert list(sources.gains["ms_ssim_gain_db"]) == pytest.approx([0.0] * 5)
    assert list(sources.gains.sort_values("quality")["error_reduction_percent"]) == pytest.approx([19, 17, 15, 13, 11])
    assert MEASURES["gain"](_claim("gain"), sources).value == pytest.approx(GAIN_DB)
    assert MEASURES["equal_rate"](_claim("equal_rate"), sources).value == 1.0
    assert MEASURES["gain_by_metric"](_claim("gain_by_metric"), sources).value == 0.0
    assert MEASURES["error_falls_with_quality"](_claim("error_falls_with_quality"), sources).value == 1.0


@pytest.mark.usefixtures("intervals_of_four")
def test_the_errors_reduction_has_an_interval_over_pictures(rectified: Synthetic, tmp_path: Path) -> None:
    """Reductions that lie 0, 1, 2 and 3 above the quality's own."""
    for row in rectified.tables["measurements"]:
        if row["codec"] == "alpha+qr":
            row["latent_error_rectified"] -= "abcd".index(row["image"][0])
    gains = _sources(rectified, tmp_path).gains.sort_values("quality")
    assert list(gains["error_reduction_percent"]) == pytest.approx([20.5, 18.5, 16.5, 14.5, 12.5])
    low, high = gains["error_reduction_low_percent"], gains["error_reduction_high_percent"]
    assert ((low < gains["error_reduction_percent"]) & (gains["error_reduction_percent"] < high)).all()
    # The standard error of the mean of 0, 1, 2, 3 is .56 by the formula of the bootstrap (n in the denominator).
    assert list((high - low) / 2) == pytest.approx([1.96 * 0.559] * 5, rel=0.15)


def test_a_picture_alone_has_no_interval(rectified: Synthetic, tmp_path: Path) -> None:
    sources = _sources(rectified, tmp_path)
    paired = rectifier_gain.pairs(sources.main)
    gains = rectifier_gain.gains(paired[paired["image"] == paired["image"].iloc[0]])
    assert gains["error_reduction_percent"].notna().all()
    assert gains["error_reduction_low_percent"].isna().all()


def test_a_longer_file_is_seen(rectified: Synthetic, tmp_path: Path) -> None:
    row = next(row for row in rectified.tables["measurements"] if row["codec"] == "alpha+qr")
    row["num_bytes"] += 1
    assert MEASURES["equal_rate"](_claim("equal_rate"), _sources(rectified, tmp_path)).value == pytest.approx(
        1 - 1 / 20
    )


def test_weights_of_other_names_are_no_pair(rectified: Synthetic, tmp_path: Path) -> None:
    for row in rectified.tables["measurements"]:
        row["weights"] = "zoo" if row["codec"] == "alpha+qr" else ""
    sources = _sources(rectified, tmp_path)
    assert sources.gains.empty
    assert "no codec with +qr" in MEASURES["gain"](_claim("gain"), sources).reason


def test_times_are_compared_picture_by_picture(rectified: Synthetic, tmp_path: Path) -> None:
    rectified.add_timings()
    for row in rectified.tables["timings"]:
        codec = next(r["codec"] for r in rectified.tables["measurements"] if r["key"] == row["key"])
        if codec == "alpha+qr" and row["stage"] == "decode":
            row["seconds"] *= 1.03
    sources = _sources(rectified, tmp_path)
    ratios = rectifier_gain.time_ratios(task_times(sources.main, sources.export), sources.main.curves).set_index(
        "stage"
    )
    assert ratios.loc["decode", "ratio"] == pytest.approx(1.03)
    assert ratios.loc["encode", "ratio"] == pytest.approx(1)
    found = MEASURES["time_ratio"](_claim("time_ratio", models=["alpha"]), sources)
    assert found.value == pytest.approx(3.0)
    assert ratios.loc["decode", "tasks"] == ratios.loc["decode", "qualities"].count(",") * 4 + 4
    assert ratios.loc["decode", "ratio_low"] == pytest.approx(1.03)
    assert found.basis == "measured, box, 1 threads, cpu; median over models"


def test_times_are_of_one_machine(rectified: Synthetic, tmp_path: Path) -> None:
    """The one that timed most models: there alpha takes as long with the rectifier, and beta twice as long."""
    _add_better(rectified, "beta+qr", 0)
    rectified.add_timings()
    rectified.add_timings(machine="mill", factor=3)
    codecs = {row["key"]: row["codec"] for row in rectified.tables["measurements"]}
    rectified.tables["timings"] = [
        row | {"seconds": row["seconds"] * (2 if codecs[row["key"]] == "beta+qr" else 1)}
        for row in rectified.tables["timings"]
        if row["machine"] == "mill" or "beta" not in codecs[row["key"]]
    ]
    found = MEASURES["time_ratio"](_claim("time_ratio", models=["alpha", "beta"]), _sources(rectified, tmp_path))
    assert found.cases == pytest.approx((0, 100))
    assert "mill" in found.basis


def test_an_alpha_search_with_two_peaks_is_not_unimodal(synthetic: Synthetic, tmp_path: Path) -> None:
    rows = [("joint", 1, a, p) for a, p in ((1e-3, 30.0), (1e-2, 30.2), (1e-1, 30.1))]
    rows += [("joint", 2, a, p) for a, p in ((1e-3, 30.2), (1e-2, 30.0), (1e-1, 30.1))]
    search = pd.DataFrame(rows, columns=["model", "quality", "alpha", "psnr_db"]).assign(metric="mse", chosen=0)
    found = MEASURES["unimodal_alpha"](_claim("unimodal_alpha"), _sources(synthetic, tmp_path, alpha_search=search))
    assert found.cases == (1.0, 0.0)
    assert found.value == 0.5


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([30.446, 30.446, 30.447, 30.432, 30.411, 30.406], None),
        ([1, 2, 3, 4], None),
        ([1, 1, 1, 1], None),
        ([30.0, 30.1, 30.05], True),
        ([30.0, 30.008, 30.016, 30.008, 30.0], True),
        ([30.1, 30.092, 30.084, 30.076, 30.088, 30.1], False),
    ],
)
def test_an_optimum_lies_inside_its_range_however_slowly_it_is_reached(
    values: list[float], expected: bool | None
) -> None:
    search = pd.DataFrame({"alpha": [10.0**-place for place in range(len(values))], "psnr_db": values})
    assert experiments.unimodal(search.assign(model="joint", quality=3)) == [expected]


def test_a_search_without_an_optimum_judges_nothing(synthetic: Synthetic, tmp_path: Path) -> None:
    search = pd.DataFrame({"alpha": [0.1, 1.0, 10.0], "psnr_db": [30.0, 30.1, 30.2]})
    sources = _sources(synthetic, tmp_path, alpha_search=search.assign(model="joint", quality=3))
    found = MEASURES["unimodal_alpha"](_claim("unimodal_alpha", unit="of searches"), sources)
    assert not found.is_usable
    assert found.reason == "no optimum within the range (1 of 1 searches)"


@pytest.mark.parametrize(
    ("column", "values"), [("synthesis", ("rectified", "detached")), ("seed", (1, 2)), ("distance", ("l1", "l2"))]
)
def test_alpha_searches_of_different_settings_are_not_mixed(column: str, values: tuple[object, object]) -> None:
    """Each has one peak; their alphas interleaved would have two."""
    first = [(values[0], a, p) for a, p in ((1e-4, 30.0), (1e-2, 30.5), (1.0, 30.2))]
    second = [(values[1], a, p) for a, p in ((1e-3, 29.0), (1e-1, 29.5), (10.0, 29.2))]
    searches = pd.DataFrame(first + second, columns=[column, "alpha", "psnr_db"]).assign(model="joint", quality=3)
    assert experiments.unimodal(searches) == [True, True]


def test_variants_of_different_rates_are_compared_by_their_loss() -> None:
    rows = [("stp", 30.0, 1.0), ("end-to-end", 31.0, 1.2)]
    trials = pd.DataFrame(rows, columns=["variant", "psnr_db", "rd_loss"])
    trials = trials.assign(model="joint+qr", quality=3, metric="mse", image="a")
    assert experiments.best_variants(trials, "stp") == [True]
    assert experiments.best_variants(trials.drop(columns="rd_loss"), "stp") == [False]


def test_the_best_variant_wins_by_its_mean_over_pictures(synthetic: Synthetic, tmp_path: Path) -> None:
    rows = [("joint", 1, v, i, p) for v, i, p in (("l2", "a", 30), ("l2", "b", 32), ("l1", "a", 31), ("l1", "b", 30.5))]
    trials = pd.DataFrame(rows, columns=["model", "quality", "variant", "image", "psnr_db"])
    claim = _claim("best_variant", experiment="feature_distances", variant="l2")
    sources = _sources(synthetic, tmp_path, feature_distances=trials)
    assert MEASURES["best_variant"](claim, sources).value == 1.0
    nothing = MEASURES["best_variant"](claim, _sources(synthetic, tmp_path))
    assert nothing.reason == "this experiment is not in the export"


def _trials(*rows: tuple[str, int, float], **changes: object) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["variant", "seed", "psnr_db"])
    return frame.assign(model="joint+qr", quality=3, metric="mse", image="a").assign(**changes)


@pytest.mark.parametrize(
    ("rows", "case"),
    [
        ((("l2", 1, 30.4), ("l2", 2, 30.6), ("l1", 1, 30.3), ("l1", 2, 30.2)), True),
        ((("l2", 1, 30.4), ("l2", 2, 30.6), ("l1", 1, 30.7), ("l1", 2, 30.6)), False),
        ((("l2", 1, 30.4), ("l2", 2, 30.6), ("l1", 1, 30.5), ("l1", 2, 30.2)), "no difference beyond training noise"),
    ],
)
def test_a_variant_is_the_best_if_all_its_trainings_are(
    rows: tuple[tuple[str, int, float], ...], case: bool | str
) -> None:
    assert experiments.best_variants(_trials(*rows), "l2") == [case]


def test_variants_from_one_seed_judge_nothing(synthetic: Synthetic, tmp_path: Path) -> None:
    claim = _claim("best_variant", experiment="feature_distances", variant="l2")
    for seeds in (1, 2):
        rows = [(name, seed, db) for name, db in (("l2", 30.5), ("l1", 30.4)) for seed in range(seeds)]
        found = MEASURES["best_variant"](claim, _sources(synthetic, tmp_path, feature_distances=_trials(*rows)))
        assert (found.value, found.is_usable) == (1.0, seeds == 2)


@pytest.mark.parametrize(
    ("trained", "case", "outcome"),
    [
        (((1, 30.7), (2, 30.6)), True, "holds"),
        (((1, 30.3), (2, 30.4)), False, "does not hold"),
        (((1, 30.3), (2, 30.6)), "no difference beyond training noise", "no verdict"),
        (((1, 30.4),), False, "no verdict"),
    ],
)
def test_a_rectifier_is_better_than_its_control_if_it_is_from_all_seeds(
    trained: tuple[tuple[int, float], ...], case: bool | str, outcome: str, synthetic: Synthetic, tmp_path: Path
) -> None:
    rectified = _trials(*((f"qr-{seed}", seed, db) for seed, db in trained))
    control = _trials(*((f"ft-{seed}", seed, 30.5) for seed, _ in trained), model="joint+ft")
    base = _trials(("base", 1, 30.1), model="joint")
    claim = _claim("better_than_control", experiment="rectifier_seeds", unit="of models")
    sources = _sources(synthetic, tmp_path, rectifier_seeds=pd.concat([rectified, control, base]))
    found = MEASURES["better_than_control"](claim, sources)
    assert experiments.better_than_control(pd.concat([rectified, control]), "+qr") == [case]
    assert found.seeds == len(trained)
    assert verdict(claim, found) == outcome


@pytest.mark.parametrize(
    ("encoders", "reason"),
    [
        (("hyper", "hyper"), ""),
        (
            ("hyper", "factorized"),
            "the variants did not start from equally trained encoders: hyper in stp, factorized in direct",
        ),
        (("hyper", ""), "the training objective of the initial encoders is unknown"),
    ],
)
def test_ways_of_training_are_compared_from_equally_trained_encoders(
    synthetic: Synthetic, tmp_path: Path, encoders: tuple[str, str], reason: str
) -> None:
    rows = [(name, seed, db) for name, db in (("stp", 30.5), ("direct", 30.4)) for seed in (1, 2)]
    trials = _trials(*rows, encoder=[encoders[0]] * 2 + [encoders[1]] * 2)
    claim = _claim("best_variant", experiment="stp_end_to_end", variant="stp", equal_encoders=True, unit="of cases")
    found = MEASURES["best_variant"](claim, _sources(synthetic, tmp_path, stp_end_to_end=trials))
    assert (found.is_usable, found.reason) == (not reason, reason and f"{reason} (1 of 1 cases)")
    untold = _sources(synthetic, tmp_path, stp_end_to_end=trials.drop(columns="encoder"))
    assert not MEASURES["best_variant"](claim, untold).is_usable


@pytest.mark.parametrize(("best", "expected"), [(5, True), (6, experiments.CAPPED)])
def test_a_search_that_was_cut_off_has_no_optimum(best: int, expected: bool | str) -> None:
    search = pd.DataFrame({"alpha": [0.1, 1.0, 10.0], "psnr_db": [30.0, 30.1, 30.0], "best_epoch": [4, best, 5]})
    search = search.assign(model="joint", quality=3, epochs=8)
    assert experiments.unimodal(search) == [expected]


def test_decoders_for_ms_ssim_gain_what_their_trials_say(synthetic: Synthetic, tmp_path: Path) -> None:
    rows = [("joint", 0.96), ("joint+ft", 0.968), ("joint+qr", 0.965)]
    trials = pd.DataFrame(rows, columns=["model", "ms_ssim"])
    trials = trials.assign(quality=3, metric="ms-ssim", variant="v", image="a", seed=1)
    claim = _claim("gain", axis="ms_ssim_db", experiment="ms_ssim", absolute=True)
    found = MEASURES["gain"](claim, _sources(synthetic, tmp_path, ms_ssim=trials))
    assert found.value == pytest.approx(10 * math.log10(0.04 / 0.035))
    assert found.basis == "measured, ms_ssim.csv"
    beyond = 10 * math.log10(0.032 / 0.035)
    assert f"beyond the control (+ft): \N{MINUS SIGN}{-beyond:.3f} dB" in found.reason
    assert not found.is_usable


def test_trainings_from_two_seeds_must_agree_on_the_error(rectified: Synthetic, tmp_path: Path) -> None:
    measured = rectified.tables["measurements"]
    for row in measured:
        row["weights"] = "compact"
    again = [row | {"key": row["key"] + "s", "curve": row["curve"] + "s", "weights": "again"} for row in measured]
    rectified.tables["measurements"] = [*measured, *again]
    qualities = sorted({row["quality"] for row in measured})
    rows = [("alpha+qr", quality, name) for name in ("compact", "again") for quality in qualities]
    trained = pd.DataFrame(rows, columns=["codec", "quality", "weights"]).assign(total_steps=9, stages="")
    trained["seed"] = (trained["weights"] == "again").astype(int)

    def found() -> Evidence:
        export = rectified.read(tmp_path)
        sources = Sources(export, Extras(weights=trained), DatasetResults.of(export, "garden"))
        return MEASURES["error_falls_with_quality"](_claim("error_falls_with_quality", unit="of models"), sources)

    assert (found().is_usable, found().cases) == (True, (1.0,))
    for row in again:
        if row["codec"] == "alpha+qr":
            row["latent_error_rectified"] = 101.0
    assert (found().cases, found().reason) == ((), "no difference beyond training noise (1 of 1 models)")


def test_each_gain_is_of_models_trained_for_its_metric(rectified: Synthetic, tmp_path: Path) -> None:
    for row in rectified.tables["measurements"]:
        row["weights"] = "compact"
    trained = [
        row | {"key": row["key"] + "s", "weights": "compact-ms-ssim"} for row in rectified.tables["measurements"]
    ]
    for row in trained:
        row["curve"] += "s"
        row["ms_ssim"] = 1 - (1 - row["ms_ssim"]) * (0.9 if row["codec"] == "alpha+qr" else 1)
        row["mse"] *= 0.5 if row["codec"] == "alpha+qr" else 1
    rectified.tables["measurements"] += trained
    sources = _sources(rectified, tmp_path)
    assert MEASURES["gain"](_claim("gain"), sources).value == pytest.approx(GAIN_DB)
    ms_ssim = MEASURES["gain"](_claim("gain", axis="ms_ssim_db"), sources)
    assert ms_ssim.value == pytest.approx(-10 * math.log10(0.9))
    assert ms_ssim.basis == "measured, weights compact-ms-ssim"
    assert MEASURES["gain_by_metric"](_claim("gain_by_metric"), sources).value == 1.0
    assert ms_ssim.judges


@pytest.mark.usefixtures("intervals_of_four")
def test_the_control_is_taken_from_the_gain_picture_by_picture(rectified: Synthetic, tmp_path: Path) -> None:
    _add_better(rectified, "alpha+ft", 0.3)
    for row in rectified.tables["measurements"]:
        if row["codec"] in {"alpha+qr", "alpha+ft"}:
            row["mse"] *= 10 ** (-"abcd".index(row["image"][0]) / 100)  # both gain more on some pictures
    sources = _sources(rectified, tmp_path)
    table = rectifier_gain.summary(sources.pairs, sources.gains).set_index("modifier")
    shown = table.loc["+qr", ["psnr_beyond_ft_db", "psnr_beyond_ft_low_db", "psnr_beyond_ft_high_db"]]
    assert list(shown) == pytest.approx([-0.1] * 3)
    assert table.loc["+qr", "psnr_gain_low_db"] < table.loc["+qr", "psnr_gain_db"] == pytest.approx(GAIN_DB + 0.15)
    assert math.isnan(table.loc["+ft", "psnr_beyond_ft_db"])
    reason = MEASURES["gain"](_claim("gain"), sources).reason
    assert reason == "beyond the control (+ft): \N{MINUS SIGN}0.100 dB"


def test_a_figure_of_the_paper_is_not_judged_by_our_weights_nor_by_a_part(rectified: Synthetic, tmp_path: Path) -> None:
    for row in rectified.tables["measurements"]:
        row["weights"] = "compact"
    rectified.add_timings()
    sources = _sources(rectified, tmp_path)
    for measure in ("gain", "time_ratio"):
        found = MEASURES[measure](_claim(measure, absolute=True, models=["alpha"]), sources)
        assert not found.is_usable
        assert not math.isnan(found.value)
        assert "measured with compact weights, not the paper's" in found.reason
    part = _sources(rectified, tmp_path, images=("aubergine", "dill"))
    for measure in ("gain", "equal_rate", "gain_by_metric", "error_falls_with_quality", "time_ratio"):
        found = MEASURES[measure](_claim(measure, models=["alpha"]), part)
        assert not found.judges
        assert "only 2 of 4 pictures were measured" in found.reason


def test_a_gain_in_ms_ssim_of_models_trained_for_mse_is_shown_and_judges_nothing(
    rectified: Synthetic, tmp_path: Path
) -> None:
    found = MEASURES["gain"](_claim("gain", axis="ms_ssim_db"), _sources(rectified, tmp_path))
    assert found.value == pytest.approx(0)
    assert not found.judges
    assert found.reason == "no +qr trained for MS-SSIM was measured on garden"


GROUPS = [["beta"], ["alpha"]]


@pytest.fixture
def four_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The synthetic set has four pictures."""
    monkeypatch.setattr("bench.analysis.batch.FEWEST_IMAGES", 4)


@pytest.mark.usefixtures("four_suffice")
@pytest.mark.parametrize(
    ("gains", "cases", "reason"),
    [
        ((0.2, 0.3), (1.0,), ""),
        ((0.3, 0.2), (0.0,), ""),
        ((-0.2, 0.004), (), "no gain to compare (1 of 1 pairs)"),
        ((0.2, 0.204), (), "no difference beyond training noise (1 of 1 pairs)"),
    ],
)
def test_models_are_compared_by_gains_larger_than_noise(
    synthetic: Synthetic, tmp_path: Path, gains: tuple[float, float], cases: tuple[float, ...], reason: str
) -> None:
    found = _compared(synthetic, tmp_path, gains)
    assert (found.cases, found.reason) == (cases, reason)


def test_models_are_not_compared_on_too_few_pictures(synthetic: Synthetic, tmp_path: Path) -> None:
    found = _compared(synthetic, tmp_path, (0.2, 0.3))
    assert (found.cases, found.reason) == ((), "no interval: 4 pictures; at least 5 are needed (1 of 1 pairs)")


def _compared(synthetic: Synthetic, folder: Path, gains: tuple[float, float]) -> Evidence:
    _add_better(synthetic, "alpha+qr", gains[0])
    _add_better(synthetic, "beta+qr", gains[1])
    return MEASURES["gain_by_model"](
        _claim("gain_by_model", groups=GROUPS, unit="of pairs"), _sources(synthetic, folder)
    )


@pytest.mark.usefixtures("four_suffice")
def test_a_difference_that_other_pictures_would_turn_round_is_none(synthetic: Synthetic, tmp_path: Path) -> None:
    _add_better(synthetic, "alpha+qr", 0.2)
    _add_better(synthetic, "beta+qr", 0.25)
    for row in synthetic.tables["measurements"]:
        if row["codec"] == "beta+qr":
            row["mse"] *= 10 ** ((-1) ** "abcd".index(row["image"][0]) / 10)  # a decibel up and down by turns
    claim = _claim("gain_by_model", groups=GROUPS, unit="of pairs")
    found = MEASURES["gain_by_model"](claim, _sources(synthetic, tmp_path))
    assert found.reason == "no difference beyond training noise (1 of 1 pairs)"


@pytest.mark.usefixtures("four_suffice")
def test_models_are_compared_whose_rectifiers_were_trained_equally_long(synthetic: Synthetic, tmp_path: Path) -> None:
    _add_better(synthetic, "alpha+qr", 0.2)
    _add_better(synthetic, "beta+qr", 0.3)
    for row in synthetic.tables["measurements"]:
        row["weights"] = "compact"
    trained = pd.DataFrame([("alpha+qr", 1800), ("beta+qr", 2200)], columns=["codec", "total_steps"])
    weights = trained.assign(weights="compact", quality=10.0, stages="", quantized_from="")
    export = synthetic.read(tmp_path)
    sources = Sources(export, Extras(weights=weights), DatasetResults.of(export, "garden"))
    found = MEASURES["gain_by_model"](_claim("gain_by_model", groups=GROUPS, unit="of pairs"), sources)
    assert found.reason == "training was not equal: 2,200 and 1,800 steps at quality 10 (1 of 1 pairs)"


def test_published_weights_come_before_our_own_and_are_not_averaged_with_them(
    rectified: Synthetic, tmp_path: Path
) -> None:
    for row in rectified.tables["measurements"]:
        row["weights"] = "compact"
    zoo = [row | {"key": row["key"] + "z", "weights": "zoo"} for row in rectified.tables["measurements"]]
    for row in zoo:
        row["curve"] += "z"
        row["mse"] *= 0.5 if row["codec"] == "alpha+qr" else 1
    rectified.tables["measurements"] += zoo
    found = MEASURES["gain"](_claim("gain", absolute=True), _sources(rectified, tmp_path))
    assert found.value == pytest.approx(GAIN_DB + 10 * math.log10(2))
    assert (found.basis, found.judges) == ("measured, weights zoo", True)


def test_four_pictures_have_no_interval(rectified: Synthetic, tmp_path: Path) -> None:
    gains = _sources(rectified, tmp_path).gains
    assert len(gains) == 5
    assert gains["error_reduction_percent"].notna().all()
    assert gains[["error_reduction_low_percent", "error_reduction_high_percent"]].isna().all(axis=None)
