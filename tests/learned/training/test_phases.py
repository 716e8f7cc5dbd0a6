from __future__ import annotations

import pytest
from torch import nn

from bench.learned.training.phases import CropStage, Phase, TrainingSegment, parse_target, seconds
from bench.system.errors import UsageError

PHASE = Phase({"rate": 1.0}, warmup_steps=10, lr_floor=0.1)


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.g_a = nn.Linear(2, 2)
        self.h_a = nn.Linear(2, 2)


def test_learning_rate_warms_up_and_ends_at_the_floor() -> None:
    segment = TrainingSegment(0, steps=100)
    factors = [segment.lr_factor(step, segment.share(step, 0.0), PHASE) for step in range(101)]
    assert factors[0] == pytest.approx(0.1, rel=1e-2)
    assert max(factors) == factors[9]
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[100] == pytest.approx(0.1)


def test_a_new_stretch_begins_a_new_schedule() -> None:
    segment = TrainingSegment(100, steps=200)
    assert segment.share(100, 1e6) == 0
    assert segment.lr_factor(109, segment.share(109, 0.0), PHASE) > 0.95
    assert segment.share(200, 0.0) == 1


def test_a_budget_counts_seconds_not_steps() -> None:
    segment = TrainingSegment(50, budget_s=10)
    assert segment.share(10**6, 2.5) == 0.25
    assert segment.share(51, 11.0) == 1


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ({}, "either --steps or --budget"),
        ({"steps": 5, "budget_s": 5.0}, "either --steps or --budget"),
        ({"steps": 5, "begins": 5}, "5 steps already"),
        ({"budget_s": 0.0}, "--budget"),
    ],
)
def test_impossible_lengths_are_refused(lengths: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TrainingSegment(**lengths)  # type: ignore[arg-type]


def test_fields_that_came_later_are_described_only_where_they_are_used() -> None:
    assert not {"wiring", "mixed_begins", "qualities", "downscale"} & Phase({}).described().keys()
    described = Phase({}, mixed_begins=0.8, qualities=(1, 2), downscale=2.0).described()
    assert (described["mixed_begins"], described["qualities"], described["downscale"]) == (0.8, (1, 2), 2.0)


def test_patterns_choose_what_learns() -> None:
    assert set(Phase({}).learns(Two())) == {"g_a.weight", "g_a.bias", "h_a.weight", "h_a.bias"}
    assert set(Phase({}, trainable=("*", "!g_a.*")).learns(Two())) == {"h_a.weight", "h_a.bias"}
    assert set(Phase({}, trainable=("g_a.*", "!*bias")).learns(Two())) == {"g_a.weight"}


def test_pattern_that_matches_nothing_is_named() -> None:
    with pytest.raises(UsageError, match=r"g_s\.\*"):
        Phase({}, trainable=("g_s.*",)).learns(Two())


def test_crops_change_where_the_stage_begins() -> None:
    phase = Phase({}, crops=(CropStage(128, 8), CropStage(256, 2, begins=0.8)))
    assert [phase.crop(share).size for share in (0, 0.79, 0.8, 1)] == [128, 128, 256, 256]


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("30m", 1800), ("1.5h", 5400)])
def test_times_are_understood(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "30", "m", "half an hour", "3d", "nanm", "infh", "-5m", "0s"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="30m"):
        seconds(text)


@pytest.mark.parametrize("text", ["joint", "@3", "joint@", "joint@three", "joint@-1"])
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="FAMILY@QUALITY"):
        parse_target(text)
