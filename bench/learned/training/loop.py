"""The training loop: trains one phase, from its first step or a checkpoint, to the end of a training segment."""

from __future__ import annotations

import copy
import math
import statistics
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, cast

import torch

from bench.learned.training import engine, optimizers
from bench.learned.training.phases import TrainingSegment
from bench.learned.training.training_pictures import generator
from bench.system.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lightning_fabric import Fabric
    from torch import Tensor

    from bench.learned.models import Trainable
    from bench.learned.training.objective import Objective, Validation
    from bench.learned.training.phases import Phase


class GradientGuard:
    """Gradient clipping and skipping of outlier steps, relative to the running median of gradient norms.

    A step is skipped if its norm is not finite or above `outlier` times the median, because it would affect Adam's
    second moments for thousands of steps. Norms above `clip` times the median are scaled down to that.

    Args:
        outlier: norm above which a step is skipped, in medians.
        clip: maximum norm of a step, in medians.
        window: number of norms of which the median is taken.
        trusted: minimum number of norms for the median to be used.
    """

    def __init__(self, outlier: float = 10.0, clip: float = 3.0, window: int = 200, trusted: int = 20) -> None:
        self.outlier = outlier
        self.clip = clip
        self.trusted = trusted
        self.norms: deque[float] = deque(maxlen=window)
        self.skipped = 0
        self.skipped_in_a_row = 0

    def factor(self, norm: float) -> float:
        """Factor for the gradient: 1, less than 1 if it is clipped, or 0 if the step is skipped."""
        median = statistics.median(self.norms) if len(self.norms) >= self.trusted else math.inf
        if not math.isfinite(norm) or norm > self.outlier * median:
            self.skipped += 1
            self.skipped_in_a_row += 1
            return 0.0
        self.skipped_in_a_row = 0
        self.norms.append(norm)
        return min(1.0, self.clip * median / norm) if norm > 0 else 1.0

    def state_dict(self) -> dict[str, Any]:
        """The state, as plain values."""
        return {"norms": list(self.norms), "skipped": self.skipped, "skipped_in_a_row": self.skipped_in_a_row}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the output of `state_dict`."""
        self.norms.clear()
        self.norms.extend(state["norms"])
        self.skipped = state["skipped"]
        self.skipped_in_a_row = state["skipped_in_a_row"]


AUXILIARY_LR = 1e-3
"""Learning rate of the quantiles, which are trained by the auxiliary loss."""

PATIENCE_SKIPPED = 50
"""Number of consecutive skipped steps after which training stops as diverged."""

_SMOOTHING = 0.98
"""Decay of the running mean of the training loss."""


class DivergedError(BenchError):
    """The loss is not finite, or too many steps were skipped."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A point of the learning curve: results of one validation, and the running mean of the training loss."""

    step: int
    elapsed_s: float
    train_loss: float
    loss: float
    rate_bpp: float
    psnr_db: float
    skipped: int
    lr: float
    latent_error_ratio: float | None = None
    cpu_s: float | None = None
    """Processor time of all threads; None in curves of older versions."""


@dataclass(slots=True)
class Progress:
    """Progress of a training run."""

    step: int = 0
    elapsed_s: float = 0.0
    """Wall time in seconds, over all calls."""
    cpu_s: float = 0.0
    """Processor time of all threads in seconds, which does not depend on other load of the machine."""
    segment: TrainingSegment = field(default_factory=lambda: TrainingSegment(steps=1))
    segment_s: float = 0.0
    """Wall time of the current segment in seconds, over all calls."""
    train_loss: float = math.nan
    curve: list[CurvePoint] = field(default_factory=list)


def stalled(losses: Sequence[float], patience: int) -> bool:
    """Whether the smallest loss is at least `patience` validations old."""
    return bool(losses) and len(losses) - 1 - losses.index(min(losses)) >= patience


