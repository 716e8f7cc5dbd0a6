"""Trainings that differ in their seeds, measured by real files: small models of random weights on a few pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from bench.analysis import seed_variance as analysis
from bench.cli.main import main
from bench.codecs.registry import codec_class
from bench.experiments import trained
from bench.experiments.seed_variance import observations, run_training_spread
from bench.images.datasets import open_dataset
from bench.learned.models import ModelConfig, build
from bench.learned.weights.full import ModelCard, save
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

PICTURES = 2
START = "ab" * 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("pictures")
    for number in range(PICTURES):
        noise = np.random.default_rng(number).integers(0, 256, (40, 56, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path / f"noise{number}.png")
    return str(path)


def _saved(path: Path, seed: int, *, values: int | None = None, initial: str | None = START) -> Path:
    """Weights that say they were trained from a seed; what they are is drawn from that, or from `values`."""
    torch.manual_seed(seed if values is None else values)
    stages = {"ladder": {"steps": 99, "seconds": 9.0}, "fit": {"steps": 30, "seconds": 4.0}}
    record = {"seed": seed, "stage": "fit", "stages": stages, "initial": initial and {"sha256": initial}}
    save(path, build(ModelConfig("hyper", 8, 12)), ModelCard(4, 0.013, "mse", record))
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    weights = tmp_path_factory.mktemp("weights")
    return [_saved(weights / f"hyper-4-seed{seed}.safetensors", seed) for seed in (2, 3)]


@pytest.fixture(scope="module")
def out(files: list[Path], folder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("out") / "training_spread.csv"
    run_training_spread(files, out=path, dataset=folder)
    return path


def test_the_rates_are_those_of_files(out: Path, files: list[Path], folder: str) -> None:
    rows = observations(out).read()
    image = open_dataset(folder).images[0]
    data = codec_class("hyper")(4, weights=str(files[1])).encode(image.read())
    row = rows[(rows["seed"] == 3) & (rows["image"] == image.name)].iloc[0]
    assert row["num_bytes"] == len(data)
    assert row["bpp"] == pytest.approx(8 * len(data) / (40 * 56), abs=1e-6)


def test_a_row_says_what_was_trained_from_the_seed_and_from_where(out: Path) -> None:
    rows = observations(out).read()
    assert len(rows) == 2 * PICTURES
    assert set(rows["steps"]) == {30}
    assert rows[["codec", "stage", "start_sha256"]].drop_duplicates().to_numpy().tolist() == [
        ["hyper", "fit", START[:12]]
    ]


def test_seeds_have_a_spread(out: Path) -> None:
    (row,) = analysis.table(observations(out).read()).to_dict("records")
    assert row["seeds"] == 2
    assert row["psnr_spread_db"] > 0  # random weights write files of one length


def test_what_is_measured_is_not_measured_again(
    out: Path, files: list[Path], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = out.read_bytes()
    monkeypatch.setattr(trained, "measure", lambda *_: pytest.fail("it is there"))
    run_training_spread(files, out=out, dataset=folder)
    assert out.read_bytes() == before


def test_a_later_training_from_the_same_seed_takes_the_place_of_the_earlier(
    out: Path, folder: str, tmp_path: Path
) -> None:
    copied = tmp_path / "copy.csv"
    copied.write_bytes(out.read_bytes())
    run_training_spread([_saved(tmp_path / "later.safetensors", 3, values=11)], out=copied, dataset=folder)
    first, second = (observations(path).read().query("seed == 3") for path in (out, copied))
    assert len(first) == len(second) == PICTURES
    assert set(first["weights_sha256"]).isdisjoint(second["weights_sha256"])


def test_a_training_from_nothing_is_a_setting_of_its_own(out: Path, folder: str, tmp_path: Path) -> None:
    copied = tmp_path / "copy.csv"
    copied.write_bytes(out.read_bytes())
    table = run_training_spread([_saved(tmp_path / "x.safetensors", 5, initial=None)], out=copied, dataset=folder)
    assert table["start_sha256"].tolist() == [START[:12], ""]
    assert table["seeds"].tolist() == [2, 1]


def test_the_command_shows_the_table(files: list[Path], folder: str, tmp_path: Path) -> None:
    target = tmp_path / "x.csv"
    words = ["train", "spread", *map(str, files), "--dataset", folder, "--out", str(target)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "rate_spread_percent" in done.output
    assert len(observations(target).read()) == 2 * PICTURES


def test_planes_are_refused(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="RGB ones are needed"):
        run_training_spread(files, out=tmp_path / "x.csv", dataset="builtin-yuv420")


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="not a file of `bench train spread`"):
        observations(tmp_path / "x.csv").read()
