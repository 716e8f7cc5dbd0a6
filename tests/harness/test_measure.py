"""The clock, with a device whose work goes on after its calls have returned."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from bench.codecs import Codec, QualityScale
from bench.codecs.probe import stage
from bench.harness import measure
from bench.images import Picture

if TYPE_CHECKING:
    import pytest


class Device:
    """Work that was asked for, and is done when somebody waits for it."""

    def __init__(self) -> None:
        self.seconds = self.pending = 0.0

    def work(self, seconds: float) -> None:
        self.pending += seconds

    def synchronize(self) -> None:
        self.seconds, self.pending = self.seconds + self.pending, 0.0


class Queueing(Codec):
    """Leaves its work to a device."""

    title = "Queueing"
    scale = QualityScale("nothing", (1,), 1, 1)
    backends = ("device",)
    on = Device()

    def encode(self, picture: Picture) -> bytes:
        with stage("analysis"):
            self.on.work(3)
        self.on.work(1)
        return picture.pixels.tobytes()

    def decode(self, data: bytes) -> Picture:
        self.on.work(10)
        return Picture(np.frombuffer(data, np.uint8).reshape(1, 1, 3))


def test_times_are_of_the_work_and_not_of_asking_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "synchronize", Queueing.on.synchronize)
    monkeypatch.setattr(time, "perf_counter", lambda: Queueing.on.seconds)
    codec, picture = Queueing(1), Picture(np.zeros((1, 1, 3), np.uint8))
    samples = measure.time_stages(codec, codec, picture, repeats=2, threads=1)
    seconds = {(sample.stage, sample.repeat): sample.seconds for sample in samples}
    for repeat in range(2):
        assert seconds["encode", repeat] == 4
        assert seconds["analysis", repeat] == 3
        assert seconds["decode", repeat] == 10
