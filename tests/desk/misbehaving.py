"""Codecs that exit, crash, hang and eat memory: at quality 1 where they are opened, at 2 where they encode p0."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.codecs import Codec, QualityScale
from bench.images import Picture


class Misbehaving(Codec):
    """Behaves at quality 3."""

    title = "Misbehaving"
    scale = QualityScale("when", (1, 3), 1, 3)

    def __init__(self, quality: float, **options: Any) -> None:  # noqa: ANN401
        super().__init__(quality, **options)
        if quality == 1:
            self.misbehave()

    def misbehave(self) -> None:
        raise NotImplementedError

    def encode(self, picture: Picture) -> bytes:
        if self.quality == 2 and (picture.width, picture.height) == (24, 16):
            self.misbehave()
        return np.array(picture.pixels.shape, "<u2").tobytes() + picture.pixels.tobytes()

    def decode(self, data: bytes) -> Picture:
        return Picture(np.frombuffer(data[6:], np.uint8).reshape(np.frombuffer(data[:6], "<u2")))


class Leaves(Misbehaving):
    def misbehave(self) -> None:
        os._exit(0)


class Exits(Misbehaving):
    def misbehave(self) -> None:
        sys.exit("done")


class Crashes(Misbehaving):
    def misbehave(self) -> None:
        ctypes.string_at(0)


class Hangs(Misbehaving):
    """With a tool, which writes down its process."""

    def misbehave(self) -> None:
        process = subprocess.Popen(["sleep", "1000"])  # noqa: S607
        Path("tool").write_text(str(process.pid))
        process.wait()


class Eats(Misbehaving):
    def misbehave(self) -> None:
        eaten: list[bytes] = []
        while sum(map(len, eaten)) < 2**33:
            eaten.append(b"x" * 2**26)
            time.sleep(0.02)


class IsKilledOnce(Misbehaving):
    """By somebody else, as it seems."""

    def misbehave(self) -> None:
        if not Path("killed").exists():
            Path("killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)


class Aborts(Misbehaving):
    """Where it decodes."""

    def decode(self, data: bytes) -> Picture:  # noqa: ARG002
        os.abort()
