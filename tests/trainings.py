"""Small pictures, and one thread, for trainings that take seconds and repeat exactly: fixtures of several folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from bench.learned.models import ModelConfig, build
from bench.learned.training import curve, engine
from bench.learned.weights.full import ModelCard, save

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.learned.training.loop import Loop

RECIPE = """
[data]
exclude = ["chart.*"]

[phases.trunk]
steps = 100
lr = 2e-3
crops = [{ size = 64, batch = 2 }]

[phases.entropy]
steps = 40
lr = 1e-3
source = "latents"
trainable = ["*", "!g_a.*", "!g_s.*"]
crops = [{ size = 4, batch = 2 }]

[[steps]]
train = ["hyper@3-base"]
phases = ["trunk"]

[[steps]]
train = ["hyper@3", "joint@3"]
start = "hyper@3-base"
phases = ["entropy", "trunk"]
"""
"""A recipe of three models in two phases."""


def write_photos(folder: Path) -> Path:
    """A folder `photos` with six photographs of 96 x 80 pixels."""
    return _write(folder / "photos", [(40 * number, 30 * number, 80, 96) for number in range(6)])


def write_landscapes(folder: Path) -> Path:
    """A folder `landscapes` with four photographs of 144 x 128 pixels: 8 x 8 latents each."""
    return _write(folder / "landscapes", [(60 * number, 40 * number, 128, 144) for number in range(4)])


def _write(folder: Path, pieces: list[tuple[int, int, int, int]]) -> Path:
    """Write pieces of a photograph: top, left, height, width."""
    folder.mkdir()
    for number, (top, left, height, width) in enumerate(pieces):
        piece = skimage.data.astronaut()[top : top + height, left : left + width]
        Image.fromarray(np.ascontiguousarray(piece)).save(folder / f"photo{number}.png")
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with six photographs of 96 x 80 pixels."""
    return write_photos(tmp_path)


@pytest.fixture
def landscapes(tmp_path: Path) -> Path:
    """A folder with four photographs of 144 x 128 pixels: 8 x 8 latents each."""
    return write_landscapes(tmp_path)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A weights file of a small joint model whose latents are spread over some integers."""
    return write_base(tmp_path)


def write_base(folder: Path) -> Path:
    """Write that file."""
    torch.manual_seed(3)
    model = build(ModelConfig("joint", 8, 12))
    with torch.no_grad():
        model.g_a[-1].weight.mul_(30)  # type: ignore[index, union-attr]
        model.g_s[0].weight.div_(30)  # type: ignore[index, union-attr]
    path = folder / "w" / "joint-3.safetensors"
    path.parent.mkdir()
    save(path, model, ModelCard(3, 0.0067, "mse"))
    return path


@pytest.fixture(autouse=True)
def one_thread() -> None:
    engine.tune(1)


@pytest.fixture(scope="module")
def no_figures() -> Iterator[None]:
    """Learning curves are not drawn: that takes longer than these trainings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curve, "draw", lambda *_: None)
        yield


class Silent:
    """A terminal that shows nothing; it can fail at a step, as a killed process does."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.stop_at = stop_at

    def began(self, *_: object) -> None:
        pass

    validated = finished = began

    def stepped(self, loop: Loop) -> None:
        if loop.progress.step == self.stop_at:
            raise KeyboardInterrupt
