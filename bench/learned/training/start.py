"""Initial models of trainings, and the weights files written at the end."""

from __future__ import annotations

import dataclasses
import shutil
from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from torch import nn

from bench.learned.lambdas import lambda_of
from bench.learned.models import Gained, ModelConfig, Rectified, Rectifier, build, share
from bench.learned.models.rectifier import COMPACT_WIDTH
from bench.learned.models.widening import can_widen, widened
from bench.learned.training import training_record
from bench.learned.weights import catalogue, delta, packing
from bench.learned.weights.foreign import load_any
from bench.learned.weights.full import load, save
from bench.learned.weights.rectified import is_decoder, load_rectified, save_rectified
from bench.system.errors import UsageError
from bench.system.files import atomic_write, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.learned.models import LearnedModel, Trainable
    from bench.learned.training.objective import Validation
    from bench.learned.training.phases import Target
    from bench.learned.training.training_job import TrainingJob
    from bench.learned.training.training_record import Record
    from bench.learned.weights.full import ModelCard, Weights


def begin(job: TrainingJob, initial: Record | None) -> tuple[Trainable, Record | None]:
    """Create the model of a job, with sub-networks copied from other weights, and the record of these.

    Args:
        job: the training.
        initial: that record, if a training is resumed; the checkpoint is loaded into the model afterwards.

    Raises:
        UsageError: the initial weights do not fit.
        MissingError: there are none.
    """
    torch.manual_seed(job.seed)
    if job.phase.qualities:
        _require_gains(job)
    if job.target.modifier is None:
        model = build(job.config)
        weights = None if job.init is None else load_any(job.init)
        started = None if weights is None else _share(job, weights, model)
        return _gained(job, weights, model) if job.phase.qualities else model, started
    if initial is None:
        return _modified(job)
    _require_width(job, initial["width"])
    frozen = job.phase.source == "decoded"
    codec = load(_base(job)).model if frozen else build(ModelConfig(**initial["config"]))
    return Rectified(codec, _rectifier(codec, initial["width"]), job.phase.gradient_routing), initial


def base_of(job: TrainingJob) -> Rectified:
    """The base of a decoder's training with its original synthesis, in evaluation mode: the reference for its gain."""
    return Rectified(load(_base(job)).model, nn.Identity()).eval()


def write(job: TrainingJob, model: Trainable, card: ModelCard) -> Path:
    """Write a job's weights and return their file; the base of a decoder is written beside it.

    Raises:
        BenchError: a parameter is not finite in float16, or a decoder's training changed its encoder.
        OSError: a file cannot be written.
    """
    path = job.out / catalogue.TRAINED
    assert not isinstance(model, Gained)  # noqa: S101 - `write_all`
    if not isinstance(model, Rectified):
        save(path, _rounded(job, model, model), card)
        return path
    model = Rectified(_rounded(job, model, model.codec), model.rectifier)
    base = _base(job)
    if job.phase.source != "decoded":
        # The codec was trained as well: it is a new base, with its own CDFs.
        save(base, model.codec, card)
        model = Rectified(load(base).model, model.rectifier)
    save_rectified(path, model, card, base)
    return path


def write_all(job: TrainingJob, model: Gained, card: ModelCard, validated: Mapping[int, Validation]) -> None:
    """Write the plain model of each quality as FAMILY-QUALITY.safetensors, and the target's also as the job's weights.

    The target's file has full weights, the others are delta weights, computed from the target's rounded parameters.

    Args:
        job: the training.
        model: the averaged model.
        card: of the target; those of the others differ in quality, lambda and validation.
        validated: quality to the results of its plain model.

    Raises:
        BenchError: see `write`.
        OSError: see `write`.
    """
    first = job.phase.qualities.index(job.target.quality)
    base = _base(job)
    save(base, _rounded(job, model, model.plain(first)), _card_of(card, job.target, validated))
    _copy(base, job.out / catalogue.TRAINED)
    rounded = load(base).model
    for index, quality in enumerate(job.phase.qualities):
        if index != first:
            target = dataclasses.replace(job.target, quality=quality)
            path = _base(dataclasses.replace(job, target=target))
            save(path, model.beside(rounded, first, index), _card_of(card, target, validated))
            delta.write(path, *delta.read(path), base)


