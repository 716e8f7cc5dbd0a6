"""Show the progress of training: a bar with the latest results on a terminal, a line per validation in a log."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import click

from bench.learned.training import curve
from bench.system.progress import progress
from bench.system.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.learned.training.loop import CurvePoint, Loop
    from bench.learned.training.phases import TrainingSegment
    from bench.learned.training.training_pictures import Pictures
    from bench.learned.training.training_recipe import RecipeProgress


SHOWN = 8
"""Maximum number of points of a learning curve that are printed."""


class Terminal:
    """Progress of a training run on standard error.

    Args:
        title: name of the run, such as `joint@3`.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar = contextlib.ExitStack()
        self._advance: Callable[[int, str], None] = lambda _percent, _detail: None
        self._percent = 0
        self._point: CurvePoint | None = None

    def began(self, loop: Loop, segment: TrainingSegment, pictures: Pictures) -> None:
        """Print the number of pictures and the length of the run, and open the bar."""
        length = (
            f"to step {segment.steps}" if segment.steps is not None else f"for {(segment.budget_s or 0) / 60:g} min"
        )
        compiling = "; the first step compiles the model, for up to two minutes" if loop.compiles else ""
        start = f"{count(len(pictures), 'picture')}, from step {loop.progress.step} {length}{compiling}"
        sys.stderr.write(f"{self._title}: {start}\n")
        spent_s = loop.progress.segment_s if segment == loop.progress.segment else 0.0
        self._percent = _percent(segment, loop.progress.step, spent_s)
        self._advance = self._bar.enter_context(progress(self._title, 100, unit="%", done=self._percent))

    def stepped(self, loop: Loop) -> None:
        """Move the bar."""
        state = loop.progress
        percent = _percent(state.segment, state.step, state.segment_s)
        self._advance(percent - self._percent, self._detail(loop))
        self._percent = percent

    def validated(self, loop: Loop, point: CurvePoint) -> None:
        """Show the results in the bar, or print them as a line if there is no terminal."""
        self._point = point
        if not sys.stderr.isatty():
            sys.stderr.write(f"{self._title}: {self._detail(loop)}\n")

    def finished(self, loop: Loop, weights: Path, sha256: str) -> None:
        """Close the bar and print the path of the weights."""
        self._bar.close()
        state = loop.progress
        reached = f"{self._title}: step {state.step} after {state.elapsed_s:.0f} s, {loop.guard.skipped} steps skipped"
        sys.stderr.write(f"{reached}\n{weights} {sha256[:12]}\n")

    def _detail(self, loop: Loop) -> str:
        state = loop.progress
        rate = state.step / state.elapsed_s if state.elapsed_s else 0.0
        shown = f"step {state.step}, {rate:.1f}/s, loss {state.train_loss:.3f}"
        if self._point is None:
            return shown
        point = self._point
        rectified = "" if point.latent_error_ratio is None else f", latent error x {point.latent_error_ratio:.3f}"
        return f"{shown}; validation {point.loss:.3f}: {point.rate_bpp:.3f} bpp, {point.psnr_db:.2f} dB{rectified}"


def _percent(segment: TrainingSegment, step: int, elapsed_s: float) -> int:
    return int(100 * segment.share(step, elapsed_s))


def show_progress(progress: RecipeProgress) -> None:
    """Print each step of the recipe with its progress and hours; an arrow marks the next one.

    Hours are processor time, or wall time where processor time was not recorded. The last line is the loss of the next
    step over time, if it was trained on this machine.
    """
    following, total_s = progress.next(), 0.0
    for step in progress.recipe.steps:
        reached = progress.stages(step.model).get(step.stage, {"steps": 0, "seconds": 0.0})
        mark = "->" if following is not None and step.name == following.name else "  "
        seconds = reached.get("cpu_s", reached["seconds"])
        total_s += seconds
        spent = f"{seconds / 3600:.2f} h" if seconds else ""
        note = f" trained for former transforms of {step.start}" if progress.is_outdated(step) else ""
        click.echo(f"{mark} {step.name:<28} {progress.done(step):>7} of {step.steps:>7} steps {spent:>9}{note}")
    click.echo(f"{total_s / 3600:.2f} h in all")
    if following is None:
        click.echo("the recipe is complete")
    elif points := curve.read_csv(progress.runs / following.run / "curve.csv"):
        every = -(-len(points) // SHOWN)
        chosen = [(p.loss, (p.elapsed_s if p.cpu_s is None else p.cpu_s) / 3600) for p in points[::-every][::-1]]
        click.echo(f"{following.name}: {', '.join(f'{loss:.3f} after {hours:.2f} h' for loss, hours in chosen)}")
