"""Variants of cca measured by real files: small models of random weights on a small clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from bench.analysis import cca_ablation as analysis
from bench.cli.main import main
from bench.codecs import adapter
from bench.codecs.registry import codec_class, load_metric
from bench.experiments import trained
from bench.experiments.cca_ablation import observations, run_cca_ablation
from bench.harness.measure import measure
from bench.images.datasets import open_dataset
from bench.learned.models import ModelConfig, build
from bench.learned.weights.full import ModelCard, save
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT, FRAMES = 48, 32, 2
RECORD = {"seed": 1, "stages": {"planes-ablation": {"steps": 30, "seconds": 4.0}, "acem": {"steps": 10, "seconds": 1}}}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two frames of ramps and noise."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    noise = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("clip") / "ramps.y4m"
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F25:1 Ip C420\n".encode())
        for frame in range(FRAMES):
            luma = (4 * rows + 2 * columns + 20 * frame + noise.integers(0, 9, rows.shape)) % 220 + 16
            chroma = [np.full((HEIGHT // 2, WIDTH // 2), level) for level in (100, 140)]
            file.write(b"FRAME\n" + b"".join(plane.astype(np.uint8).tobytes() for plane in (luma, *chroma)))
    return str(path)


def _saved(path: Path, *, brightened: float = 0.0, **options: object) -> Path:
    """A model whose filter, if it has one, adds a constant to both components."""
    torch.manual_seed(3)
    model = build(ModelConfig("cca", 8, 12, **options))  # type: ignore[arg-type]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith("acem.") and brightened:
                parameter.fill_(brightened if name in {"acem.luma.1.bias", "acem.chroma.1.bias"} else 1e-3)
    save(path, model, ModelCard(2, 0.03, "mse", RECORD))
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    filtered = _saved(folder / "cca-2-plain.safetensors", brightened=0.1)
    return {"plain": filtered, "none": _saved(folder / "cca-2-noguide.safetensors", guide="none", acem=False)}


@pytest.fixture(scope="module")
def out(files: dict[str, Path], clip: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("out") / "cca_ablation.csv"
    run_cca_ablation([*files.values()], out=path, dataset=clip)
    return path


def test_a_trained_filter_gives_two_variants_and_no_filter_one(out: Path) -> None:
    rows = observations(out).read()
    assert list(rows["variant"].unique()) == ["igu", "igu+acem", "none"]
    assert rows.groupby("variant")["image"].nunique().eq(FRAMES).all()
    with_it, without = (rows[rows["variant"] == name]["parameters"].iloc[0] for name in ("igu+acem", "igu"))
    assert with_it > without


def test_the_filter_changes_no_length_and_never_the_loss_for_the_worse(out: Path) -> None:
    rows = observations(out).read().set_index(["variant", "image"])
    assert (rows.loc["igu", "num_bytes"] == rows.loc["igu+acem", "num_bytes"]).all()
    assert (rows.loc["igu+acem", "loss"] <= rows.loc["igu", "loss"]).all()
    assert (rows.loc["igu+acem", "loss"] < rows.loc["igu", "loss"]).any()


def test_the_loss_is_that_of_the_training(out: Path, files: dict[str, Path], clip: str) -> None:
    row = observations(out).read().set_index(["variant", "image"]).loc[("igu+acem", "frame0001")]
    codec, picture = codec_class("cca")(2, weights=str(files["plain"])), open_dataset(clip).images[1].read()
    found = measure(codec, adapter.decoder(codec), picture, [load_metric(f"mse_{plane}") for plane in "yuv"])
    errors = [found.values[f"mse_{plane}"] for plane in "yuv"]  # noqa: PD011 - no frame
    bpp = 8 * found.num_bytes / (WIDTH * HEIGHT)
    assert row["num_bytes"] == found.num_bytes
    assert row["loss"] == pytest.approx(bpp + 0.03 / 4 * np.average(errors, weights=(6, 1, 1)), abs=1e-5)


def test_the_steps_are_those_of_the_codec_alone(out: Path) -> None:
    assert set(observations(out).read()["steps"]) == {30}


def test_what_is_measured_is_not_measured_again(
    out: Path, files: dict[str, Path], clip: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = out.read_bytes()
    monkeypatch.setattr(trained, "measure", lambda *_: pytest.fail("it is there"))
    run_cca_ablation([*files.values()], out=out, dataset=clip)
    assert out.read_bytes() == before


def test_a_later_training_of_a_variant_takes_the_place_of_its_rows(out: Path, clip: str, tmp_path: Path) -> None:
    copied = tmp_path / "copy.csv"
    copied.write_bytes(out.read_bytes())
    torch.manual_seed(9)
    model = build(ModelConfig("cca", 8, 12, guide="none", acem=False))
    later = tmp_path / "cca-2-later.safetensors"
    save(later, model, ModelCard(2, 0.03, "mse", RECORD))
    run_cca_ablation([later], out=copied, dataset=clip)
    first, second = (observations(path).read().query("variant == 'none'") for path in (out, copied))
    assert len(first) == len(second) == FRAMES
    assert set(first["weights_sha256"]).isdisjoint(second["weights_sha256"])


def test_the_command_writes_the_file_and_shows_the_table(files: dict[str, Path], clip: str, tmp_path: Path) -> None:
    target = tmp_path / "x.csv"
    done = CliRunner().invoke(
        main, ["train", "cca-ablation", str(files["none"]), "--dataset", clip, "--out", str(target)]
    )
    assert done.exit_code == 0, done.output
    assert "loss_difference_percent" in done.output
    assert len(pd.read_csv(target)) == FRAMES


def test_pictures_of_rgb_are_refused(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="use kodak-yuv420 or a clip"):
        run_cca_ablation([files["none"]], out=tmp_path / "x.csv", dataset="builtin")


# ---- the table


def _observed(losses: dict[str, list[float]], bpp: float = 0.5) -> pd.DataFrame:
    shared = dict.fromkeys(analysis.COLUMNS, 1) | {"bpp": bpp}
    rows = [
        {**shared, "variant": variant, "image": f"p{index}", "loss": loss}
        for variant, values in losses.items()
        for index, loss in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=analysis.COLUMNS)


def test_the_difference_is_of_mean_losses_with_an_interval_around_it() -> None:
    losses = {"igu": [1.0, 2.0, 3.0] * 2, "bgu": [1.1, 2.2, 3.03] * 2}
    table = analysis.table(_observed(losses)).set_index("variant")
    assert table.loc["igu", "loss_difference_percent"] == 0
    row = table.loc["bgu"]
    assert row["loss_difference_percent"] == pytest.approx(5.5)
    assert 0 < row["loss_difference_low_percent"] < 5.5 < row["loss_difference_high_percent"] < 10.1
    assert row["rate_equivalent_percent"] == pytest.approx(100 * (2.11 - 2.0) / 0.5)


def test_the_difference_as_rate_is_of_the_pictures_and_seeds_that_both_have() -> None:
    first, other = _observed({"igu": [1.0, 2.0], "bgu": [1.1, 2.2]}), _observed({"igu": [9.0, 9.0]}, bpp=5.0)
    table = analysis.table(pd.concat([first, other.assign(seed=2)])).set_index("variant")
    assert table.loc["bgu", "rate_equivalent_percent"] == pytest.approx(100 * 0.15 / 0.5)


def test_without_the_reference_there_is_no_difference() -> None:
    assert analysis.table(_observed({"bgu": [1.0, 2.0]}))["loss_difference_percent"].isna().all()


def test_settings_are_never_mixed() -> None:
    other = _observed({"bgu": [9.0, 9.0]}).assign(**{"lambda": 0.06})
    table = analysis.table(pd.concat([_observed({"igu": [1.0, 2.0]}), other]))
    assert table["loss_difference_percent"].isna().tolist() == [False, True]


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="not a file of `bench train cca-ablation`"):
        observations(tmp_path / "x.csv").read()


def test_every_variant_has_a_name_of_its_own() -> None:
    names = {
        analysis.variant_name(guide, attention=attention, acem=acem)
        for guide in ("igu", "bgu", "none")
        for attention in (True, False)
        for acem in (True, False)
    }
    assert len(names) == 12
    assert analysis.REFERENCE in names
