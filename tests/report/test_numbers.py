from __future__ import annotations

import math

import pytest

from bench.report.numbers import NOTHING, milliseconds, plain, signed, tick


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (-8.123, 1, "\N{MINUS SIGN}8.1"),
        (3.0, 2, "+3.00"),
        (-0.04, 1, "0.0"),
        (0.0, 0, "0"),
        (None, 1, NOTHING),
        (math.nan, 1, NOTHING),
    ],
)
def test_a_signed_number_has_a_true_minus_and_no_sign_at_zero(value: float | None, digits: int, text: str) -> None:
    assert signed(value, digits) == text


@pytest.mark.parametrize(("value", "text"), [(33.2376, "33.24"), (math.inf, "∞"), (math.nan, NOTHING), (None, NOTHING)])
def test_a_plain_number_has_fixed_digits(value: float | None, text: str) -> None:
    assert plain(value, 2) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0008712, "0.871"), (0.0022, "2.20"), (0.0138, "13.8"), (0.157, "157"), (12.3456, "12346")]
)
def test_milliseconds_have_three_digits(seconds: float, text: str) -> None:
    assert milliseconds(seconds) == text


def test_a_number_on_an_axis_has_a_true_minus() -> None:
    assert [tick(value) for value in (-0.02, 0.0, 0.5)] == ["\N{MINUS SIGN}0.02", "0", "0.5"]
