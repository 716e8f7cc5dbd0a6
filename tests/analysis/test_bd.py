from __future__ import annotations

import itertools

import numpy as np
import pytest
from bjontegaard import bd_psnr, bd_rate
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

from bench.analysis.batch import bd_rates, interval
from bench.analysis.bd import Curve, compare
from bench.analysis.interpolation import Hermite
from bench.results import published

RATES = [0.1, 0.25, 0.5, 1.0, 2.0]
PSNR = [28.0, 30.5, 33.0, 36.0, 40.0]


@st.composite
def curves(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    """A rising curve of 4 to 12 points between about 25 and 45 dB."""
    count = draw(st.integers(4, 12))
    steps = st.lists(st.floats(0.05, 1.0), min_size=count, max_size=count)
    rate = 0.05 * np.exp(np.cumsum(draw(steps)))
    quality = draw(st.floats(24, 30)) + np.cumsum(np.array(draw(steps)) * 20 / count)
    return list(rate), list(quality)


@pytest.fixture(scope="module")
def kodak() -> dict[tuple[str, str, str], Curve]:
    points = published.load()
    points["curve"] = points["source"] + "/" + points["method"]
    return {
        (curve, metric): Curve.of(rows["rate_bpp"], rows["value"] if "psnr" in metric else _db(rows["value"]))
        for (curve, metric), rows in points.groupby(["curve", "metric"])
        if "_db_" not in metric
    }


def _db(ms_ssim: np.ndarray) -> np.ndarray:
    return -10 * np.log10(1 - ms_ssim)


JOINT, NO_CONTEXT = "tfc/minnen-2018-neurips-opt-mse", "tfc/minnen-2018-neurips-no-context"
TABLE = [
    # Of the joint and the no-context model on Kodak, from the same points by another program: cubic, PCHIP.
    (JOINT, "tfc/jpeg420", "psnr_rgb", -59.68, -58.92),
    (JOINT, "tfc/webp", "psnr_rgb", -41.36, -41.12),
    (JOINT, "tfc/j2k-opj5", "psnr_rgb", -34.80, -34.70),
    (JOINT, "tfc/j2k-kdu5", "psnr_rgb", -43.00, -43.07),
    (JOINT, "tfc/bpg444", "psnr_rgb", -8.98, -8.12),
    (JOINT, "tfc/bpg420", "psnr_rgb", -15.64, -15.23),
    (JOINT, "tfc/balle-2018-iclr-opt-mse", "psnr_rgb", -15.73, -15.53),
    (JOINT, "tfc/balle-2017-iclr-opt-mse", "psnr_rgb", -31.70, -31.52),
    (JOINT, "tfc/minnen-2018-icip", "psnr_rgb", -26.04, -25.89),
    (JOINT, NO_CONTEXT, "psnr_rgb", -4.85, -4.71),
    (JOINT, "tfc/lee-2019-context-adaptive", "psnr_rgb", -4.11, -3.88),
    (JOINT, "tfc/minnen-2020-icip", "psnr_rgb", 9.30, 9.52),
    (NO_CONTEXT, "tfc/balle-2018-iclr-opt-mse", "psnr_rgb", -10.08, -9.76),
    (NO_CONTEXT, "tfc/bpg444", "psnr_rgb", -4.43, -3.35),
    (NO_CONTEXT, "tfc/jpeg420", "psnr_rgb", -56.35, -55.56),
    (NO_CONTEXT, "tfc/j2k-opj5", "psnr_rgb", -30.86, -30.86),
    (NO_CONTEXT, "tfc/webp", "psnr_rgb", -37.01, -36.83),
    (JOINT, "tfc/jpeg420", "psnr_y", -51.4, -49.6),
    (JOINT, "tfc/bpg420", "psnr_y", 4.4, 5.3),
    (JOINT, "tfc/bpg444", "ms_ssim_rgb", -19.0, -18.9),
    ("tfc/minnen-2018-neurips-opt-msssim", "tfc/jpeg420", "ms_ssim_rgb", -66.8, -66.8),
    ("tfc/minnen-2018-neurips-opt-msssim", "tfc/bpg444", "ms_ssim_rgb", -45.8, -45.5),
    (JOINT, "compressai/jpeg", "psnr_rgb", -62.5, -62.1),
    (JOINT, "compressai/vtm", "psnr_rgb", 10.8, 11.0),
    ("compressai/compressai-mbt2018_mse_cuda", "compressai/bpg_444_x265_ycbcr", "psnr_rgb", -11.5, -11.3),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} {row[1]} {row[2]}")
def test_published_points_give_the_known_bd_rates(
    kodak: dict[tuple[str, str], Curve], row: tuple[str, str, str, float, float]
) -> None:
    test, anchor, metric, cubic, pchip = row
    rate = compare(kodak[anchor, metric], kodak[test, metric]).rate_percent
    assert rate["pchip"] == pytest.approx(pchip, abs=0.1)
    assert rate["cubic"] == pytest.approx(cubic, abs=0.1)


def test_joint_against_jpeg_overlaps_where_both_curves_are(kodak: dict[tuple[str, str], Curve]) -> None:
    delta = compare(kodak["tfc/jpeg420", "psnr_rgb"], kodak[JOINT, "psnr_rgb"])
    assert delta.overlap == pytest.approx((26.80, 44.87), abs=0.01)
    assert delta.points_in_overlap[1] == 8  # the ninth joint point is above JPEG's best


@given(curve=curves())
def test_a_curve_against_itself_is_zero(curve: tuple[list[float], list[float]]) -> None:
    delta = compare(Curve.of(*curve), Curve.of(*curve))
    assert list(delta.rate_percent.values()) == pytest.approx([0, 0, 0], abs=1e-6)
    assert list(delta.quality.values()) == pytest.approx([0, 0, 0], abs=1e-6)
    assert delta.overlap_share == 1


@given(curve=curves())
def test_ten_percent_more_rate_is_ten_percent(curve: tuple[list[float], list[float]]) -> None:
    rate, quality = curve
    delta = compare(Curve.of(rate, quality), Curve.of(np.array(rate) * 1.1, quality))
    assert list(delta.rate_percent.values()) == pytest.approx([10, 10, 10], abs=1e-5)


@given(first=curves(), second=curves())
def test_swapping_the_curves_inverts_the_ratio(
    first: tuple[list[float], list[float]], second: tuple[list[float], list[float]]
) -> None:
    forth, back = compare(Curve.of(*first), Curve.of(*second)), compare(Curve.of(*second), Curve.of(*first))
    assert (forth.reason == "") == (back.reason == "")
    for a, b in zip(forth.rate_percent.values(), back.rate_percent.values(), strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            assert (1 + a / 100) * (1 + b / 100) == pytest.approx(1, rel=1e-6)


@given(order=st.permutations(range(5)), repeated=st.lists(st.integers(0, 4), max_size=3))
def test_order_and_repeated_points_change_nothing(order: list[int], repeated: list[int]) -> None:
    picked = [*order, *repeated]
    curve = Curve.of([RATES[i] for i in picked], [PSNR[i] for i in picked])
    assert list(curve.rate_bpp) == RATES
    assert list(curve.quality) == PSNR
    assert curve.dominated == 0


def test_a_point_that_costs_more_and_gives_no_more_is_left_out() -> None:
    curve = Curve.of([0.1, 0.2, 0.3, 0.3, 0.4], [30, 32, 31.9, 33, 33])
    assert list(curve.quality) == [30, 32, 33]
    assert curve.dominated == 2


def test_a_lossless_point_is_left_out() -> None:
    curve = Curve.of([0.1, 0.2, 8.0], [30, 32, np.inf])
    assert (len(curve), curve.lossless) == (2, 1)


def test_no_overlap_gives_no_number_but_a_reason() -> None:
    delta = compare(Curve.of(RATES, PSNR), Curve.of(RATES, np.array(PSNR) + 20))
    assert set(delta.rate_percent.values()) == {None}
    assert "do not overlap" in delta.reason


def test_curves_that_only_touch_do_not_overlap() -> None:
    delta = compare(Curve.of([0.1, 0.2], [30, 32]), Curve.of([0.3, 0.4], [32, 34]))
    assert "do not overlap" in delta.reason


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_points_give_no_number_but_a_reason(count: int) -> None:
    delta = compare(Curve.of(RATES, PSNR), Curve.of(RATES[:count], PSNR[:count]))
    assert delta.rate_percent["pchip"] is None
    assert delta.reason.startswith(f"the test curve has {count} usable")


def test_a_single_cubic_needs_four_points() -> None:
    delta = compare(Curve.of(RATES, PSNR), Curve.of(RATES[:3], PSNR[:3]))
    assert delta.rate_percent["cubic"] is None
    assert delta.rate_percent["pchip"] is not None


def test_a_cubic_through_points_that_are_too_close_is_no_number() -> None:
    close = 30 + np.arange(4) * 1e-7
    delta = compare(Curve.of([0.1, 0.2, 0.3, 0.4], close), Curve.of([0.1, 0.2, 0.3, 0.4], close))
    assert delta.rate_percent["cubic"] is None


def test_bd_quality_has_its_own_overlap() -> None:
    delta = compare(Curve.of([0.1, 0.2], [30, 34]), Curve.of([0.3, 0.6], [31, 33]))
    assert delta.rate_percent["pchip"] is not None
    assert delta.quality["pchip"] is None


@given(anchor=curves(), test=curves())
def test_every_method_equals_the_package(
    anchor: tuple[list[float], list[float]], test: tuple[list[float], list[float]]
) -> None:
    batch = bd_rates((np.array([anchor[0]]), np.array([anchor[1]])), (np.array([test[0]]), np.array([test[1]])))[0]
    ours = compare(Curve.of(*anchor), Curve.of(*test))
    if ours.reason:
        assert np.isnan(batch)
        return
    points = [np.array(values) for values in (*anchor, *test)]
    for method, rate in ours.rate_percent.items():
        options = {"method": method, "require_matching_points": False, "min_overlap": 0}
        assert rate == pytest.approx(bd_rate(*points, **options), rel=1e-9, abs=1e-9)
        quality = ours.quality[method]
        assert quality is None or quality == pytest.approx(bd_psnr(*points, **options), rel=1e-9, abs=1e-9)
    assert batch == pytest.approx(ours.rate_percent["pchip"], rel=1e-9, abs=1e-9)


@given(curve=curves())
def test_values_between_points_are_those_of_scipy(curve: tuple[list[float], list[float]]) -> None:
    x, y = (np.array(values) for values in curve)
    places = np.linspace(x[0], x[-1], 50)
    for method, of in {"pchip": PchipInterpolator, "akima": Akima1DInterpolator}.items():
        assert Hermite.through(x[None], y[None], method).at(places)[0] == pytest.approx(of(x, y)(places), rel=1e-9)


def test_the_batch_takes_each_row_by_itself() -> None:
    rng = np.random.default_rng(1)
    rate = np.sort(rng.uniform(0.1, 2, (200, 9)), axis=1)
    quality = 30 + 8 * np.log2(1 + rate) + rng.normal(0, 0.4, rate.shape)  # some rows are not monotone
    quality[::17, 3] = np.inf
    order = rng.permutation(9)
    rows = bd_rates((rate[:100, order], quality[:100, order]), (rate[100:], quality[100:]))
    for row, value in enumerate(rows):
        anchor, test = Curve.of(rate[row], quality[row]), Curve.of(rate[100 + row], quality[100 + row])
        package = bd_rate(
            anchor.rate_bpp, anchor.quality, test.rate_bpp, test.quality,
            method="pchip", require_matching_points=False, min_overlap=0,
        )  # fmt: skip
        assert value == pytest.approx(package, rel=1e-9)
    assert any(Curve.of(r, q).dominated for r, q in zip(rate, quality, strict=True))


def test_the_interval_holds_the_estimate_and_is_the_same_twice() -> None:
    rng = np.random.default_rng(3)
    rate = np.array(RATES) * rng.lognormal(0, 0.3, (24, 1))
    value = np.array(PSNR) + rng.normal(0, 2, (24, 1))
    gain = rng.normal(0.8, 0.05, (24, 1))
    found = interval((rate, value), (rate * gain, value))
    assert found is not None
    estimate = compare(
        Curve.of(rate.mean(0), value.mean(0)), Curve.of((rate * gain).mean(0), value.mean(0))
    ).rate_percent["pchip"]
    assert estimate is not None
    assert found[0] < estimate < found[1]
    assert found == interval((rate, value), (rate * gain, value))


def test_equal_images_leave_no_uncertainty() -> None:
    rate, value = np.tile(RATES, (10, 1)), np.tile(PSNR, (10, 1))
    assert interval((rate, value), (rate * 0.9, value)) == pytest.approx((-10, -10))


@pytest.mark.parametrize("images", [1, 2, 4, 5])
def test_fewer_than_five_images_have_no_interval(images: int) -> None:
    rate, value = np.tile(RATES, (images, 1)), np.tile(PSNR, (images, 1))
    assert (interval((rate, value), (rate, value)) is None) == (images < 5)


def test_the_table_names_no_pair_twice() -> None:
    pairs = [row[:3] for row in TABLE]
    assert not any(a == b for a, b in itertools.combinations(pairs, 2))
