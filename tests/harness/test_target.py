"""The search for the quality that meets a rate or a PSNR."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
import skimage.data
from click.testing import CliRunner
from PIL import Image

from bench.cli.main import main
from bench.codecs.registry import codec_class, resolve_codecs
from bench.harness.target import MOST_STEPS, SearchTarget, at_target

if TYPE_CHECKING:
    from pathlib import Path

    from bench.codecs.codec import CodecSpec


class Probed:
    """Codecs whose rate is given by a function of the quality, and their PSNR by ten times that."""

    def __init__(self, rate: dict[str, float]) -> None:
        self.power, self.factor = rate["power"], rate["factor"]
        self.qualities: list[float] = []

    def __call__(self, spec: CodecSpec) -> tuple[float, float]:
        (quality,) = spec.qualities
        self.qualities.append(quality)
        bpp = self.factor * quality**self.power
        return bpp, 10 * bpp


def found(name: str, target: SearchTarget, probe: Probed) -> tuple[float, str]:
    (spec,) = resolve_codecs([name])
    result, line = at_target(spec, target, probe)
    return result.qualities[0], line


def test_whole_qualities_are_bisected() -> None:
    probe = Probed({"power": 1, "factor": 0.01})
    quality, line = found("jpeg", SearchTarget(0.374, is_rate=True), probe)
    assert quality == 37
    assert line == "jpeg: 0.374 bpp requested; quality 37 has 0.37 bpp"
    assert len(probe.qualities) <= 9 < len(codec_class("jpeg").scale.points)
    assert len(set(probe.qualities)) == len(probe.qualities)


def test_a_falling_scale_is_bisected_from_its_other_end() -> None:
    probe = Probed({"power": -1, "factor": 10})
    assert found("bpg-444", SearchTarget(0.5, is_rate=True), probe)[0] == 20
    assert found("bpg-444", SearchTarget(5.0, is_rate=False), probe)[0] == 20


def test_a_continuous_scale_is_met_to_half_a_percent() -> None:
    probe = Probed({"power": -0.8, "factor": 1})
    quality, _ = found("jpegxl", SearchTarget(0.25, is_rate=True), probe)
    assert quality**-0.8 == pytest.approx(0.25, rel=0.005)
    assert len(probe.qualities) <= MOST_STEPS
    assert quality == float(f"{quality:.4g}")


@pytest.mark.parametrize(("bpp", "quality", "end"), [(1e-6, 1, "lowest"), (100, 100, "highest")])
def test_what_is_out_of_reach_is_answered_with_the_nearest_end(bpp: float, quality: float, end: str) -> None:
    result, line = found("jpeg", SearchTarget(bpp, is_rate=True), Probed({"power": 1, "factor": 0.01}))
    assert result == quality
    asked = f"jpeg: {bpp:.4g} bpp requested; quality {quality} has {quality / 100:.4g} bpp"
    assert line == f"{asked}, its {end}: the target is out of reach"


@pytest.mark.parametrize("value", [0.01, 1.0])
def test_the_ends_of_a_scale_are_within_reach(value: float) -> None:
    _, line = found("jpeg", SearchTarget(value, is_rate=True), Probed({"power": 1, "factor": 0.01}))
    assert "out of reach" not in line


def test_a_codec_with_empty_files_is_below_every_rate() -> None:
    _, line = found("jpeg", SearchTarget(0.5, is_rate=True), Probed({"power": 1, "factor": 0}))
    assert line.endswith("has 0 bpp, its highest: the target is out of reach")


def test_a_learned_codec_has_the_nearest_of_its_points() -> None:
    (spec,) = resolve_codecs(["joint"])
    probe = Probed({"power": 1, "factor": 0.1})
    quality, line = found("joint", SearchTarget(0.38, is_rate=True), probe)
    assert quality == 4
    assert line.endswith(f", the nearest of its {len(spec.qualities)} points")
    assert set(probe.qualities) <= set(spec.qualities)


def test_points_of_weights_may_be_numbered_in_any_order() -> None:
    rates = {1: 0.9, 2: 0.2, 3: 1.4, 4: 0.5, 5: 0.1, 6: 0.7}
    (spec,) = resolve_codecs(["joint"])
    assert set(spec.qualities) == rates.keys()
    for quality, bpp in rates.items():
        result, _ = at_target(spec, SearchTarget(bpp, is_rate=True), lambda one: (rates[int(one.qualities[0])], 0.0))
        assert result.qualities == (quality,)


@pytest.mark.parametrize("name", ["jpeg", "web*", "mbt2018", "my.py:Mine"])
def test_a_target_and_a_quality_exclude_each_other(name: str, tmp_path: Path) -> None:
    arguments = ["run", "--codec", f"{name}@50", "--dataset", str(tmp_path), "--bpp", "1"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert result.output == f"Error: --bpp finds the quality; use {name} instead of {name}@50\n"


def test_a_second_target_is_refused() -> None:
    result = CliRunner().invoke(main, ["run", "--codec", "jpeg", "--bpp", "1", "--bpp", "2"])
    assert result.exit_code == 2
    assert "a run has one target" in result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("target")
    (folder / "photos").mkdir()
    for index in range(2):
        Image.fromarray(skimage.data.astronaut()[60 + index : 108, 150:230]).save(folder / "photos" / f"p{index}.png")
    return folder


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(("option", "value"), [("--bpp", 2.5), ("--psnr", 32.0)])
def test_a_run_stores_the_quality_that_it_found(
    option: str, value: float, workers: str, folder: Path, tmp_path: Path
) -> None:
    arguments = ("run", "--codec", "jpeg", "--dataset", str(folder / "photos"), "--db", str(tmp_path / "r.sqlite"))
    result = CliRunner().invoke(main, [*arguments, option, str(value), "--workers", workers])
    assert result.exit_code == 0, result.output
    assert "2 tasks measured" in result.output
    with sqlite3.connect(tmp_path / "r.sqlite") as connection:
        qualities = connection.execute("SELECT DISTINCT quality FROM configurations").fetchall()
    assert len(qualities) == 1
    assert f"quality {qualities[0][0]:g} has" in result.output
    # The neighbours are farther from the target.
    quality = int(qualities[0][0])
    neighbours = f"jpeg@{quality - 1},{quality},{quality + 1}"
    said = CliRunner().invoke(main, [*arguments[:2], neighbours, *arguments[3:]]).output
    cells = [line.split() for line in said.splitlines() if line.startswith("jpeg ")]
    place = 3 if option == "--bpp" else 4
    distances = {int(row[1]): abs(float(row[place]) - value) for row in cells}
    assert min(distances, key=lambda one: distances[one]) == quality


CODECS = """
from baselines.jpeg import Jpeg

