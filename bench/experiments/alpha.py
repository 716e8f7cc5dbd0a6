"""Search for alpha, the weight of the rectifier's feature distance (Luo and Chen 2023, arXiv 2403.17236).

The paper's procedure: start with a large alpha; train until the loss has not decreased for some epochs; multiply alpha
by a factor below 1; stop at a lower bound. The alpha with the highest PSNR is chosen. The paper does not state its
numbers; ours are the defaults of `Search`.

Here every alpha starts from the same weights, so that results do not depend on earlier alphas. The learning rate is
constant, because the number of steps is not known in advance. Alpha is chosen on the validation set, never on an
evaluation set; the authors' code chooses on Kodak. An epoch is a fixed number of steps followed by a validation.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.analysis.experiments import SEARCH
from bench.learned.training import stp
from bench.learned.training.loop import stalled
from bench.learned.training.phases import parse_target, seconds
from bench.learned.training.training_job import TrainingJob, modified_phase
from bench.learned.training.training_pictures import require_matched
from bench.learned.training.training_run import CHECKPOINT, WEIGHTS, steps_of
from bench.results.extras import Observations
from bench.system.errors import UsageError
from bench.system.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.learned.training.phases import Phase, Target

EPOCHS = "alpha_epochs.csv"
"""One row per validation: PSNR over the epochs for each alpha, as in the paper's figure 2."""
CHOICES = "alpha_search.csv"
"""One row per alpha, as in the paper's table 1."""

RUNS = Path("runs/alpha")
OUT = Path("reports/data/experiments")


@dataclass(frozen=True, slots=True)
class Search:
    """The alphas, and the stopping rule of each training run."""

    start: float = 1.0
    factor: float = 0.1
    floor: float = 1e-5
    patience: int = 3
    """Number of epochs without a lower loss after which the training with an alpha stops."""
    epoch_steps: int = 100
    max_epochs: int = 300
    """Maximum number of epochs per alpha; results that reach it are not conclusive."""

    def __post_init__(self) -> None:
        if not 0 < self.factor < 1:
            raise UsageError(f"--factor {self.factor:g}: the factor between alphas must be between 0 and 1")
        if not 0 < self.floor <= self.start:
            raise UsageError(f"--floor {self.floor:g}: must be above 0 and not above --start {self.start:g}")

    def alphas(self) -> list[float]:
        """The alphas, largest first."""
        found, power = [], 0
        # With a tolerance, because 1 * 0.1^5 is slightly less than 1e-5.
        while (alpha := float(f"{self.start * self.factor**power:.6g}")) >= self.floor * (1 - 1e-6):
            found.append(alpha)
            power += 1
        return found

    def phase(self, target: Target, recipe: stp.StpRecipe, **changes: Any) -> Phase:  # noqa: ANN401 - fields of Phase
        """The predictive phase with a constant learning rate after the warm-up, validated after each epoch."""
        phase = modified_phase("predictive", target, recipe, **changes)
        return replace(phase, validate_steps=self.epoch_steps, patience=self.patience, lr_floor=1.0)


def search_from_options(text: str, options: dict[str, Any]) -> tuple[TrainingJob, Search, stp.StpRecipe]:
    """Parse the options of `bench train alpha FAMILY+qr@QUALITY`.

    Returns:
        The settings shared by all training runs, the alphas, and the options of the phase.

    Raises:
        UsageError: a name is unknown, the target has no rectifier, or the search has no alpha.
    """
    given = {key: value for key, value in options.items() if value is not None and value != ()}
    target = parse_target(text, given.pop("metric", "mse"))
    if target.modifier != "qr":
        raise UsageError(f"{target.name} has no rectifier; use {target.family}+qr@{target.quality}")
    search = Search(**{field.name: given.pop(field.name) for field in fields(Search) if field.name in given})
    recipe = stp.StpRecipe(**{key: given.pop(key) for key in ("distance", "synthesis") if key in given})
    plain = {key: given.pop(key) for key in ("optimizer", "lr") if key in given}
    if budget := given.pop("budget", None):
        given["limit_s"] = seconds(budget)
    given["out"] = given.pop("runs", RUNS) / f"{target.name}-{recipe.distance}-{recipe.synthesis}"
    job = TrainingJob(target, modified_phase("predictive", target, recipe, **plain), **given)
    require_matched(job.data, job.exclude)
    return job, search, recipe


