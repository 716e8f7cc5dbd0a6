"""Codecs of a user's own, as toys: they sleep, fail, or take their process with them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import ClassVar

import numpy as np

from bench.codecs import Codec, QualityScale
from bench.codecs.probe import note
from bench.images import Picture


class Quick(Codec):
    """Keeps the top bits of each sample, and notes which process did it, on how many threads, in which environment."""

    title = "Quick"
    scale = QualityScale("bits a sample", tuple(range(1, 9)), 1, 8)

    def encode(self, picture: Picture) -> bytes:
        with Path("processes").open("a") as file:
            file.write(f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')} {','.join(os.environ)}\n")
        note("brightness", lambda: float(picture.pixels.mean()))
        shift = 8 - int(self.quality)
        return np.array(picture.pixels.shape, "<u2").tobytes() + (picture.pixels >> shift).tobytes()

    def decode(self, data: bytes) -> Picture:
        shape = np.frombuffer(data[:6], "<u2")
        return Picture(np.frombuffer(data[6:], np.uint8).reshape(shape) << (8 - int(self.quality)))


class Slow(Quick):
    """Takes long enough to be interrupted, until there is a file `hurry`."""

    title = "Slow"
    encode_s: ClassVar[float] = 0.02

    def encode(self, picture: Picture) -> bytes:
        if not Path("hurry").exists():
            time.sleep(self.encode_s)
        return super().encode(picture)


class Slower(Slow):
    """Takes long enough for several processes to share the work."""

    encode_s = 0.2


class Broken(Quick):
    """Fails on lying pictures."""

    def encode(self, picture: Picture) -> bytes:
        if picture.width > picture.height:
            raise ZeroDivisionError("on\npurpose")
        return super().encode(picture)


class Dying(Quick):
    """Takes its process with it, the first time."""

    def encode(self, picture: Picture) -> bytes:
        died = Path("died")
        if not died.exists():
            died.touch()
            os._exit(1)
        return super().encode(picture)


class Deadly(Quick):
    """Takes its process with it each time."""

    def encode(self, picture: Picture) -> bytes:  # noqa: ARG002
        os._exit(1)
