"""Small pictures, and one thread: trainings that take seconds and repeat exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data
from PIL import Image

from bench.learned.training import engine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with six photographs of 96 x 80 pixels."""
    folder = tmp_path / "photos"
    folder.mkdir()
    photo = skimage.data.astronaut()
    for number in range(6):
        piece = np.ascontiguousarray(photo[40 * number :, 30 * number :][:80, :96])
        Image.fromarray(piece).save(folder / f"photo{number}.png")
    return folder


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    engine.tune(1)
