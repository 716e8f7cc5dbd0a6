from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from bench.learned.training import pictures
from bench.learned.training.crops import Crops, generator

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def crops(photos: Path, tmp_path: Path) -> Crops:
    return Crops(pictures.load(photos, tmp_path / "cache"), size=32, batch=16, device=torch.device("cpu"))


def test_a_batch_is_a_function_of_seed_step_and_process(crops: Crops) -> None:
    batch = crops(generator(1, 7))
    assert torch.equal(batch, crops(generator(1, 7)))
    for other in (generator(2, 7), generator(1, 8), generator(1, 7, rank=1)):
        assert not torch.equal(batch, crops(other))


def test_crops_are_pieces_of_the_pictures(crops: Crops) -> None:
    batch = crops(generator(0, 0))
    for crop, place in zip(batch, crops.places(generator(0, 0)), strict=True):
        piece = crops.pictures[place.picture][place.top : place.top + 32, place.left : place.left + 32]
        piece = piece[:, ::-1] if place.mirrored else piece
        assert np.array_equal((crop * 255).round().byte().permute(1, 2, 0).numpy(), piece)


def test_both_ways_of_cutting_agree(crops: Crops) -> None:
    places = crops.places(generator(3, 5))
    samples = torch.from_numpy(np.array(crops.pictures.samples))
    assert {place.mirrored for place in places} == {True, False}
    assert torch.equal(crops._cut_here(places), crops._cut_there(places, samples))


def test_batches_are_channels_last_and_in_range(crops: Crops) -> None:
    batch = crops(generator(0, 1))
    assert batch.shape == (16, 3, 32, 32)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert 0 <= batch.min() < batch.max() <= 1


def test_every_position_can_be_drawn(crops: Crops) -> None:
    places = [place for step in range(200) for place in crops.places(generator(0, step))]
    assert {place.top for place in places} == set(range(80 - 32 + 1))
    assert {place.left for place in places} == set(range(96 - 32 + 1))
