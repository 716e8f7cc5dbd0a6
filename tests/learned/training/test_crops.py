from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from bench.learned.training import training_pictures
from bench.learned.training.training_pictures import CropPlace, Crops, generator

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def crops(photos: Path, tmp_path: Path) -> Crops:
    return Crops(training_pictures.load(photos, tmp_path / "cache"), size=32, batch=16, device=torch.device("cpu"))


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
    assert torch.equal(crops._cut_on_cpu(places), crops._cut_on_device(places, samples))


def test_batches_are_channels_last_and_in_range(crops: Crops) -> None:
    batch = crops(generator(0, 1))
    assert batch.shape == (16, 3, 32, 32)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert 0 <= batch.min() < batch.max() <= 1


def test_every_position_can_be_drawn(crops: Crops) -> None:
    places = [place for step in range(200) for place in crops.places(generator(0, step))]
    assert {place.top for place in places} == set(range(80 - 32 + 1))
    assert {place.left for place in places} == set(range(96 - 32 + 1))


@pytest.fixture
def downscaled(crops: Crops) -> Crops:
    return Crops(crops.pictures, size=32, batch=16, device=torch.device("cpu"), downscale=4.0)


def test_crops_may_be_cut_larger_and_downscaled(downscaled: Crops) -> None:
    places = [place for step in range(50) for place in downscaled.places(generator(0, step))]
    sides = np.array([place.side for place in places])
    assert set(sides) == set(range(32, 80 + 1))
    assert np.median(sides) == pytest.approx(64, abs=2)
    assert all(place.top + place.side <= 80 and place.left + place.side <= 96 for place in places)
    batch = downscaled(generator(0, 0))
    assert batch.shape == (16, 3, 32, 32)
    for crop, place in zip(batch, downscaled.places(generator(0, 0)), strict=True):
        whole = downscaled.pictures[place.picture][
            place.top : place.top + place.side, place.left : place.left + place.side
        ]
        assert crop.mean().item() == pytest.approx(whole.mean() / 255, abs=0.01)


def test_a_downscaled_crop_is_all_of_what_was_cut_made_smaller(downscaled: Crops) -> None:
    place = CropPlace(picture=1, top=8, left=20, mirrored=True, side=64)
    crop = downscaled._cut_on_cpu([place] * 16)[0].numpy()
    whole = downscaled.pictures[1][8:72, 20:84][:, ::-1].astype(float)
    averaged = whole.reshape(32, 2, 32, 2, 3).mean((1, 3))
    assert np.corrcoef(crop.ravel(), averaged.ravel())[0, 1] > 0.99
