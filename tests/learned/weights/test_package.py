"""The weights in the package: complete, in step with each other, and small enough to be published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.learned.training import training_recipe
from bench.learned.weights import catalogue

if TYPE_CHECKING:
    from pathlib import Path

FILES = sorted(catalogue.COMPACT.glob("*.safetensors"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_base_of_every_file_is_in_the_package(path: Path) -> None:
    assert set(catalogue.bases(path)) <= set(FILES)


def test_all_files_fit_in_a_wheel() -> None:
    """PyPI takes files of up to 100 MB; the rest of the package has 15."""
    assert 0 < sum(path.stat().st_size for path in FILES) < 80e6


def test_no_model_was_trained_for_another_base_than_the_one_in_the_package() -> None:
    progress = training_recipe.RecipeProgress(training_recipe.read())
    assert [step.name for step in progress.recipe.steps if progress.is_outdated(step)] == []