def _rounded(job: TrainingJob, trained: Trainable, codec: LearnedModel) -> LearnedModel:
    """The codec of a trained model with the weights of its trained convolutions in the job's number of bits."""
    if job.weight_bits is None:
        return codec
    codec = deepcopy(codec)
    names = {name.removeprefix("codec.") for name in job.phase.learns(trained)}
    packing.round_weights(codec, names, job.weight_bits)
    return codec


def _card_of(card: ModelCard, target: Target, validated: Mapping[int, Validation]) -> ModelCard:
    """The card of one of several qualities."""
    record = {**card.record, "validation": dataclasses.asdict(validated[target.quality])}
    lmbda = lambda_of(target.quality, target.metric)
    return dataclasses.replace(card, quality=target.quality, lmbda=lmbda, record=record)


def _require_gains(job: TrainingJob) -> None:
    """Check that a target can be trained for several qualities at once."""
    names = ",".join(map(str, job.phase.qualities))
    if job.target.modifier is not None:
        raise UsageError(f"{job.target.name}: decoders are trained for a single quality, not for {names}")
    if job.phase.source != "pictures":
        raise UsageError(f"{job.target.name}: {job.phase.source} are for a single quality, not for {names}")
    if job.target.quality not in job.phase.qualities:
        raise UsageError(f"{job.target.name}: its quality must be one of the trained ones, {names}")


def _gained(job: TrainingJob, weights: Weights | None, model: LearnedModel) -> Gained:
    """The model with gains for the qualities of the job's phase.

    The gains of y are those of the weights beside the initial ones, `weights`, where they are of the same training.
    """
    target, qualities = job.target, job.phase.qualities
    lambdas = [lambda_of(quality, target.metric) for quality in qualities]
    own = lambda_of(target.quality, target.metric)
    if job.init is None or weights is None:
        return Gained(model, lambdas, own)
    reference = weights.card.lmbda or own  # checkpoints of others do not state theirs
    gained = Gained(model, lambdas, reference)
    # A widened model has the gains of the trained one.
    trained = Gained(weights.model, lambdas, reference) if can_widen(weights.model, model) else gained
    for index, quality in enumerate(qualities):
        beside = job.init.with_name(f"{weights.model.config.family}-{quality}.safetensors")
        if beside.is_file():
            trained.take_transforms(index, weights.model if beside == job.init else load(beside).model)
    gained.gain.data, gained.inverse.data = trained.gain.data, trained.inverse.data
    return gained


def _share(job: TrainingJob, weights: Weights, model: LearnedModel) -> Record:
    """Copy the sub-networks that the initial weights have in common with a model (see `share`); the record of those.

    Raises:
        UsageError: there are none.
    """
    source = weights.model
    if can_widen(source, model):
        source = widened(source, model.config.N)
    taken = share(source, model, job.take)
    if not taken:
        family = weights.model.config.family
        raise UsageError(f"--init {job.init}: a {family} model of other widths has no sub-networks in common")
    found: Record = {"sha256": weights.sha256, "family": weights.model.config.family, "taken": list(taken)}
    if source is not weights.model:
        found["widened_from"] = weights.model.config.N
    behind = training_record.steps_behind(weights.card.record)
    return found if behind is None else {**found, "steps_behind": behind}


def _modified(job: TrainingJob) -> tuple[Rectified, Record]:
    """The decoder to train: that of the weights in `init`, with a new rectifier if they have none."""
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
    return Rectified(codec, rectifier, job.phase.gradient_routing), initial


def _require_width(job: TrainingJob, width: int | None) -> None:
    """Check that an existing rectifier has the requested width."""
    if None not in {job.width, width} and job.width != width:
        raise UsageError(f"--width {job.width}: the existing rectifier has {width} channels; omit --width")


def _base(job: TrainingJob) -> Path:
    """Path of the base in a job's folder, with its usual name."""
    return job.out / f"{job.target.base.replace('@', '-')}.safetensors"


def _opened(path: Path) -> tuple[LearnedModel, nn.Module, Path]:
    """Codec, rectifier and base in a weights file; full weights are their own base."""
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
