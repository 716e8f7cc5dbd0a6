from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from bench import reproduce as module
from bench.codec import CodecSpec
from bench.errors import MissingError
from bench.reproduce import Reproduction, _some_points, reproduce

if TYPE_CHECKING:
    from pathlib import Path

    from bench.request import RunRequest


@pytest.fixture
def options(tmp_path: Path) -> Reproduction:
    return Reproduction(
        db=tmp_path / "r.sqlite", out=tmp_path / "report", threads=1, command=(), data=tmp_path, quick=True, force=True
    )


@pytest.fixture
def only_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reproduction of one codec at two qualities: what is under test is the order of work, not the codecs."""
    execute = module.execute

    def few(request: RunRequest) -> object:
        codecs = ("jpeg@50",) if request.timing else ("jpeg@50,90",)
        return execute(dataclasses.replace(request, codecs=codecs))

    monkeypatch.setattr(module, "execute", few)


@pytest.mark.usefixtures("only_jpeg")
def test_without_kodak_and_network_it_runs_on_builtin_and_says_so(
    options: Reproduction, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise MissingError("cannot download kodim01.png: no route to host")

    monkeypatch.setattr(module, "fetch_dataset", no_network)
    said: list[str] = []
    page, failures = reproduce(options, said.append)
    assert failures == []
    assert said[0] == "NOT KODAK: cannot download kodim01.png: no route to host"
    text = page.read_text(encoding="utf-8")
    title = text.partition("<h1>")[2].partition("</h1>")[0]
    assert "builtin" in title
    assert "not the Kodak pictures" in text
    assert (options.out / "data" / "timings.csv").read_text().count("\n") > 1


@pytest.mark.kodak
@pytest.mark.usefixtures("only_jpeg")
def test_quick_reports_on_a_stated_subset_of_kodak(options: Reproduction, kodak: list[Path]) -> None:
    page, _ = reproduce(dataclasses.replace(options, data=kodak[0].parent.parent), lambda _: None)
    title = page.read_text(encoding="utf-8").partition("<h1>")[2].partition("</h1>")[0]
    assert "4 of 24 pictures" in title


@pytest.mark.parametrize(
    ("ladder", "chosen"), [((0.25, 0.5, 0.75), "jpeg@30,50,70"), ((0.5,), "jpeg@50"), ((0, 1), "jpeg@10,90")]
)
def test_times_are_taken_at_points_spread_over_the_ladder(ladder: tuple[float, ...], chosen: str) -> None:
    assert _some_points(CodecSpec("jpeg", tuple(range(10, 100, 10))), ladder) == chosen


def test_a_ladder_of_one_point_is_timed_there() -> None:
    assert _some_points(CodecSpec("joint", (3,)), (0.25, 0.5, 0.75)) == "joint@3"