class Average:
    """A copy of a model with the exponential moving average of its weights, which is validated and saved.

    The decay is smaller in the first steps, so that the random initialisation has little weight.
    """

    def __init__(self, model: Trainable, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._ours = list(self.model.parameters())
        self._theirs = list(model.parameters())

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Update the average after step `step` (counted from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._ours, self._theirs, 1 - decay)


class Loop:
    """A model in training, with all state that changes from step to step.

    Args:
        model: trained in place.
        phase: what is trained and how.
        objective: batches, loss and validation.
        fabric: device, precision and processes.
        seed: of the noise that models quantisation.
        compiles: whether to compile the module that computes the loss, which fuses its element-wise operations.
        clock: returns seconds, for time budgets.
    """

    def __init__(
        self,
        model: Trainable,
        phase: Phase,
        *,
        objective: Objective,
        fabric: Fabric,
        seed: int = 0,
        compiles: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.phase, self.objective, self.fabric, self.seed, self.clock = phase, objective, fabric, seed, clock
        self.progress = Progress()
        self.guard = GradientGuard()
        self._validation_s = 0.0
        learns = phase.learns(model)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in learns)
        model.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model = model.train()
        self.average = Average(model, phase.ema_decay)
        self._learning = [p for name, p in learns.items() if not name.endswith("quantiles")]
        self._main = optimizers.make(phase.optimizer, self._learning, phase.lr, engine.dtype_of(fabric))
        quantiles = [p for name, p in learns.items() if name.endswith("quantiles")]
        self._auxiliary = torch.optim.Adam(quantiles, lr=AUXILIARY_LR, fused=True) if quantiles else None
        self.compiles = compiles
        self._forward = self._set_up()

    def _set_up(self) -> torch.nn.Module:
        """Compile and distribute the module that the loss needs, and set up the optimiser."""
        module = self.objective.network(self.model)
        # The auxiliary loss does not depend on the batch, so all processes compute the same gradient.
        quantiles = [name for name, _ in module.named_parameters() if name.endswith("quantiles")]
        parallel: Any = torch.nn.parallel.DistributedDataParallel
        parallel._set_params_and_buffers_to_ignore_for_model(module, quantiles)  # noqa: SLF001
        if self.compiles:
            module = cast("Any", torch.compile)(module, dynamic=False)
        forward: torch.nn.Module = self.fabric.setup_module(module)
        self._main = cast("torch.optim.Optimizer", self.fabric.setup_optimizers(self._main))
        return forward

    def run(self, segment: TrainingSegment, *, spent_s: float = 0.0) -> Iterator[CurvePoint | None]:
        """Train to the end of the segment, or until the caller stops iterating.

        Of a new segment, `spent_s` seconds have already passed.

        Yields:
            After each step, the point of a validation, or None if there was no validation.

        Raises:
            DivergedError: the loss is not finite, or too many consecutive steps were skipped.
        """
        progress = self.progress
        if segment != progress.segment:
            progress.segment, progress.segment_s = segment, spent_s
        before_s, before_segment_s, began = progress.elapsed_s, progress.segment_s, self.clock()
        before_cpu_s = progress.cpu_s - time.process_time()
        share = segment.share(progress.step, progress.segment_s)
        while share < 1 and not self._out_of_patience():
            self.advance(share)
            spent_s = self.clock() - began
            progress.elapsed_s, progress.segment_s = before_s + spent_s, before_segment_s + spent_s
            progress.cpu_s = before_cpu_s + time.process_time()
            # Reserve time for the last validation.
            share = self.agreed(segment.share(progress.step, progress.segment_s + self._validation_s))
            point = None
            if self._validation_due(share):
                began_validation = self.clock()
                point = self.validate()
                self._validation_s = self.clock() - began_validation
            yield point

    def _validation_due(self, share: float) -> bool:
        """Whether to validate now: at intervals, at the end, and halfway if the segment has no validation yet."""
        progress = self.progress
        validated = bool(progress.curve) and progress.curve[-1].step > progress.segment.begins
        return progress.step % self.phase.validate_steps == 0 or share >= 1 or (share >= 0.5 and not validated)

    def agreed(self, value: Any) -> Any:  # noqa: ANN401 - returns the type of `value`
        """The first process's value, because clocks differ between processes but decisions must not."""
        return self.fabric.broadcast(value) if self.fabric.world_size > 1 else value

    def advance(self, share: float) -> None:
        """Take one step at `share` (0..1) of the segment."""
        progress = self.progress
        factor = progress.segment.lr_factor(progress.step, share, self.phase)
        for group in self._main.param_groups:
            group["lr"] = self.phase.lr * factor
        batch = self.objective.batch(progress.step, share)
        torch.manual_seed(int(generator(self.seed, progress.step, 1000 + self.fabric.global_rank).integers(2**31)))
        loss = self.objective.loss(self._forward, batch, self.phase.mode(share))
        self.fabric.backward(loss)
        self._descend(loss)
        self.average.update(progress.step)
        progress.step += 1

    def _descend(self, loss: Tensor) -> None:
        gradients = [p.grad for p in self._learning if p.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))  # noqa: SLF001 - all in one call
        if self.fabric.world_size > 1:
            loss = self.fabric.all_reduce(loss.detach())  # type: ignore[assignment]
        loss_value, norm_value = torch.stack((loss.detach(), norm)).tolist()
        if not math.isfinite(loss_value):
            raise DivergedError(f"the loss is {loss_value} at step {self.progress.step}")
        factor = self.guard.factor(norm_value)
        if self.guard.skipped_in_a_row >= PATIENCE_SKIPPED:
            raise DivergedError(f"no usable gradient in {PATIENCE_SKIPPED} steps up to step {self.progress.step}")
        if factor > 0:
            if factor < 1:
                torch._foreach_mul_(gradients, factor)
            self._main.step()
            if self._auxiliary is not None:
                self._auxiliary.zero_grad(set_to_none=True)
                self.model.aux_loss().backward()
                self._auxiliary.step()
        self._main.zero_grad(set_to_none=True)
        last = self.progress.train_loss
        self.progress.train_loss = loss_value if math.isnan(last) else _SMOOTHING * last + (1 - _SMOOTHING) * loss_value

    def validate(self) -> CurvePoint:
        """Validate the averaged weights and add the result to the curve."""
        with self.fabric.autocast():
            result: Validation = self.objective.validate(self.average.model)
        progress = self.progress
        point = CurvePoint(
            progress.step,
            round(progress.elapsed_s, 1),
            progress.train_loss,
            result.loss,
            result.rate_bpp,
            result.psnr_db,
            self.guard.skipped,
            self._main.param_groups[0]["lr"],
            result.latent_error_ratio,
            round(progress.cpu_s, 1),
        )
        progress.curve.append(point)
        return point

    def _out_of_patience(self) -> bool:
        losses = [point.loss for point in self.progress.curve if point.step > self.progress.segment.begins]
        return self.phase.patience is not None and stalled(losses, self.phase.patience)

    def state_dict(self) -> dict[str, Any]:
        """The state. Random numbers need none, because they are functions of seed and step."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.model.state_dict(),
            "optimizer": self._main.state_dict(),
            "auxiliary": None if self._auxiliary is None else self._auxiliary.state_dict(),
            "guard": self.guard.state_dict(),
            "progress": asdict(self.progress),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the output of `state_dict`."""
        torch.nn.Module.load_state_dict(self.model, state["model"])
        torch.nn.Module.load_state_dict(self.average.model, state["average"])
        self._main.load_state_dict(state["optimizer"])
        if self._auxiliary is not None:
            self._auxiliary.load_state_dict(state["auxiliary"])
        self.guard.load_state_dict(state["guard"])
        progress = state["progress"]
        curve = [CurvePoint(**point) for point in progress["curve"]]
        self.progress = Progress(**{**progress, "segment": TrainingSegment(**progress["segment"]), "curve": curve})