def search_alpha(
    base: TrainingJob, search: Search, recipe: stp.StpRecipe, train: Callable[[TrainingJob], Path], *, out: Path
) -> pd.DataFrame:
    """Train with each remaining alpha, and write the files `EPOCHS` and `CHOICES` after each.

    Args:
        base: target, initial weights, data and device; each alpha has a folder in `base.out`.
        search: the alphas.
        recipe: distance and synthesis.
        train: trains a job and returns its weights file.
        out: folder of the two files. Rows of other searches in them are kept.

    Returns:
        The content of `CHOICES`, one row per alpha; empty if the time was over before the first epoch.

    Raises:
        BenchError: settings are inconsistent, or a training run diverged.
        KeyboardInterrupt: the search was stopped; the same call continues it.
    """
    began = time.perf_counter()
    jobs = {alpha: _job(base, search, recipe, alpha) for alpha in search.alphas()}
    for job in jobs.values():
        _require_same_search(job)
    choices = pd.DataFrame()
    for job in jobs.values():
        if not _finished(job.out, search):
            left_s = None if base.limit_s is None else base.limit_s - (time.perf_counter() - began)
            if left_s is not None and left_s <= 0:
                break
            resumed = replace(job, init=None, steps=None, resume=True) if (job.out / CHECKPOINT).is_file() else job
            train(replace(resumed, limit_s=left_s))
        # Include later alphas, which an earlier call may have trained.
        folders = {alpha: job.out for alpha, job in jobs.items()}
        choices = _write_results(folders, search, _setting(base, recipe), out)
    return choices


def _job(base: TrainingJob, search: Search, recipe: stp.StpRecipe, alpha: float) -> TrainingJob:
    """The job that trains with one alpha."""
    return replace(
        base,
        phase=search.phase(
            base.target,
            replace(recipe, alpha=alpha),
            optimizer=base.phase.optimizer,
            lr=base.phase.lr,
            crops=base.phase.crops,
        ),
        out=base.out / f"alpha-{alpha:g}",
        steps=search.epoch_steps * search.max_epochs,
    )


def _write_results(folders: Mapping[float, Path], search: Search, setting: dict[str, Any], out: Path) -> pd.DataFrame:
    """Write the results from the alphas' folders, and return the choices; without any epoch, nothing is written."""
    curves = {alpha: rows for alpha, folder in folders.items() if len(rows := _epochs(folder, search))}
    if not curves:
        return pd.DataFrame()
    epochs = pd.concat([pd.DataFrame({**setting, "alpha": alpha, **rows}) for alpha, rows in curves.items()])
    epochs = epochs.reset_index(drop=True)
    record = json.loads((folders[next(iter(curves))] / "record.json").read_text(encoding="utf-8"))
    choices = _choices(epochs, float(record["initial"]["base_validation"]["psnr_db"]))
    for name, rows in ((EPOCHS, epochs), (CHOICES, choices)):
        Observations(out / name, SEARCH, SEARCH, "bench train alpha").replace(rows)
    return choices


def _setting(job: TrainingJob, recipe: stp.StpRecipe) -> dict[str, Any]:
    target = job.target
    values = (f"{target.family}+{target.modifier}", target.quality, target.metric)
    return dict(zip(SEARCH, (*values, recipe.synthesis, recipe.distance, job.seed), strict=True))


def _curve(folder: Path) -> pd.DataFrame:
    """The validations of a training run."""
    path = folder / "curve.csv"
    return pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=["step", "loss"])


def _require_same_search(job: TrainingJob) -> None:
    """Check that the folder of a job belongs to this search."""
    path = job.out / "record.json"
    if not path.is_file():
        return
    record = json.loads(path.read_text(encoding="utf-8"))
    expected = {"phase": json.loads(json.dumps(job.phase.described())), "seed": job.seed}
    # The number of epochs is not part of the phase, but a resumed training run continues to its former end.
    differs = record["calls"][-1]["to_step"] != job.steps
    differs |= job.init is not None and record["initial"]["sha256"] != sha256_of(job.init)
    if differs or any(record[key] != value for key, value in expected.items()):
        raise UsageError(
            f"{job.out} belongs to a search with other weights or settings; choose another folder with --runs"
        )


def _finished(folder: Path, search: Search) -> bool:
    """Whether the training with an alpha is complete and its weights are up to date."""
    curve = _curve(folder)
    over = stalled(curve["loss"].tolist(), search.patience) or len(curve) >= search.max_epochs
    return over and steps_of(folder / WEIGHTS) == curve["step"].max()


def _epochs(folder: Path, search: Search) -> pd.DataFrame:
    curve = _curve(folder).rename(columns={"step": "steps", "elapsed_s": "seconds"})
    columns = ["epoch", "steps", "psnr_db", "loss", "latent_error_ratio", "seconds"]
    return curve.assign(epoch=curve["steps"] // search.epoch_steps)[columns] if len(curve) else curve


def _choices(epochs: pd.DataFrame, base_psnr_db: float) -> pd.DataFrame:
    """One row per alpha: its epoch with the smallest loss, and whether its PSNR is the highest."""
    best = epochs.loc[epochs.groupby("alpha", sort=False)["loss"].idxmin()].rename(columns={"epoch": "best_epoch"})
    best["epochs"] = best["alpha"].map(epochs.groupby("alpha")["epoch"].max())
    best["base_psnr_db"] = base_psnr_db
    best["chosen"] = (best.index == best["psnr_db"].idxmax()).astype(int)
    columns = ["alpha", "psnr_db", "base_psnr_db", "latent_error_ratio", "best_epoch", "epochs", "chosen"]
    return best[[*SEARCH, *columns]].reset_index(drop=True)
