"""Initial limits of RD figures."""

from __future__ import annotations

import numpy as np
import pytest

from bench.analysis.axis import PSNR
from bench.analysis.bd import Curve
from bench.analysis.rd_curve import RdCurve
from bench.report.rd_plot import ROOM_AROUND_MAIN, window


def rd_curve(name: str, rates: list[float], *, learned: bool = False, published: bool = False) -> RdCurve:
    """Curve whose quality is 30 dB at 1 bit per pixel and rises by 6 dB with each doubling of the rate."""
    curve = Curve.of(rates, [30 + 6 * float(np.log2(rate)) for rate in rates])
    return RdCurve(name, name, {PSNR.name: curve}, {} if published else {PSNR.name: (np.ones(1), np.ones(1))}, learned)


def test_the_window_covers_learned_curves_and_the_qualities_of_others_there() -> None:
    curves = [
        rd_curve("joint", [0.5, 1], learned=True),
        rd_curve("jpeg", [0.1, 8]),
        rd_curve("tfc/x", [0.01, 99], published=True),
    ]
    (low, high), (worst, best) = window(PSNR, curves)
    assert (low, high) == pytest.approx((0.5 / ROOM_AROUND_MAIN, ROOM_AROUND_MAIN))
    # jpeg has no point in the window, but its line crosses it.
    spread = 6 * np.log2(high / low)
    assert best - worst == pytest.approx(spread * 1.08, rel=0.02)
    assert worst < 30 + 6 * np.log2(low) < 30 + 6 * np.log2(high) < best


def test_without_learned_curves_the_window_covers_all_measured_ones() -> None:
    (low, high), (worst, best) = window(
        PSNR, [rd_curve("jpeg", [0.1, 4]), rd_curve("tfc/x", [0.01, 99], published=True)]
    )
    assert 0.05 < low < 0.1
    assert 4 < high < 8
    assert worst < 30 + 6 * np.log2(0.1)
    assert best > 42
