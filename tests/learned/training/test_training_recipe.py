"""Recipes: what they may hold, and what the two of the package say."""

from __future__ import annotations

import copy
import functools
import math
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from trainings import RECIPE

from bench.cli.main import main
from bench.learned.families import RGB, YUV420
from bench.learned.training import training_recipe
from bench.learned.training.training_job import TrainingJob
from bench.system.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.learned.training.training_recipe import RecipeProgress


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"steps = [", "not a recipe"),
        (b"\xff\xfe\x00", "not a recipe"),
        (b"[phases]", "not a recipe: 'steps' is missing"),
        (b"phases = {}\nsteps = 3", "not a recipe"),
        (
            b'phases = {a = {lr = 1}}\nsteps = [{train = ["joint@3"], phases = ["a"]}]',
            "not a recipe: 'steps' is missing",
        ),
        (
            b'phases = {a = {steps = 1, l = 1}}\nsteps = [{train = ["joint@3"], phases = ["a"]}]',
            "has 'l', which is not a setting",
        ),
        (
            b'phases = {a = {steps = 1, alpha = 1}}\nsteps = [{train = ["joint+ft@3"], phases = ["a"]}]',
            "--alpha needs a rectifier",
        ),
        (b"weight_bits = 8\nphases = {}\nsteps = []", r"\[weight_bits\] is not a table but 8"),
        (
            b"weight_bits = {transforms = 8}\nphases = {}\nsteps = []",
            "transforms and entropy_model must be from 2 to 12",
        ),
        (b"weight_bits = {transforms = 8, entropy_model = 13}\nphases = {}\nsteps = []", "must be from 2 to 12"),
        (
            b"weight_bits = {transforms = 8, rectifier = 8}\nphases = {}\nsteps = []",
            "has 'rectifier', which is not",
        ),
    ],
)
def test_what_is_no_recipe_is_one_clear_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        training_recipe.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [None, *training_recipe.PACKAGED])
def test_recipes_start_only_from_what_comes_before(name: str | None) -> None:
    finished: set[str] = set()
    for step in training_recipe.read(None if name is None else Path(name)).steps:
        assert step.start is None or step.start in finished, step.name
        finished |= step.models.keys()


VARIED = """
[weight_bits]
transforms = 11
entropy_model = 9
[data]
exclude = ["chart*"]
[phases.trunk]
steps = 20
lr = 2e-3
crops = [{ size = 128, batch = 8 }, { size = 256, batch = 2, begins = 0.8 }]
[phases.fit]
steps = 10
lr = 3e-3
warmup_steps = 5
validate_steps = 10
source = "latents"
trainable = ["*", "!g_a.*"]
[phases.predictive]
kind = "predictive"
steps = 12
alpha = 0.1
[[steps]]
train = ["hyper@5"]
phases = ["trunk", "fit"]
[[steps]]
train = ["joint@5"]
start = "hyper@5"
phases = ["fit"]
seed = 2
options = { kernel = 3 }
[[steps]]
train = ["joint+qr@5"]
start = "joint@5"
phases = ["predictive"]
"""