class Fails(Jpeg):
    title = "Fails on good pictures"

    def encode(self, picture):
        if self.quality > 20:
            raise ValueError("too good")
        return super().encode(picture)

class NotMade(Jpeg):
    title = "Has no constructor"

    def __init__(self, quality, **options):
        raise RuntimeError("no such luck")
"""


def test_codecs_that_fail_take_nothing_from_the_others(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(CODECS)
    names = [f"{tmp_path / 'own.py'}:Fails", "jpeg", f"{tmp_path / 'own.py'}:NotMade"]
    codecs = [argument for name in names for argument in ("--codec", name)]
    arguments = ["--dataset", str(folder / "photos"), "--db", str(tmp_path / "r.sqlite"), "--bpp", "2.5"]
    result = CliRunner().invoke(main, ["run", *codecs, *arguments])
    assert result.exit_code == 1
    assert "2 tasks measured" in result.output
    lines = [line for line in result.output.splitlines() if line.startswith("failed: ")]
    needed = "a search for a target needs every picture: --exclude leaves one out"
    assert lines == [
        f"failed: fails@50 on p0: ValueError: too good (own.py:9); {needed}",
        "failed: notmade: RuntimeError: no such luck (own.py:16)",
    ]
    alone = CliRunner().invoke(main, ["run", *codecs[:2], *arguments])
    assert alone.exit_code == 1
    assert alone.output == f"Error: {lines[0].removeprefix('failed: ')}\n"
