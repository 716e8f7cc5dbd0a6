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
from bench.harness.target import MOST_STEPS, Target, at_target

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


def found(name: str, target: Target, probe: Probed) -> tuple[float, str]:
    (spec,) = resolve_codecs([name])
    result, line = at_target(spec, target, probe)
    return result.qualities[0], line


def test_whole_qualities_are_bisected() -> None:
    probe = Probed({"power": 1, "factor": 0.01})
    quality, line = found("jpeg", Target(0.374, is_rate=True), probe)
    assert quality == 37
    assert line == "jpeg: 0.374 bpp asked for; quality 37 has 0.37 bpp"
    assert len(probe.qualities) <= 9 < len(codec_class("jpeg").scale.points)
    assert len(set(probe.qualities)) == len(probe.qualities)


def test_a_falling_scale_is_bisected_from_its_other_end() -> None:
    probe = Probed({"power": -1, "factor": 10})
    assert found("bpg-444", Target(0.5, is_rate=True), probe)[0] == 20
    assert found("bpg-444", Target(5.0, is_rate=False), probe)[0] == 20


def test_a_continuous_scale_is_met_to_half_a_percent() -> None:
    probe = Probed({"power": -0.8, "factor": 1})
    quality, _ = found("jpegxl", Target(0.25, is_rate=True), probe)
    assert quality**-0.8 == pytest.approx(0.25, rel=0.005)
    assert len(probe.qualities) <= MOST_STEPS
    assert quality == float(f"{quality:.4g}")


@pytest.mark.parametrize(("bpp", "quality"), [(1e-6, 1), (100, 100)])
def test_what_is_out_of_reach_is_answered_with_the_nearest_end(bpp: float, quality: float) -> None:
    result, line = found("jpeg", Target(bpp, is_rate=True), Probed({"power": 1, "factor": 0.01}))
    assert result == quality
    assert line.startswith(f"jpeg: {bpp:.4g} bpp asked for; quality {quality} has {quality / 100:.4g} bpp")


def test_a_learned_codec_has_the_nearest_of_its_points() -> None:
    (spec,) = resolve_codecs(["joint"])
    probe = Probed({"power": 1, "factor": 0.1})
    quality, line = found("joint", Target(0.38, is_rate=True), probe)
    assert quality == 4
    assert line.endswith(f", the nearest of its {len(spec.qualities)} points")
    assert set(probe.qualities) <= set(spec.qualities)


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
