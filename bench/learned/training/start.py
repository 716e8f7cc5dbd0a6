"""What a training begins with, and the weights that it leaves: those of a whole model, or of a decoder for one."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING

import torch
from torch import nn

from bench.learned.models import Gained, ModelConfig, Rectified, Rectifier, build, share
from bench.learned.models.rectifier import COMPACT_WIDTH
from bench.learned.training import training_record
from bench.learned.training.losses import lambda_of
from bench.learned.weights import catalogue, delta
from bench.learned.weights.foreign import load_any
from bench.learned.weights.full import load, save
from bench.learned.weights.rectified import is_decoder, load_rectified, save_rectified
from bench.system.errors import UsageError
from bench.system.files import atomic_write, sha256_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from bench.learned.models import LearnedModel, Trainable
    from bench.learned.training.jobs import Job
    from bench.learned.training.objective import Validation
    from bench.learned.training.phases import Target
    from bench.learned.training.training_record import Record
    from bench.learned.weights.full import ModelCard

WEIGHTS = catalogue.TRAINED
"""The file that a training leaves in its folder."""


def begin(job: Job, initial: Record | None) -> tuple[Trainable, Record | None]:
    """The model that a job trains, with what it takes over from other weights, and the record of that.

    Args:
        job: the training.
        initial: that record, if a training is gone on with; its checkpoint is yet to be loaded into the model.

    Raises:
        UsageError: the weights to start from do not fit.
        MissingError: there are none.
    """
    torch.manual_seed(job.seed)
    if job.phase.qualities:
        _require_gains(job)
    if job.target.modifier is None:
        model = build(job.config)
        started = warm_start(model, job.init, job.take) if job.init else None
        return _gained(job, model) if job.phase.qualities else model, started
    if initial is None:
        return _modified(job)
    _require_width(job, initial["width"])
    frozen = job.phase.source == "decoded"
    codec = load(_base(job)).model if frozen else build(ModelConfig(**initial["config"]))
    return Rectified(codec, _rectifier(codec, initial["width"]), job.phase.wiring), initial


def base_of(job: Job) -> Rectified:
    """The base of a decoder's training with its own synthesis, in evaluation mode: what there is to gain upon."""
    return Rectified(load(_base(job)).model, nn.Identity()).eval()


def write(job: Job, model: Trainable, card: ModelCard) -> Path:
    """Write a job's weights and return their file; a decoder's base lies beside it.

    Raises:
        BenchError: a parameter is not finite in float16, or a decoder's training changed its encoder.
        OSError: a file cannot be written.
    """
    path = job.out / WEIGHTS
    assert not isinstance(model, Gained)  # noqa: S101 - `write_all`
    if not isinstance(model, Rectified):
        save(path, model, card)
        return path
    base = _base(job)
    if job.phase.source != "decoded":
        # The codec learned as well: it is a base of its own now, with tables of its own.
        save(base, model.codec, card)
        model = Rectified(load(base).model, model.rectifier)
    save_rectified(path, model, card, base)
    return path


def write_all(job: Job, model: Gained, card: ModelCard, validated: Mapping[int, Validation]) -> None:
    """Write the plain model of each quality as FAMILY-QUALITY.safetensors, and the target's as the job's weights too.

    That of the target is whole; the others are parts of it, and made of it as it is after rounding.

    Args:
        job: the training.
        model: the averaged one.
        card: the target's; the others' differ in quality, lambda and validation.
        validated: quality to what its plain model came out at.

    Raises:
        BenchError: see `write`.
        OSError: see `write`.
    """
    first = job.phase.qualities.index(job.target.quality)
    base = _base(job)
    save(base, model.plain(first), _card_of(card, job.target, validated))
    _copy(base, job.out / WEIGHTS)
    rounded = load(base).model
    for index, quality in enumerate(job.phase.qualities):
        if index != first:
            target = dataclasses.replace(job.target, quality=quality)
            path = _base(dataclasses.replace(job, target=target))
            save(path, model.beside(rounded, first, index), _card_of(card, target, validated))
            delta.write(path, *delta.read(path), base)


def _card_of(card: ModelCard, target: Target, validated: Mapping[int, Validation]) -> ModelCard:
    """The card of one of several qualities."""
    record = {**card.record, "validation": dataclasses.asdict(validated[target.quality])}
    lmbda = lambda_of(target.quality, target.metric)
    return dataclasses.replace(card, quality=target.quality, lmbda=lmbda, record=record)


