"""Steps a second of `bench train` beside CompressAI's own training step: same model, batch and machine, in one run.

`nox -s speed` runs this on a quiet machine. The two trainings live in processes of their own and take turns, block by
block, so that a machine that slows down slows both. Exit status 1 says that the bound was missed.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import click
import numpy as np
import skimage.data
import torch
from compressai.losses import RateDistortionLoss
from compressai.models import MeanScaleHyperprior
from compressai.optimizers import net_aux_optimizer

from bench.harness.measure import require_quiet_machine
from bench.learned.models import ModelConfig, build
from bench.learned.training import engine
from bench.learned.training.loop import Loop
from bench.learned.training.losses import rate_distortion
from bench.learned.training.objective import PictureObjective
from bench.learned.training.phases import CropStage, Phase, TrainingSegment
from bench.learned.training.training_pictures import PackedPicture, Pictures

BOUND = 1.5
"""How many times CompressAI's speed the default training must have."""
BATCH, SIDE = 8, 128
WIDTHS = (64, 96)
BLOCK_STEPS = 10

Step = Callable[[], None]


def compressai_step(optimizer: str, device: torch.device) -> Step:
    """The step of CompressAI's examples/train.py: float32, Adam, gradients clipped to 1, auxiliary loss every time."""
    del optimizer
    torch.manual_seed(0)
    model = MeanScaleHyperprior(*WIDTHS).to(device).train()
    adam = {"type": "Adam", "lr": 1e-4}
    optimizers = net_aux_optimizer(model, {"net": adam, "aux": {"type": "Adam", "lr": 1e-3}})
    criterion = RateDistortionLoss(lmbda=0.013)
    x = torch.rand(BATCH, 3, SIDE, SIDE, device=device)

    def step() -> None:
        optimizers["net"].zero_grad()
        optimizers["aux"].zero_grad()
        criterion(model(x), x)["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizers["net"].step()
        model.aux_loss().backward()
        optimizers["aux"].step()

    return step


def bench_step(optimizer: str, device: torch.device) -> Step:
    """The step of `bench train`, cutting of crops and averaging of weights included."""
    engine.tune(torch.get_num_threads())
    torch.manual_seed(0)
    photo = skimage.data.astronaut()
    entries = tuple(PackedPicture(str(n), f"{n:064d}", n * photo.size, *photo.shape[:2]) for n in range(2))
    pictures = Pictures(entries, np.concatenate([photo.ravel(), photo[::-1].ravel()]))
    phase = Phase(rate_distortion(4), optimizer=optimizer, lr=1e-4, crops=(CropStage(SIDE, BATCH),))
    fabric = engine.fabric(device.type)
    objective = PictureObjective(pictures, phase, seed=0, device=fabric.device)
    compile_with = engine.compiled if engine.can_compile(device.type) else None
    loop = Loop(
        build(ModelConfig("hyper", *WIDTHS)), phase, objective=objective, fabric=fabric, compile_with=compile_with
    )
    loop.progress.segment = TrainingSegment(steps=10**6)
    return lambda: loop.advance(0.0)


TRAININGS: dict[str, Callable[[str, torch.device], Step]] = {"compressai": compressai_step, "bench": bench_step}


def work(name: str, optimizer: str, device_name: str, threads: int) -> None:
    """Be one of the trainings: warm up, then take a block of steps for each line on standard input."""
    torch.set_num_threads(threads)
    device = torch.device(device_name)
    step = TRAININGS[name](optimizer, device)
    for _ in range(2 * BLOCK_STEPS):
        step()
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in range(BLOCK_STEPS):
            step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        click.echo(time.perf_counter() - start)


class Worker:
    """A training in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-W", "ignore", __file__, "--worker", *arguments]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, text=True, **pipes)
        self.seconds: list[float] = []

    def take_turn(self) -> None:
        """Let it take a block of steps."""
        assert self._process.stdin is not None  # noqa: S101 - both are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self.seconds.append(float(self._process.stdout.readline()))

    def steps_a_second(self) -> float:
        """Its median speed."""
        self._process.communicate()
        return BLOCK_STEPS / statistics.median(self.seconds)


@click.command()
@click.option("--force", is_flag=True, help="Measure although other work uses the machine.")
@click.option("--threads", type=click.IntRange(min=1), default=torch.get_num_threads(), show_default=True)
@click.option("--device", default="cuda" if torch.cuda.is_available() else "cpu", show_default=True)
@click.option("--blocks", default=8, show_default=True, help="Turns that each training takes.")
@click.option("--worker", nargs=2, hidden=True)
def main(*, force: bool, threads: int, device: str, blocks: int, worker: tuple[str, str] | None) -> None:
    """Measure training steps a second."""
    if worker is not None:
        work(*worker, device, threads)
        return
    if not force:
        require_quiet_machine()
    names = [("compressai", "adam"), ("bench", "adam"), ("bench", "soap")]
    shared = ("--device", device, "--threads", str(threads))
    workers = [Worker(*name, *shared) for name in names]
    for _ in range(blocks):
        for each in workers:
            each.take_turn()
    speeds = [each.steps_a_second() for each in workers]
    click.echo(f"hyper N={WIDTHS[0]} M={WIDTHS[1]}, {BATCH} crops of {SIDE}x{SIDE}, {device}, {threads} threads")
    for (name, optimizer), speed in zip(names, speeds, strict=True):
        click.echo(f"{name} {optimizer}: {speed:.2f} steps/s, {speed / speeds[0]:.2f} times CompressAI's")
    sys.exit(0 if speeds[-1] >= BOUND * speeds[0] else 1)


if __name__ == "__main__":
    main()
