from __future__ import annotations

import contextlib
import dataclasses
import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from PIL import Image

from bench.codecs.codec import CodecSpec
from bench.harness import request as request_module
from bench.harness.request import RunRequest, Summary
from bench.harness.runner import Outcome
from bench.learned.weights import catalogue, checkpoints
from bench.reproduction import reproduce as module
from bench.reproduction.budget import Budget
from bench.reproduction.reproduce import Part, Reproduction, parts, reproduce, rounds
from bench.system.errors import BusyError, MissingError, StoreError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.harness.workers import LocalCrew


pytestmark = pytest.mark.usefixtures("empty_figures")


@pytest.fixture
def options(tmp_path: Path) -> Reproduction:
    return Reproduction(
        db=tmp_path / "r.sqlite",
        out=tmp_path / "report",
        threads=1,
        workers=1,
        command=(),
        data=tmp_path,
        quick=True,
        force=True,
    )


def add_weights(folder: Path, *names: str) -> None:
    """Weights files by the look of their headers: nothing is coded with them."""
    for name in names:
        safetensors.numpy.save_file({"x": np.zeros(1)}, folder / f"{name}.safetensors", {"bench": "{}"})


@pytest.fixture
def only_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reproduction of one codec at two qualities: what is under test is the order of work, not the codecs."""

    def jpeg_on_rgb(_weights: str, budget: Budget, _say: object) -> list[Part]:
        return [Part((CodecSpec("jpeg", (50, 90)),))] if budget.includes("webp") else []

    monkeypatch.setattr(module, "parts", jpeg_on_rgb)


def test_without_kodak_and_network_it_runs_on_builtin_in_rgb_and_planes_and_says_so(
    options: Reproduction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "parts", lambda *_: [Part((CodecSpec("jpeg", (50, 90)),))])

    def no_network(*_: object, **__: object) -> None:
        raise MissingError("cannot download kodim01.png: no route to host")

    monkeypatch.setattr(module, "fetch_dataset", no_network)
    said: list[str] = []
    page, failures = reproduce(options, said.append)
    assert failures == []
    assert said[0] == "NOT KODAK: cannot download kodim01.png: no route to host"
    text = page.read_text(encoding="utf-8")
    title = text.partition("<h1>")[2].partition("</h1>")[0]
    assert "not the Kodak pictures" in title
    assert "scikit-image" in (options.out / "builtin-yuv420.html").read_text(encoding="utf-8")
    points = pd.read_csv(options.out / "tables" / "builtin-yuv420" / "points.csv")
    assert {"psnr_yuv_db", "psnr_u_db", "ms_ssim_y_db"} <= set(points)
    assert set(points["images"]) == {5}
    assert (options.out / "data" / "timings.csv").read_text().count("\n") > 1
    parts = re.sub(r"[\d.]+ (s|min)", "N s", said[-1])
    assert parts == "duration: N s (builtin N s, builtin-yuv420 N s, timings N s, pictures N s, report N s)"


def test_a_folder_of_other_files_is_no_folder_of_evidence_and_that_is_said_first(
    options: Reproduction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_get_kodak", lambda *_: pytest.fail("work begins"))
    with pytest.raises(UsageError, match="use another folder than that of the report"):
        reproduce(dataclasses.replace(options, evidence=options.out), lambda _: None)
    (options.out / "notes").mkdir(parents=True)
    (options.out / "notes" / "mine.md").write_text("x")
    with pytest.raises(UsageError, match=r"such as .*mine.md may not be bench's"):
        reproduce(dataclasses.replace(options, evidence=options.out / "notes"), lambda _: None)


@pytest.mark.kodak
@pytest.mark.usefixtures("only_jpeg")
def test_quick_reports_on_a_stated_subset_of_kodak(
    options: Reproduction, kodak: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The test before this one takes times and shows pictures.
    monkeypatch.setattr(module, "_take_times", lambda *_: None)
    monkeypatch.setattr(module, "add_assets", lambda *_, **__: [])
    page, _ = reproduce(dataclasses.replace(options, data=kodak[0].parent.parent), lambda _: None)
    title = page.read_text(encoding="utf-8").partition("<h1>")[2].partition("</h1>")[0]
    stated = Budget.stated(quick=True).pictures["kodak"]
    assert f"{len(stated)} of 24 pictures" in title


@pytest.mark.usefixtures("only_jpeg")
def test_on_a_busy_machine_the_report_is_written_without_times_and_that_is_a_warning(
    options: Reproduction, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def busy() -> None:
        raise BusyError("other work uses 40% of this machine")

    stated, pictures = Budget.stated(quick=True), {"builtin": ("chelsea",)}
    budget = dataclasses.replace(
        stated, pictures=pictures, timing=dataclasses.replace(stated.timing, pictures=pictures)
    )
    monkeypatch.setattr(Budget, "stated", lambda **_: budget)
    monkeypatch.setattr(request_module, "require_quiet_machine", busy)
    monkeypatch.setattr(module, "_get_kodak", lambda *_: "builtin")
    page, failures = reproduce(dataclasses.replace(options, force=False), lambda _: None)
    assert failures == []
    assert "Times are missing" in page.read_text(encoding="utf-8")
    assert capsys.readouterr().err == f"warning: {module.TIMES_MISSING}\n"
    reproduce(options, lambda _: None)  # --force
    assert "Times are missing" not in page.read_text(encoding="utf-8")
    assert capsys.readouterr().err == ""


def test_a_busy_machine_is_a_matter_only_where_times_are_lacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy() -> None:
        raise BusyError("other work uses 40% of this machine")

    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "black.png")
    request = RunRequest(
        codecs=("jpeg@50",), dataset=str(tmp_path), db=tmp_path / "r.sqlite", threads=1, command=(), timing=True
    )
    said: list[str] = []
    monkeypatch.setattr(request_module, "require_quiet_machine", busy)
    assert module._take_times(request, said.append) is None
    assert said == [f"no times taken on {tmp_path}: other work uses 40% of this machine"]
    assert module._take_times(dataclasses.replace(request, force=True), said.append).failures == []
    assert module._take_times(request, said.append).failures == []
    assert "0 tasks timed, 1 already stored" in said[-1]
    with pytest.raises(UsageError, match="unknown codec"):
        module._take_times(dataclasses.replace(request, codecs=("jpg",)), said.append)


@pytest.mark.usefixtures("only_jpeg")
def test_rates_come_from_all_workers_and_times_from_one_process_afterwards(
    options: Reproduction, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[RunRequest] = []
    crews: list[LocalCrew | None] = []

    def noted(request: RunRequest, crew: LocalCrew | None) -> Summary:
        requests.append(request)
        crews.append(crew)
        return Summary("builtin", frozenset(), (), {})

    monkeypatch.setattr(module, "execute", noted)
    monkeypatch.setattr(module, "fetch_dataset", lambda *_, **__: None)
    monkeypatch.setattr(module, "missing", lambda *_: [])
    monkeypatch.setattr(module, "open_dataset", lambda *_, **__: pytest.fail("the pictures are named"))
    with pytest.raises(StoreError):  # nothing was measured, so that there is nothing to report
        reproduce(dataclasses.replace(options, workers=7), lambda _: None)
    assert [(r.workers, r.timing, r.codecs) for r in requests] == [
        (7, False, ("jpeg@50,90",)),
        (1, True, ("jpeg@50",)),
    ]
    assert [crew and len(crew.workers()) for crew in crews] == [7, None]
    budget = Budget.stated(quick=True)
    assert [r.images for r in requests] == [budget.pictures["kodak"], budget.timing.pictures["kodak"]]


def test_planes_are_measured_after_rgb_and_reported_beside_it(
    options: Reproduction, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[RunRequest] = []
    reported: list[object] = []

    def noted(request: RunRequest, _crew: object) -> Summary:
        requests.append(request)
        return Summary(request.dataset, frozenset(), (), {})

    vvc = CodecSpec("vvc", (50, 42, 37, 32))

    def one_codec(_weights: str, budget: Budget, _say: object) -> list[Part]:
        return [Part((CodecSpec("webp", vvc.qualities) if budget.includes("webp") else vvc,))]

    monkeypatch.setattr(module, "parts", one_codec)
    monkeypatch.setattr(module, "execute", noted)
    monkeypatch.setattr(module, "_get_kodak", lambda *_: "kodak")
    for name in ("export_csv", "add_assets"):
        monkeypatch.setattr(module, name, lambda *_, **__: [])
    monkeypatch.setattr(module.Store, "open", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(module, "write_report", lambda *_, **chosen: reported.append(chosen) or options.out)
    reproduce(options, lambda _: None)
    assert [(r.dataset, r.timing, r.codecs) for r in requests] == [
        ("kodak", False, ("webp@50,42,37,32",)),
        ("kodak-yuv420", False, ("vvc@50,42,37,32",)),
        ("kodak", True, ("webp@37",)),
        ("kodak-yuv420", True, ("vvc@37",)),
    ]
    assert requests[1].images == requests[0].images
    # Which is the part of each that was measured, where not all of it was.
    assert reported == [{"datasets": ["kodak", "kodak-yuv420"]}]


def test_without_ffmpeg_there_are_no_planes_and_that_is_said_once(
    options: Reproduction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.ffmpeg, "missing", lambda: "not here")
    said: list[str] = []
    assert [entry.dataset for entry in rounds("kodak", options, said.append)] == ["kodak"]
    assert "left out: kodak in YUV 4:2:0: not here" in said
    assert len(said) == len(set(said))


def test_codecs_of_planes_alone_are_measured_on_planes_alone(
    options: Reproduction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_weights(tmp_path, "joint-3", "cca-1", "cca-2", "joint-yuv-1")
    monkeypatch.setattr(catalogue, "COMPACT", tmp_path)
    monkeypatch.setattr(module.ffmpeg, "missing", lambda: None)
    rgb, planes = (
        {spec.name: spec.qualities for part in entry.parts for spec in part.specs}
        for entry in rounds("kodak", options, lambda _: None)
    )
    assert {"joint", "jpeg"} <= rgb.keys()
    assert {"cca", "joint-yuv"}.isdisjoint(rgb)
    assert planes["cca"] == (1, 2)
    assert planes["joint-yuv"] == (1,)
    assert planes["joint"] == (3,)
    assert "webp" not in planes


def test_models_trained_for_ms_ssim_are_a_part_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_weights(tmp_path, "joint-3", "joint-4", "joint-5-ms-ssim")
    monkeypatch.setattr(catalogue, "COMPACT", tmp_path)
    said: list[str] = []
    found = parts("compact", Budget.stated(quick=True), said.append)
    assert [part.weights for part in found] == [None, "compact", "compact-ms-ssim"]
    assert [[(s.name, s.qualities) for s in part.specs] for part in found[1:]] == [
        [("joint", (3,))],
        [("joint", (5,))],
    ]
    assert "jpeg" in {spec.name for spec in found[0].specs}
    (line,) = [line for line in said if line.startswith("left out: hyper:")]
    assert "no weights of hyper in compact;" in line


def test_weights_of_the_zoo_are_fetched_and_what_is_here_is_used_without_a_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[checkpoints.PublishedCheckpoint] = []

    def no_network(wanted: list[checkpoints.PublishedCheckpoint]) -> None:
        asked.extend(wanted)
        raise MissingError("no route to host")

    monkeypatch.setattr(checkpoints, "fetch", no_network)
    said: list[str] = []
    module._get_weights("zoo", said.append)
    module._get_weights("compact", said.append)
    assert asked == checkpoints.select(metric="mse")
    assert said == ["weights are missing: no route to host"]


def test_the_estimate_has_all_parts_and_says_at_each_what_is_left() -> None:
    said: list[str] = []
    durations = module.Durations({"kodak": 600, "timings": 120, "report": 12}, said.append)
    for part in ("kodak", "timings", "report"):
        with durations.measured(part):
            pass
    assert said == [
        "about 12.2 min if nothing is measured yet (kodak 10.0 min, timings 2.0 min, report 12 s)",
        "kodak: about 10.0 min; until the end about 12.2 min",
        "timings: about 2.0 min; until the end about 2.2 min",
        "report: about 12 s; until the end about 12 s",
    ]


@pytest.mark.parametrize(
    ("measured", "stored", "left"),
    [(100, 0, "4.0 min"), (60, 40, "6.7 min"), (0, 100, "2.0 min"), (40, 60, "2.0 min")],
)
def test_estimates_follow_the_pace_of_what_was_measured(measured: int, stored: int, left: str) -> None:
    said: list[str] = []
    durations = module.Durations({"kodak": 600, "timings": 120}, said.append, iter((0.0, 1200.0, 0.0, 0.0)).__next__)
    with durations.measured("kodak") as summaries:
        outcome = Outcome(measured=measured, skipped=stored)
        summaries.append(Summary("kodak", frozenset(), (), {"measured": outcome}))
    with durations.measured("timings"):
        pass
    assert said[-1] == f"timings: about {left}; until the end about {left}"


def test_the_estimate_is_near_the_duration_of_the_last_whole_run(options: Reproduction) -> None:
    """26.5, 7.0, 7.7, 2.8 and 0.2 minutes with two workers."""
    whole = dataclasses.replace(options, quick=False, workers=2)
    found = [
        dataclasses.replace(entry, budget=dataclasses.replace(entry.budget, pictures={entry.dataset: ("x",) * 24}))
        for entry in rounds("kodak", whole, lambda _: None)
    ]
    expected_s = module._expected_s(found, whole)
    assert list(expected_s) == ["kodak", "kodak-yuv420", "timings", "costs and pictures", "report"]
    assert expected_s["kodak"] / 60 == pytest.approx(26.5, rel=0.2)
    assert sum(expected_s.values()) / 60 == pytest.approx(44.2, rel=0.2)