def _places(content: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inside:
        yield (*path, key)
        yield from _places(value, (*path, key))


WRONG: tuple[object, ...] = ([], {}, "x", -1, 0, True, math.inf, math.nan, [1], ["x"], {"a": 1}, 10**30)


def _refusal(content: Any) -> str:  # noqa: ANN401 - whatever a file holds
    """Why a recipe is refused, or "" where it can be followed as far as the settings of its trainings."""
    try:
        recipe = training_recipe.parse("recipe.toml", content)
    except UsageError as error:
        return str(error)
    for step in recipe.steps:
        job = TrainingJob(step.target, step.phase, Path("out"), steps=step.steps)
        assert step.steps > 0
        assert job.config.family == step.target.family
        assert step.phase.side > 0
    return ""


def test_a_value_of_another_type_anywhere_in_a_recipe_is_one_clear_line() -> None:
    content = tomllib.loads(VARIED)
    assert _refusal(content) == ""
    refused = 0
    for place in _places(content):
        for wrong in WRONG:
            changed: Any = copy.deepcopy(content)
            inner = functools.reduce(lambda holder, key: holder[key], place[:-1], changed)
            inner[place[-1]] = wrong
            if reason := _refusal(changed):
                refused += 1
                assert reason.startswith("recipe.toml: not a recipe"), (place, wrong)
                assert "\n" not in reason
    assert refused > 300


def test_the_shipped_recipe_gives_compared_families_equal_budgets() -> None:
    """joint and hyper have the same start and training at all lambdas."""
    steps = [step for step in training_recipe.read().steps if step.target.modifier is None]
    for families, stage in (
        (("joint", "hyper"), "all-lambdas"),
        (("joint", "hyper"), "upper-lambdas"),
        (("joint", "hyper"), "upper-wide"),
        (("joint", "hyper"), "all-wide"),
        (("factorized",), "entropy"),
    ):
        found = [step for step in steps if step.stage == stage]
        assert {step.target.family for step in found} == set(families)
        assert len({(step.steps, step.phase.crops, step.phase.lr, step.seed) for step in found}) == 1
    assert [step.name for step in steps[:3]] == ["hyper@5 base", "joint@5 all-lambdas", "hyper@5 all-lambdas"]


def test_the_shipped_recipe_covers_every_family() -> None:
    assert {step.target.family for step in training_recipe.read().steps} == set(RGB) | set(YUV420)


def test_the_paper_recipe_has_the_papers_widths() -> None:
    recipe = training_recipe.read(Path("paper"))
    widths = {step.model: tuple(step.target.options.values()) for step in recipe.steps if step.target.modifier is None}
    assert {
        model: widths[model] for model in ("hyper@4", "joint@4", "joint@5", "factorized@5", "attn@3", "attn@4")
    } == {
        "hyper@4": (128, 192),
        "joint@4": (192, 192),
        "joint@5": (192, 320),
        "factorized@5": (128, 192),
        "attn@3": (128, 128),
        "attn@4": (192, 192),
    }
    assert {step.width for step in recipe.steps if step.target.modifier == "qr"} == {512}


def test_what_the_paper_recipe_trains_stays_away_from_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[RecipeProgress] = []
    monkeypatch.setattr(training_recipe, "follow", lambda found, *_, **__: chosen.append(found))
    runs, paper = tmp_path / "runs", Path("runs/paper")
    for options in ([], ["--runs", str(runs)]):
        assert CliRunner().invoke(main, ["train", "zoo", "--recipe", "paper", *options]).exit_code == 0
    assert [(found.weights, found.runs) for found in chosen] == [(paper / "weights", paper), (paper / "weights", runs)]


def test_a_recipe_with_an_unknown_phase_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.replace('phases = ["trunk"]', 'phases = ["trank"]'))
    with pytest.raises(UsageError, match="'trank'"):
        training_recipe.read(path)


def test_a_variant_for_ms_ssim_is_trained_for_it(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.replace('"hyper@3", "joint@3"', '"joint@3-ms-ssim", "joint@3-seed2"'))
    for_ms_ssim, for_mse = training_recipe.read(path).steps[1], training_recipe.read(path).steps[3]
    assert (for_ms_ssim.target.metric, dict(for_ms_ssim.phase.weights)) == ("ms-ssim", {"rate": 1.0, "ms-ssim": 8.73})
    assert (for_mse.target.metric, dict(for_mse.phase.weights)) == ("mse", {"rate": 1.0, "mse": 0.0067})


def test_the_recipe_trains_decoders_from_the_bases_of_the_same_name() -> None:
    steps = {step.name: step for step in training_recipe.read().steps if step.target.modifier}
    soft, predictive = steps["joint+qr@5 qr-soft"], steps["joint+qr@5 predictive"]
    assert (soft.start, soft.phase.weights.keys()) == ("joint@5", {"feature-l2"})
    assert predictive.phase.weights.keys() == {"mse", "feature-l2"}
    assert steps["joint+ft@5 predictive"].steps == predictive.steps
    assert all(step.start == step.model.replace("+qr", "").replace("+ft", "") for step in steps.values())
