from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import pytest
from trainings import Silent, write_base, write_landscapes

from bench.experiments import alpha
from bench.experiments.alpha import CHOICES, EPOCHS, Search, search_alpha, search_from_options
from bench.learned.training import curve, training_run
from bench.learned.training.loop import CurvePoint, stalled
from bench.learned.training.phases import CropStage
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.learned.training.training_job import TrainingJob

SEARCH = Search(start=1.0, factor=0.01, floor=1e-4, patience=2, epoch_steps=2, max_epochs=4)


pytestmark = pytest.mark.usefixtures("no_figures")


@pytest.fixture(scope="module")
def landscapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures of all tests here: their latents are computed once."""
    return write_landscapes(tmp_path_factory.mktemp("alpha"))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def whole(landscapes: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search of two alphas, for tests that leave it as it is."""
    job, out = searched(landscapes, base, tmp_path_factory.mktemp("whole"))
    search(job, out, floor=0.01)
    return out


class Continued(NamedTuple):
    """A search that went on to a third alpha."""

    choices: pd.DataFrame
    out: Path
    trained: list[str]


@pytest.fixture(scope="module")
def continued(landscapes: Path, base: Path, whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Continued:
    job, out = searched(landscapes, base, tmp_path_factory.mktemp("continued"))
    shutil.copytree(whole, out, dirs_exist_ok=True)
    trained: list[str] = []

    def train(job: TrainingJob) -> Path:
        trained.append(job.out.name)
        return training_run.train(job, Silent())

    return Continued(search_alpha(job, SEARCH, alpha.stp.StpRecipe(), train, out=out), out, trained)


def searched(landscapes: Path, base: Path, folder: Path, **options: Any) -> tuple[TrainingJob, Path]:  # noqa: ANN401
    """A job whose alphas train for moments, and the folder of the two files."""
    given = {"init": base, "data": landscapes, "cache": landscapes.parent / "cache", "runs": folder / "runs"}
    job, _, _ = search_from_options("joint+qr@3", {**given, "threads": 1, "device": "cpu", **options})
    phase = dataclasses.replace(job.phase, crops=(CropStage(6, 2),))
    return dataclasses.replace(job, phase=phase, compile=False, width=16), folder


def search(job: TrainingJob, out: Path, *, stop_at: int | None = None, **changes: Any) -> pd.DataFrame:  # noqa: ANN401
    recipe = alpha.stp.StpRecipe()
    return search_alpha(
        job,
        dataclasses.replace(SEARCH, **changes),
        recipe,
        lambda job: training_run.train(job, Silent(stop_at)),
        out=out,
    )


def rows(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name).drop(columns="seconds", errors="ignore")


def test_alphas_fall_by_the_factor_down_to_the_floor() -> None:
    assert SEARCH.alphas() == [1.0, 0.01, 1e-4]
    assert Search().alphas() == [1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5]


@pytest.mark.parametrize("options", [{"factor": 1.0}, {"factor": 0.0}, {"floor": 2.0}, {"floor": 0.0}])
def test_a_search_without_an_end_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        Search(**options)  # type: ignore[arg-type]


def test_only_a_rectifier_has_an_alpha() -> None:
    for target in ("joint@3", "joint+ft@3"):
        with pytest.raises(UsageError, match=r"has no rectifier; use joint\+qr@3"):
            search_from_options(target, {})


def test_the_files_tell_of_every_epoch_and_of_the_best_alpha(continued: Continued) -> None:
    choices, out = continued.choices, continued.out
    assert choices["alpha"].tolist() == [1.0, 0.01, 1e-4]
    assert choices["chosen"].tolist().count(1) == 1
    assert choices["psnr_db"].idxmax() == choices["chosen"].idxmax()
    epochs = rows(out, EPOCHS)
    for number, group in epochs.groupby("alpha"):
        assert group["epoch"].tolist() == list(range(1, len(group) + 1))
        assert (group["steps"] == 2 * group["epoch"]).all()
        best = group.loc[group["loss"].idxmin()]
        row = choices[choices["alpha"] == number].iloc[0]
        assert (row["best_epoch"], row["psnr_db"], row["epochs"]) == (best["epoch"], best["psnr_db"], len(group))
    assert (rows(out, CHOICES).columns == choices.columns).all()


def test_a_killed_search_goes_on_to_the_same_result(landscapes: Path, base: Path, whole: Path, tmp_path: Path) -> None:
    job, killed = searched(landscapes, base, tmp_path)
    job = dataclasses.replace(job, checkpoint_s=0.0)  # with a checkpoint after each step
    with pytest.raises(KeyboardInterrupt):
        search(job, killed, stop_at=3, floor=0.01)
    assert not (killed / EPOCHS).exists()
    search(job, killed, floor=0.01)
    for name in (EPOCHS, CHOICES):
        pd.testing.assert_frame_equal(rows(whole, name), rows(killed, name))


def test_what_was_trained_is_not_trained_again(continued: Continued) -> None:
    assert continued.trained == ["alpha-0.0001"]


def test_a_search_without_an_epoch_leaves_the_files_as_they_are(landscapes: Path, base: Path, tmp_path: Path) -> None:
    job, out = searched(landscapes, base, tmp_path / "one")
    search(job, out, floor=1.0, max_epochs=1)
    before = [(out / name).read_bytes() for name in (EPOCHS, CHOICES)]

    def cut_off(job: TrainingJob) -> Path:
        return training_run.train(dataclasses.replace(job, limit_s=0.0), Silent())

    elsewhere, _ = searched(landscapes, base, tmp_path / "two")
    assert search_alpha(elsewhere, SEARCH, alpha.stp.StpRecipe(), cut_off, out=out).empty
    assert [(out / name).read_bytes() for name in (EPOCHS, CHOICES)] == before


def test_rows_of_alphas_that_the_time_does_not_reach_stay(landscapes: Path, base: Path, tmp_path: Path) -> None:
    job, out = searched(landscapes, base, tmp_path)
    search(job, out, floor=0.01, max_epochs=1)
    choices = search(dataclasses.replace(job, limit_s=0.0), out, factor=0.1, floor=0.01, max_epochs=1)
    assert choices["alpha"].tolist() == [1.0, 0.01]
    assert rows(out, CHOICES)["alpha"].tolist() == [1.0, 0.01]
    assert set(rows(out, EPOCHS)["alpha"]) == {1.0, 0.01}


def test_rows_of_other_searches_stay(landscapes: Path, base: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        job, _ = searched(landscapes, base, tmp_path / f"seed{seed}", seed=seed)
        search(job, tmp_path, floor=1.0, max_epochs=1)
    assert rows(tmp_path, CHOICES)["seed"].tolist() == [0, 1]
    assert set(rows(tmp_path, EPOCHS)["seed"]) == {0, 1}


def test_a_folder_of_another_search_is_refused(landscapes: Path, base: Path, whole: Path, tmp_path: Path) -> None:
    job, out = searched(landscapes, base, shutil.copytree(whole, tmp_path / "one"))
    for other in (
        dataclasses.replace(job, seed=5),
        dataclasses.replace(job, init=job.out / "alpha-1" / training_run.WEIGHTS),
    ):
        with pytest.raises(UsageError, match="another folder with --runs"):
            search(other, out, floor=1.0)
    with pytest.raises(UsageError, match="another folder with --runs"):
        search(job, out, floor=1.0, max_epochs=5)


@pytest.mark.parametrize(("losses", "done"), [((1.0, 1.0 - 1e-9, 1.0 - 2e-9), False), ((1.0, 1.0 + 1e-9, 1.0), True)])
def test_a_training_is_done_when_its_loop_says_so(
    losses: tuple[float, ...], done: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [CurvePoint(2 * n, 1.0, 1.0, loss, 0.5, 30.0, 0, 1e-4, 0.9) for n, loss in enumerate(losses, 1)]
    curve.write_csv(tmp_path / "curve.csv", points)
    monkeypatch.setattr(alpha, "steps_of", lambda _: 6)
    assert stalled(losses, SEARCH.patience) == done
    assert alpha._finished(tmp_path, SEARCH) == done
    monkeypatch.setattr(alpha, "steps_of", lambda _: 4)
    assert not alpha._finished(tmp_path, SEARCH)
