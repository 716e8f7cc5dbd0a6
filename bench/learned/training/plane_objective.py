"""Training of models of YUV 4:2:0: conversion of photographs, and the objective on planes.

Whole pictures are converted by `bench.images.colour.to_yuv420` to limited range, so that crops equal those of a codec's
input. kodak-yuv420 and most clips have limited range; a model trained on full range needs 1 % more rate for them. A
crop of n x n pixels has n/2 x n/2 positions with six samples each.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.images.colour import to_yuv420
from bench.images.picture import Picture
from bench.learned.models.planes import CHANNELS, pack
from bench.learned.training.objective import PartOf, PictureObjective
from bench.learned.training.phases import CropStage
from bench.learned.training.training_pictures import Pictures
from bench.system.errors import UsageError
from bench.system.files import atomic_write
from bench.system.progress import progress

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from bench.learned.models import Output, Quantization, Trainable
    from bench.learned.training.phases import Phase

RANGE = "limited"
"""Range of the training samples."""

_FORMAT = f"2 {RANGE}"


def _filtered(model: Any, x: Tensor, mode: Quantization) -> Output:  # noqa: ANN401 - a model of planes with a filter
    """The output of a model with its picture filtered."""
    output: Output = model(x, mode)
    return {**output, "x_hat": model.acem(output["x_hat"])}


class PlanesObjective(PictureObjective):
    """Rate and distortion of models of planes.

    Args:
        pictures: in RGB.
        phase: crops are in pixels of luma.
        cache: folder of the converted pictures.
        options: seed, device and rank; see `CropObjective`.

    Raises:
        UsageError: the phase downscales.
    """

    def __init__(self, pictures: Pictures, phase: Phase, *, cache: Path, **options: Any) -> None:  # noqa: ANN401
        if phase.downscale > 1:
            raise UsageError(f"phase '{phase.name}': planes are not downscaled; leave downscale at 1")
        halved = tuple(CropStage(stage.size // 2, stage.batch, stage.begins) for stage in phase.crops)
        self._filters = any(pattern.startswith("acem") for pattern in phase.trainable)
        super().__init__(converted(pictures, cache), dataclasses.replace(phase, crops=halved), **options)

    def network(self, model: Trainable) -> nn.Module:
        """The whole model, including its filter if that is trained."""
        return PartOf(model, _filtered) if self._filters else model


def converted(pictures: Pictures, cache: Path) -> Pictures:
    """Convert pictures to packed 4:2:0, cached in a file under `cache`."""
    digest = hashlib.sha256(f"{_FORMAT} {[(entry.sha256, entry.offset) for entry in pictures.entries]}".encode())
    path = cache / f"planes-{digest.hexdigest()[:24]}.u8"
    entries, offset = [], 0
    for entry in pictures.entries:
        height, width = -(-entry.height // 2), -(-entry.width // 2)
        entries.append(dataclasses.replace(entry, offset=offset, height=height, width=width))
        offset += height * width * CHANNELS
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file, progress("converting", len(pictures), unit="pictures") as advance:
            for index in range(len(pictures)):
                advance(1, pictures.entries[index].name)
                picture = Picture(np.ascontiguousarray(pictures[index]))
                file.write(pack(to_yuv420(picture, full_range=RANGE == "full")).tobytes())
    return Pictures(tuple(entries), np.memmap(path, np.uint8, "r"), CHANNELS)
