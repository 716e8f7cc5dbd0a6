from __future__ import annotations

import pytest

from bench.codecs.codec import CodecSpec
from bench.codecs.registry import codec_class, codec_names
from bench.images.datasets import dataset_names, open_dataset
from bench.reproduction.budget import UNSTATED_TASK_S, Budget, TimingPlan, _content, as_argument


def test_the_budget_names_codecs_and_points_that_there_are() -> None:
    """A quick run is a part of the whole one, which has all of the positions and more, or some of it."""
    for name, share in _content()["codecs"].items():
        assert name in codec_names()
        positions = codec_class(name).scale.points
        whole = share.get("whole", positions)
        assert set(share.get("quick", ())) <= set(whole), name
        assert set(positions) <= set(whole) or set(whole) <= set(positions), name
        assert list(whole) == sorted(whole, reverse=positions[0] > positions[-1]), name
        assert share["task_s"] > 0


@pytest.mark.parametrize("quick", [True, False])
def test_the_budget_names_pictures_that_there_are(*, quick: bool) -> None:
    budget = Budget.stated(quick=quick)
    for pictures in (budget.pictures, budget.timing.pictures):
        assert set(pictures) <= set(dataset_names())
        names = [image.name for image in open_dataset("builtin").images]
        assert set(pictures.get("builtin", ())) <= set(names)
        for kodak in ("kodak", "kodak-yuv420"):
            assert set(pictures.get(kodak, ())) <= {f"kodim{number:02d}" for number in range(1, 25)}


def test_the_budget_of_planes_names_codecs_that_take_them_and_points_that_they_have() -> None:
    budget = Budget.of_planes(quick=False)
    assert budget.points.keys() <= set(codec_names())
    for name, points in budget.points.items():
        assert budget.includes(name)
        assert codec_class(name).yuv420_backends, name
        scale = codec_class(name).scale
        assert all(scale.lowest <= point <= scale.highest for point in points), name
        assert len(points) >= 5  # a BD-rate of fewer is doubtful


def test_a_codec_of_planes_is_in_one_budget_and_a_conventional_one_may_be_in_both() -> None:
    rgb, planes = Budget.stated(quick=True), Budget.of_planes(quick=True)
    found = {name: (rgb.includes(name), planes.includes(name)) for name in ("cca", "joint-yuv", "joint", "vvc", "webp")}
    assert found == {
        "cca": (False, True),
        "joint-yuv": (False, True),
        "joint": (True, True),
        "vvc": (True, True),
        "webp": (True, False),
    }


def test_a_quick_run_has_fewer_points_and_the_whole_one_all() -> None:
    jpeg = CodecSpec("jpeg", (5, 10, 30, 50))
    assert Budget.stated(quick=False).share(jpeg, fixed=False) == jpeg
    assert Budget.stated(quick=True).share(jpeg, fixed=False).qualities == (10, 30, 50, 70, 80, 90, 95)


@pytest.mark.parametrize(("weights", "measured"), [((2, 3, 4, 5, 6), (2, 3, 5)), ((3, 4, 5), (3, 5)), ((1, 4), (1, 4))])
def test_a_codec_with_weights_is_measured_at_qualities_that_have_some(
    weights: tuple[float, ...], measured: tuple[float, ...]
) -> None:
    budget = Budget.stated(quick=True)
    assert budget.share(CodecSpec("joint", weights), fixed=True).qualities == measured


def test_a_codec_that_the_budget_does_not_name_is_measured_at_all_its_points() -> None:
    own = CodecSpec("own.py:Own", (1, 2, 3))
    for quick in (True, False):
        assert Budget.stated(quick=quick).share(own, fixed=False) == own
    assert Budget.stated(quick=True).processor_s(own, 4) == 3 * 4 * UNSTATED_TASK_S


def test_the_estimate_is_tasks_by_cost() -> None:
    budget = Budget({}, TimingPlan((0.5,), 1, {}), {}, {"jpeg": 0.5})
    assert budget.processor_s(CodecSpec("jpeg", (10, 20)), 24) == 2 * 24 * 0.5


@pytest.mark.parametrize(
    ("positions", "chosen"), [((0.25, 0.5, 0.75), "jpeg@30,50,70"), ((0.5,), "jpeg@50"), ((0, 1), "jpeg@10,90")]
)
def test_times_are_taken_at_points_spread_over_the_qualities(positions: tuple[float, ...], chosen: str) -> None:
    assert as_argument(TimingPlan(positions, 3, {}).share(CodecSpec("jpeg", tuple(range(10, 100, 10))))) == chosen


def test_a_codec_with_one_quality_is_timed_there() -> None:
    assert TimingPlan((0.25, 0.5, 0.75), 3, {}).share(CodecSpec("joint", (3,))).qualities == (3,)
