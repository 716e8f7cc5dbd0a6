"""Random crops and flips, cut from a memory map on a CPU, or in the GPU's memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

if TYPE_CHECKING:
    from bench.learned.training.training_pictures import Pictures


@dataclass(frozen=True, slots=True)
class CropPlace:
    """Position of a crop: picture, top and left edge and side (pixels), and whether it is mirrored."""

    picture: int
    top: int
    left: int
    mirrored: bool
    side: int
    """Before downscaling to the size of a crop."""


_MIRRORED = {3: (0, 1, 2), 6: (1, 0, 3, 2, 4, 5)}
"""Source of each channel of a mirrored picture: in packed ones, left and right samples of luma are exchanged."""


def generator(seed: int, step: int, rank: int = 0) -> np.random.Generator:
    """Random numbers of one step, a pure function of seed, step and process.

    No generator state is shared between steps, so that none must be restored.
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, step, rank])))


class Crops:
    """Batches of square crops; at each scale, all possible crops are equally likely.

    Args:
        pictures: all at least `size` pixels high and wide.
        size: side of a crop, pixels.
        batch: crops per batch.
        downscale: crops are cut up to this factor larger and downscaled, with a log-uniform scale, as far as the
            picture is large enough; 1: none. For pictures of three channels.
        device: of the batches.
        resident: the pictures' samples on that device (see `resident`); without them, crops are cut on the CPU.
    """

    def __init__(
        self,
        pictures: Pictures,
        *,
        size: int,
        batch: int,
        device: torch.device,
        downscale: float = 1.0,
        resident: Tensor | None = None,
    ) -> None:
        self.pictures = pictures
        self.downscale = downscale
        self.size = size
        self.batch = batch
        self.device = device
        positions = [(entry.height - size + 1) * (entry.width - size + 1) for entry in self.pictures.entries]
        self._weights = np.array(positions, np.float64) / sum(positions)
        self._resident = resident

    def places(self, random: np.random.Generator) -> list[CropPlace]:
        """The positions of one batch."""
        chosen = random.choice(len(self.pictures), size=self.batch, p=self._weights)
        shifts = random.random((self.batch, 2))
        mirrored = random.random(self.batch) < 0.5
        scales = self.downscale ** random.random(self.batch) if self.downscale > 1 else np.ones(self.batch)
        found = []
        for picture, (down, right), mirror, scale in zip(chosen, shifts, mirrored, scales, strict=True):
            entry = self.pictures.entries[int(picture)]
            side = min(round(self.size * scale), entry.height, entry.width)
            top = int(down * (entry.height - side + 1))
            left = int(right * (entry.width - side + 1))
            found.append(CropPlace(int(picture), top, left, bool(mirror), side))
        return found

    def __call__(self, random: np.random.Generator) -> Tensor:
        """One batch: float samples in 0..1 of shape (batch, channels, size, size), channels-last."""
        places = self.places(random)
        if self._resident is None or self.downscale > 1:
            cut = self._cut_here(places).to(self.device, non_blocking=True)
        else:
            cut = self._cut_there(places, self._resident)
        return cut.permute(0, 3, 1, 2).float().div_(255)

    def _cut_here(self, places: list[CropPlace]) -> Tensor:
        channels = self.pictures.channels
        batch = np.empty((len(places), self.size, self.size, channels), np.uint8)
        for row, place in enumerate(places):
            rows = self.pictures[place.picture][place.top : place.top + place.side]
            crop = rows[:, place.left : place.left + place.side]
            if place.side > self.size:
                crop = np.asarray(Image.fromarray(crop).resize((self.size, self.size), Image.Resampling.LANCZOS))
            batch[row] = crop[:, ::-1, _MIRRORED[channels]] if place.mirrored else crop
        return torch.from_numpy(batch)

    def _cut_there(self, places: list[CropPlace], samples: Tensor) -> Tensor:
        """One gather for the whole batch; the byte offset of each pixel is computed on the device."""
        entries = [self.pictures.entries[place.picture] for place in places]
        columns = (
            [entry.offset for entry in entries],
            [entry.width for entry in entries],
            [place.top for place in places],
            [place.left for place in places],
            [place.mirrored for place in places],
        )
        numbers = torch.tensor(columns, dtype=torch.int64).to(self.device, non_blocking=True)
        offset, width, top, left, mirrored = (row.view(-1, 1, 1) for row in numbers)
        along = torch.arange(self.size, device=self.device)
        across = torch.where(mirrored.bool(), self.size - 1 - along, along)
        pixel = (top + along.view(1, -1, 1)) * width + left + across
        first, channels = offset + self.pictures.channels * pixel, self.pictures.channels
        mirror = torch.tensor(_MIRRORED[channels], device=self.device)
        channel = torch.where(mirrored.bool().unsqueeze(-1), mirror, torch.arange(channels, device=self.device))
        return samples[first.unsqueeze(-1) + channel]


def resident(pictures: Pictures, device: torch.device) -> Tensor | None:
    """All samples as bytes in a GPU's memory, if they need at most half of the free memory."""
    if device.type != "cuda" or pictures.samples.nbytes > torch.cuda.mem_get_info(device)[0] // 2:
        return None
    return torch.from_numpy(np.array(pictures.samples)).to(device)
