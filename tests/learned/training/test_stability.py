from __future__ import annotations

import math

import pytest

from bench.learned.training.loop import GradientGuard


def guard_after(*norms: float) -> GradientGuard:
    guard = GradientGuard(trusted=5)
    for norm in norms:
        guard.factor(norm)
    return guard


@pytest.mark.parametrize("norm", [math.nan, math.inf, 10.1])
def test_outliers_are_skipped_and_counted(norm: float) -> None:
    guard = guard_after(*[1.0] * 5)
    assert guard.factor(norm) == 0
    assert guard.skipped == guard.skipped_in_a_row == 1


def test_a_skipped_norm_does_not_move_the_median() -> None:
    guard = guard_after(*[1.0] * 5)
    for _ in range(100):
        guard.factor(1e6)
    assert guard.factor(11.0) == 0
    assert guard.factor(1.0) == 1
    assert (guard.skipped, guard.skipped_in_a_row) == (101, 0)


def test_large_norms_are_scaled_down_to_three_medians() -> None:
    assert guard_after(*[2.0] * 5).factor(8.0) == pytest.approx(6.0 / 8.0)


def test_nothing_is_judged_before_there_is_a_median() -> None:
    guard = GradientGuard(trusted=5)
    assert [guard.factor(norm) for norm in (1.0, 1e3, 1e-3, 1e6)] == [1.0] * 4


def test_not_finite_is_skipped_even_without_a_median() -> None:
    assert GradientGuard().factor(math.nan) == 0


def test_a_slow_rise_is_followed() -> None:
    guard = GradientGuard(window=20)
    assert all(guard.factor(1.05**step) > 0 for step in range(200))


def test_state_is_restored() -> None:
    guard = guard_after(*[1.0] * 5, 100.0, 2.5)
    copy = GradientGuard(trusted=5)
    copy.load_state_dict(guard.state_dict())
    assert copy.skipped == 1
    assert [copy.factor(norm) for norm in (2.0, 5.0, 20.0)] == [guard.factor(norm) for norm in (2.0, 5.0, 20.0)]