def _require_gains(job: Job) -> None:
    """See that a target can be trained for several qualities at once."""
    names = ",".join(map(str, job.phase.qualities))
    if job.target.modifier is not None:
        raise UsageError(f"{job.target.name}: decoders are trained for one quality each, not for {names}")
    if job.phase.source != "pictures":
        raise UsageError(f"{job.target.name}: {job.phase.source} are those of one quality each, not of {names}")
    if job.target.quality not in job.phase.qualities:
        raise UsageError(f"{job.target.name}: its quality must be one of those that are trained, {names}")


def _gained(job: Job, model: LearnedModel) -> Gained:
    """The model with gains for the qualities of the job's phase."""
    target, qualities = job.target, job.phase.qualities
    reference = load(job.init).card.lmbda if job.init else lambda_of(target.quality, target.metric)
    return Gained(model, [lambda_of(quality, target.metric) for quality in qualities], reference)


def warm_start(model: LearnedModel, path: Path, parts: Collection[str] | None = None) -> Record:
    """Take over the sub-networks (see `share`) that another model's weights have alike; what was taken.

    Raises:
        UsageError: the two models share nothing, or the file is no weights file.
    """
    weights = load_any(path)
    taken = share(weights.model, model, parts)
    if not taken:
        raise UsageError(f"--init {path}: a {weights.model.config.family} model of other widths has nothing to share")
    found = {"sha256": weights.sha256, "family": weights.model.config.family, "taken": list(taken)}
    behind = training_record.steps_behind(weights.card.record)
    return found if behind is None else {**found, "steps_behind": behind}


def _modified(job: Job) -> tuple[Rectified, Record]:
    """A decoder to be trained: that of the weights in `init`, with a new rectifier if they have none."""
    target = job.target
    weights = "compact" if target.metric == "mse" else f"compact-{target.metric}"
    path = job.init or catalogue.find(weights, target.family, target.quality)
    codec, rectifier, base = _opened(path)
    if codec.config.family != target.family:
        raise UsageError(f"--init {path}: weights of {codec.config.family}; {target.name} starts from {target.family}")
    if target.modifier == "ft" and isinstance(rectifier, Rectifier):
        raise UsageError(f"--init {path}: it has a rectifier; {target.name} starts from {base.name}")
    if target.modifier == "qr" and not isinstance(rectifier, Rectifier):
        rectifier = Rectifier(codec.config.M, job.width or COMPACT_WIDTH)
    width = rectifier.width if isinstance(rectifier, Rectifier) else None
    _require_width(job, width)
    if job.phase.source == "decoded":
        _copy(base, kept := _base(job))
        for further in catalogue.bases(base):
            _copy(further, job.out / further.name)
    else:
        source, codec = codec, build(codec.config)
        share(source, codec)
        kept = base
    initial = {
        "sha256": sha256_of(path),
        "family": target.family,
        "config": dataclasses.asdict(codec.config),
        "width": width,
        "base": {"file": kept.name, "sha256": sha256_of(base)},
    }
    return Rectified(codec, rectifier, job.phase.wiring), initial


def _require_width(job: Job, width: int | None) -> None:
    """See that the rectifier there is has the width that was asked for."""
    if None not in {job.width, width} and job.width != width:
        raise UsageError(f"--width {job.width}: the rectifier to go on with has {width} channels; leave --width out")


def _base(job: Job) -> Path:
    """The file of the plain model in a job's folder, under the name that it has among other weights."""
    return job.out / f"{job.target.base.replace('@', '-')}.safetensors"


def _opened(path: Path) -> tuple[LearnedModel, nn.Module, Path]:
    """The codec, the rectifier and the base in a weights file; a whole model is its own base."""
    if not is_decoder(path):
        return load(path).model, nn.Identity(), path
    found = load_rectified(path)
    return found.model.codec, found.model.rectifier, found.base


def _rectifier(codec: LearnedModel, width: int | None) -> nn.Module:
    return nn.Identity() if width is None else Rectifier(codec.config.M, width)


def _copy(source: Path, target: Path) -> None:
    if not (target.is_file() and target.samefile(source)):
        with source.open("rb") as file, atomic_write(target) as copy:
            shutil.copyfileobj(file, copy)
