"""A codec and pictures that cost nothing, or a known time, for what measures the harness."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.codecs import Codec, QualityScale
from bench.images import Picture
from bench.images.set_images import ImageFile

PICTURE = Picture(np.zeros((16, 16, 3), np.uint8))


class Null(Codec):
    """Codes nothing."""

    title = "Null"
    scale = QualityScale("nothing", (1,), 1, 1)

    def encode(self, picture: Picture) -> bytes:
        """Return a few bytes."""
        del picture
        return bytes(100)

    def decode(self, data: bytes) -> Picture:
        """Return always the same picture."""
        del data
        return PICTURE


class Busy(Null):
    """Takes 50 ms of a core."""

    def encode(self, picture: Picture) -> bytes:
        """Compute until they are over."""
        start = time.process_time()
        while time.process_time() - start < 0.05:
            pass
        return super().encode(picture)


@dataclass(frozen=True, slots=True)
class SyntheticImage(ImageFile):
    """An image without a file."""

    def read(self) -> Picture:
        """Return always the same picture."""
        return PICTURE


def images(number: int) -> tuple[SyntheticImage, ...]:
    """So many of them."""
    return tuple(SyntheticImage(f"p{i}", Path(f"p{i}.png"), f"{i:064x}") for i in range(number))
